package remote

import (
	"context"
	"fmt"
	"net"
	"sync"

	"golang.org/x/crypto/ssh"
)

// A bastion is a host on the way, with the one connection that all hosts
// behind it share, as long as any of them is open.
type bastion struct {
	// handshakes has a place for each host behind that may be dialled now:
	// more at a time, and MaxStartups drops some.
	handshakes chan struct{}

	mu      sync.Mutex
	users   int
	session *session
	dialing *sync.WaitGroup // not nil while somebody dials
	err     error
}

// open reaches the end of a route.
func (d *Dialer) open(ctx context.Context, r *route) (*host, error) {
	check, err := d.hostCheck(r.end, r.pinned)
	if err != nil {
		return nil, reachError(r.host, StageResolve, err)
	}
	s, err := d.reach(ctx, r, check)
	if err != nil && check.retry(err) {
		s, err = d.reach(ctx, r, check)
	}
	if err != nil {
		return nil, err
	}
	return newHost(d, r, s), nil
}

// reach dials and logs in to the end of a route, through its bastions.
func (d *Dialer) reach(ctx context.Context, r *route, keys keyCheck) (*session, error) {
	l, err := d.login(ctx, r.host, r.end, keys)
	if err != nil {
		return nil, err
	}
	return d.reachWith(ctx, r, l)
}

func (d *Dialer) reachWith(ctx context.Context, r *route, l *login) (*session, error) {
	transport, done, release, err := d.transport(ctx, r, len(r.jumps), l.address)
	if err != nil {
		return nil, err
	}
	o, err := l.shake(ctx, transport)
	done()
	if err != nil {
		release()
		return nil, err
	}
	return newSession(o, transport, d, release), nil
}

// transport opens a byte stream to an address behind the first n bastions of
// a route. done is called when the handshake over it has ended, release when
// the stream is not needed any more.
func (d *Dialer) transport(ctx context.Context, r *route, n int, target string) (conn net.Conn, done, release func(), err error) {
	if n == 0 {
		conn, err = d.dialTCP(ctx, target, r.end.timeout)
		if err != nil {
			return nil, nil, nil, reachError(r.host, StageDial, err)
		}
		return conn, func() {}, func() {}, nil
	}
	b, s, err := d.pass(ctx, r, n-1)
	if err != nil {
		return nil, nil, nil, err
	}
	release = func() { b.leave() }
	select {
	case b.handshakes <- struct{}{}:
	case <-ctx.Done():
		release()
		return nil, nil, nil, reachError(r.host, StageJump, context.Cause(ctx))
	}
	done = sync.OnceFunc(func() { <-b.handshakes })
	through, err := s.forward(ctx, r, target)
	if err != nil {
		done()
		release()
		return nil, nil, nil, reachError(r.host, StageJump, fmt.Errorf("%s: %w", r.jumps[n-1].address, err))
	}
	return through, done, release, nil
}

// forward opens a direct-tcpip channel (RFC 4254, section 7.2).
func (s *session) forward(ctx context.Context, r *route, target string) (*tunnel, error) {
	ch, err := s.direct(ctx, r, target)
	if err != nil {
		return nil, err
	}
	s.wg.Go(func() { drain(ch.Stderr()) })
	return tunnelTo(ch, target), nil
}

func (s *session) direct(ctx context.Context, r *route, target string) (*channel, error) {
	name, port, err := splitAddress(target)
	if err != nil {
		return nil, err
	}
	return s.openChannel(ctx, r.end.timeout, "direct-tcpip", ssh.Marshal(struct {
		Host   string
		Port   uint32
		Origin string
		From   uint32
	}{name, uint32(port), "127.0.0.1", 0}))
}

// pass returns the shared connection to a route's bastion n, dialling it if
// need be. Everybody who got it leaves it again.
func (d *Dialer) pass(ctx context.Context, r *route, n int) (*bastion, *session, error) {
	b, err := d.bastion(r, n)
	if err != nil {
		return nil, nil, err
	}
	for {
		b.mu.Lock()
		if b.session != nil && !b.session.dead() {
			b.users++
			s := b.session
			b.mu.Unlock()
			return b, s, nil
		}
		if others := b.dialing; others != nil {
			b.mu.Unlock()
			others.Wait()
			b.mu.Lock()
			err := b.err
			b.mu.Unlock()
			switch {
			case ctx.Err() != nil:
				return nil, nil, reachError(r.host, StageJump, context.Cause(ctx))
			case err != nil:
				return nil, nil, jumpError(r, n, err)
			}
			continue
		}
		b.dialing = new(sync.WaitGroup)
		b.dialing.Add(1)
		old := b.session
		b.session = nil
		b.mu.Unlock()
		if old != nil {
			old.close()
		}
		s, err := d.dialBastion(ctx, r, n)
		b.mu.Lock()
		b.session, b.err = s, err
		if ctx.Err() != nil {
			b.err = nil // it was we who gave up; the others try themselves
		}
		dialing := b.dialing
		b.dialing = nil
		if err == nil {
			b.users++
		}
		b.mu.Unlock()
		dialing.Done()
		if err != nil {
			return nil, nil, jumpError(r, n, err)
		}
		return b, s, nil
	}
}

// jumpError says that it was a bastion that failed, and which.
func jumpError(r *route, n int, err error) error {
	return &ReachError{Host: r.host, Stage: StageJump, Err: fmt.Errorf("bastion %w", err)}
}

func (d *Dialer) bastion(r *route, n int) (*bastion, error) {
	id := ""
	for _, j := range r.jumps[:n+1] {
		id += j.id() + "\n"
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, reachError(r.host, StageJump, net.ErrClosed)
	}
	b := d.bastions[id]
	if b == nil {
		b = &bastion{handshakes: make(chan struct{}, orDefault(d.Handshakes, DefaultHandshakes))}
		if d.bastions == nil {
			d.bastions = map[string]*bastion{}
		}
		d.bastions[id] = b
	}
	return b, nil
}

func (d *Dialer) dialBastion(ctx context.Context, r *route, n int) (*session, error) {
	h := r.jumps[n]
	check, err := d.hostCheck(h, "")
	if err != nil {
		return nil, reachError(h.address, StageResolve, err)
	}
	dial := func() (*session, error) {
		l, err := d.login(ctx, h.address, h, check)
		if err != nil {
			return nil, err
		}
		l.anything = true
		transport, done, release, err := d.transport(ctx, r, n, l.address)
		if err != nil {
			return nil, err
		}
		o, err := l.shake(ctx, transport)
		done()
		if err != nil {
			release()
			return nil, err
		}
		return newSession(o, transport, d, release), nil
	}
	s, err := dial()
	if err != nil && check.retry(err) {
		s, err = dial()
	}
	return s, err
}

// leave gives up a share of the connection; the last one ends it.
func (b *bastion) leave() {
	b.mu.Lock()
	b.users--
	var s *session
	if b.users == 0 {
		s, b.session = b.session, nil
	}
	b.mu.Unlock()
	if s != nil {
		s.close()
	}
}

func (b *bastion) close() error {
	b.mu.Lock()
	s := b.session
	b.session = nil
	b.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.close()
}
