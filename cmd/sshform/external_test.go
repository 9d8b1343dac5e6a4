package main

import (
	"io"
	"strings"
	"testing"
)

// What a program prints reaches the buffer through io.Copy, which must not find
// a way past the limit.
func TestLimitedBuffer(t *testing.T) {
	printed := func(n int) io.Reader { return struct{ io.Reader }{strings.NewReader(strings.Repeat("x", n))} }
	out := &limitedBuffer{left: 10}
	if _, err := io.Copy(out, printed(10)); err != nil || out.full || out.got.Len() != 10 {
		t.Errorf("got %v, full %t and %d bytes, want all 10", err, out.full, out.got.Len())
	}
	if _, err := io.Copy(out, printed(1)); err == nil || !out.full {
		t.Errorf("got %v, full %t, want an error beyond the limit", err, out.full)
	}
}
