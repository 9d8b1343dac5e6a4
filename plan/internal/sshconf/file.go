package sshconf

import (
	"bytes"
)

// A Span is a piece of a line's text: bytes Start to End, End excluded.
type Span struct{ Start, End int }

// Empty reports whether the span holds nothing.
func (s Span) Empty() bool { return s.Start == s.End }

// A Line is one physical line of a file, whatever it means. Its spans follow
// the grammar of OpenSSH 8.7 and later; older releases cut comments
// elsewhere, which the resolver knows and an editor need not.
type Line struct {
	// Number counts from 1.
	Number int
	// Text is the line without its end, byte for byte. It must not be changed.
	Text []byte
	// End is "\n", "\r\n" or, for the last line of a file, empty.
	End string
	// Keyword is the keyword with its quotes; empty for a blank line, a
	// comment, and a line that OpenSSH drops in silence.
	Keyword Span
	// Argument reaches from the first argument to the end of the last one,
	// quotes included; empty when there is none.
	Argument Span
	// Comment reaches from '#' to the end of the text; empty when there is
	// none. A line that is nothing but a comment has one, too.
	Comment Span
}

// Name returns the keyword as written, without quotes.
func (l Line) Name() string {
	name, _, found := keywordOf(trimEnd(string(skipStart(l.Text))))
	if !found {
		return ""
	}
	return name
}

// Value returns the arguments as written.
func (l Line) Value() string { return string(l.Text[l.Argument.Start:l.Argument.End]) }

// Is reports whether the line carries the keyword, whatever its case.
func (l Line) Is(keyword string) bool {
	if l.Keyword.Empty() {
		return false
	}
	return same(l.Name(), keyword)
}

// Indent returns the white space before the first other character.
func (l Line) Indent() string {
	return string(l.Text[:len(l.Text)-len(skipStart(l.Text))])
}

// A File is the text of one configuration file as a sequence of lines. It is
// never changed; edits make new bytes.
type File struct {
	raw   []byte
	lines []Line
}

// Parse cuts a file into lines. It takes any bytes and never fails: what
// OpenSSH would refuse is found by resolving. The file keeps data; the caller
// must not change it.
func Parse(data []byte) *File {
	n := bytes.Count(data, []byte{'\n'})
	if len(data) > 0 && data[len(data)-1] != '\n' {
		n++
	}
	f := &File{raw: data, lines: make([]Line, 0, n)}
	for len(data) > 0 {
		text, ending := data, ""
		size := len(data)
		if i := bytes.IndexByte(data, '\n'); i >= 0 {
			text, ending, size = data[:i], "\n", i+1
			if i > 0 && data[i-1] == '\r' {
				text, ending = data[:i-1], "\r\n"
			}
		}
		l := Line{Number: len(f.lines) + 1, Text: text, End: ending}
		l.mark()
		f.lines = append(f.lines, l)
		data = data[size:]
	}
	return f
}

// Bytes returns the file exactly as it was parsed.
func (f *File) Bytes() []byte { return f.raw }

// Print puts the file together from its lines again. It equals Bytes, which
// is a law with a fuzz target, not an assumption.
func (f *File) Print() []byte {
	out := make([]byte, 0, len(f.raw))
	for _, l := range f.lines {
		out = append(out, l.Text...)
		out = append(out, l.End...)
	}
	return out
}

// Lines returns all lines in order. The slice must not be changed.
func (f *File) Lines() []Line { return f.lines }

// Len is the number of lines.
func (f *File) Len() int { return len(f.lines) }

// Line returns line n, counted from 1; n must exist.
func (f *File) Line(n int) Line { return f.lines[n-1] }

// mark finds keyword, arguments and comment of the line.
func (l *Line) mark() {
	start := len(l.Text) - len(skipStart(l.Text))
	body := l.Text[start:]
	if len(body) == 0 {
		return
	}
	if body[0] == '#' {
		l.Comment = Span{start, len(l.Text)}
		return
	}
	end := start + len(trimEndBytes(body))
	from, to, after := keywordSpan(l.Text[:end], start)
	if from == to {
		return
	}
	l.Keyword = Span{from, to}
	l.Argument, l.Comment = argumentSpans(l.Text[:end], after)
	if !l.Comment.Empty() {
		l.Comment.End = len(l.Text)
	}
}

func skipStart(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

func trimEndBytes(b []byte) []byte {
	n := len(b)
	for n > 1 && bytes.IndexByte([]byte(trailing), b[n-1]) >= 0 {
		n--
	}
	return b[:n]
}

// keywordSpan does on positions what keywordOf does on text.
func keywordSpan(text []byte, start int) (from, to, after int) {
	from, to, after = delimSpan(text, start)
	if after > start && len(bytes.Trim(text[from:to], `"`)) == 0 {
		from, to, after = delimSpan(text, after)
	}
	word := bytes.TrimLeft(text[from:to], `"`)
	if len(word) == 0 || word[0] == '#' {
		return 0, 0, 0
	}
	return from, to, after
}

// delimSpan finds the token at i and where the text goes on behind it.
// from == to means an empty token or an unclosed quote.
func delimSpan(text []byte, i int) (from, to, after int) {
	from = i
	for i < len(text) && !isBlank(text[i]) && text[i] != '"' && text[i] != '=' {
		i++
	}
	if i == len(text) {
		return from, i, i
	}
	if text[i] == '"' {
		n := bytes.IndexByte(text[i+1:], '"')
		if n < 0 {
			return from, from, from
		}
		to = i + 1 + n + 1
		return from, to, skipBlankAt(text, to)
	}
	to = i
	eaten := text[i] == '='
	after = skipBlankAt(text, i+1)
	if !eaten && after < len(text) && text[after] == '=' {
		after = skipBlankAt(text, after+1)
	}
	return from, to, after
}

func skipBlankAt(text []byte, i int) int {
	for i < len(text) && isBlank(text[i]) {
		i++
	}
	return i
}

// argumentSpans finds the region of the arguments and the comment behind it.
func argumentSpans(text []byte, i int) (argument, comment Span) {
	first, last := -1, i
	for i < len(text) {
		if text[i] == ' ' || text[i] == '\t' {
			i++
			continue
		}
		if text[i] == '#' {
			comment = Span{i, len(text)}
			break
		}
		if first < 0 {
			first = i
		}
		i = argumentEndBytes(text, i)
		last = i
	}
	if first < 0 {
		return Span{}, comment
	}
	return Span{first, last}, comment
}

// argumentEndBytes is argumentEnd on bytes; an unclosed quote reaches to the
// end of the line.
func argumentEndBytes(text []byte, i int) int {
	var quote byte
	for ; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			if i+1 < len(text) && escapes(text[i+1], quote) {
				i++
			}
		case quote == 0 && (c == ' ' || c == '\t'):
			return i
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		}
	}
	return i
}
