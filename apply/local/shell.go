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
	mu     sync.Mutex
	closed bool
}

func (h *host) Shell(context.Context) (apply.Shell, error) { return &shell{}, nil }

func (s *shell) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *shell) Do(ctx context.Context, step apply.Step) (apply.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return apply.Answer{}, fmt.Errorf("step %s: the shell is closed", step.Name)
	}
	for _, word := range append([]string{step.Script}, step.Args...) {
		if strings.ContainsRune(word, 0) {
			return apply.Answer{}, fmt.Errorf("step %s: a word has a NUL in it", step.Name)
		}
	}
	stdout, stderr := &bounded{limit: maxStdout}, &bounded{limit: maxStderr, cut: true}
	cmd := exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", step.Script, "sh"}, step.Args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = "/", stdout, stderr, pipeDelay
	err := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return apply.Answer{}, fmt.Errorf("step %s: %w", step.Name, ctx.Err())
	case stdout.full:
		return apply.Answer{}, fmt.Errorf("step %s: it printed more than %d bytes", step.Name, maxStdout)
	case err != nil && !errors.As(err, &exit):
		return apply.Answer{}, fmt.Errorf("step %s: %w", step.Name, err)
	}
	return apply.Answer{Status: status(cmd), Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}, nil
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
type bounded struct {
	bytes.Buffer
	limit     int
	cut, full bool
}

func (b *bounded) Write(p []byte) (int, error) {
	room := b.limit - b.Len()
	if len(p) <= room {
		return b.Buffer.Write(p)
	}
	b.full = true
	b.Buffer.Write(p[:room])
	if b.cut {
		return len(p), nil
	}
	return room, errors.New("too much output")
}
