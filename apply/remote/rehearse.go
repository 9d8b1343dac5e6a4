package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/sshform/sshform/apply"
)

// rehearsal is sent before a step that becomes an SSH server. sh has read it
// all before it runs any of it, so what follows on the channel is the server's.
const rehearsal = `sshform_rehearse() {
	PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin${PATH:+:$PATH}; export PATH
	LC_ALL=C; export LC_ALL; unset ENV BASH_ENV CDPATH
	umask 077
	printf '%s\n' NONCE
	sshform_s=$1; shift
	eval "$sshform_s"
}
`

// Rehearse logs in through the SSH server that the step becomes.
func (h *host) Rehearse(ctx context.Context, step apply.Step) error {
	words, err := h.dialer.words.quote(append([]string{"sshform_rehearse", step.Script}, step.Args...)...)
	if err != nil {
		return fmt.Errorf("step %s: %w", step.Name, err)
	}
	p, _, err := h.run(ctx, strings.ReplaceAll(rehearsal, "NONCE", h.nonce)+strings.Join(words, "")+"; exit\n")
	if err != nil {
		return fmt.Errorf("step %s: %w", step.Name, h.error(err))
	}
	defer p.Close()
	if err := h.serverSpeaks(ctx, p); err != nil {
		return fmt.Errorf("step %s: %w", step.Name, h.error(err))
	}
	transport := &tunnel{Reader: p.out, Writer: p.channel, end: p.hangUp, remote: h.main.transport.RemoteAddr()}
	if err := h.loginOver(ctx, transport); err != nil {
		return refusedLogin(err, p.errs.peek())
	}
	return nil
}

// hangUp ends the program's output at once, and its channel.
func (p *program) hangUp() error {
	p.out.end(net.ErrClosed)
	return p.Close()
}

// serverSpeaks waits for the server's first byte: until then, a shell would
// take what we send for its script.
func (h *host) serverSpeaks(ctx context.Context, p *program) error {
	_, err := within(ctx, p.session, h.dialer.requestTimeout(), "the rehearsal's sshd said nothing", func() (struct{}, error) {
		return struct{}{}, p.out.await("SSH-")
	})
	if !errors.Is(err, errEnded) {
		return err
	}
	if p.lost() {
		return p.session.because(io.ErrUnexpectedEOF)
	}
	return fmt.Errorf("the rehearsal's sshd did not start (status %d): %s", p.status.Load(), clean(p.errs.all()+" "+p.out.all()))
}

// loginOver makes a full login over a transport and opens a session, with the
// credential and the host key of the main connection.
func (h *host) loginOver(ctx context.Context, transport *tunnel) error {
	l := h.sameLogin()
	o, err := l.shake(ctx, transport)
	if err != nil {
		return err
	}
	s := newSession(o, transport, h.dialer, nil)
	defer s.close()
	ch, err := s.openChannel(ctx, h.dialer.requestTimeout(), "session", nil)
	if err != nil {
		return err
	}
	return ignoreEnd(ch.Close())
}

// refusedLogin tells a server that lets nobody in from a world that failed.
func refusedLogin(err error, stderr string) error {
	var timeout *TimeoutError
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &timeout) {
		return err
	}
	return &apply.LoginError{Stderr: clean(stderr), Err: err}
}

// ignoreEnd drops the error of closing what is closed.
func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// LoginInside logs in to an address as the host sees it, over direct-tcpip.
func (h *host) LoginInside(ctx context.Context, name string, port int) error {
	target := joinAddress(name, port)
	transport, err := h.main.forward(ctx, h.route, target)
	if err != nil {
		return fmt.Errorf("from inside to %s: %w", target, err)
	}
	defer transport.Close()
	if err := h.loginOver(ctx, transport); err != nil {
		return refusedLogin(err, "")
	}
	return nil
}

// AwaitProbe keeps quiet until sshd asks for a sign of life. sshd counts from
// the last packet it received (serverloop.c), and so do we.
func (h *host) AwaitProbe(ctx context.Context) (time.Duration, error) {
	s := h.main
	s.quiet.Store(true)
	defer s.quiet.Store(false)
	for len(s.asked) > 0 {
		<-s.asked
	}
	from := s.link.lastSent()
	select {
	case at := <-s.asked:
		return at.Sub(from), nil
	case <-s.failed:
		return 0, h.error(s.because(io.ErrUnexpectedEOF))
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}
