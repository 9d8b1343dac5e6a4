package plan

import (
	"slices"
	"strings"
)

// maxTable bounds the table of lengths that align fills for one stretch.
const maxTable = 1 << 20

// align finds the lines of a that stand in b, in order: the result has for
// each line of a its index in b, or -1. Line ends do not count.
func align(a, b []string) []int {
	to := make([]int, len(a))
	for i := range to {
		to[i] = -1
	}
	alignRange(lineKeys(a), lineKeys(b), 0, 0, to)
	return to
}

func lineKeys(lines []string) []string {
	keys := make([]string, len(lines))
	for i, line := range lines {
		keys[i] = lineKey(line)
	}
	return keys
}

func lineKey(line string) string { return strings.TrimRight(line, "\r\n") }

// alignRange aligns a stretch of each text that begin at fromA and fromB.
func alignRange(a, b []string, fromA, fromB int, to []int) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		to[fromA] = fromB
		a, b, fromA, fromB = a[1:], b[1:], fromA+1, fromB+1
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		to[fromA+len(a)-1] = fromB + len(b) - 1
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	switch {
	case len(a) == 0 || len(b) == 0:
	case len(a) <= maxTable/len(b):
		alignTable(a, b, fromA, fromB, to)
	default:
		alignUnique(a, b, fromA, fromB, to)
	}
}

// alignTable finds the longest common subsequence.
func alignTable(a, b []string, fromA, fromB int, to []int) {
	width := len(b) + 1
	longest := make([]int32, (len(a)+1)*width) // of what follows i and j
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				longest[i*width+j] = longest[(i+1)*width+j+1] + 1
			} else {
				longest[i*width+j] = max(longest[(i+1)*width+j], longest[i*width+j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			to[fromA+i] = fromB + j
			i, j = i+1, j+1
		case longest[(i+1)*width+j] >= longest[i*width+j+1]:
			i++
		default:
			j++
		}
	}
}

// alignUnique splits texts too large for a table at the lines that stand in
// both exactly once. A stretch without such lines stays apart.
func alignUnique(a, b []string, fromA, fromB int, to []int) {
	onceIn := func(lines []string) map[string]int {
		at := map[string]int{}
		for i, line := range lines {
			if _, twice := at[line]; twice {
				at[line] = -1
			} else {
				at[line] = i
			}
		}
		return at
	}
	inA, inB := onceIn(a), onceIn(b)
	var tails []int // index in b of the end of the best chain of each length
	var chain []int // index in a of the same
	back := make([]int, len(a))
	for i, line := range a {
		j, once := inB[line]
		if !once || j < 0 || inA[line] < 0 {
			continue
		}
		n, _ := slices.BinarySearch(tails, j)
		back[i] = -1
		if n > 0 {
			back[i] = chain[n-1]
		}
		if n == len(tails) {
			tails, chain = append(tails, j), append(chain, i)
		} else {
			tails[n], chain[n] = j, i
		}
	}
	if len(chain) == 0 {
		return
	}
	var anchors []int
	for i := chain[len(chain)-1]; i >= 0; i = back[i] {
		anchors = append(anchors, i)
	}
	slices.Reverse(anchors)
	nextA, nextB := 0, 0
	for _, i := range anchors {
		j := inB[a[i]]
		alignRange(a[nextA:i], b[nextB:j], fromA+nextA, fromB+nextB, to)
		to[fromA+i] = fromB + j
		nextA, nextB = i+1, j+1
	}
	alignRange(a[nextA:], b[nextB:], fromA+nextA, fromB+nextB, to)
}
