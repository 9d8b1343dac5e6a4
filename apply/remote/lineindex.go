package remote

import (
	"hash/maphash"
	"slices"
)

// A lineIndex leads from a text to the lines that have it. It keeps no text but
// hashes, so that a line costs it some 20 bytes: another text may have the same
// hash, and who asks compares.
type lineIndex struct {
	seed    maphash.Seed // so that nobody can make texts that collide
	last    map[uint32]int32
	entries []lineEntry
}

// A lineEntry is a line and the entry before it of the same hash, -1 for none.
type lineEntry struct{ line, before int32 }

func newLineIndex() lineIndex { return lineIndex{seed: maphash.MakeSeed()} }

// grow makes room for the first lines.
func (x *lineIndex) grow(lines int) {
	if x.last == nil {
		x.last = make(map[uint32]int32, lines)
	}
	x.entries = slices.Grow(x.entries, lines)
}

func (x *lineIndex) hash(text string) uint32 { return uint32(maphash.String(x.seed, text)) }

// add puts a line into the index, once under a text.
func (x *lineIndex) add(text string, line int32) {
	if x.last == nil {
		x.last = map[uint32]int32{}
	}
	hash := x.hash(text)
	before, met := x.last[hash]
	switch {
	case !met:
		before = -1
	case x.entries[before].line == line:
		return
	}
	x.last[hash] = int32(len(x.entries))
	x.entries = append(x.entries, lineEntry{line, before})
}

// lines returns the lines that may have the text, in their order.
func (x *lineIndex) lines(text string) []int32 {
	var all []int32
	at, met := x.last[x.hash(text)]
	for met && at >= 0 {
		all = append(all, x.entries[at].line)
		at = x.entries[at].before
	}
	slices.Reverse(all)
	return all
}
