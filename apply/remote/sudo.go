package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
)

// A password is the sudo password of one host, asked once and used for every
// channel, also of connections that are dialled anew.
type password struct {
	mu    sync.Mutex
	bytes []byte
	wrong error // sudo refused it; another try might lock the account
}

func (p *password) known() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes != nil
}

// ask returns the password; the first one to want it asks.
func (p *password) ask(ctx context.Context, h *host) ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bytes != nil || p.wrong != nil {
		return p.bytes, p.wrong
	}
	if h.dialer.SudoPassword == nil {
		return nil, &SudoError{User: h.route.end.user, Doubt: SudoPassword}
	}
	answer, err := h.dialer.SudoPassword(ctx, h.route.end.user, h.route.host)
	switch {
	case err != nil:
		return nil, fmt.Errorf("sudo password: %w", err)
	case len(answer) == 0 || bytes.ContainsAny(answer, "\n\x00"):
		return nil, errors.New("sudo password: the answer is not one line")
	}
	p.bytes = answer
	return answer, nil
}

// refuse remembers that the password is wrong and returns the error of it.
func (p *password) refuse(h *host, said string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bytes, p.wrong = nil, &SudoError{User: h.route.end.user, Doubt: SudoWrong, Said: clean(said)}
	return p.wrong
}

// sudoDoubt reads sudo's words, and those of login shells that do not find it.
// They are translated on some hosts, so what is not recognised is no answer.
func sudoDoubt(said string) (SudoDoubt, bool) {
	said = strings.ToLower(said)
	for _, known := range []struct {
		words string
		doubt SudoDoubt
	}{
		{"must have a tty", SudoTerminal},
		{"no tty present", SudoTerminal},
		{"sudo: not found", SudoMissing},
		{"sudo: command not found", SudoMissing},
		{"unknown command: sudo", SudoMissing},
		{"command not found: sudo", SudoMissing},
		{"not in the sudoers", SudoDenied},
		{"not allowed to", SudoDenied},
		{"may not run sudo", SudoDenied},
		{"password is required", SudoPassword},
	} {
		if strings.Contains(said, known.words) {
			return known.doubt, true
		}
	}
	return "", false
}

// wantsPassword reports whether `sudo -n` ended because it wants a password. In
// a language that is not read here, its status has to be enough: asking tells.
func (h *host) wantsPassword(p *program, err error) bool {
	if p.command != sudoWord || !errors.Is(err, errEnded) || p.lost() {
		return false
	}
	said := p.errs.all()
	doubt, known := sudoDoubt(said)
	return doubt == SudoPassword || !known && p.status.Load() == 1 && strings.Contains(said, "sudo: ")
}

// beginAsking starts sudo so that it asks with a prompt nobody else can print,
// gives the password once, and sends the script only after the shell behind
// sudo said that it is there: whatever is sent earlier, sudo might take for a
// password.
func (h *host) beginAsking(ctx context.Context, script string) (*program, error) {
	secret, err := h.password.ask(ctx, h)
	if err != nil {
		return nil, err
	}
	p, err := h.start(ctx, sudoAskWord)
	if err != nil {
		return nil, err
	}
	if err := h.givePassword(ctx, p, secret); err != nil {
		p.Close()
		return nil, err
	}
	p.send(script)
	return p, nil
}

// givePassword answers the prompt and waits for the ready mark. No prompt
// means that no password is wanted, a second one that it is wrong.
func (h *host) givePassword(ctx context.Context, p *program, secret []byte) error {
	asked, err := h.promptOrReady(ctx, p)
	if err == nil && asked {
		if _, err = io.Copy(p.channel, io.MultiReader(bytes.NewReader(secret), strings.NewReader("\n"))); err != nil {
			return p.session.because(err)
		}
		again := false
		if again, err = h.promptOrReady(ctx, p); again {
			return h.password.refuse(h, "")
		}
	}
	if err == nil {
		return nil
	}
	refused := h.notStarted(p, err)
	var doubt *SudoError
	var ended *ShellError
	switch {
	case errors.As(refused, &doubt) && doubt.Doubt != SudoPassword:
		return refused
	case asked && (errors.As(refused, &doubt) || errors.As(refused, &ended)):
		// sudo that allows one try ends instead of asking again.
		return h.password.refuse(h, p.errs.all())
	}
	return refused
}

// promptOrReady waits for sudo's prompt on one stream or the ready mark on the
// other, and takes it. It returns errEnded when neither came.
func (h *host) promptOrReady(ctx context.Context, p *program) (prompt bool, err error) {
	return within(ctx, p.session, h.dialer.requestTimeout(), "sudo neither asked nor started", func() (bool, error) {
		mark := h.nonce + "-ready\n"
		type seen struct {
			prompt bool
			err    error
		}
		first := make(chan seen, 2)
		p.session.wg.Go(func() { first <- seen{true, p.errs.await(h.nonce)} })
		p.session.wg.Go(func() { first <- seen{false, p.out.await(mark)} })
		s := <-first
		if s.err != nil {
			s = <-first // one stream ended; the other may have it
		}
		switch {
		case s.err != nil:
			return false, s.err
		case s.prompt:
			return true, p.errs.skip(ctx, h.nonce)
		}
		return false, p.out.skip(ctx, mark)
	})
}
