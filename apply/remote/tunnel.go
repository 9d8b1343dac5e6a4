package remote

import (
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// A tunnel is a byte stream over a channel, as a transport for another SSH
// connection. Unlike a bare channel, its Read ends at once when it is closed,
// even if the other side is dead.
type tunnel struct {
	write  io.Writer
	end    func() error
	remote net.Addr

	once sync.Once
	pipe *io.PipeReader
}

// newTunnel pumps from r until it ends. end closes what is below; r has to end
// then, sooner or later.
func newTunnel(r io.Reader, w io.Writer, end func() error, remote net.Addr) *tunnel {
	reader, writer := io.Pipe()
	go func() {
		_, err := io.Copy(writer, r)
		writer.CloseWithError(err) // nil is io.EOF
	}()
	return &tunnel{write: w, end: end, remote: remote, pipe: reader}
}

func (t *tunnel) Read(p []byte) (int, error)  { return t.pipe.Read(p) }
func (t *tunnel) Write(p []byte) (int, error) { return t.write.Write(p) }

func (t *tunnel) Close() error {
	var err error
	t.once.Do(func() {
		t.pipe.CloseWithError(net.ErrClosed)
		err = t.end()
	})
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
