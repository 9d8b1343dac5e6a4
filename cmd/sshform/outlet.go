package main

import (
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// An outlet is a file that remembers the first thing that could not be written
// to it. What prints for people looks at no error, and half a plan on a full
// disk must not pass for a plan.
type outlet struct {
	file *os.File

	mu   sync.Mutex
	lost error
}

// Write writes, and remembers.
func (o *outlet) Write(text []byte) (int, error) {
	n, err := o.file.Write(text)
	o.remember(err)
	return n, err
}

// Close closes the file.
func (o *outlet) Close() {
	o.remember(o.file.Close())
}

func (o *outlet) remember(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lost == nil {
		o.lost = err
	}
}

// err is why something is lost; nil if nothing is.
func (o *outlet) err() error {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lost
}

// outliveReader has writing fail when nobody reads the output any more, as
// behind head(1), where otherwise SIGPIPE would end this process: not in the
// middle of a change.
func outliveReader() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}
