package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
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
		if err := d.trusted(pinned.KnownHostsFile); err != nil {
			return nil, err
		}
	}
	if kind == schema.Local {
		return d.local.Dial(ctx, reach)
	}
	return d.remote.Dial(ctx, reach)
}

// trusted refuses a plan's files of known hosts that somebody else could have
// put there. Those in the directory of the configuration came with it.
func (d *dialer) trusted(files string) error {
	for _, file := range filepath.SplitList(files) {
		if rest, found := strings.CutPrefix(file, "~/"); found {
			file = filepath.Join(d.remote.Home, rest)
		}
		if here, err := os.Getwd(); err == nil && within(here, file) {
			continue
		}
		if info, err := os.Stat(file); err == nil && foreign(info) {
			return fmt.Errorf("the plan names %s as the file of known hosts, which belongs to another user; nobody has signed for the plan, so only files of this user, of root and of the configuration count", file)
		}
	}
	return nil
}

// within reports whether a file lies in a folder, or below it.
func within(folder, file string) bool {
	if !filepath.IsAbs(file) {
		file = filepath.Join(folder, file)
	}
	relative, err := filepath.Rel(folder, file)
	return err == nil && filepath.IsLocal(relative)
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
