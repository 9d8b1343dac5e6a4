package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// A deafLine is a TCP connection that can play dead: its kernel goes on
// acknowledging, as the kernel of a program that hangs does, and nobody reads
// or answers.
type deafLine struct {
	mu   sync.Mutex
	last *deafConn
}

// dial opens the connection. Of several the last one counts.
func (l *deafLine) dial(ctx context.Context, address string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = &deafConn{Conn: conn, wrote: make(chan struct{}, 1), ended: make(chan struct{})}
	return l.last, nil
}

func (l *deafLine) conn() *deafConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// answered waits until something was written after what came last: an answer
// that is held back is one that the other side waits for.
func (l *deafLine) answered(ctx context.Context) {
	conn := l.conn()
	for {
		conn.mu.Lock()
		done := conn.sent.After(conn.came)
		conn.mu.Unlock()
		if done {
			return
		}
		select {
		case <-conn.wrote:
		case <-ctx.Done():
			return
		}
	}
}

// playDead stops everything and returns when the other side hangs up: how long
// after our last packet each of its own came, and how long after it the end.
func (l *deafLine) playDead(ctx context.Context) (heard []time.Duration, dropped time.Duration, err error) {
	conn := l.conn()
	conn.mu.Lock()
	conn.deaf = true
	conn.mu.Unlock()
	select {
	case <-conn.ended:
	case <-ctx.Done():
		err = context.Cause(ctx)
		// Whoever still waits for an answer shall not wait for ever.
		defer conn.Close()
	}
	conn.mu.Lock()
	defer conn.mu.Unlock()
	for _, at := range conn.heard {
		heard = append(heard, at.Sub(conn.sent))
	}
	if err == nil {
		dropped = conn.end.Sub(conn.sent)
	}
	return heard, dropped, err
}

type deafConn struct {
	net.Conn
	wrote chan struct{} // has room for the sign of one Write
	ended chan struct{} // closed when the other side has hung up

	mu    sync.Mutex
	deaf  bool
	came  time.Time // of the last byte handed on
	sent  time.Time // of the last byte written
	heard []time.Time
	end   time.Time
}

// Read hands nothing on once the connection is deaf. It looks at what arrives
// to know when that is.
func (c *deafConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if !c.swallow(n, err) {
			return n, err
		}
		if err != nil {
			return 0, err
		}
	}
}

func (c *deafConn) swallow(n int, err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.deaf {
		c.came = time.Now()
		return false
	}
	now := time.Now()
	if n > 0 {
		c.heard = append(c.heard, now)
	}
	if err != nil && c.end.IsZero() {
		c.end = now
		close(c.ended)
	}
	return true
}

// Write says nothing once the connection is deaf, and does not let on.
func (c *deafConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deaf {
		return len(p), nil
	}
	c.sent = time.Now()
	select {
	case c.wrote <- struct{}{}:
	default:
	}
	return c.Conn.Write(p)
}
