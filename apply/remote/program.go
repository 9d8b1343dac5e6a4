package remote

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"
)

// The only commands that are ever sent. Everything else goes to the standard
// input of the /bin/sh they start, so the login shell does not matter: csh and
// fish read these words as sh does. NONCE is hexadecimal.
const (
	shellWord   = "/bin/sh"
	sudoWord    = "sudo -n /bin/sh"
	sudoAskWord = "sudo -S -p NONCE /bin/sh -c 'echo NONCE-ready; exec /bin/sh'"
)

// maxChatter bounds what a login shell's profile may print before the program
// behind it, in bytes.
const maxChatter = 1 << 20

// A program is a /bin/sh on a channel, with the privilege that the connection
// declares.
type program struct {
	*channel
	command string // what was sent
	out     *output
	errs    *output

	sending sync.Mutex
	queue   []string
	writing bool
}

// start begins a program on a new channel. Nothing is sent to it yet.
func (h *host) start(ctx context.Context, command string) (*program, error) {
	ch, err := h.openSession(ctx)
	if err != nil {
		return nil, err
	}
	p := &program{channel: ch, command: strings.ReplaceAll(command, "NONCE", h.nonce)}
	p.out = &output{limit: MaxAnswer + maxChatter, over: func() { ch.Close() }}
	p.errs = &output{limit: maxChatter}
	ch.session.wg.Go(func() { p.out.fill(ch, 512, ch.session.buffers) })
	ch.session.wg.Go(func() { p.errs.fill(ch.Stderr(), 128, ch.session.buffers) })
	if err := ch.exec(p.command); err != nil {
		ch.Close()
		return nil, ch.session.because(err)
	}
	return p, nil
}

// run starts a program and waits until it printed a line that begins with the
// nonce, which the script has to do first. It returns the rest of that line.
// What the program prints after that is the caller's.
func (h *host) run(ctx context.Context, script string) (*program, string, error) {
	p, err := h.begin(ctx, script)
	if err != nil {
		return nil, "", err
	}
	return h.started(ctx, p, func() string { return script })
}

// begin starts a /bin/sh with the declared privilege. The script is sent along
// with the command, before it is known whether the command is granted: it
// holds no secret.
func (h *host) begin(ctx context.Context, script string) (*program, error) {
	word := shellWord
	if h.route.become == sudo {
		if h.password.known() {
			return h.beginAsking(ctx, script)
		}
		word = sudoWord
	}
	p, err := h.start(ctx, word)
	if err != nil {
		return nil, err
	}
	p.send(script)
	return p, nil
}

// send writes to the program in the background, one text after the other: it
// may not read while it prints. An error shows in what it prints.
func (p *program) send(texts ...string) {
	p.sending.Lock()
	defer p.sending.Unlock()
	p.queue = append(p.queue, texts...)
	if !p.writing {
		p.writing = p.session.wg.Go(p.write)
	}
}

func (p *program) write() {
	for {
		p.sending.Lock()
		texts := p.queue
		p.queue = nil
		p.writing = len(texts) > 0
		p.sending.Unlock()
		if len(texts) == 0 || p.writePieces(texts) != nil {
			return
		}
	}
}

// pieceSize is how much is put together before it is written, in bytes.
const pieceSize = 4 * packetData

func (p *program) writePieces(texts []string) error {
	piece := p.session.buffers.take()
	defer p.session.buffers.give(piece)
	for _, text := range texts {
		for text != "" {
			n := min(len(text), pieceSize-len(*piece))
			*piece = append(*piece, text[:n]...)
			text = text[n:]
			if len(*piece) == pieceSize {
				if _, err := p.channel.Write(*piece); err != nil {
					return err
				}
				*piece = (*piece)[:0]
			}
		}
	}
	_, err := p.channel.Write(*piece)
	return err
}

// started waits for the nonce. If sudo turns out to want a password, the
// program is started again with it. The program is closed on an error.
func (h *host) started(ctx context.Context, p *program, script func() string) (*program, string, error) {
	line, err := h.ready(ctx, p)
	if err == nil {
		return p, line, nil
	}
	if h.wantsPassword(p, err) {
		p.Close()
		if p, err = h.beginAsking(ctx, script()); err != nil {
			return nil, "", err
		}
		if line, err = h.ready(ctx, p); err == nil {
			return p, line, nil
		}
	}
	err = h.notStarted(p, err)
	p.Close()
	return nil, "", err
}

// ready waits for the nonce at the beginning.
func (h *host) ready(ctx context.Context, p *program) (line string, err error) {
	late := &TimeoutError{What: h.shown(p.command) + " did not start"}
	ctx, cancel := context.WithTimeoutCause(ctx, h.dialer.requestTimeout(), late)
	defer cancel()
	_, rest, err := p.out.take(ctx, h.nonce)
	return string(bytes.TrimSpace(rest)), p.session.because(err)
}

// shown is a command without its nonce, for errors.
func (h *host) shown(command string) string { return strings.ReplaceAll(command, h.nonce, "…") }

// notStarted says why a program did not begin to speak.
func (h *host) notStarted(p *program, err error) error {
	if !errors.Is(err, errEnded) {
		return err
	}
	if p.lost() {
		return p.session.because(io.ErrUnexpectedEOF)
	}
	said := clean(p.errs.all() + " " + p.out.all())
	if h.route.become == sudo {
		if doubt, known := sudoDoubt(said); known {
			return &SudoError{User: h.route.end.user, Doubt: doubt, Said: said}
		}
	}
	return &ShellError{Command: h.shown(p.command), Status: int(p.status.Load()), Said: said}
}

// lost waits for the end of a channel whose output has ended, and reports
// whether it ended with the whole connection. The library ends channels before
// it says that the connection is gone, so a channel that ended without an exit
// status has to ask.
func (c *channel) lost() bool {
	timer := time.NewTimer(c.session.keepalive)
	defer timer.Stop()
	select {
	case <-c.ended:
	case <-c.session.failed:
	case <-timer.C:
		c.session.fail(&TimeoutError{What: "the host did not close a program's channel"})
	}
	if c.session.dead() || c.status.Load() >= 0 {
		return c.session.dead()
	}
	_, _, err := c.session.conn.SendRequest(keepaliveRequest, true, nil)
	return err != nil
}
