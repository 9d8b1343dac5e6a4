package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// Sum returns the digest of a file's bytes.
func Sum(content []byte) Digest {
	sum := sha256.Sum256(content)
	return Digest(hex.EncodeToString(sum[:]))
}

// SumNames returns the digest of a folder's listing, as Dependency wants it.
func SumNames(names []string) Digest {
	sorted := slices.Sorted(slices.Values(names))
	return Sum([]byte(strings.Join(sorted, "\n") + "\n"))
}

// A StaleError says that a file is not what a plan was made for.
type StaleError struct {
	Path      string
	Want, Got Digest
}

func (e *StaleError) Error() string {
	switch {
	case e.Want == "":
		return fmt.Sprintf("%s: it appeared after the plan was made", e.Path)
	case e.Got == "":
		return fmt.Sprintf("%s: it is gone since the plan was made", e.Path)
	}
	return fmt.Sprintf("%s: it changed after the plan was made", e.Path)
}

// Replay returns the text after the edits. It fails if a line is not what its
// edit expects, so that edits are carried out exactly or not at all. It is the
// only way in which bytes of a file come about.
func Replay(before []byte, edits []Edit) ([]byte, error) {
	lines := splitLines(before)
	var after bytes.Buffer
	after.Grow(len(before) + 64*len(edits))
	next := 0 // index of the first line not yet written
	for _, e := range edits {
		at := e.Line - 1
		last := len(lines) // insert may stand behind the last line
		if e.Op != Insert {
			last--
		}
		if at < next || at > last {
			return nil, fmt.Errorf("edit of line %d: the file has %d lines, or an edit before it went further", e.Line, len(lines))
		}
		for ; next < at; next++ {
			after.Write(lines[next])
		}
		if e.Op == Insert {
			endLine(&after)
			after.WriteString(e.New)
			continue
		}
		if string(lines[at]) != e.Old {
			return nil, fmt.Errorf("edit of line %d: the line is not %q any more", e.Line, strings.TrimRight(e.Old, "\r\n"))
		}
		if e.Op == Replace {
			after.WriteString(e.New)
		}
		next = at + 1
	}
	for ; next < len(lines); next++ {
		after.Write(lines[next])
	}
	return after.Bytes(), nil
}

// endLine ends a last line that had no newline, so that a line inserted behind
// it stands alone.
func endLine(b *bytes.Buffer) {
	if text := b.Bytes(); len(text) > 0 && text[len(text)-1] != '\n' {
		b.WriteByte('\n')
	}
}

// splitLines splits after each newline; the last line may lack one.
func splitLines(text []byte) [][]byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	return lines[:len(lines)-1+min(1, len(lines[len(lines)-1]))]
}
