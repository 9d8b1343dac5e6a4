package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// authTimeout is the least that a login may take: tokens want to be touched.
const authTimeout = 30 * time.Second

// A login is all that one SSH handshake needs.
type login struct {
	host     string // for errors
	address  string // "name:port", for the library
	user     string
	timeout  time.Duration // of each stage
	offers   []*offer
	skipped  []string // keys that cannot be offered, and why
	keys     keyCheck
	anything bool // need not be OpenSSH
}

// A keyCheck decides about host keys.
type keyCheck interface {
	// algorithms are the host key algorithms to ask for, best first; nil
	// leaves the library's.
	algorithms() []string
	// check returns nil if the key is trusted.
	check(key ssh.PublicKey) error
}

// An opened connection is what a handshake gives.
type opened struct {
	conn   ssh.Conn
	link   *link
	chans  <-chan ssh.NewChannel
	reqs   <-chan *ssh.Request
	key    ssh.PublicKey // of the host
	offer  *offer        // that was accepted
	banner string
}

// shake logs in over a transport. It closes the transport when it fails.
func (l *login) shake(ctx context.Context, transport net.Conn) (*opened, error) {
	watch := newStageWatch(ctx, transport, l.timeout)
	defer watch.stop()
	conn := newLink(transport, l.anything, watch.reached)
	out := &opened{link: conn}
	var said strings.Builder
	trials := newTrials(watch.context(), l.offers, watch.paused)
	config := &ssh.ClientConfig{
		User:              l.user,
		Auth:              []ssh.AuthMethod{ssh.PublicKeysCallback(trials.signers)},
		HostKeyAlgorithms: l.keys.algorithms(),
		ClientVersion:     "SSH-2.0-sshform",
		HostKeyCallback: func(_ string, _ net.Addr, key ssh.PublicKey) error {
			if err := l.keys.check(key); err != nil {
				return err
			}
			watch.reached(StageAuth)
			var err error
			// The library's key is a part of the packet that brought it, which
			// would stay with the key.
			out.key, err = ssh.ParsePublicKey(key.Marshal())
			return err
		},
		BannerCallback: func(message string) error {
			if said.Len() < maxSaid {
				said.WriteString(message)
			}
			return nil
		},
	}
	var err error
	out.conn, out.chans, out.reqs, err = ssh.NewClientConn(conn, l.address, config)
	if err != nil {
		return nil, l.explain(err, watch, conn, trials, said.String())
	}
	if err := watch.stop(); err != nil {
		out.conn.Close()
		return nil, reachError(l.host, StageAuth, err)
	}
	out.offer = trials.accepted()
	out.banner, _ = conn.said()
	return out, nil
}

// explain turns what the library says into what happened.
func (l *login) explain(err error, watch *stageWatch, conn *link, trials *trials, said string) error {
	stage := watch.stage()
	if ended := watch.stop(); ended != nil {
		return reachError(l.host, stage, ended)
	}
	var keyErr *HostKeyError
	var notOpenSSH *NotOpenSSHError
	switch {
	case errors.As(err, &keyErr):
		return reachError(l.host, StageKex, keyErr)
	case errors.As(err, &notOpenSSH):
		return reachError(l.host, StageBanner, notOpenSSH)
	case trials.broken() != nil:
		return reachError(l.host, StageAuth, trials.broken())
	case stage == StageBanner:
		_, before := conn.said()
		if hungUp(err) || before != "" {
			return reachError(l.host, StageBanner, refused(before))
		}
	case stage == StageKex && hungUp(err):
		return reachError(l.host, StageKex, &DroppedError{plain(err)})
	case stage == StageAuth:
		return reachError(l.host, StageAuth, &AuthError{User: l.user, Offered: trials.offered(), Skipped: l.skipped, Said: clean(said), Err: plainAuthError(err)})
	}
	return reachError(l.host, stage, plain(err))
}

// refused reads what sshd says to addresses it does not want: "Not allowed at
// this time" for a penalty, "Exceeded MaxStartups" when busy (sshd.c).
func refused(said string) *RefusedError {
	return &RefusedError{Banned: strings.Contains(said, "Not allowed at this time"), Said: said}
}

func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// plain takes the library's prefixes away, which name no layer a person knows.
func plain(err error) error {
	text := err.Error()
	for _, prefix := range []string{"ssh: handshake failed: ", "ssh: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	if text == err.Error() {
		return err
	}
	return &said{text: clean(text), err: err}
}

// plainAuthError leaves out what AuthError says itself.
func plainAuthError(err error) error {
	if strings.Contains(err.Error(), "no supported methods remain") {
		return nil
	}
	return plain(err)
}

// said is an error in other words.
type said struct {
	text string
	err  error
}

func (e *said) Error() string { return e.text }
func (e *said) Unwrap() error { return e.err }

// A stageWatch gives every stage of a handshake its time, and ends the
// transport when a stage has used it up or the context is done. The library
// has no deadline of its own after TCP.
type stageWatch struct {
	ctx     context.Context
	cancel  context.CancelCauseFunc
	conn    net.Conn
	timeout time.Duration
	timer   *time.Timer
	unhook  func() bool

	mu      sync.Mutex
	now     Stage
	pauses  int
	stopped bool
}

func newStageWatch(ctx context.Context, conn net.Conn, timeout time.Duration) *stageWatch {
	w := &stageWatch{conn: conn, timeout: timeout, now: StageBanner}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.unhook = context.AfterFunc(w.ctx, func() { conn.Close() })
	w.timer = time.AfterFunc(timeout, w.expire)
	return w
}

func (w *stageWatch) context() context.Context { return w.ctx }

func (w *stageWatch) expire() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped || w.pauses > 0 {
		return
	}
	w.cancel(&TimeoutError{What: map[Stage]string{
		StageBanner: "the port is open and no banner came",
		StageKex:    "the key exchange did not end",
		StageAuth:   "the login did not end",
	}[w.now]})
}

func (w *stageWatch) reached(stage Stage) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = stage
	w.restart()
}

// restart gives the present stage its full time. It is called with mu held.
func (w *stageWatch) restart() {
	if w.stopped || w.pauses > 0 {
		return
	}
	timeout := w.timeout
	if w.now == StageAuth {
		timeout = max(timeout, authTimeout)
	}
	w.timer.Reset(timeout)
}

// paused runs ask, during which a person is waited for and the time stands
// still.
func (w *stageWatch) paused(ask func()) {
	w.mu.Lock()
	w.pauses++
	w.timer.Stop()
	w.mu.Unlock()
	ask()
	w.mu.Lock()
	w.pauses--
	w.restart()
	w.mu.Unlock()
}

func (w *stageWatch) stage() Stage {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// stop ends the watch and returns why it ended the transport, if it did.
func (w *stageWatch) stop() error {
	w.mu.Lock()
	first := !w.stopped
	w.stopped = true
	w.timer.Stop()
	w.mu.Unlock()
	if !first {
		return nil
	}
	undone := w.unhook()
	defer w.cancel(nil)
	if undone {
		return nil
	}
	return context.Cause(w.ctx)
}

// dialTCP opens the transport within the timeout.
func (d *Dialer) dialTCP(ctx context.Context, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	dial := d.DialTCP
	if dial == nil {
		var dialer net.Dialer
		// Our own requests tell a dead peer from a silent one.
		dialer.KeepAlive = -1
		dial = func(ctx context.Context, address string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		}
	}
	conn, err := dial(ctx, address)
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		return nil, &TimeoutError{What: fmt.Sprintf("nothing answers at %s", address)}
	}
	return conn, err
}
