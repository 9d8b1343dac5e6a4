package fleet

import (
	"io"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A Fault is what is wrong with a host.
type Fault string

// The faults.
const (
	Well           Fault = ""
	Dead           Fault = "dead"             // nothing listens
	MuteAtBanner   Fault = "mute at banner"   // takes connections and says nothing
	MuteAfterLogin Fault = "mute after login" // lets people in and then says nothing
	Slow           Fault = "slow"             // one byte a second
	WrongKey       Fault = "wrong key"        // another host key than it should have
	Floods         Fault = "floods"           // answers steps with output without end
	DiesWriting    Fault = "dies writing"     // gone for good with the first bytes written
)

// Faults are all faults.
func Faults() []Fault {
	return []Fault{Dead, MuteAtBanner, MuteAfterLogin, Slow, WrongKey, Floods, DiesWriting}
}

// slowConn sends one byte a second.
type slowConn struct {
	net.Conn
	ended chan struct{}
	once  sync.Once
}

func newSlowConn(conn net.Conn) *slowConn {
	return &slowConn{Conn: conn, ended: make(chan struct{})}
}

func (c *slowConn) Write(p []byte) (int, error) {
	for i := range p {
		select {
		case <-time.After(time.Second):
		case <-c.ended:
			return i, net.ErrClosed
		}
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func (c *slowConn) Close() error {
	c.once.Do(func() { close(c.ended) })
	return c.Conn.Close()
}

// swallow takes what comes and says nothing, until the other side ends.
func swallow(r io.Reader) { io.Copy(io.Discard, r) }

// flood writes until nobody takes it any more.
func flood(w io.Writer) {
	block := make([]byte, 32<<10)
	for i := range block {
		block[i] = 'x'
	}
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// leaveOpen takes channels and answers nothing on them.
func leaveOpen(chans <-chan ssh.NewChannel) {
	for range chans {
		continue
	}
}
