package sshconf

import (
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A lexed is a file as a release sees it, with an index for brief runs.
type lexed struct {
	lines []logicalLine
	// opening are the indices, ascending, of the lines at which a brief run
	// outside of any matching block has to look: those that do something
	// everywhere, and first lines of blocks but for those in needed.
	opening []int
	// needed are the indices of blocks that only logins (sshd) or hosts (ssh)
	// can be in that have one of these marks.
	needed map[mark][]int
	// sizes are the lengths of the parts among the marks.
	sizes []int
}

// A mark is what a login or host must have to be in a block.
type mark struct {
	// criterion is user or host.
	criterion string
	// text is the whole name, or a part of it.
	text  string
	whole bool
}

// A lexedKey tells the readings of a file apart.
type lexedKey struct {
	file    *File
	side    Side
	release schema.Release
}

// lexedOf returns a file's reading, made once for a tree.
func (t *Tree) lexedOf(f *File, d *dialect) *lexed {
	key := lexedKey{f, d.side, d.release}
	x, known := t.lexed[key]
	if !known {
		x = d.lex(f)
		t.lexed[key] = x
	}
	return x
}

func (d *dialect) lex(f *File) *lexed {
	x := &lexed{lines: d.read(f), needed: map[mark][]int{}}
	for i := range x.lines {
		l := &x.lines[i]
		if l.row == nil || l.badQuotes {
			continue
		}
		switch l.row.kind {
		case kindMatch:
			l.criteria, l.complaint = d.criteria(l)
		case kindHost:
			l.patterns, l.blank = l.cursor(d).all()
		}
	}
	// From behind, so that a block knows what is in it.
	inside := false
	for i := len(x.lines) - 1; i >= 0; i-- {
		l := &x.lines[i]
		switch {
		case d.everywhere(l):
			inside = true
			x.opening = append(x.opening, i)
		case l.opens():
			marks := d.marksOf(l)
			if inside || len(marks) == 0 {
				x.opening = append(x.opening, i)
			}
			for _, m := range marks {
				if !inside {
					x.need(m, i)
				}
			}
			inside = false
		}
	}
	slices.Reverse(x.opening)
	return x
}

// need notes that the block at i is for logins with a mark.
func (x *lexed) need(m mark, i int) {
	x.needed[m] = append(x.needed[m], i)
	if !m.whole && !slices.Contains(x.sizes, len(m.text)) {
		x.sizes = append(x.sizes, len(m.text))
	}
}

// marksOf returns the marks of which one is needed to be in a block, none if
// that is not plain to see or its first line does more than match.
func (d *dialect) marksOf(l *logicalLine) []mark {
	switch {
	case l.badQuotes || l.complaint != "" || l.blank:
		return nil
	case l.row.kind == kindHost:
		return marks("host", l.patterns)
	case d.side == Client || !d.release.AtLeast(8, 1): // what is not given ends sshd up to 8.0
		return nil
	}
	var found []mark
	for _, c := range l.criteria {
		switch c.Name {
		case "user":
			found = firstOf(marks("user", strings.Split(c.Argument, ",")), found)
		case "host":
			found = firstOf(found, marks("host", strings.Split(lower(c.Argument), ",")))
		case "group", "address", "localaddress", "rdomain":
		default: // LocalPort ends sshd where it is not given
			return nil
		}
	}
	return found
}

// firstOf returns the first list unless it is empty.
func firstOf(a, b []mark) []mark {
	if len(a) > 0 {
		return a
	}
	return b
}

// marks returns what a name must have for one of the patterns to match, none
// if one of them needs nothing. Those that are negated only take away.
func marks(criterion string, patterns []string) []mark {
	var found []mark
	for _, p := range patterns {
		if p == "" || len(p) >= longestPattern {
			return nil
		}
		if strings.HasPrefix(p, "!") {
			continue
		}
		m := mark{criterion: criterion, text: longestPart(p)}
		if m.text == "" {
			return nil
		}
		m.whole = m.text == p
		found = append(found, m)
	}
	return found
}

// longestPart returns the longest part of a pattern that stands for itself.
func longestPart(pattern string) string {
	longest := ""
	for part := range strings.FieldsFuncSeq(pattern, func(r rune) bool { return r == '*' || r == '?' }) {
		if len(part) > len(longest) {
			longest = part
		}
	}
	return longest
}

// find returns the indices, ascending, of the blocks that are for logins with
// a mark that these names have, by criterion.
func (x *lexed) find(names map[string]string) []int {
	var found []int
	for criterion, name := range names {
		found = append(found, x.needed[mark{criterion, name, true}]...)
		for _, size := range x.sizes {
			for i := 0; i+size <= len(name); i++ {
				found = append(found, x.needed[mark{criterion, name[i : i+size], false}]...)
			}
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// skip returns the index of the first line from i on at which a brief run has
// to look when it is in no block that may match; the number of lines if there
// is none. Without certain names it looks at the first line of each block.
func (r *run) skip(x *lexed, i int, found []int, certain bool) int {
	if certain {
		return min(x.from(x.opening, i), x.from(found, i))
	}
	for i < len(x.lines) && !x.lines[i].opens() && !r.d.everywhere(&x.lines[i]) {
		i++
	}
	return i
}

// opens reports whether a line opens a block.
func (l *logicalLine) opens() bool {
	return l.row != nil && (l.row.kind == kindMatch || l.row.kind == kindHost)
}

// everywhere reports whether a line does something also in a block that does
// not match: Include pulls its files in, and for two keywords ssh forgets to ask.
func (d *dialect) everywhere(l *logicalLine) bool {
	if l.row == nil {
		return false
	}
	ssh := d.side == Client && (l.row.kind == kindFacility || l.row.kind == kindMask)
	return ssh || l.row.kind == kindInclude
}

func (x *lexed) from(indices []int, i int) int {
	if at, _ := slices.BinarySearch(indices, i); at < len(indices) {
		return indices[at]
	}
	return len(x.lines)
}
