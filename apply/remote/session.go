package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// A session is one authenticated SSH connection. It answers what the server
// asks, asks for signs of life itself, and ends when they fail to come.
type session struct {
	opened
	transport net.Conn
	keepalive time.Duration
	buffers   *buffers // of the dialer
	release   func()   // gives up the bastion; may be nil

	quiet    atomic.Bool        // no requests of our own
	channels chan *channel      // whose requests are to be answered
	asked    chan time.Time     // when the server asked for a sign of life, until somebody looks
	failed   chan struct{}      // closed when the connection is gone
	stopping context.CancelFunc // ends the keepalive
	wg       tasks
	once     sync.Once

	mu    sync.Mutex
	cause error       // why we ended it
	next  *time.Timer // to the next request for a sign of life
}

func newSession(o *opened, transport net.Conn, d *Dialer, release func()) *session {
	s := &session{opened: *o, transport: transport, keepalive: d.keepalive(), buffers: &d.buffers, release: release,
		channels: make(chan *channel), asked: make(chan time.Time, 1), failed: make(chan struct{})}
	ctx, cancel := context.WithCancel(context.Background())
	s.stopping = cancel
	if _, within := transport.(*tunnel); !within { // what carries a tunnel gathers already
		s.link.gatherWith(s.wg.Go, &d.buffers)
	}
	s.wg.Go(func() {
		defer close(s.failed)
		s.answer()
		s.conn.Wait()
	})
	s.askLater(ctx)
	return s
}

// answer replies to requests as ssh does: it does not know them, and that is
// the sign of life that is asked for. It takes those of all channels, which need
// no goroutine of their own then, and ends with the connection.
func (s *session) answer() {
	const foreign, global, added, first = 0, 1, 2, 3
	from := []reflect.SelectCase{receiving(s.chans), receiving(s.reqs), receiving(s.channels)}
	var channels []*channel
	for open := 2; open > 0 || len(channels) > 0; {
		i, got, more := reflect.Select(from)
		switch {
		case !more && i < first:
			from[i].Chan = reflect.Value{} // never chosen again
			open--
		case !more:
			close(channels[i-first].ended)
			from, channels = slices.Delete(from, i, i+1), slices.Delete(channels, i-first, i-first+1)
		case i == foreign:
			// Nothing was forwarded, so nobody may open a channel to us.
			got.Interface().(ssh.NewChannel).Reject(ssh.Prohibited, "no channels are taken")
		case i == global:
			s.reply(got.Interface().(*ssh.Request))
		case i == added:
			c := got.Interface().(*channel)
			from, channels = append(from, receiving(c.requests)), append(channels, c)
		default:
			channels[i-first].take(got.Interface().(*ssh.Request))
		}
	}
}

func receiving(c any) reflect.SelectCase {
	return reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)}
}

func (s *session) reply(r *ssh.Request) {
	if r.Type == keepaliveRequest {
		select {
		case s.asked <- time.Now():
		default:
		}
	}
	if r.WantReply {
		r.Reply(false, nil)
	}
}

// keepaliveRequest is what OpenSSH calls the request for a sign of life, in
// both directions (clientloop.c, serverloop.c).
const keepaliveRequest = "keepalive@openssh.com"

// askLater asks for a sign of life when one is due, and so on until ctx is done.
// Nothing runs in between: most connections end before the first is due.
func (s *session) askLater(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = time.AfterFunc(s.keepalive, func() {
		s.wg.Go(func() {
			if s.stillThere(ctx) {
				s.askLater(ctx)
			}
		})
	})
}

// stillThere asks for a sign of life, unless nothing may be asked now, and ends
// the connection if none comes.
func (s *session) stillThere(ctx context.Context) bool {
	switch {
	case s.dead() || ctx.Err() != nil:
		return false
	case s.quiet.Load() || s.alive(ctx):
		return true
	}
	s.fail(&TimeoutError{What: fmt.Sprintf("the host gave no sign of life for %s", s.keepalive)})
	return false
}

// alive asks for one sign of life.
func (s *session) alive(ctx context.Context) bool {
	answered := make(chan struct{})
	s.wg.Go(func() {
		defer close(answered)
		s.conn.SendRequest(keepaliveRequest, true, nil)
	})
	timer := time.NewTimer(s.keepalive)
	defer timer.Stop()
	select {
	case <-answered: // an error is one too: Wait tells it
		return true
	case <-ctx.Done():
		return true
	case <-timer.C:
		return false
	}
}

// fail ends the connection with a reason that errors will carry.
func (s *session) fail(cause error) {
	s.mu.Lock()
	if s.cause == nil {
		s.cause = cause
	}
	s.mu.Unlock()
	if tcp, direct := s.transport.(*net.TCPConn); direct {
		// What the host has not got must not reach it any more: the kernel would
		// go on sending for minutes, and a step that was given up, or the bytes
		// of a staged file, would arrive when the watchdog has tidied up.
		tcp.SetLinger(0)
	}
	s.transport.Close()
}

// because replaces an error of a broken connection by the reason we know.
func (s *session) because(err error) error {
	if err == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cause != nil {
		return s.cause
	}
	return err
}

// close ends the connection and waits for all that ran for it.
func (s *session) close() error {
	s.once.Do(func() {
		s.stopping()
		s.transport.Close()
		s.wg.Wait()
		s.next.Stop() // what it starts is none of the tasks any more
		if s.release != nil {
			s.release()
		}
	})
	return nil
}

// dead reports whether the connection is gone.
func (s *session) dead() bool {
	select {
	case <-s.failed:
		return true
	default:
		return false
	}
}

// within waits for f until the context or the time ends. f ends at the latest
// with the connection.
func within[T any](ctx context.Context, s *session, timeout time.Duration, what string, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	var none T
	done := make(chan result, 1)
	if !s.wg.Go(func() {
		value, err := f()
		done <- result{value, err}
	}) {
		return none, s.because(net.ErrClosed)
	}
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.value, s.because(r.err)
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-timer.C:
		return none, &TimeoutError{What: what}
	}
}

// A channel is an SSH channel with its requests answered.
type channel struct {
	ssh.Channel
	session  *session
	requests <-chan *ssh.Request
	ended    chan struct{} // closed when the channel is
	status   atomic.Int32  // exit status; -1 until one came
}

// errNoSession says that the server opens no further session on the connection
// (MaxSessions in sshd_config(5)).
var errNoSession = errors.New("the server opens no further session on this connection (MaxSessions)")

// openChannel opens a channel and answers its requests.
func (s *session) openChannel(ctx context.Context, timeout time.Duration, kind string, extra []byte) (*channel, error) {
	type pair struct {
		ch   ssh.Channel
		reqs <-chan *ssh.Request
	}
	cancelled := make(chan struct{})
	got, err := within(ctx, s, timeout, "a channel was not opened", func() (pair, error) {
		ch, reqs, err := s.conn.OpenChannel(kind, extra)
		select {
		case <-cancelled:
			if err == nil {
				ch.Close()
				s.wg.Go(func() { ssh.DiscardRequests(reqs) })
			}
		default:
		}
		return pair{ch, reqs}, err
	})
	if err != nil {
		close(cancelled)
		var refused *ssh.OpenChannelError
		if errors.As(err, &refused) {
			if kind == "session" {
				return nil, errNoSession
			}
			return nil, fmt.Errorf("%s: %s", refused.Reason, clean(refused.Message))
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	c := &channel{Channel: got.ch, session: s, requests: got.reqs, ended: make(chan struct{})}
	c.status.Store(-1)
	select {
	case s.channels <- c:
	case <-s.failed:
		close(c.ended)
	}
	return c, nil
}

// take takes a request that came on the channel.
func (c *channel) take(r *ssh.Request) {
	if r.Type == "exit-status" {
		var status struct{ Status uint32 }
		if ssh.Unmarshal(r.Payload, &status) == nil {
			c.status.Store(int32(status.Status & 0xff))
		}
	}
	c.session.reply(r)
}

// packetData is how much of what is written travels in one packet, in bytes. The
// library keeps two buffers of the longest packet that was ever sent, for as
// long as the connection lives: with this, header, padding and tag, 1 KiB each.
const packetData = 980

// Write writes p in packets of packetData bytes.
func (c *channel) Write(p []byte) (int, error) {
	written := 0
	for rest := range slices.Chunk(p, packetData) {
		n, err := c.Channel.Write(rest)
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// exec asks for a command and does not wait for the answer: what the command
// says tells whether it runs.
func (c *channel) exec(command string) error {
	_, err := c.SendRequest("exec", false, ssh.Marshal(struct{ Command string }{command}))
	return err
}

// Tasks are the goroutines of one connection. None is started after Wait.
type tasks struct {
	mu   sync.Mutex
	wg   sync.WaitGroup
	over bool
}

// Go starts f and reports whether it did.
func (t *tasks) Go(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return false
	}
	t.wg.Go(f)
	return true
}

// Wait takes no further task and waits for all.
func (t *tasks) Wait() {
	t.mu.Lock()
	t.over = true
	t.mu.Unlock()
	t.wg.Wait()
}

// expires is when the certificate that opened the connection ends; zero
// without one, or if it never does.
func (s *session) expires() time.Time {
	if s.offer == nil {
		return time.Time{}
	}
	cert, ok := s.offer.public.(*ssh.Certificate)
	if !ok || cert.ValidBefore == ssh.CertTimeInfinity || cert.ValidBefore > math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(int64(cert.ValidBefore), 0)
}
