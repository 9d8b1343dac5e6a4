package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
)

// An output is what a program prints on one stream. It is read as it comes, so
// that neither stream ever blocks the program, up to a limit. Marks of ours
// stand in it.
type output struct {
	mu    sync.Mutex
	more  chan struct{} // closed when there is more; nil when nobody waits
	bytes []byte
	cuts  int // how often the middle was cut out
	limit int
	// over is called at the limit, which ends the output; nil cuts the middle
	// out instead and goes on.
	over  func()
	ended bool
	err   error // why it ended; io.EOF is the program's own end
}

// fill copies from r until it ends. It waits with a buffer of so many bytes,
// which every program of every host in flight has, so it is small; what does
// not fit is read with one from the pool.
func (o *output) fill(r io.Reader, size int, from *buffers) {
	waits := make([]byte, size)
	for {
		n, err := r.Read(waits)
		o.add(waits[:n])
		if n == size && err == nil {
			err = o.fillMore(r, from)
		}
		if err != nil {
			o.end(err)
			return
		}
	}
}

// fillMore copies what is left of a long text.
func (o *output) fillMore(r io.Reader, from *buffers) error {
	long := from.take()
	defer from.give(long)
	buf := (*long)[:cap(*long)]
	for {
		n, err := r.Read(buf)
		o.add(buf[:n])
		if n < len(buf) || err != nil {
			return err
		}
	}
}

func (o *output) add(p []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ended || len(p) == 0 {
		return
	}
	o.bytes = append(o.bytes, p...)
	if len(o.bytes) > o.limit {
		o.full()
	}
	o.tell()
}

// tell makes everybody who waits look again. It is called with mu held.
func (o *output) tell() {
	if o.more != nil {
		close(o.more)
		o.more = nil
	}
}

// full deals with an output at its limit. It is called with mu held.
func (o *output) full() {
	o.cuts++
	if o.over != nil {
		o.ended, o.err, o.bytes = true, &LimitError{Path: "output", What: "bytes", Limit: int64(o.limit)}, nil
		go o.over()
		return
	}
	// The beginning tells most, and the mark comes last.
	half := o.limit / 2
	o.bytes = append(o.bytes[:half], o.bytes[len(o.bytes)-half:]...)
}

func (o *output) end(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.ended {
		o.ended, o.err = true, err
	}
	o.tell()
}

// drain reads what nobody wants to know, until it ends. io.Copy would hold
// 8 KiB meanwhile.
func drain(r io.Reader) {
	var buf [128]byte
	for {
		if _, err := r.Read(buf[:]); err != nil {
			return
		}
	}
}

// errEnded says that an output ended before its mark.
var errEnded = errors.New("the output ended")

// take waits for a mark and the line end after it. It returns what stands
// before the mark, also in the middle of a line, and the rest of its line.
func (o *output) take(ctx context.Context, mark string) (before, rest []byte, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	seen, cuts := 0, o.cuts // no mark begins before seen
	for {
		if cuts != o.cuts { // what was behind the middle has moved
			seen, cuts = 0, o.cuts
		}
		if i := bytes.Index(o.bytes[seen:], []byte(mark)); i >= 0 {
			i += seen
			after := o.bytes[i+len(mark):]
			if end := bytes.IndexByte(after, '\n'); end >= 0 {
				before, rest = o.bytes[:i:i], bytes.Clone(after[:end])
				if next := i + len(mark) + end + 1; next < len(o.bytes) {
					before = bytes.Clone(before)
					o.rest(next)
				} else {
					o.bytes = nil // it is the caller's now
				}
				return before, rest, nil
			}
			seen = i
		} else {
			seen = max(seen, len(o.bytes)-len(mark)+1)
		}
		if err := o.wait(ctx); err != nil {
			return nil, nil, err
		}
	}
}

// wait waits for more output. It is called with mu held.
func (o *output) wait(ctx context.Context) error {
	if o.ended {
		return o.why()
	}
	if o.more == nil {
		o.more = make(chan struct{})
	}
	more := o.more
	o.mu.Unlock()
	defer o.mu.Lock()
	select {
	case <-more:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// rest drops the first n bytes. It is called with mu held.
func (o *output) rest(n int) {
	o.bytes = o.bytes[n:]
	if len(o.bytes) == 0 {
		o.bytes = nil // gives the memory back
	}
}

// why is the error of an output that ended. It is called with mu held.
func (o *output) why() error {
	if o.err != nil && o.err != io.EOF {
		return o.err
	}
	return errEnded
}

// skip waits until the text stands somewhere in the output and drops it with
// all before it.
func (o *output) skip(ctx context.Context, text string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for {
		if i := bytes.Index(o.bytes, []byte(text)); i >= 0 {
			o.rest(i + len(text))
			return nil
		}
		if err := o.wait(ctx); err != nil {
			return err
		}
	}
}

// Read makes what follows a stream, for whoever takes over.
func (o *output) Read(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.bytes) == 0 {
		if o.wait(context.Background()) != nil {
			return 0, orDefault(o.err, io.EOF)
		}
	}
	n := copy(p, o.bytes)
	o.rest(n)
	return n, nil
}

// all waits for the end of the output and returns what nobody took.
func (o *output) all() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !o.ended {
		o.wait(context.Background())
	}
	return string(o.bytes)
}

// peek returns what is there, without taking it.
func (o *output) peek() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.bytes)
}

// await waits until the text stands somewhere in the output.
func (o *output) await(text string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for !bytes.Contains(o.bytes, []byte(text)) {
		if err := o.wait(context.Background()); err != nil {
			return err
		}
	}
	return nil
}
