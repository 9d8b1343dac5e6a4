package plan

import (
	"bytes"
)

// A draft is a file while targets edit it one after the other. It remembers
// where each line stood in the old text, so that all edits together can be
// told in the old text's line numbers.
type draft struct {
	before  []byte
	lines   []draftLine
	removed map[int]string // old line number to the address that removed it
}

type draftLine struct {
	old     int // number in the old text; 0 for an inserted line
	text    string
	address string // the target that wrote it; empty for an untouched line
}

func newDraft(before []byte) *draft {
	d := &draft{before: before, removed: map[int]string{}}
	for i, line := range splitLines(before) {
		d.lines = append(d.lines, draftLine{old: i + 1, text: string(line)})
	}
	return d
}

// replace puts text, with its line end, in the place of a line.
func (d *draft) replace(line int, text, address string) {
	d.lines[line-1].text, d.lines[line-1].address = text, address
}

// insert puts text, with its line end, before a line; one more than the last
// line is the end of the file.
func (d *draft) insert(line int, text, address string) {
	d.lines = append(d.lines, draftLine{})
	copy(d.lines[line:], d.lines[line-1:])
	d.lines[line-1] = draftLine{text: text, address: address}
}

// remove takes a line away.
func (d *draft) remove(line int, address string) {
	if old := d.lines[line-1].old; old != 0 {
		d.removed[old] = address
	}
	d.lines = append(d.lines[:line-1], d.lines[line:]...)
}

// clone returns a copy that can be edited on its own.
func (d *draft) clone() *draft {
	c := &draft{before: d.before, lines: append([]draftLine(nil), d.lines...), removed: map[int]string{}}
	for line, address := range d.removed {
		c.removed[line] = address
	}
	return c
}

// bytes returns the text as it stands.
func (d *draft) bytes() []byte {
	var b bytes.Buffer
	b.Grow(len(d.before) + 256)
	for _, line := range d.lines {
		if line.old == 0 {
			endLine(&b)
		}
		b.WriteString(line.text)
	}
	return b.Bytes()
}

// edits returns what Replay needs to make the text out of the old one.
func (d *draft) edits() []Edit {
	old := splitLines(d.before)
	var edits []Edit
	next := 1 // first old line not yet passed
	removeUntil := func(end int) {
		for ; next < end; next++ {
			if address, removed := d.removed[next]; removed {
				edits = append(edits, Edit{Op: Delete, Line: next, Old: string(old[next-1]), Address: address})
			}
		}
	}
	for _, line := range d.lines {
		if line.old == 0 {
			edits = append(edits, Edit{Op: Insert, Line: next, New: line.text, Address: line.address})
			continue
		}
		removeUntil(line.old)
		next = line.old + 1
		if before := string(old[line.old-1]); before != line.text {
			edits = append(edits, Edit{Op: Replace, Line: line.old, Old: before, New: line.text, Address: line.address})
		}
	}
	removeUntil(len(old) + 1)
	return edits
}
