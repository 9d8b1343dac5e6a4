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
	// everywhere, and first lines of blocks but for those in named.
	opening []int
	// named are the indices of blocks that only the users (sshd) or hosts (ssh)
	// can be in that are spelled out in them, by such a name.
	named map[string][]int
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
	x := &lexed{lines: d.read(f), named: map[string][]int{}}
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
			names := d.namesOf(l)
			if inside || len(names) == 0 {
				x.opening = append(x.opening, i)
			} else {
				for _, name := range names {
					x.named[name] = append(x.named[name], i)
				}
			}
			inside = false
		}
	}
	slices.Reverse(x.opening)
	for _, at := range x.named {
		slices.Reverse(at)
	}
	return x
}

// namesOf returns the only users or hosts that a block can be for, none if
// that is not plain to see or its first line does more than match.
func (d *dialect) namesOf(l *logicalLine) []string {
	switch {
	case l.badQuotes || l.complaint != "" || l.blank:
		return nil
	case l.row.kind == kindHost:
		return literals(l.patterns)
	case d.side == Client || !d.release.AtLeast(8, 1): // what is not given ends sshd up to 8.0
		return nil
	}
	var names []string
	for _, c := range l.criteria {
		switch c.Name {
		case "user":
			names = literals(strings.Split(c.Argument, ","))
		case "group", "host", "address", "localaddress", "rdomain":
		default: // LocalPort ends sshd where it is not given
			return nil
		}
	}
	return names
}

// literals returns the patterns if each stands for itself.
func literals(patterns []string) []string {
	for _, p := range patterns {
		if p == "" || strings.ContainsAny(p, "*?!") || len(p) >= longestPattern {
			return nil
		}
	}
	return patterns
}

// skip returns the index of the first line from i on at which a brief run has
// to look when it is in no block that may match; the number of lines if there
// is none. Without a certain name it looks at the first line of each block.
func (r *run) skip(x *lexed, i int, name func() (string, bool)) int {
	s, certain := name()
	if certain {
		return min(x.from(x.opening, i), x.from(x.named[s], i))
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
