package remote

import (
	"runtime"
	"sync"
	"time"
)

// gatherMost is how much is gathered before whoever writes has to wait, in
// bytes: what a plan sends at once fits. Of a longer text, no host in flight
// holds more than this and what is just being written.
const gatherMost = 8 << 10

// A gathering is what a link has still to write. The library writes packet by
// packet, and requests that travel together are several small ones: gathered,
// they are one system call and one segment, and the host is woken up once.
type gathering struct {
	// gathers starts writing in a goroutine that belongs to the session and
	// reports whether it did; nil writes at once, as in the handshake, whose
	// errors matter where they occur.
	gathers func() bool
	buffers *buffers
	room    *sync.Cond
	out     *[]byte // to be written; nil is nothing
	writing bool
	broken  error // of a write
}

// gatherWith makes writes wait for each other. Buffers come from the pool, and
// go back to it.
func (l *link) gatherWith(start func(func()) bool, from *buffers) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pour := l.pour
	l.gathers, l.buffers, l.room = func() bool { return start(pour) }, from, sync.NewCond(&l.mu)
}

// gather takes what is to be written. It is called with mu held.
func (l *link) gather(p []byte) (int, error) {
	for l.out != nil && len(*l.out)+len(p) > gatherMost && l.broken == nil {
		l.room.Wait()
	}
	if l.broken != nil {
		return 0, l.broken
	}
	if l.out == nil {
		l.out = l.buffers.take()
	}
	*l.out = append(*l.out, p...)
	if !l.writing {
		l.writing = l.gathers()
		if !l.writing { // the session is being closed
			l.out = nil
		}
	}
	return len(p), nil
}

// Buffers are what is sent is put together in, and long texts are read with:
// empty, and used again.
type buffers struct{ pool sync.Pool }

func (b *buffers) take() *[]byte {
	if used, found := b.pool.Get().(*[]byte); found {
		return used
	}
	fresh := make([]byte, 0, gatherMost)
	return &fresh
}

func (b *buffers) give(used *[]byte) {
	*used = (*used)[:0]
	b.pool.Put(used)
}

// pour writes until nothing is left.
func (l *link) pour() {
	runtime.Gosched() // whoever is about to write may still do so
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.out != nil && l.broken == nil {
		out := l.out
		l.out = nil
		l.sent = time.Now()
		l.mu.Unlock()
		_, err := l.Conn.Write(*out)
		l.buffers.give(out)
		l.mu.Lock()
		l.broken = err
		l.room.Broadcast()
	}
	// A write that failed is no reason to hang up: what the host has sent may
	// still be read, and reading ends by itself.
	l.writing = false
	l.room.Broadcast()
}
