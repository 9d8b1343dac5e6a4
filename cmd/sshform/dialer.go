package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"os/user"
	"strings"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/local"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema"
)

// A dialer reaches this machine or a remote one, as is declared.
type dialer struct {
	remote *remote.Dialer
	local  *local.Dialer
	// strict accepts known host keys only, whatever a plan says: one from a
	// file that nobody has signed for could name any host and any key.
	strict bool
}

// Dial reaches the host that reach names.
func (d *dialer) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	kind := reach.Connection.Or(reach.Fallback).Type
	if reach.Pinned != nil {
		kind = reach.Pinned.Type
	}
	if d.strict && reach.Pinned != nil {
		pinned := *reach.Pinned
		pinned.HostKeyChecking = "yes"
		reach.Pinned = &pinned
	}
	if kind == schema.Local {
		return d.local.Dial(ctx, reach)
	}
	return d.remote.Dial(ctx, reach)
}

// Close ends what all hosts share.
func (d *dialer) Close() error { return d.remote.Close() }

// newDialer joins the ways to hosts with this person's keys, files and
// terminal. The home is the one of the user database, as for ssh itself: HOME
// may say something else.
func (p *program) newDialer(input bool) (*dialer, error) {
	me, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("who runs this: %w", err)
	}
	r := &remote.Dialer{
		User:        me.Username,
		Home:        me.HomeDir,
		AgentSocket: p.env("SSH_AUTH_SOCK"),
		SSHConfig:   sshConfig,
		Logf:        func(format string, args ...any) { p.log.Info(fmt.Sprintf(format, args...)) },
	}
	if p.mayAsk(input) {
		r.Passphrase = p.askPassphrase
	}
	if p.mayAsk(input) || p.env("SSHFORM_SUDO_ASKPASS") != "" {
		r.SudoPassword = p.askSudoPassword
	}
	return &dialer{remote: r, local: &local.Dialer{}}, nil
}

// sshConfig asks ssh what this person's configuration says.
func sshConfig(ctx context.Context, args ...string) ([]byte, error) {
	out, err := exec.CommandContext(ctx, "ssh", append([]string{"-G"}, args...)...).Output()
	// What ssh says besides is of interest only if it gives no answer: without
	// a terminal it always says something.
	if exit, failed := errors.AsType[*exec.ExitError](err); failed {
		return nil, fmt.Errorf("ssh -G: %s", strings.TrimSpace(string(exit.Stderr)))
	}
	return out, err
}
