package plan

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// TestDraftsReplay makes random edits to a draft and demands that its edits,
// replayed on the old text, give the draft's text.
func TestDraftsReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := []byte(rapid.StringMatching(`([a-c ]{0,3}\r?\n){0,6}[ab]?`).Draw(t, "before"))
		d := newDraft(before)
		for i := range rapid.IntRange(0, 8).Draw(t, "edits") {
			text := fmt.Sprintf("new %d\n", i)
			switch rapid.IntRange(0, 2).Draw(t, "op") {
			case 0:
				d.insert(rapid.IntRange(1, len(d.lines)+1).Draw(t, "line"), text, "a")
			case 1:
				if len(d.lines) > 0 {
					d.replace(rapid.IntRange(1, len(d.lines)).Draw(t, "line"), text, "a")
				}
			case 2:
				if len(d.lines) > 0 {
					d.remove(rapid.IntRange(1, len(d.lines)).Draw(t, "line"), "a")
				}
			}
		}
		got, err := Replay(before, d.edits())
		if err != nil || string(got) != string(d.bytes()) {
			t.Fatalf("before %q, edits %+v: got %q, %v, want %q", before, d.edits(), got, err, d.bytes())
		}
	})
}
