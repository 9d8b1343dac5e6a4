package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/sshform/sshform/schema/inventory"
)

// runInventory runs a program that an inventory names, within the limits of
// package inventory. It is handed out only with -allow-external.
func (p *program) runInventory(ctx context.Context, call inventory.Call) ([]byte, error) {
	if len(call.Program) == 0 {
		return nil, fmt.Errorf("no program is named")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, inventory.MaxRunTime,
		fmt.Errorf("it took longer than %s", inventory.MaxRunTime))
	defer cancel()
	out := &limitedBuffer{left: inventory.MaxRunOutput}
	cmd := exec.CommandContext(ctx, call.Program[0], call.Program[1:]...)
	cmd.Dir = call.Dir
	cmd.Stdin = bytes.NewReader(call.Stdin)
	cmd.Stdout = out
	cmd.Stderr = p.stderr
	// A child that inherited the pipe must not keep us waiting.
	cmd.WaitDelay = waitDelay
	err := cmd.Run()
	switch {
	case out.full:
		return nil, fmt.Errorf("it printed more than %d MiB", inventory.MaxRunOutput>>20)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, err
	}
	return out.got.Bytes(), nil
}

// waitDelay is how long an ended program's pipes are waited for.
const waitDelay = 2 * time.Second

// A limitedBuffer refuses more than left bytes, which ends the program. The
// buffer is not embedded: io.Copy would fill it through ReadFrom, past the limit.
type limitedBuffer struct {
	got  bytes.Buffer
	left int
	full bool
}

// Write appends, or fails when it would be too much.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if len(p) > b.left {
		b.full = true
		return 0, fmt.Errorf("too much output")
	}
	b.left -= len(p)
	return b.got.Write(p)
}
