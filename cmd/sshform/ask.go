package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/term"

	"github.com/sshform/sshform/schema/hclfile"
)

// errNobody says that there is no terminal to ask at.
var errNobody = errors.New("nobody can be asked: there is no terminal")

// readLine reads one line from the standard input, no more of it. io.EOF
// without text means that nobody answered.
func (p *program) readLine() (string, error) {
	if p.lines == nil {
		p.lines = bufio.NewReader(p.stdin)
	}
	line, err := p.lines.ReadString('\n')
	if err != nil && line == "" {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// approve puts a question to which only yes is an approval.
func (p *program) approve(ctx context.Context, question, consequence string) (bool, error) {
	to := p.questions()
	fmt.Fprintf(to, "\n%s\n  %s\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: ", question, consequence)
	defer fmt.Fprintln(to)
	text, err := awaited(ctx, p.readLine)
	if err != nil && ctx.Err() == nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return strings.TrimSpace(text) == "yes", nil
}

// askVariable asks for the value of a variable.
func (p *program) askVariable(ctx context.Context, in hclfile.Input) (string, error) {
	if ctx.Err() != nil {
		return "", context.Cause(ctx) // the variable before was not answered either
	}
	to := p.questions()
	fmt.Fprintf(to, "var.%s\n", in.Name)
	if in.Description != "" {
		fmt.Fprintf(to, "  %s\n", in.Description)
	}
	fmt.Fprint(to, "\n  Enter a value: ")
	defer fmt.Fprintln(to)
	if in.Sensitive {
		text, err := readSecret(ctx, int(p.stdin.Fd()))
		p.redact.Secrets = append(p.redact.Secrets, string(text))
		return string(text), err
	}
	text, err := awaited(ctx, p.readLine)
	if errors.Is(err, io.EOF) {
		return "", errors.New("no value was entered")
	}
	return text, err
}

// askSecret asks at the terminal itself, so that it works while the standard
// input is a pipe, and echoes nothing.
func (p *program) askSecret(ctx context.Context, question string) ([]byte, error) {
	p.asking.Lock()
	defer p.asking.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	tty, err := os.OpenFile(terminalName, os.O_RDWR, 0)
	if err != nil {
		return nil, errNobody
	}
	defer p.view().Quiet()()
	fmt.Fprintf(tty, "%s: ", question)
	secret, err := readSecret(ctx, int(tty.Fd()))
	fmt.Fprintln(tty)
	if ctx.Err() == nil {
		tty.Close() // else the reader that was left behind still has it
	}
	return secret, err
}

// readSecret reads a line from a terminal that does not echo meanwhile.
func readSecret(ctx context.Context, terminal int) ([]byte, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return nil, err
	}
	secret, err := awaited(ctx, func() ([]byte, error) { return term.ReadPassword(terminal) })
	if ctx.Err() != nil {
		return nil, errors.Join(err, term.Restore(terminal, before))
	}
	return secret, err
}

// awaited is what read gives, or why ctx ended before. Reading from a terminal
// cannot be interrupted, so the reader is left behind when the person presses
// Ctrl-C; the program ends then.
func awaited[T any](ctx context.Context, read func() (T, error)) (T, error) {
	type reply struct {
		got T
		err error
	}
	replies := make(chan reply, 1)
	go func() {
		got, err := read()
		replies <- reply{got, err}
	}()
	select {
	case r := <-replies:
		return r.got, r.err
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
}

// questions is where a person reads them: if the standard output leads
// elsewhere, they would wait there unseen.
func (p *program) questions() io.Writer {
	if isTerminal(p.stdin) && !isTerminal(p.stdout.file) {
		return p.stderr
	}
	return p.stdout
}

// askPassphrase asks for what an identity file is encrypted with.
func (p *program) askPassphrase(ctx context.Context, path string) ([]byte, error) {
	return p.askSecret(ctx, "Passphrase for "+path)
}

// askSudoPassword has SSHFORM_SUDO_ASKPASS say the password, or asks.
func (p *program) askSudoPassword(ctx context.Context, user, host string) ([]byte, error) {
	question := fmt.Sprintf("sudo password of %s on %s", user, host)
	program := p.env("SSHFORM_SUDO_ASKPASS")
	if program == "" {
		return p.askSecret(ctx, question)
	}
	cmd := exec.CommandContext(ctx, program, question)
	cmd.Stderr, cmd.WaitDelay = p.stderr, waitDelay
	answer, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("SSHFORM_SUDO_ASKPASS: %w", err)
	}
	answer, _, _ = bytes.Cut(answer, []byte("\n"))
	return answer, nil
}
