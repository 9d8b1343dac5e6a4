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
	magic   bool
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
		segments = append(segments, segment{text, pattern[:m], hasMagic(text)})
		pattern = pattern[m:]
	}
	return segments
}

func hasMagic(s string) bool {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '*', '?':
			return true
		case '[':
			if _, _, ok := parseSet(s[i:]); ok {
				return true
			}
		}
	}
	return false
}

// globFrom goes on below prefix, which is spelled as the result will be.
func (v *view) globFrom(prefix string, segments []segment, found *[]string) {
	for i, s := range segments {
		if !s.magic {
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
		for _, name := range names {
			if name == "" || name[0] == '.' && !strings.HasPrefix(s.text, ".") {
				continue
			}
			if fnmatch(name, s.text) {
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

// fnmatch matches a name against one segment, in time linear in the two
// lengths multiplied.
func fnmatch(name, pattern string) bool {
	star, from := -1, 0
	i, j := 0, 0
	for {
		if j < len(pattern) && pattern[j] == '*' {
			j++
			star, from = j, i
			continue
		}
		if i == len(name) && j == len(pattern) {
			return true
		}
		if i < len(name) && j < len(pattern) {
			if n, ok := matchOne(name[i], pattern[j:]); ok {
				i++
				j += n
				continue
			}
		}
		if star < 0 || from >= len(name) {
			return false
		}
		from++
		i, j = from, star
	}
}

// matchOne matches one byte against the start of a pattern that is not '*',
// and returns the length of what it used.
func matchOne(c byte, pattern string) (n int, ok bool) {
	switch pattern[0] {
	case '?':
		return 1, true
	case '\\':
		if len(pattern) > 1 {
			return 2, c == pattern[1]
		}
	case '[':
		if set, n, ok := parseSet(pattern); ok {
			return n, set.has(c)
		}
	}
	return 1, c == pattern[0]
}

// A set is what stands in brackets.
type set struct {
	negated bool
	ranges  []byteRange
	classes []string
}

type byteRange struct{ from, to byte }

func (s set) has(c byte) bool {
	in := false
	for _, r := range s.ranges {
		in = in || r.from <= c && c <= r.to
	}
	for _, class := range s.classes {
		in = in || inClass(c, class)
	}
	return in != s.negated
}

// parseSet reads a bracket expression at the start of s. ok is false when the
// bracket is not closed, which makes it an ordinary character.
func parseSet(s string) (out set, n int, ok bool) {
	i := 1
	if i < len(s) && s[i] == '!' {
		out.negated = true
		i++
	}
	if i >= len(s) || strings.IndexByte(s[i+1:], ']') < 0 {
		return set{}, 0, false
	}
	for first := true; i < len(s) && (first || s[i] != ']'); first = false {
		if class, size, found := parseClass(s[i:]); found {
			out.classes = append(out.classes, class)
			i += size
			continue
		}
		from := setChar(s, &i)
		to := from
		if i+1 < len(s) && s[i] == '-' && s[i+1] != ']' {
			i++
			to = setChar(s, &i)
		}
		out.ranges = append(out.ranges, byteRange{from, to})
	}
	if i >= len(s) {
		return set{}, 0, false
	}
	return out, i + 1, true
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
