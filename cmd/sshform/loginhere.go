package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema"
)

// loginHere logs in to the sshd of this very machine as the person who runs
// this, with their agent and default keys. Nobody is asked for a passphrase.
// The host keys are this machine's own; known_hosts is read only where they
// cannot be.
func (p *program) loginHere(ctx context.Context, at apply.Endpoint) error {
	me, err := user.Current()
	if err != nil {
		return fmt.Errorf("who runs this: %w", err)
	}
	d := remote.Dialer{User: me.Username, Home: me.HomeDir, AgentSocket: p.env("SSH_AUTH_SOCK")}
	defer d.Close()
	if len(at.HostKeys) > 0 {
		dir, err := os.MkdirTemp("", "sshform-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		known := filepath.Join(dir, "known_hosts")
		if err := os.WriteFile(known, []byte(knownLines(at)), 0o600); err != nil {
			return err
		}
		d.KnownHosts = []string{known}
	}
	host, err := d.Dial(ctx, apply.Reach{
		Host: "this machine", Connection: schema.Connection{Address: at.Address, Port: at.Port},
	})
	if err != nil {
		return err
	}
	return host.Close()
}

// knownLines are the lines of a known_hosts file for an sshd of this machine.
func knownLines(at apply.Endpoint) string {
	name := at.Address
	if at.Port != 22 {
		name = fmt.Sprintf("[%s]:%d", at.Address, at.Port)
	}
	var b strings.Builder
	for _, key := range at.HostKeys {
		fmt.Fprintf(&b, "%s %s\n", name, key)
	}
	return b.String()
}
