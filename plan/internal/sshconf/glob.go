package sshconf

import (
	"sort"
	"strings"
)

// longestPath is PATH_MAX: a longer pattern matches nothing.
const longestPath = 4096

// glob finds the paths that match a pattern, as the glob(3) that OpenSSH
// carries with it does: '*', '?', '[…]' with ranges, classes and '!', and a
// backslash before a character that is meant literally; no braces; a leading
// dot is matched by a dot only. The result is in byte order. A path that is
// there but cannot be opened matches, too. What the tree does not hold yet is
// noted as wanted.
func (v *view) glob(pattern string) []string {
	if len(pattern) >= longestPath || pattern == "" {
		return nil
	}
	var found []string
	v.globFrom("", splitPattern(pattern), &found)
	sort.Strings(found)
	return found
}

// A segment is a piece of a pattern between slashes, and the slashes behind it.
type segment struct {
	text    string
	slashes string
	// name is nil for a segment without wildcards.
	name namePattern
}

// splitPattern cuts a pattern at its slashes.
func splitPattern(pattern string) []segment {
	var segments []segment
	for pattern != "" {
		n := strings.IndexByte(pattern, '/')
		if n < 0 {
			n = len(pattern)
		}
		text := pattern[:n]
		pattern = pattern[n:]
		m := len(pattern) - len(strings.TrimLeft(pattern, "/"))
		s := segment{text: text, slashes: pattern[:m]}
		if p := compileName(text); p.magic() {
			s.name = p
		}
		segments = append(segments, s)
		pattern = pattern[m:]
	}
	return segments
}

// globFrom goes on below prefix, which is spelled as the result will be.
func (v *view) globFrom(prefix string, segments []segment, found *[]string) {
	for i, s := range segments {
		if s.name == nil {
			prefix += unprotect(s.text) + s.slashes
			continue
		}
		folder := prefix
		if folder == "" {
			folder = "."
		}
		names, known := v.folder(folder)
		if !known {
			return
		}
		if names != nil && i == len(segments)-1 && strings.HasPrefix(s.text, ".") {
			// readdir(3) lists them too; as Includes they are empty.
			names = append([]string{".", ".."}, names...)
		}
		for _, name := range names {
			if name == "" || name[0] == '.' && !strings.HasPrefix(s.text, ".") {
				continue
			}
			if s.name.match(name) {
				v.globFrom(prefix+name+s.slashes, segments[i+1:], found)
			}
		}
		return
	}
	if v.exists(prefix) {
		*found = append(*found, prefix)
	}
}

// unprotect takes the backslashes off a literal segment.
func unprotect(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		out = append(out, s[i])
	}
	return string(out)
}

// A namePattern matches one file name: a list of things that stand for one
// byte each, or for any number of them.
type namePattern []nameToken

type nameToken struct {
	star bool
	// set are the bytes that match; nil is the literal byte.
	set     *byteSet
	literal byte
}

// magic reports whether a pattern has wildcards.
func (p namePattern) magic() bool {
	for _, t := range p {
		if t.star || t.set != nil {
			return true
		}
	}
	return false
}

// compileName reads a pattern without slashes.
func compileName(s string) namePattern {
	var p namePattern
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '*':
			if len(p) == 0 || !p[len(p)-1].star {
				p = append(p, nameToken{star: true})
			}
			continue
		case c == '?':
			p = append(p, nameToken{set: new(byteSet).invert()})
			continue
		case c == '[':
			if set, n, ok := parseSet(s[i:]); ok {
				p = append(p, nameToken{set: set})
				i += n - 1
				continue
			}
		case c == '\\' && i+1 < len(s):
			i++
		}
		p = append(p, nameToken{literal: s[i]})
	}
	return p
}

// match takes time in proportion to both lengths multiplied, at most.
func (p namePattern) match(name string) bool {
	least := 0
	for _, t := range p {
		if !t.star {
			least++
		}
	}
	if least > len(name) {
		return false
	}
	star, from := -1, 0
	i, j := 0, 0
	for {
		switch {
		case j < len(p) && p[j].star:
			j++
			star, from = j, i
		case i == len(name) && j == len(p):
			return true
		case i < len(name) && j < len(p) && p[j].one(name[i]):
			i++
			j++
		case star < 0 || from >= len(name):
			return false
		default:
			from++
			i, j = from, star
		}
	}
}

func (t *nameToken) one(c byte) bool {
	if t.set != nil {
		return t.set.has(c)
	}
	return t.literal == c
}

// A byteSet is a set of bytes.
type byteSet [4]uint64

func (s *byteSet) has(c byte) bool { return s[c>>6]&(1<<(c&63)) != 0 }

func (s *byteSet) add(c byte) { s[c>>6] |= 1 << (c & 63) }

func (s *byteSet) invert() *byteSet {
	for i := range s {
		s[i] = ^s[i]
	}
	return s
}

// parseSet reads a bracket expression at the start of s; n is its length. ok
// is false when the bracket is not closed, which makes it an ordinary
// character.
func parseSet(s string) (set *byteSet, n int, ok bool) {
	set = &byteSet{}
	i := 1
	negated := i < len(s) && s[i] == '!'
	if negated {
		i++
	}
	if i >= len(s) || strings.IndexByte(s[i+1:], ']') < 0 {
		return nil, 0, false
	}
	for first := true; i < len(s) && (first || s[i] != ']'); first = false {
		if class, size, found := parseClass(s[i:]); found {
			for c := range 256 {
				if inClass(byte(c), class) {
					set.add(byte(c))
				}
			}
			i += size
			continue
		}
		from := setChar(s, &i)
		to := from
		if i+1 < len(s) && s[i] == '-' && s[i+1] != ']' {
			i++
			to = setChar(s, &i)
		}
		for c := int(from); c <= int(to); c++ {
			set.add(byte(c))
		}
	}
	if i >= len(s) {
		return nil, 0, false
	}
	if negated {
		set.invert()
	}
	return set, i + 1, true
}

// setChar reads one character of a set; a backslash protects the next.
func setChar(s string, i *int) byte {
	c := s[*i]
	if c == '\\' && *i+1 < len(s) {
		*i++
		c = s[*i]
	}
	*i++
	return c
}

// parseClass reads a class such as [:digit:].
func parseClass(s string) (class string, n int, ok bool) {
	if !strings.HasPrefix(s, "[:") {
		return "", 0, false
	}
	end := strings.Index(s, ":]")
	if end < 2 {
		return "", 0, false
	}
	return s[2:end], end + 2, true
}

func inClass(c byte, class string) bool {
	upper, small := c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z'
	graph := c > ' ' && c < 0x7f
	switch class {
	case "alnum":
		return upper || small || digit(c)
	case "alpha":
		return upper || small
	case "blank":
		return c == ' ' || c == '\t'
	case "cntrl":
		return c < ' ' || c == 0x7f
	case "digit":
		return digit(c)
	case "graph":
		return graph
	case "lower":
		return small
	case "print":
		return graph || c == ' '
	case "punct":
		return graph && !(upper || small || digit(c))
	case "space":
		return c == ' ' || c >= '\t' && c <= '\r'
	case "upper":
		return upper
	case "xdigit":
		return digit(c) || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
	}
	return false
}
