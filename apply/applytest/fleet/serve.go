package fleet

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"syscall"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// serving keeps what a fleet has running.
type serving struct {
	mu    sync.Mutex
	conns map[io.Closer]bool
	ended bool
	wg    sync.WaitGroup
}

// Close cuts all connections and waits for everything that served them.
func (f *Fleet) Close() error {
	f.serves.mu.Lock()
	f.serves.ended = true
	for c := range f.serves.conns {
		c.Close()
	}
	f.serves.mu.Unlock()
	f.serves.wg.Wait()
	return nil
}

// admit counts a connection in; false when the fleet has ended.
func (s *serving) admit(c io.Closer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	if s.conns == nil {
		s.conns = map[io.Closer]bool{}
	}
	s.conns[c] = true
	s.wg.Add(1)
	return true
}

func (s *serving) leave(c io.Closer) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.wg.Done()
}

// Dial reaches a host in memory, at the address that Targets declares. It is a
// remote.Dialer's DialTCP.
func (f *Fleet) Dial(ctx context.Context, address string) (net.Conn, error) {
	name, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	number := f.numberOf(net.ParseIP(name))
	if number < 0 || port != strconv.Itoa(f.port()) {
		return nil, fmt.Errorf("dial %s: %w", address, syscall.ECONNREFUSED)
	}
	h := &f.hosts[number]
	if err := h.knock(ctx); err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	ours, theirs := newWire(f.RoundTrip/2, &net.TCPAddr{IP: net.ParseIP(name), Port: f.port()})
	if !f.serves.admit(ours) {
		return nil, net.ErrClosed
	}
	go func() {
		defer f.serves.leave(ours)
		h.take(ours)
	}()
	return theirs, nil
}

// knock is TCP's own round trip.
func (h *Host) knock(ctx context.Context) error {
	if err := pause(ctx, h.fleet.RoundTrip); err != nil {
		return err
	}
	if h.faulty() == Dead {
		return syscall.ECONNREFUSED
	}
	return nil
}

// take serves a connection as the host's fault wants it.
func (h *Host) take(conn net.Conn) {
	defer conn.Close()
	switch h.faulty() {
	case MuteAtBanner:
		swallow(conn)
		return
	case Slow:
		conn = newSlowConn(conn)
		defer conn.Close()
	}
	h.serve(conn)
}

var errUnknownKey = errors.New("unknown key")

// serve is sshd with one connection.
func (h *Host) serve(conn net.Conn) {
	taken := h.fleet.Client().PublicKey().Marshal()
	config := &ssh.ServerConfig{
		ServerVersion: Version,
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if !bytes.Equal(key.Marshal(), taken) {
				return nil, errUnknownKey
			}
			return nil, nil
		},
	}
	number := h.number
	if h.faulty() == WrongKey {
		number += 1 << 40
	}
	config.AddHostKey(h.fleet.key(number))
	c, chans, reqs, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	h.mu.Lock()
	h.boot()
	h.logins++
	mute := h.fault == MuteAfterLogin
	h.mu.Unlock()
	var wg sync.WaitGroup
	defer wg.Wait()
	if mute {
		wg.Go(func() { leaveOpen(chans) })
		wg.Go(func() {
			for range reqs {
				continue
			}
		})
		c.Wait()
		return
	}
	wg.Go(func() { ssh.DiscardRequests(reqs) })
	for open := range chans {
		if open.ChannelType() != "session" {
			open.Reject(ssh.UnknownChannelType, "not here")
			continue
		}
		ch, reqs, err := open.Accept()
		if err != nil {
			continue
		}
		wg.Go(func() { h.session(conn, ch, reqs) })
	}
	c.Wait()
}

// session runs one program on a channel.
func (h *Host) session(conn net.Conn, ch ssh.Channel, reqs <-chan *ssh.Request) {
	var wg sync.WaitGroup
	defer wg.Wait()
	started := false
	for r := range reqs {
		var word struct{ Text string }
		known := ssh.Unmarshal(r.Payload, &word) == nil
		naive := r.Type == "exec" && word.Text == NaiveCommand
		inner := r.Type == "exec" && word.Text == RehearseCommand
		shell := r.Type == "exec" && word.Text == "/bin/sh"
		files := r.Type == "subsystem" && word.Text == "sftp"
		runs := known && !started && (shell || files || naive || inner)
		if r.WantReply {
			r.Reply(runs, nil)
		}
		if !runs {
			continue
		}
		started = true
		wg.Go(func() {
			defer ch.Close()
			status := 0
			switch {
			case files:
				h.serveFiles(conn, ch)
			case naive:
				status = h.changeNaively(ch)
			case inner:
				h.serve(&channelConn{in: bufio.NewReader(ch), ch: ch})
			default:
				status = h.conduct(ch)
			}
			ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
		})
	}
}

func (h *Host) serveFiles(conn net.Conn, ch ssh.Channel) {
	d := disk{h: h}
	if h.faulty() == DiesWriting {
		d.dies = func() {
			h.SetFault(Dead)
			conn.Close()
		}
	}
	server := sftp.NewRequestServer(ch, d.handlers())
	server.Serve()
	server.Close()
}
