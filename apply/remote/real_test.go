//go:build unix

package remote_test

import (
	"context"
	"errors"
	"os"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// rehearse is the step that becomes an sshd with another configuration.
func rehearse(s *realSSHD, config string) apply.Step {
	return apply.Step{Name: "rehearse", Script: `exec "$1" -i -e -f "$2"`, Args: []string{s.path, config}}
}

func TestRehearse(t *testing.T) {
	s := newSSHD(t)
	config, err := os.ReadFile(s.in("sshd_config"))
	if err != nil {
		t.Fatal(err)
	}
	rehearser := mustDial(t, s.dialer(), s.reach()).(apply.Rehearser)
	candidate := func(t *testing.T, lines string) error {
		s.write("candidate", lines+string(config))
		return rehearser.Rehearse(t.Context(), rehearse(s, s.in("candidate")))
	}
	t.Run("good", func(t *testing.T) {
		if err := candidate(t, "ClientAliveInterval 30\n"); err != nil {
			t.Error(err)
		}
	})
	t.Run("locks out", func(t *testing.T) {
		var login *apply.LoginError
		if err := candidate(t, "AllowUsers nobody\n"); !errors.As(err, &login) || !strings.Contains(login.Stderr, "not listed in AllowUsers") {
			t.Errorf("got %v, want a LoginError with sshd's words", err)
		}
	})
	t.Run("does not start", func(t *testing.T) {
		var login *apply.LoginError
		err := candidate(t, "Nonsense yes\n")
		if err == nil || errors.As(err, &login) || !strings.Contains(err.Error(), "Nonsense") {
			t.Errorf("got %v, want an error that is no LoginError, with sshd's words", err)
		}
	})
	t.Run("another host key", func(t *testing.T) {
		s.makeKey("other_key")
		s.write("candidate", strings.ReplaceAll(string(config), "host_ed25519", "other_key"))
		var login *apply.LoginError
		if err := rehearser.Rehearse(t.Context(), rehearse(s, s.in("candidate"))); !errors.As(err, &login) {
			t.Errorf("got %v, want a LoginError", err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := rehearser.Rehearse(ctx, rehearse(s, s.in("sshd_config"))); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
	})
}

func TestLoginInside(t *testing.T) {
	s := newSSHD(t)
	port := s.listen()
	tunneller := mustDial(t, s.dialer(), s.reach()).(apply.Tunneller)
	if err := tunneller.LoginInside(t.Context(), "127.0.0.1", port); err != nil {
		t.Error(err)
	}
	closed, err := testenv.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	var login *apply.LoginError
	if err := tunneller.LoginInside(t.Context(), "127.0.0.1", closed); err == nil || errors.As(err, &login) {
		t.Errorf("got %v, want an error that is no LoginError: nobody listens", err)
	}
	s.write("authorized_keys", "")
	if err := tunneller.LoginInside(t.Context(), "127.0.0.1", port); !errors.As(err, &login) {
		t.Errorf("got %v, want a LoginError: the key is not accepted any more", err)
	}
}

func TestAwaitProbe(t *testing.T) {
	s := newSSHD(t, "ClientAliveInterval 1", "ClientAliveCountMax 3")
	prober := mustDial(t, s.dialer(), s.reach()).(apply.Prober)
	got, err := prober.AwaitProbe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// 9.2 to 9.4 count double; a busy machine counts late. It is no instant.
	if got < 900*time.Millisecond {
		t.Errorf("got %s, want a second or more", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := prober.AwaitProbe(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// Two bastions on the way, each a real sshd.
func TestBastions(t *testing.T) {
	first, second, end := newSSHD(t), newSSHD(t), newSSHD(t)
	firstPort, secondPort, endPort := first.listen(), second.listen(), end.listen()
	var known strings.Builder
	for port, s := range map[int]*realSSHD{firstPort: first, secondPort: second, endPort: end} {
		text, err := os.ReadFile(s.in("known_hosts"))
		if err != nil {
			t.Fatal(err)
		}
		known.WriteString(strings.Replace(string(text), s.name, "[127.0.0.1]:"+itoa(port), 1))
		keys, err := os.ReadFile(end.in("authorized_keys"))
		if err != nil {
			t.Fatal(err)
		}
		s.write("authorized_keys", string(keys))
	}
	end.write("known_hosts", known.String())
	d := end.dialer()
	d.DialTCP = nil
	r := apply.Reach{Host: "web-1", Connection: schema.Connection{
		Address: "127.0.0.1", Port: endPort, User: end.user, IdentityFile: end.key,
		ProxyJump: "127.0.0.1:" + itoa(firstPort) + ",ssh://" + end.user + "@127.0.0.1:" + itoa(secondPort),
	}}
	h := mustDial(t, d, r)
	if got := string(mustDo(t, h, `echo "$SSH_CONNECTION"`).Stdout); !strings.Contains(got, itoa(endPort)) {
		t.Errorf("got %q, want the last host's port", got)
	}
	again, err := h.Redial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
	jumps := h.Facts().Connection.Jump
	if len(jumps) != 2 || jumps[0].Port != firstPort || jumps[1].Port != secondPort || jumps[0].User != end.user {
		t.Errorf("got jumps %+v", jumps)
	}
	pinned := h.Facts().Connection
	mustDial(t, d, apply.Reach{Host: "web-1", Pinned: &pinned})
	t.Run("unknown bastion", func(t *testing.T) {
		r := r
		r.Connection.ProxyJump = "localhost:" + itoa(firstPort)
		err := failure(t, d, r)
		atStage(t, err, remote.StageJump)
		var doubt *remote.HostKeyError
		if !errors.As(err, &doubt) || doubt.Host != "[localhost]:"+itoa(firstPort) {
			t.Errorf("got %v, want doubt about the bastion", err)
		}
	})
	t.Run("unreachable behind", func(t *testing.T) {
		r := r
		r.Connection.Port = 1
		atStage(t, failure(t, d, r), remote.StageJump)
	})
}

// A plain user, who is not root and runs no sshd of root's.
func TestAsPlainUser(t *testing.T) {
	testenv.Root(t)
	setpriv := testenv.Program(t, "setpriv")
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	s := newSSHD(t, "UsePAM yes") // without PAM, nobody counts as locked
	for _, dir := range []string{s.dir, parent(s.dir)} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	run(t, "chown", "-R", nobody.Uid, s.dir)
	s.user = nobody.Username
	s.path = testenv.Program(t, "sshd")
	s.wrap = []string{setpriv, "--reuid", nobody.Uid, "--regid", nobody.Gid, "--clear-groups"}
	// nobody's shell is nologin, which is what a person without a shell has.
	h := mustDial(t, s.dialer(), s.reach())
	shell, err := h.Shell(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = shell.Do(t.Context(), apply.Step{Name: "any", Script: ":"})
	var noShell *remote.ShellError
	if !errors.As(err, &noShell) || !strings.Contains(noShell.Said, "not available") {
		t.Errorf("got %v, want a ShellError with nologin's words", err)
	}
}

func parent(dir string) string { return dir[:strings.LastIndexByte(dir, '/')] }

// With a forced command, whatever it is, /bin/sh does not start.
func TestForceCommand(t *testing.T) {
	for name, command := range map[string]string{"internal-sftp": "internal-sftp", "a program": "/bin/echo only this"} {
		t.Run(name, func(t *testing.T) {
			s := newSSHD(t, "ForceCommand "+command)
			d := s.dialer()
			d.RequestTimeout = time.Minute
			h := mustDial(t, d, s.reach())
			shell, err := h.Shell(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = shell.Do(t.Context(), apply.Step{Name: "any", Script: ":"})
			var noShell *remote.ShellError
			if !errors.As(err, &noShell) {
				t.Errorf("got %v, want a ShellError", err)
			}
		})
	}
}
