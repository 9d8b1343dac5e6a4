package sshconf

import "slices"

// Commented finds the line that shows the default of a keyword as a comment,
// such as "#ClientAliveInterval 0" or "# ClientAliveInterval", between two
// lines, both included. The last such line counts: packaged files put
// examples in prose above it.
func (f *File) Commented(keyword string, from, to int) (n int, found bool) {
	for i := max(from, 1); i <= min(to, f.Len()); i++ {
		l := f.Line(i)
		if l.Comment.Start != len(l.Indent()) || l.Comment.Empty() {
			continue
		}
		body := l.Text[l.Comment.Start+1:]
		if len(body) > 0 && body[0] == ' ' {
			body = body[1:]
		}
		inner := Line{Text: body}
		inner.mark()
		// Prose such as "# ClientAliveInterval is set below" has more words.
		if inner.Keyword.Start == 0 && inner.Is(keyword) && len(splitWords(inner.Value())) <= 1 {
			n, found = i, true
		}
	}
	return n, found
}

func splitWords(s string) []string {
	words, _ := split(s)
	return words
}

// FirstBlock returns the first line that opens a Match block (sshd) or a Host
// or Match block (ssh): the end of the global section. found is false when
// the whole file is global.
func (f *File) FirstBlock(side Side) (n int, found bool) {
	for i := 1; i <= f.Len(); i++ {
		l := f.Line(i)
		if l.Is("Match") || side == Client && l.Is("Host") {
			return i, true
		}
	}
	return 0, false
}

// Named returns the lines of a range, both ends included, that carry a
// keyword.
func (f *File) Named(keyword string, from, to int) []int {
	var out []int
	for i := max(from, 1); i <= min(to, f.Len()); i++ {
		if f.Line(i).Is(keyword) {
			out = append(out, i)
		}
	}
	return out
}

// Indentation returns what the lines of a block are indented with: what its
// first directive has, else what the file's other blocks have, else four
// blanks.
func (f *File) Indentation(b *Block) string {
	for i := b.Line + 1; i <= min(b.Last, f.Len()); i++ {
		if l := f.Line(i); !l.Keyword.Empty() {
			return l.Indent()
		}
	}
	inside := false
	for i := 1; i <= f.Len(); i++ {
		l := f.Line(i)
		switch {
		case l.Is("Match") || l.Is("Host"):
			inside = true
		case inside && !l.Keyword.Empty() && l.Indent() != "":
			return l.Indent()
		}
	}
	return "    "
}

// End returns the line behind which a new directive of the block goes: its
// last directive, or the line that opens it. Blank lines and comments at the
// end of a block usually belong to what follows.
func (f *File) End(b *Block) int {
	for i := min(b.Last, f.Len()); i > b.Line; i-- {
		if !f.Line(i).Keyword.Empty() {
			return i
		}
	}
	return b.Line
}

// SameCriteria reports whether a Match block has exactly these criteria:
// names without case, arguments byte for byte, in any order.
func (b *Block) SameCriteria(criteria []Criterion) bool {
	if b.Keyword != "Match" || len(b.Criteria) != len(criteria) {
		return false
	}
	left := slices.Clone(criteria)
	for _, c := range b.Criteria {
		i := slices.Index(left, c)
		if i < 0 {
			return false
		}
		left = slices.Delete(left, i, i+1)
	}
	return true
}

// SamePatterns reports whether a Host block has exactly these patterns, in
// this order.
func (b *Block) SamePatterns(patterns []string) bool {
	return b.Keyword == "Host" && slices.Equal(b.Patterns, patterns)
}

// ParseCriteria reads criteria as they are written behind Match, for a
// release. complaint is empty when OpenSSH would take them.
func ParseCriteria(d Dialect, text string) (criteria []Criterion, complaint string) {
	inner := dialectOf(d.Side, d.Release)
	l, ok := inner.line("Match "+text, 1)
	switch {
	case !ok || l.bare():
		return nil, "Match needs at least one criterion"
	case l.badQuotes:
		return nil, "a quote is not closed"
	}
	return inner.criteria(&l)
}

// ParsePatterns reads patterns as they are written behind Host.
func ParsePatterns(d Dialect, text string) (patterns []string, complaint string) {
	inner := dialectOf(Client, d.Release)
	l, ok := inner.line("Host "+text, 1)
	switch {
	case !ok || l.bare():
		return nil, "Host needs at least one pattern"
	case l.badQuotes:
		return nil, "a quote is not closed"
	}
	patterns, blank := l.cursor(&inner).all()
	if blank || len(patterns) == 0 {
		return nil, "Host needs at least one pattern"
	}
	return patterns, ""
}
