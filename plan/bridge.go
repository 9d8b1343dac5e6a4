package plan

import (
	"strings"

	"github.com/sshform/sshform/schema"
)

// bridge makes up for runs whose records were pruned: it returns the edits of
// managed lines that lead from a text as one run left it towards the text that
// the next known run found. What else changed in between is somebody else's.
func bridge(left, found []byte, side schema.Side, address string) []Edit {
	a, b := lineTexts(left), lineTexts(found)
	var edits []Edit
	i, j := 0, 0
	hunk := func(endA, endB int) {
		gone, come := a[i:endA], b[j:endB]
		if !allManaged(side, gone) || !allManaged(side, come) {
			return
		}
		for _, line := range come {
			if !isComment(line) {
				edits = append(edits, Edit{Op: Insert, Line: i + 1, New: line, Address: address})
			}
		}
		for n, line := range gone {
			if !isComment(line) {
				edits = append(edits, Edit{Op: Delete, Line: i + n + 1, Old: line, Address: address})
			}
		}
	}
	for n, to := range align(a, b) {
		if to >= 0 {
			hunk(n, to)
			i, j = n+1, to+1
		}
	}
	hunk(len(a), len(b))
	return edits
}

func lineTexts(text []byte) []string {
	var lines []string
	for _, line := range splitLines(text) {
		lines = append(lines, string(line))
	}
	return lines
}

func isComment(line string) bool { return strings.HasPrefix(firstWord(lineKey(line)), "#") }

// allManaged reports whether nothing but lines of managed keywords, first
// lines of blocks, comments and blank lines is there.
func allManaged(side schema.Side, lines []string) bool {
	for _, line := range lines {
		slot := slotOf(line)
		if _, managed := schema.Define(side, slot); slot != "" && !managed && !isHeader(line) {
			return false
		}
	}
	return true
}
