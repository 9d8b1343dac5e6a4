package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/sshform/sshform/apply"
)

// Limits on what a step may print, and how long the pipes of a step that was
// ended are waited for.
const (
	maxStdout = 16 << 20
	maxStderr = 64 << 10
	pipeDelay = 2 * time.Second
)

// A shell runs each step in a /bin/sh of its own: nothing of one step is left
// for the next, as with the conductor of remote hosts.
type shell struct {
	host *host
	mu   sync.Mutex
	lost error // why it takes no more steps
}

// Shell opens a shell.
func (h *host) Shell(context.Context) (apply.Shell, error) {
	if h.closed.Load() {
		return nil, errClosed
	}
	return &shell{host: h}, nil
}

var errClosed = errors.New("it is closed")

func (s *shell) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = errClosed
	return nil
}

// Do runs one step.
func (s *shell) Do(ctx context.Context, step apply.Step) (apply.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.host.closed.Load() {
		s.lost = errClosed
	}
	if s.lost != nil {
		return apply.Answer{}, fmt.Errorf("step %s: the shell takes no more steps: %w", step.Name, s.lost)
	}
	text, err := conduct(step)
	if err != nil { // nothing was run: the shell is still good
		return apply.Answer{}, fmt.Errorf("step %s: %w", step.Name, err)
	}
	answer, err := runStep(ctx, text)
	if err != nil {
		s.lost = err
		return apply.Answer{}, fmt.Errorf("step %s: %w", step.Name, err)
	}
	return answer, nil
}

// conduct is what a sh reads for one step: its words as positional parameters,
// and the script as text that is evaluated with nothing to read. Words of any
// length travel this way; as arguments of a program they would be limited.
func conduct(step apply.Step) (string, error) {
	var b strings.Builder
	b.WriteString("set --")
	for _, word := range append([]string{step.Script}, step.Args...) {
		if strings.ContainsRune(word, 0) {
			return "", errors.New("a word has a NUL in it")
		}
		b.WriteString(" " + quote(word))
	}
	b.WriteString("\nsshform_script=$1; shift\n( eval \"$sshform_script\" ) </dev/null\n")
	return b.String(), nil
}

// quote makes one word for sh: between single quotes nothing is special but
// the quote itself (POSIX, Shell Command Language, 2.2.2).
func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func runStep(ctx context.Context, text string) (apply.Answer, error) {
	stdout, stderr := &bounded{limit: maxStdout}, &bounded{limit: maxStderr, cut: true}
	cmd := exec.CommandContext(ctx, "/bin/sh")
	cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = "/", strings.NewReader(text), stdout, stderr, pipeDelay
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return apply.Answer{}, ctx.Err()
	case stdout.full:
		return apply.Answer{}, fmt.Errorf("it printed more than %d bytes", maxStdout)
	case err != nil && !errors.As(err, &exit):
		return apply.Answer{}, err
	}
	return apply.Answer{Status: status(cmd), Stdout: stdout.got.Bytes(), Stderr: stderr.got.Bytes()}, nil
}

// status is as a shell tells it: 128 and the signal for a program that one
// ended.
func status(cmd *exec.Cmd) int {
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	return 128 + 9
}

// bounded keeps what fits. With cut, more is dropped; without it is an error.
// The buffer is not embedded: io.Copy would fill it through ReadFrom, past the
// limit.
type bounded struct {
	got       bytes.Buffer
	limit     int
	cut, full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.limit - b.got.Len()
	if len(p) <= room {
		return b.got.Write(p)
	}
	b.full = true
	b.got.Write(p[:room])
	if b.cut {
		return len(p), nil
	}
	return room, errors.New("too much output")
}
