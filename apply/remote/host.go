package remote

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"sync"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/schema"
)

// maxConnections is how many connections one host may need, if each takes one
// session only: SFTP, the transaction's shells, a rehearsal.
const maxConnections = 6

// A host is a machine that is reached over SSH.
type host struct {
	dialer   *Dialer
	route    *route
	main     *session
	nonce    string // 128 random bits, in hex
	password *password

	mu       sync.Mutex
	sessions []*session // main, and more where MaxSessions is small
	sftp     *sftpStart
	closed   bool
}

var (
	_ apply.Host      = (*host)(nil)
	_ apply.Rehearser = (*host)(nil)
	_ apply.Tunneller = (*host)(nil)
	_ apply.Prober    = (*host)(nil)
)

func newHost(d *Dialer, r *route, s *session) *host {
	var bits [16]byte
	rand.Read(bits[:]) // never fails
	return &host{dialer: d, route: r, main: s, nonce: hex.EncodeToString(bits[:]), password: &password{}, sessions: []*session{s}}
}

// Facts tells how the host was reached and what answered.
func (h *host) Facts() apply.Facts {
	release, _ := schema.ParseBanner(h.main.banner)
	c := h.route.facts
	c.Jump = slices.Clone(c.Jump)
	c.HostKey = fingerprint(h.main.key)
	if file, several := identityOf(h.route.end.credentials.files, h.main.offer); several {
		c.IdentityFile = file
	}
	return apply.Facts{Connection: c, Banner: clean(h.main.banner), Release: release, Expires: h.main.expires()}
}

// Redial connects and logs in anew, at the address this connection leads to,
// with the key that opened it, and takes no other host key. Bastions are
// shared as ever.
func (h *host) Redial(ctx context.Context) (apply.Host, error) {
	s, err := h.again(ctx)
	if err != nil {
		return nil, err
	}
	n := newHost(h.dialer, h.route, s)
	n.password = h.password
	return n, nil
}

// again opens another connection like the main one.
func (h *host) again(ctx context.Context) (*session, error) {
	l := h.sameLogin()
	if len(h.route.jumps) == 0 {
		// A name may lead elsewhere now; the host is where it was.
		l.address = h.main.transport.RemoteAddr().String()
	}
	return h.dialer.reachWith(ctx, h.route, l)
}

// sameLogin is the login that opened the main connection.
func (h *host) sameLogin() *login {
	end := h.route.end
	l := &login{
		host: h.route.host, address: joinAddress(end.address, end.port), user: end.user, timeout: end.timeout,
		keys: &sameKeyCheck{name: end.address, key: plainKey(h.main.key)},
	}
	if h.main.offer != nil { // nil: the host lets everybody in
		l.offers = []*offer{h.main.offer}
	}
	return l
}

// openSession opens a session channel on a connection that still takes one, or
// on a further connection: with MaxSessions 1, each carries one.
func (h *host) openSession(ctx context.Context) (*channel, error) {
	h.mu.Lock()
	sessions := slices.Clone(h.sessions)
	closed := h.closed
	h.mu.Unlock()
	if closed {
		return nil, io.ErrClosedPipe
	}
	for _, s := range sessions {
		ch, err := s.openChannel(ctx, h.dialer.requestTimeout(), "session", nil)
		if err == nil || !errors.Is(err, errNoSession) || len(sessions) == maxConnections {
			return ch, err
		}
	}
	s, err := h.again(ctx)
	if err != nil {
		return nil, err
	}
	if err := h.add(s); err != nil {
		return nil, err
	}
	return s.openChannel(ctx, h.dialer.requestTimeout(), "session", nil)
}

func (h *host) add(s *session) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		s.close()
		return io.ErrClosedPipe
	}
	h.sessions = append(h.sessions, s)
	return nil
}

// Close ends everything on the host's connections and waits for it.
func (h *host) Close() error {
	h.mu.Lock()
	sessions := h.sessions
	start := h.sftp
	h.sessions, h.closed = nil, true
	h.mu.Unlock()
	var errs []error
	for _, s := range sessions {
		errs = append(errs, s.close())
	}
	if start != nil {
		start.close()
	}
	return errors.Join(errs...)
}

// error says of which host and stage an error is.
func (h *host) error(err error) error {
	var sudoErr *SudoError
	var noSFTP *NoSFTPError
	stage := StageSession
	switch {
	case errors.As(err, &sudoErr):
		stage = StageSudo
	case errors.As(err, &noSFTP):
		stage = StageSFTP
	}
	return reachError(h.route.host, stage, err)
}
