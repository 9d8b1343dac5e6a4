package fleet

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// Listen makes the hosts take connections over TCP, each at its own loopback
// address, all at one port: Port, or a free one if that is 0. The socket is
// bound to the loopback interface, so that nobody else reaches it.
func (f *Fleet) Listen() error {
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var bindErr error
		err := c.Control(func(fd uintptr) { bindErr = unix.BindToDevice(int(fd), "lo") })
		if err != nil {
			return err
		}
		return bindErr
	}}
	listener, err := config.Listen(context.Background(), "tcp4", net.JoinHostPort("0.0.0.0", strconv.Itoa(f.Port)))
	if err != nil {
		return fmt.Errorf("listen on loopback: %w", err)
	}
	f.Port = listener.Addr().(*net.TCPAddr).Port
	if !f.serves.admit(listener) {
		return net.ErrClosed
	}
	go func() {
		defer f.serves.leave(listener)
		f.accept(listener)
	}()
	return nil
}

// accept takes connections until the listener is closed.
func (f *Fleet) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		number := f.numberOf(conn.LocalAddr().(*net.TCPAddr).IP)
		if number < 0 || !f.serves.admit(conn) {
			conn.Close()
			continue
		}
		go func() {
			defer f.serves.leave(conn)
			if f.RoundTrip > 0 {
				conn = Lengthen(conn, f.RoundTrip)
			}
			f.hosts[number].take(conn)
		}()
	}
}
