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
	program *program

	sending sync.Mutex
	steps   int           // that were sent
	last    chan struct{} // closed when the last of them is answered

	mu     sync.Mutex
	broken error
	closed bool
}

// Shell opens a conductor. Whether the host starts it shows with the first
// step, which travels together with the command.
func (h *host) Shell(ctx context.Context) (apply.Shell, error) {
	p, err := h.begin(ctx, h.preamble())
	if err != nil {
		return nil, h.error(err)
	}
	return &shell{host: h, program: p}, nil
}

func (h *host) preamble() string { return strings.ReplaceAll(preamble, "NONCE", h.nonce) }

// Do runs one step. A step that is called while others are running travels at
// once, and is run behind them.
func (s *shell) Do(ctx context.Context, step apply.Step) (apply.Answer, error) {
	answer, err := s.do(ctx, step)
	if err != nil {
		return apply.Answer{}, fmt.Errorf("step %s: %w", step.Name, err)
	}
	return answer, nil
}

func (s *shell) do(ctx context.Context, step apply.Step) (apply.Answer, error) {
	turn, err := s.send(ctx, step)
	if err != nil {
		return apply.Answer{}, err
	}
	defer close(turn.over)
	answer, err := s.take(ctx, turn)
	if err != nil {
		return apply.Answer{}, s.fail(err)
	}
	return answer, nil
}

// A turn is a step's place among those that were sent.
type turn struct {
	number       int
	before, over chan struct{} // when the one before, and this one, is answered
}

// send sends a step. The first one waits until the conductor is there.
func (s *shell) send(ctx context.Context, step apply.Step) (turn, error) {
	s.sending.Lock()
	defer s.sending.Unlock()
	if err := s.lost(); err != nil {
		return turn{}, err
	}
	words, err := s.host.dialer.words.quote(append([]string{"sshform_step", strconv.Itoa(s.steps + 1), step.Script}, step.Args...)...)
	if err != nil { // nothing was sent: the shell is still good
		return turn{}, err
	}
	s.steps++
	words = append(words, "\n")
	s.program.send(words...)
	if s.steps == 1 {
		if err := s.start(ctx, words); err != nil {
			return turn{}, s.fail(err)
		}
	}
	t := turn{number: s.steps, before: s.last, over: make(chan struct{})}
	s.last = t.over
	return t, nil
}

// take waits for a step's turn and its answer.
func (s *shell) take(ctx context.Context, t turn) (apply.Answer, error) {
	if t.before != nil {
		select {
		case <-t.before:
		case <-ctx.Done():
			return apply.Answer{}, context.Cause(ctx)
		}
	}
	if err := s.lost(); err != nil {
		return apply.Answer{}, err
	}
	return s.answer(ctx, t.number)
}

func (s *shell) lost() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// fail ends the shell: after an error nobody could tell whose answer comes
// next. It returns why the shell is lost.
func (s *shell) fail(err error) error {
	s.mu.Lock()
	if s.broken == nil {
		s.broken = s.host.error(err)
	}
	err = s.broken
	s.mu.Unlock()
	s.Close()
	return err
}

// start waits until the conductor is there. If sudo wants a password first,
// what was sent is sent again.
func (s *shell) start(ctx context.Context, words []string) error {
	p, _, err := s.host.started(ctx, s.program, func() string { return s.host.preamble() + strings.Join(words, "") })
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

// answer waits for the marks of a step on both streams.
func (s *shell) answer(ctx context.Context, number int) (apply.Answer, error) {
	p, nonce := s.program, s.host.nonce
	stdout, mark, err := p.out.take(ctx, nonce)
	if err == nil && number == 1 {
		err = p.errs.skip(ctx, nonce+" 0\n")
	}
	if err != nil {
		return apply.Answer{}, s.ended(err)
	}
	stderr, _, err := p.errs.take(ctx, nonce)
	if err != nil {
		return apply.Answer{}, s.ended(err)
	}
	return s.read(number, stdout, mark, stderr)
}

// read makes the answer of what stood between the marks.
func (s *shell) read(step int, stdout, mark, stderr []byte) (apply.Answer, error) {
	if len(stdout) > MaxAnswer {
		return apply.Answer{}, &LimitError{Path: "output", What: "bytes", Limit: MaxAnswer}
	}
	if number, status, ok := strings.Cut(strings.TrimSpace(string(mark)), " "); ok && number == strconv.Itoa(step) {
		if n, err := strconv.Atoi(status); err == nil {
			return apply.Answer{Status: n, Stdout: stdout, Stderr: bytes.Clone(stderr[:min(len(stderr), maxStderr)])}, nil
		}
	}
	return apply.Answer{}, fmt.Errorf("step %d was answered with %q", step, clean(string(mark)))
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
