// Package local makes this very machine a host of package apply: its files,
// its shell. It opens no connection; what a change of this machine's own sshd
// means for logins is proved by what cmd hands to apply.Run.
package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A Dialer hands out this machine. Its zero value is ready for use.
type Dialer struct{}

// Dial returns this machine. It fails if the connection asks for more
// privilege than the process has.
func (d *Dialer) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	become := reach.Connection.Or(reach.Fallback).Become
	if reach.Pinned != nil {
		become = reach.Pinned.Become
	}
	if become == "sudo" && os.Geteuid() != 0 {
		return nil, errors.New("this machine's files are changed with the rights of sshform itself: run it as root (sudo sshform …) instead of become = \"sudo\"")
	}
	me, err := user.Current()
	if err != nil {
		return nil, fmt.Errorf("who runs this: %w", err)
	}
	name, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("the name of this machine: %w", err)
	}
	facts := apply.Facts{Connection: plan.Connection{
		Type: schema.Local, User: me.Username,
		Machine: plan.Machine{Hostname: name, UID: os.Geteuid(), Home: me.HomeDir},
	}}
	facts.Banner = banner(ctx)
	facts.Release, _ = schema.ParseBanner(facts.Banner)
	return &host{facts: facts, reach: reach, dialer: d}, nil
}

// banner returns what this machine's OpenSSH would say of itself; empty
// without one. ssh -V prints "OpenSSH_9.2p1 Debian-2, OpenSSL …" (ssh.c).
func banner(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "ssh", "-V").CombinedOutput()
	if err != nil {
		return ""
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(out)), ",")
	if !strings.HasPrefix(version, "OpenSSH_") {
		return ""
	}
	return "SSH-2.0-" + version
}

type host struct {
	facts  apply.Facts
	reach  apply.Reach
	dialer *Dialer
	closed atomic.Bool
}

func (h *host) Facts() apply.Facts { return h.facts }

func (h *host) Redial(ctx context.Context) (apply.Host, error) { return h.dialer.Dial(ctx, h.reach) }

// Close ends what was opened through the host.
func (h *host) Close() error {
	h.closed.Store(true)
	return nil
}

// plainPath refuses what is no absolute path of this machine.
func plainPath(name string) error {
	if !strings.HasPrefix(name, "/") || strings.ContainsRune(name, 0) {
		return fmt.Errorf("%s is not an absolute path", strconv.Quote(name))
	}
	return nil
}
