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
	fmt.Fprintf(p.stdout, "\n%s\n  %s\n  Only 'yes' will be accepted to approve.\n\n  Enter a value: ", question, consequence)
	type reply struct {
		text string
		err  error
	}
	replies := make(chan reply, 1)
	// Reading cannot be interrupted, so the reader is left behind when the
	// person presses Ctrl-C; the program ends then.
	go func() {
		text, err := p.readLine()
		replies <- reply{text, err}
	}()
	select {
	case r := <-replies:
		fmt.Fprintln(p.stdout)
		if r.err != nil && !errors.Is(r.err, io.EOF) {
			return false, r.err
		}
		return strings.TrimSpace(r.text) == "yes", nil
	case <-ctx.Done():
		fmt.Fprintln(p.stdout)
		return false, nil
	}
}

// askVariable asks for the value of a variable.
func (p *program) askVariable(in hclfile.Input) (string, error) {
	fmt.Fprintf(p.stdout, "var.%s\n", in.Name)
	if in.Description != "" {
		fmt.Fprintf(p.stdout, "  %s\n", in.Description)
	}
	fmt.Fprint(p.stdout, "\n  Enter a value: ")
	defer fmt.Fprintln(p.stdout)
	if in.Sensitive {
		text, err := term.ReadPassword(int(p.stdin.Fd()))
		p.redact.Secrets = append(p.redact.Secrets, string(text))
		return string(text), err
	}
	text, err := p.readLine()
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
	defer tty.Close()
	defer p.view().Quiet()()
	fmt.Fprintf(tty, "%s: ", question)
	defer fmt.Fprintln(tty)
	return term.ReadPassword(int(tty.Fd()))
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
	cmd.Stderr = p.stderr
	answer, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("SSHFORM_SUDO_ASKPASS: %w", err)
	}
	answer, _, _ = bytes.Cut(answer, []byte("\n"))
	return answer, nil
}
