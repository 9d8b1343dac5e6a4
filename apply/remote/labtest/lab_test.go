//go:build linux

// Package labtest puts package remote to complete hosts: privilege in its
// variants, login shells, releases, bastions, and hosts that cannot be changed.
package labtest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest"
	"github.com/sshform/sshform/apply/applytest/lab"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema"
)

func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }

// dialer reaches the hosts of a lab; sudo's password is what answer says.
func dialer(t *testing.T, l *lab.Lab, answer string) *remote.Dialer {
	t.Helper()
	d := &remote.Dialer{User: "nobody", Home: t.TempDir(), KnownHosts: []string{l.KnownHosts()}}
	if answer != "" {
		d.SudoPassword = func(context.Context, string, string) ([]byte, error) { return []byte(answer), nil }
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func reach(l *lab.Lab, h *lab.Host) apply.Reach {
	c := schema.Connection{Address: h.Address, Port: h.Kind.Port, User: h.Kind.User, IdentityFile: l.Identity()}
	if h.Kind.Sudo {
		c.Become = "sudo"
	}
	if h.Jump != nil {
		c.ProxyJump = h.Jump.Kind.User + "@" + h.Jump.Address
	}
	return apply.Reach{Host: h.Name, Connection: c}
}

func dial(t *testing.T, d *remote.Dialer, r apply.Reach) apply.Host {
	t.Helper()
	h, err := d.Dial(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// step runs one step and returns what came of it.
func step(t *testing.T, h apply.Host, script string) (apply.Answer, error) {
	t.Helper()
	shell, err := h.Shell(t.Context())
	if err != nil {
		return apply.Answer{}, err
	}
	defer shell.Close()
	return shell.Do(t.Context(), apply.Step{Name: "test", Script: script})
}

// The contract holds on every kind of host that can be changed, with root's
// privilege.
func TestContract(t *testing.T) {
	l := lab.Open(t)
	for _, h := range l.Start("root", "sudo-password", "internal-sftp", "no-sftp", "csh", "max-sessions", "bullseye", "trixie", "inner") {
		t.Run(h.Name, func(t *testing.T) {
			t.Parallel()
			d := dialer(t, l, h.Kind.Password)
			host := dial(t, d, reach(l, h))
			if answer, err := step(t, host, "id -u"); err != nil || string(answer.Stdout) != "0\n" {
				t.Fatalf("got %q, %v, want root", answer.Stdout, err)
			}
			files, err := host.FS(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fs.ReadFile(files, "etc/shadow"); err != nil {
				t.Fatalf("read as root: %v", err)
			}
			applytest.TestHost(t, func(t *testing.T) apply.Host { return dial(t, d, reach(l, h)) })
		})
	}
}

// A saved plan reaches the host that it was made for.
func TestPinnedBehindBastion(t *testing.T) {
	l := lab.Open(t)
	inner := l.Start("inner")[0]
	d := dialer(t, l, "")
	c := dial(t, d, reach(l, inner)).Facts().Connection
	if len(c.Jump) != 1 {
		t.Fatalf("got jumps %v, want the bastion", c.Jump)
	}
	again := dial(t, d, apply.Reach{Host: inner.Name, Pinned: &c})
	if answer, err := step(t, again, "hostname"); err != nil || strings.TrimSpace(string(answer.Stdout)) != inner.Name {
		t.Errorf("got %q, %v, want %s", answer.Stdout, err, inner.Name)
	}
}

func TestSudoErrors(t *testing.T) {
	l := lab.Open(t)
	hosts := l.Start("sudo-password", "requiretty", "no-sudo", "systemd")
	for i, c := range []struct {
		answer string
		want   remote.SudoDoubt
	}{
		{"", remote.SudoPassword}, {"", remote.SudoTerminal}, {"", remote.SudoMissing}, {"a guess", remote.SudoWrong},
	} {
		t.Run(string(c.want), func(t *testing.T) {
			r := reach(l, hosts[i])
			if c.want == remote.SudoWrong {
				r.Connection.User = "plain" // no password is right for this one
			}
			host := dial(t, dialer(t, l, c.answer), r)
			_, err := step(t, host, ":")
			var doubt *remote.SudoError
			if !errors.As(err, &doubt) || doubt.Doubt != c.want {
				t.Errorf("shell: got %v, want %q", err, c.want)
			}
			files, err := host.FS(t.Context())
			if err == nil {
				_, err = fs.ReadFile(files, "etc/passwd")
			}
			if !errors.As(err, &doubt) || doubt.Doubt != c.want {
				t.Errorf("files: got %v, want %q", err, c.want)
			}
		})
	}
}

// A password that sudo refuses is not tried again: that could lock an account.
func TestWrongPasswordIsTriedOnce(t *testing.T) {
	l := lab.Open(t)
	h := l.Start("sudo-password")[0]
	d := dialer(t, l, "")
	asked := 0
	d.SudoPassword = func(context.Context, string, string) ([]byte, error) { asked++; return []byte("a guess"), nil }
	host := dial(t, d, reach(l, h))
	for range 3 {
		var doubt *remote.SudoError
		if _, err := step(t, host, ":"); !errors.As(err, &doubt) || doubt.Doubt != remote.SudoWrong {
			t.Errorf("got %v, want a wrong password", err)
		}
	}
	if asked != 1 {
		t.Errorf("got asked %d times, want once", asked)
	}
}

func TestHostsThatCannotBeChanged(t *testing.T) {
	l := lab.Open(t)
	hosts := l.Start("dropbear", "force-command", "chroot")
	t.Run("dropbear", func(t *testing.T) {
		_, err := dialer(t, l, "").Dial(t.Context(), reach(l, hosts[0]))
		var other *remote.NotOpenSSHError
		if !errors.As(err, &other) || !strings.Contains(other.Answer, "dropbear") {
			t.Errorf("got %v, want a NotOpenSSHError", err)
		}
	})
	for _, h := range hosts[1:] {
		for _, become := range []string{"none", "sudo"} {
			t.Run(h.Name+"/"+become, func(t *testing.T) {
				r := reach(l, h)
				r.Connection.Become = become
				_, err := step(t, dial(t, dialer(t, l, ""), r), ":")
				var noShell *remote.ShellError
				if !errors.As(err, &noShell) {
					t.Errorf("got %v, want a ShellError", err)
				}
			})
		}
	}
}
