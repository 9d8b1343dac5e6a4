package sshconf

import (
	"bytes"
	"errors"
	"fmt"
)

// An Op is what an Edit does to a line.
type Op string

// The operations.
const (
	Insert  Op = "insert"
	Replace Op = "replace"
	Delete  Op = "delete"
)

// An Edit changes one line of a text.
type Edit struct {
	Op Op
	// Line counts from 1 in the old text. Insert puts New before it; it may
	// be one more than the number of lines.
	Line int
	// Old is the exact text of the line with its end; empty for Insert.
	Old string
	// New is the exact text written, with its end; empty for Delete.
	New string
}

// ErrOddLine says that a line holds a NUL byte or a stray carriage return, so
// that OpenSSH and an editor would not agree about what it says.
var ErrOddLine = errors.New("the line holds a NUL byte or a stray carriage return")

// A MismatchError says that a text is not the one that edits were made for.
type MismatchError struct {
	Line      int
	Want, Got string
}

// Error names the line and both texts.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("line %d is %q, not %q", e.Line, e.Got, e.Want)
}

// SetArgument returns the edit that replaces the arguments of line n by
// value. Indentation, keyword, separator, trailing comment and line end stay.
// value is written as it is; see Quote.
func (f *File) SetArgument(n int, value string) (Edit, error) {
	l := f.Line(n)
	if l.Keyword.Empty() || l.Argument.Empty() {
		return Edit{}, fmt.Errorf("line %d has no argument to replace", n)
	}
	if odd(l.Text) {
		return Edit{}, fmt.Errorf("line %d: %w", n, ErrOddLine)
	}
	text := string(l.Text[:l.Argument.Start]) + value + string(l.Text[l.Argument.End:])
	return f.replace(n, text), nil
}

// odd reports whether a line's text holds a byte after which it cannot be
// edited with certainty.
func odd(text []byte) bool { return bytes.ContainsAny(text, "\x00\r") }

// SetLine returns the edit that replaces the text of line n, such as a
// comment "#ClientAliveInterval 0". Its line end stays.
func (f *File) SetLine(n int, text string) Edit { return f.replace(n, text) }

func (f *File) replace(n int, text string) Edit {
	l := f.Line(n)
	return Edit{Op: Replace, Line: n, Old: string(l.Text) + l.End, New: text + l.End}
}

// InsertBefore returns the edits that put lines before line n, in their
// order, with the line end of their neighbours. n may be one more than the
// number of lines: the end of the file. A last line without an end is given
// one first, which is an edit of its own.
func (f *File) InsertBefore(n int, texts ...string) []Edit {
	var edits []Edit
	if last := f.Len(); n == last+1 && last > 0 && f.Line(last).End == "" {
		text := string(f.Line(last).Text)
		edits = append(edits, Edit{Op: Replace, Line: last, Old: text, New: text + f.Ending(last)})
	}
	for _, text := range texts {
		edits = append(edits, Edit{Op: Insert, Line: n, New: text + f.Ending(n)})
	}
	return edits
}

// InsertAfter returns the edits that put lines behind line n.
func (f *File) InsertAfter(n int, texts ...string) []Edit { return f.InsertBefore(n+1, texts...) }

// Append returns the edits that put lines at the end of the file.
func (f *File) Append(texts ...string) []Edit { return f.InsertBefore(f.Len()+1, texts...) }

// Remove returns the edit that deletes line n.
func (f *File) Remove(n int) Edit {
	l := f.Line(n)
	return Edit{Op: Delete, Line: n, Old: string(l.Text) + l.End}
}

// Ending is the line end that a new line at n gets: that of the line there,
// of the one before, of the first in the file, or "\n".
func (f *File) Ending(n int) string {
	for _, i := range []int{n - 1, n - 2, 0} {
		if i >= 0 && i < f.Len() && f.lines[i].End != "" {
			return f.lines[i].End
		}
	}
	return "\n"
}

// Spell writes a directive as the manual spells the keyword.
func Spell(side Side, indent, keyword, value string) string {
	return indent + Canonical(side, keyword) + " " + value
}

// Quote puts an argument into double quotes where OpenSSH would otherwise
// read it as several, as a comment, or not at all. ok is false for a text that
// no release reads back: one with a quote, a backslash or a control character.
func Quote(argument string) (quoted string, ok bool) {
	plain := argument != ""
	for i := 0; i < len(argument); i++ {
		switch c := argument[i]; {
		case c < ' ' && c != '\t' || c == 0x7f || c == '"' || c == '\'' || c == '\\':
			return "", false
		case c == ' ' || c == '\t' || c == '#' || c == '=':
			plain = false
		}
	}
	if plain {
		return argument, true
	}
	return `"` + argument + `"`, true
}

// Replay returns the text with the edits carried out, strictly: the old text
// must stand where each edit says, byte for byte, or a MismatchError comes
// back. Edits must be in ascending order of lines and change no line twice;
// what is inserted at a line comes before what is done to that line.
func Replay(data []byte, edits []Edit) ([]byte, error) {
	lines := bytes.SplitAfter(data, []byte("\n"))
	if len(lines[len(lines)-1]) == 0 {
		lines = lines[:len(lines)-1]
	}
	out := make([]byte, 0, len(data)+64*len(edits))
	next := 1 // the first line that is not copied yet
	for i, e := range edits {
		limit := len(lines)
		if e.Op == Insert {
			limit++
		}
		switch {
		case e.Line < 1 || e.Line > limit:
			return nil, fmt.Errorf("edit %d: line %d of a text of %d lines", i+1, e.Line, len(lines))
		case e.Line < next:
			return nil, fmt.Errorf("edit %d: line %d is out of order", i+1, e.Line)
		}
		for ; next < e.Line; next++ {
			out = append(out, lines[next-1]...)
		}
		if e.Op == Insert {
			out = append(out, e.New...)
			continue
		}
		if got := string(lines[e.Line-1]); got != e.Old {
			return nil, &MismatchError{Line: e.Line, Want: e.Old, Got: got}
		}
		switch e.Op {
		case Replace:
			out = append(out, e.New...)
		case Delete:
		default:
			return nil, fmt.Errorf("edit %d: unknown operation %q", i+1, e.Op)
		}
		next++
	}
	for ; next <= len(lines); next++ {
		out = append(out, lines[next-1]...)
	}
	return out, nil
}

// Undo returns the edits that lead back from the new text to the old one:
// Replay(Replay(x, edits), Undo(edits)) is x, as long as each New is one line.
func Undo(edits []Edit) []Edit {
	out := make([]Edit, 0, len(edits))
	shift := 0
	for _, e := range edits {
		at := e.Line + shift
		switch {
		case e.Op == Insert:
			out = append(out, Edit{Op: Delete, Line: at, Old: e.New})
			shift++
		case e.Op == Delete, e.New == "": // a last line without an end can become nothing
			out = append(out, Edit{Op: Insert, Line: at, New: e.Old})
			shift--
		default:
			out = append(out, Edit{Op: Replace, Line: at, Old: e.New, New: e.Old})
		}
	}
	return out
}
