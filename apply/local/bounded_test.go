package local

import (
	"io"
	"strings"
	"testing"
)

// What a step prints is copied by io.Copy, which must not find a way past the
// limit.
func TestBounded(t *testing.T) {
	printed := func(n int) io.Reader { return struct{ io.Reader }{strings.NewReader(strings.Repeat("x", n))} }
	whole := &bounded{limit: 10}
	if _, err := io.Copy(whole, printed(11)); err == nil || !whole.full || whole.got.Len() != 10 {
		t.Errorf("got %v, full %t and %d bytes, want an error after 10", err, whole.full, whole.got.Len())
	}
	cut := &bounded{limit: 10, cut: true}
	if _, err := io.Copy(cut, printed(11)); err != nil || cut.got.Len() != 10 {
		t.Errorf("got %v and %d bytes, want 10 and no error", err, cut.got.Len())
	}
}
