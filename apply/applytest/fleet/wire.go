package fleet

import (
	"context"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A wire is one end of a connection in memory. What is written arrives after
// the delay, in order, however much it is. It waits in ways that
// testing/synctest sees through.
type wire struct {
	place
	in, out *lane
}

// A lane carries bytes one way.
type lane struct {
	delay time.Duration

	mu    sync.Mutex
	more  *sync.Cond
	queue []parcel
	size  int
	ended bool // nothing is written any more
	deaf  bool // nothing is read any more
	wake  *time.Timer
}

// A parcel is what one write sent, and when it arrives.
type parcel struct {
	bytes []byte
	at    time.Time
}

// window is how much may be on the way or unread, in bytes: more makes the
// writer wait.
const window = 1 << 20

func newWire(delay time.Duration, address *net.TCPAddr) (server, client net.Conn) {
	there, back := newLane(delay), newLane(delay)
	return &wire{in: there, out: back}, &wire{place: place{address}, in: back, out: there}
}

func newLane(delay time.Duration) *lane {
	l := &lane{delay: delay}
	l.more = sync.NewCond(&l.mu)
	return l
}

func (l *lane) write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.size > window && !l.ended && !l.deaf {
		l.more.Wait()
	}
	if l.ended || l.deaf {
		return 0, io.ErrClosedPipe
	}
	l.queue = append(l.queue, parcel{append([]byte(nil), p...), time.Now().Add(l.delay)})
	l.size += len(p)
	l.more.Broadcast()
	return len(p), nil
}

func (l *lane) read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if l.deaf {
			return 0, net.ErrClosed
		}
		if len(l.queue) > 0 {
			if wait := time.Until(l.queue[0].at); wait <= 0 {
				break
			} else {
				l.wakeIn(wait)
			}
		} else if l.ended {
			return 0, io.EOF
		}
		l.more.Wait()
	}
	first := &l.queue[0]
	n := copy(p, first.bytes)
	first.bytes = first.bytes[n:]
	l.size -= n
	if len(first.bytes) == 0 {
		l.queue[0] = parcel{}
		l.queue = l.queue[1:]
	}
	l.more.Broadcast()
	return n, nil
}

// wakeIn wakes who reads when the first parcel is due. It is called with mu
// held.
func (l *lane) wakeIn(d time.Duration) {
	if l.wake == nil {
		l.wake = time.AfterFunc(d, func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.more.Broadcast()
		})
		return
	}
	l.wake.Reset(d)
}

// end takes no more bytes; what is on the way arrives.
func (l *lane) end(deaf bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
	l.deaf = l.deaf || deaf
	l.more.Broadcast()
}

func (w *wire) Read(p []byte) (int, error)  { return w.in.read(p) }
func (w *wire) Write(p []byte) (int, error) { return w.out.write(p) }

// Close ends this end; the other one sees it after what was written.
func (w *wire) Close() error {
	w.in.end(true)
	w.out.end(false)
	return nil
}

// A place is the part of a net.Conn that nothing here depends on: addresses,
// and deadlines, of which there are none.
type place struct{ remote *net.TCPAddr }

func (p place) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func (p place) RemoteAddr() net.Addr {
	if p.remote == nil {
		return p.LocalAddr()
	}
	return p.remote
}

func (place) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (place) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (place) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// Lengthen returns the end of a connection that has a long way to conn. TCP has
// made its own round trip in no time, so that is waited for first. Closing
// either end closes the other.
func Lengthen(conn net.Conn, roundTrip time.Duration) net.Conn {
	var address *net.TCPAddr
	if tcp, over := conn.RemoteAddr().(*net.TCPAddr); over {
		address = tcp
	}
	near, far := newWire(roundTrip/2, address)
	go func() {
		time.Sleep(roundTrip)
		io.Copy(near, conn)
		near.Close()
	}()
	go func() {
		io.Copy(conn, near)
		conn.Close()
	}()
	return far
}

// pause waits, or ends early with the context's error.
func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
