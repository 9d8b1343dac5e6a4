//go:build unix

package remote_test

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A wire is one end of a connection in memory. What is written arrives after
// the delay, in order, however much it is: a line with a long way and no limit.
type wire struct {
	in, out *lane
	once    sync.Once
}

// A lane carries bytes one way.
type lane struct {
	delay  time.Duration
	posted chan parcel
	done   chan struct{} // nobody reads any more
	once   sync.Once

	mu     sync.Mutex
	more   *sync.Cond
	bytes  []byte // arrived
	ended  bool
	frozen bool
}

// A parcel is what one write sent; none is the end.
type parcel struct {
	bytes []byte
	at    time.Time
}

// newWire makes both ends of a connection.
func newWire(delay time.Duration) (a, b net.Conn) {
	there, back := newLane(delay), newLane(delay)
	return &wire{in: back, out: there}, &wire{in: there, out: back}
}

// instant is a connection without a delay.
func instant() (net.Conn, net.Conn) { return newWire(0) }

func newLane(delay time.Duration) *lane {
	l := &lane{delay: delay, posted: make(chan parcel, 1024), done: make(chan struct{})}
	l.more = sync.NewCond(&l.mu)
	go l.carry()
	return l
}

func (l *lane) carry() {
	for {
		select {
		case p := <-l.posted:
			if l.delay > 0 {
				select {
				case <-time.After(time.Until(p.at)):
				case <-l.done:
					return
				}
			}
			l.arrive(p)
			if p.bytes == nil {
				return
			}
		case <-l.done:
			return
		}
	}
}

func (l *lane) arrive(p parcel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.frozen {
		return
	}
	for len(l.bytes) > 1<<20 && !l.ended { // a flood fills no memory
		l.more.Wait()
	}
	l.bytes = append(l.bytes, p.bytes...)
	l.ended = l.ended || p.bytes == nil
	l.more.Broadcast()
}

func (l *lane) write(p []byte) (int, error) {
	select {
	case <-l.done:
		return 0, io.ErrClosedPipe
	default:
	}
	select {
	case l.posted <- parcel{append([]byte{}, p...), time.Now().Add(l.delay)}:
		return len(p), nil
	case <-l.done:
		return 0, io.ErrClosedPipe
	}
}

func (l *lane) read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.bytes) == 0 {
		if l.ended {
			return 0, io.EOF
		}
		l.more.Wait()
	}
	n := copy(p, l.bytes)
	l.bytes = l.bytes[n:]
	l.more.Broadcast()
	return n, nil
}

// finish ends a lane after what was written.
func (l *lane) finish() {
	select {
	case l.posted <- parcel{nil, time.Now().Add(l.delay)}:
	case <-l.done:
	}
}

// close ends a lane at once.
func (l *lane) close() {
	l.once.Do(func() { close(l.done) })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.more.Broadcast()
}

func (w *wire) Read(p []byte) (int, error)  { return w.in.read(p) }
func (w *wire) Write(p []byte) (int, error) { return w.out.write(p) }

// Close ends this end; the other sees it after what was written.
func (w *wire) Close() error {
	w.once.Do(func() {
		w.out.finish()
		w.in.close()
	})
	return nil
}

// freeze makes the connection dead: nothing arrives any more, and nobody is
// told.
func (w *wire) freeze() {
	for _, l := range []*lane{w.in, w.out} {
		l.mu.Lock()
		l.frozen = true
		l.mu.Unlock()
	}
}

func (w *wire) LocalAddr() net.Addr              { return wireAddr{} }
func (w *wire) RemoteAddr() net.Addr             { return wireAddr{} }
func (w *wire) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (w *wire) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (w *wire) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

type wireAddr struct{}

func (wireAddr) Network() string { return "memory" }
func (wireAddr) String() string  { return "192.0.2.1:22" }
