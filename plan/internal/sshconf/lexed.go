package sshconf

import (
	"net/netip"
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
	// sizes are the lengths of the parts among the marks, bits those of the
	// networks.
	sizes, bits []int
}

// A mark is what a login or host must have to be in a block.
type mark struct {
	criterion string
	// text is the whole name, or a part of it.
	text  string
	whole bool
	// network is where an address must lie; text is empty then.
	network netip.Prefix
}

// A trait is what a login or host is in the eyes of a criterion.
type trait struct{ criterion, text string }

// unknown is the text of a trait that may be any.
const unknown = ""

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
	switch {
	case m.network.IsValid():
		x.bits = including(x.bits, m.network.Bits())
	case !m.whole:
		x.sizes = including(x.sizes, len(m.text))
	}
}

func including(set []int, n int) []int {
	if slices.Contains(set, n) {
		return set
	}
	return append(set, n)
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
	return serverMarks(l.criteria)
}

// serverMarks takes the marks of one criterion, of that which tells most.
func serverMarks(criteria []Criterion) []mark {
	tells := []string{"user", "host", "address", "group", "localaddress", "rdomain"}
	best, found := len(tells), []mark(nil)
	for _, c := range criteria {
		much := slices.Index(tells, c.Name)
		if much < 0 {
			return nil // LocalPort ends sshd where it is not given
		}
		var of []mark
		switch c.Name {
		case "address", "localaddress":
			of = networks(c)
		case "host":
			of = marks(c.Name, strings.Split(lower(c.Argument), ","))
		default:
			of = marks(c.Name, strings.Split(c.Argument, ","))
		}
		if len(of) > 0 && much < best {
			best, found = much, of
		}
	}
	if len(found) > 0 && tells[best] == "group" {
		found = append(found, mark{criterion: "group", text: unknown, whole: true})
	}
	return found
}

// networks returns what an address must have to be in a list, none if an
// entry needs nothing or ends sshd.
func networks(c Criterion) []mark {
	var found []mark
	for entry := range strings.SplitSeq(c.Argument, ",") {
		pattern := strings.TrimPrefix(entry, "!")
		network, form := parseCIDR(pattern)
		switch {
		case pattern == "", form == cidrBad:
			return nil
		case pattern != entry:
		case form == cidrGood:
			found = append(found, mark{criterion: c.Name, network: network})
		default:
			of := marks(c.Name, []string{pattern})
			if len(of) == 0 {
				return nil
			}
			found = append(found, of...)
		}
	}
	return found
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
// a mark that these traits have.
func (x *lexed) find(traits []trait) []int {
	var found []int
	for _, t := range traits {
		found = append(found, x.needed[mark{criterion: t.criterion, text: t.text, whole: true}]...)
		for _, size := range x.sizes {
			for i := 0; i+size <= len(t.text); i++ {
				found = append(found, x.needed[mark{criterion: t.criterion, text: t.text[i : i+size]}]...)
			}
		}
		if addr, numeric := parseAddr(t.text); numeric {
			for _, bits := range x.bits {
				if network, err := addr.WithZone("").Prefix(bits); err == nil {
					found = append(found, x.needed[mark{criterion: t.criterion, network: network}]...)
				}
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
