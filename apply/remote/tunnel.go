package remote

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A tunnel is a byte stream over a channel, as a transport for another SSH
// connection. Unlike a bare channel's, its Read ends at once when it is closed,
// even if the other side is dead: end sees to that.
type tunnel struct {
	io.Reader
	io.Writer
	end    func() error
	remote net.Addr
	once   sync.Once
}

// tunnelTo is a tunnel over a whole channel.
func tunnelTo(ch *channel, target string) *tunnel {
	reader, writer := io.Pipe()
	go func() {
		// There is one for each host behind a bastion: io.Copy would hold 32 KiB.
		_, err := io.CopyBuffer(writer, ch, make([]byte, 4<<10))
		writer.CloseWithError(err) // nil is io.EOF
	}()
	end := func() error {
		reader.CloseWithError(net.ErrClosed)
		return ch.Close()
	}
	return &tunnel{Reader: reader, Writer: ch, end: end, remote: address(target)}
}

func (t *tunnel) Close() error {
	var err error
	t.once.Do(func() { err = t.end() })
	return err
}

func (t *tunnel) LocalAddr() net.Addr  { return t.remote }
func (t *tunnel) RemoteAddr() net.Addr { return t.remote }

// Deadlines are kept by whoever waits, by closing the tunnel.
func (t *tunnel) SetDeadline(time.Time) error      { return os.ErrNoDeadline }
func (t *tunnel) SetReadDeadline(time.Time) error  { return os.ErrNoDeadline }
func (t *tunnel) SetWriteDeadline(time.Time) error { return os.ErrNoDeadline }

// An address is a host and port as somebody else sees them.
type address string

func (a address) Network() string { return "tcp" }
func (a address) String() string  { return string(a) }
