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
}

// A lane carries bytes one way.
type lane struct {
	delay time.Duration

	mu     sync.Mutex
	more   *sync.Cond
	bytes  []byte // arrived
	ended  bool
	posted chan parcel
	done   chan struct{}
	once   sync.Once
	total  int
}

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
				time.Sleep(time.Until(p.at)) // the way, not a guess
			}
			l.mu.Lock()
			l.bytes = append(l.bytes, p.bytes...)
			l.more.Broadcast()
			l.mu.Unlock()
		case <-l.done:
			return
		}
	}
}

func (l *lane) write(p []byte) (int, error) {
	select {
	case <-l.done:
		return 0, io.ErrClosedPipe
	default:
	}
	l.mu.Lock()
	l.total += len(p)
	l.mu.Unlock()
	select {
	case l.posted <- parcel{append([]byte(nil), p...), time.Now().Add(l.delay)}:
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
	return n, nil
}

func (l *lane) close() {
	l.once.Do(func() {
		close(l.done)
		l.mu.Lock()
		l.ended = true
		l.more.Broadcast()
		l.mu.Unlock()
	})
}

func (w *wire) Read(p []byte) (int, error)  { return w.in.read(p) }
func (w *wire) Write(p []byte) (int, error) { return w.out.write(p) }

// Close ends both directions, for both ends.
func (w *wire) Close() error {
	w.in.close()
	w.out.close()
	return nil
}

// freeze makes the connection dead: nothing arrives any more, and nobody is
// told.
func (w *wire) freeze() {
	for _, l := range []*lane{w.in, w.out} {
		l.mu.Lock()
		l.delay = 1000 * time.Hour
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
