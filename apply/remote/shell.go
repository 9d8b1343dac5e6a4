package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/sshform/sshform/apply"
)

// The conductor's preamble. sh reads steps from its standard input; each runs
// in a subshell of its own, as text that is evaluated, so that neither `exit`
// nor a syntax error ends the conductor. Answers end with a mark on both
// streams. PATH has the folders of root's programs first, then what the host
// has; umask lets nobody else read what a step creates.
const preamble = `PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin${PATH:+:$PATH}; export PATH
LC_ALL=C; export LC_ALL; unset ENV BASH_ENV CDPATH
umask 077
sshform_step() {
	sshform_n=$1; sshform_s=$2; shift 2
	( eval "$sshform_s" ) </dev/null
	printf '%s %s %s\n' NONCE "$sshform_n" "$?"
	printf '%s %s\n' NONCE "$sshform_n" >&2
}
printf '%s 0 0\n' NONCE
printf '%s 0\n' NONCE >&2
`

// maxStderr is how much of a step's standard error is kept, in bytes.
const maxStderr = 64 << 10

// A shell is the conductor on a host: one sh that takes steps and answers.
type shell struct {
	host    *host
	text    string // the preamble with the host's nonce
	program *program
	running sync.Mutex // one step at a time
	steps   int
	broken  error

	mu     sync.Mutex
	closed bool
}

// Shell opens a conductor. Whether the host starts it shows with the first
// step, which travels together with the command.
func (h *host) Shell(ctx context.Context) (apply.Shell, error) {
	s := &shell{host: h, text: strings.ReplaceAll(preamble, "NONCE", h.nonce)}
	p, err := h.begin(ctx, s.text)
	if err != nil {
		return nil, h.error(err)
	}
	s.program = p
	return s, nil
}

// Do runs one step.
func (s *shell) Do(ctx context.Context, step apply.Step) (apply.Answer, error) {
	s.running.Lock()
	defer s.running.Unlock()
	if s.broken != nil {
		return apply.Answer{}, fmt.Errorf("step %s: %w", step.Name, s.broken)
	}
	words, err := quote(append([]string{"sshform_step", strconv.Itoa(s.steps + 1), step.Script}, step.Args...)...)
	if err != nil { // nothing was sent: the shell is still good
		return apply.Answer{}, fmt.Errorf("step %s: %w", step.Name, err)
	}
	answer, err := s.do(ctx, words+"\n")
	if err != nil {
		s.broken = s.host.error(err)
		s.Close()
		return apply.Answer{}, fmt.Errorf("step %s: %w", step.Name, s.broken)
	}
	return answer, nil
}

func (s *shell) do(ctx context.Context, text string) (apply.Answer, error) {
	s.steps++
	s.program.send(text)
	if s.steps == 1 {
		if err := s.start(ctx, text); err != nil {
			return apply.Answer{}, err
		}
	}
	return s.answer(ctx)
}

// start waits until the conductor is there. If sudo wants a password first,
// what was sent is sent again.
func (s *shell) start(ctx context.Context, text string) error {
	p, _, err := s.host.started(ctx, s.program, s.text+text)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.program = p
	if s.closed {
		p.Close()
		return io.ErrClosedPipe
	}
	return nil
}

// answer waits for the marks of the present step on both streams.
func (s *shell) answer(ctx context.Context) (apply.Answer, error) {
	type part struct {
		bytes, mark []byte
		err         error
	}
	p, nonce := s.program, s.host.nonce
	outs, errs := make(chan part, 1), make(chan part, 1)
	running := p.session.wg.Go(func() {
		b, mark, err := p.out.take(nonce)
		outs <- part{b, mark, err}
	}) && p.session.wg.Go(func() {
		if s.steps == 1 {
			p.errs.skip(nonce + " 0\n")
		}
		b, mark, err := p.errs.take(nonce)
		errs <- part{b, mark, err}
	})
	if !running {
		return apply.Answer{}, p.session.because(io.ErrUnexpectedEOF)
	}
	var stdout, stderr part
	for range 2 {
		select {
		case stdout = <-outs:
		case stderr = <-errs:
		case <-ctx.Done():
			return apply.Answer{}, context.Cause(ctx)
		}
		if err := orDefault(stdout.err, stderr.err); err != nil {
			return apply.Answer{}, s.ended(err)
		}
	}
	return s.read(stdout.bytes, stdout.mark, stderr.bytes)
}

// read makes the answer of what stood between the marks.
func (s *shell) read(stdout, mark, stderr []byte) (apply.Answer, error) {
	if len(stdout) > MaxAnswer {
		return apply.Answer{}, &LimitError{Path: "output", What: "bytes", Limit: MaxAnswer}
	}
	if number, status, ok := strings.Cut(strings.TrimSpace(string(mark)), " "); ok && number == strconv.Itoa(s.steps) {
		if n, err := strconv.Atoi(status); err == nil {
			return apply.Answer{Status: n, Stdout: stdout, Stderr: bytes.Clone(stderr[:min(len(stderr), maxStderr)])}, nil
		}
	}
	return apply.Answer{}, fmt.Errorf("step %d was answered with %q", s.steps, clean(string(mark)))
}

// ended says why the conductor is gone.
func (s *shell) ended(err error) error {
	if !errors.Is(err, errEnded) {
		return s.program.session.because(err)
	}
	if s.program.lost() {
		return s.program.session.because(io.ErrUnexpectedEOF)
	}
	if said := clean(s.program.errs.all()); said != "" {
		return fmt.Errorf("the shell on the host ended; it said %q", said)
	}
	return errors.New("the shell on the host ended")
}

// Close ends the shell. A step that is running goes on without us.
func (s *shell) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	if err := s.program.Close(); err != nil && !errors.Is(err, io.EOF) {
		return s.program.session.because(err)
	}
	return nil
}
