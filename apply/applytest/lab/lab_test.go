//go:build linux

package lab_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sshform/sshform/apply/applytest/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Run(m)) }

// ssh runs a command on the host with OpenSSH's own client, as a user would.
func ssh(ctx context.Context, l *lab.Lab, h *lab.Host, command string) (string, error) {
	options := []string{"-F", "none", "-i", l.Identity(), "-o", "UserKnownHostsFile=" + l.KnownHosts(),
		"-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "-o", "ConnectTimeout=60"}
	args := append([]string{"-l", h.Kind.User, "-p", "22"}, options...)
	if h.Kind.Port == 2222 {
		args[3] = "2222"
	}
	if h.Jump != nil {
		args = append(args, "-o", "ProxyCommand=ssh "+strings.Join(options, " ")+" -W %h:%p "+h.Jump.Kind.User+"@"+h.Jump.Address)
	}
	out, err := exec.CommandContext(ctx, "ssh", append(args, h.Address, command)...).CombinedOutput()
	return string(out), err
}

func TestEveryKindTakesLogins(t *testing.T) {
	var names []string
	for _, k := range lab.Kinds() {
		if k.Name != "sid" {
			names = append(names, k.Name)
		}
	}
	// Not all at once: the machine has room for some only (see slots).
	for some := range slices.Chunk(names, 10) {
		t.Run(some[0], func(t *testing.T) { takeLogins(t, some) })
	}
}

func takeLogins(t *testing.T, names []string) {
	t.Parallel()
	l := lab.Open(t)
	for _, h := range l.Start(names...) {
		t.Run(h.Name, func(t *testing.T) {
			out, err := ssh(t.Context(), l, h, "id -un; uname -n")
			want := h.Kind.User + "\n" + h.Name + "\n"
			switch h.Kind.Name {
			case "force-command", "chroot":
				if strings.Contains(out, want) {
					t.Errorf("got %q, want anything else", out)
				}
			case "noisy":
				// It says this as an error, which may come before or after the rest.
				out = strings.Replace(out, "mind the gap\n", "", 1)
				if err != nil || !strings.HasSuffix(out, want) || !strings.Contains(out, "Welcome") {
					t.Errorf("got %q (%v), want a welcome and %q", out, err, want)
				}
			default:
				if err != nil || out != want {
					t.Errorf("got %q (%v), want %q", out, err, want)
				}
			}
			left, err := h.Leftovers(t.Context())
			if err != nil || len(left) > 0 {
				t.Errorf("got leftovers %q (%v), want none", left, err)
			}
		})
	}
}

func TestNewestRelease(t *testing.T) {
	l := lab.Open(t)
	h := l.Start("sid")[0]
	out, err := ssh(t.Context(), l, h, "/usr/sbin/sshd -V 2>&1")
	t.Logf("%s", out)
	if err != nil || !strings.Contains(out, "OpenSSH_") {
		t.Errorf("got %q (%v), want a release of OpenSSH", out, err)
	}
}

func TestKindsAreWhatTheySay(t *testing.T) {
	pid1 := map[string]string{"sysvinit": "init", "openrc": "init", "runit": "runit", "bare": "sshd", "daemon": "sh",
		"systemd": "systemd"}
	l := lab.Open(t)
	for _, h := range l.Start("systemd", "sysvinit", "openrc", "runit", "bare", "daemon") {
		if out, err := h.Exec(t.Context(), "cat", "/proc/1/comm"); err != nil || out != pid1[h.Name]+"\n" {
			t.Errorf("PID 1 of %s: got %q (%v), want %q", h.Name, out, err, pid1[h.Name])
		}
	}
	for _, want := range []struct{ kind, command, out string }{
		{"socket", "systemctl is-active ssh.socket", "active\n"},
		{"socket", "systemctl show -p Accept --value ssh.socket", "no\n"},
		{"socket-each", "systemctl show -p Accept --value ssh.socket", "yes\n"},
		{"sshd-unit", "systemctl show -p Id --value sshd", "sshd.service\n"},
		{"cloud-init", "sshd -T | grep -i clientaliveinterval", "clientaliveinterval 120\n"},
		{"match", "sshd -T -C user=plain,host=a,addr=10.0.0.1 | grep -i clientaliveinterval", "clientaliveinterval 5\n"},
		{"internal-sftp", "sshd -T | grep -i ^subsystem", "subsystem sftp internal-sftp\n"},
		{"no-sftp", "sshd -T | grep -ci ^subsystem || true", "0\n"},
		{"requiretty", "su admin -c 'sudo -n id' 2>&1 </dev/null | grep -c 'must have a tty'", "1\n"},
		{"sudo-password", "su ops -c 'sudo -n id' 2>&1 </dev/null | grep -c 'password is required'", "1\n"},
		{"no-sudo", "command -v sudo || echo none", "none\n"},
		{"root", "su admin -c 'sudo -n id -u'", "0\n"},
	} {
		t.Run(want.kind, func(t *testing.T) {
			t.Parallel()
			h := lab.Open(t).Start(want.kind)[0]
			// An sshd that is not running has no folder for privilege separation.
			out, err := h.Exec(t.Context(), "sh", "-c", "mkdir -p /run/sshd; "+want.command)
			if err != nil || out != want.out {
				t.Errorf("%s: got %q (%v), want %q", want.command, out, err, want.out)
			}
		})
	}
}

func TestInnerHostsAreBehindTheBastion(t *testing.T) {
	l := lab.Open(t)
	h := l.Start("inner")[0]
	if _, err := net.DialTimeout("tcp", net.JoinHostPort(h.Address, "22"), time.Second); err == nil {
		t.Errorf("got a connection to %s, want it to be out of reach", h.Address)
	}
	if out, err := ssh(t.Context(), l, h, "uname -n"); err != nil || out != "inner\n" {
		t.Errorf("through the bastion: got %q (%v), want the inner host", out, err)
	}
}

func TestFaults(t *testing.T) {
	l := lab.Open(t)
	h := l.Start("systemd")[0]
	ctx := t.Context()
	original := read(t, h, "/etc/ssh/sshd_config")

	loses := func(fault string, begin, end func() error) {
		t.Helper()
		check(t, begin())
		conn, err := (&net.Dialer{Timeout: 300 * time.Millisecond}).DialContext(ctx, "tcp", net.JoinHostPort(h.Address, "22"))
		if err == nil {
			// A frozen host's kernel still answers; its sshd does not.
			conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
			_, err = conn.Read(make([]byte, 1))
			conn.Close()
		}
		if timeout := net.Error(nil); !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("%s: got %v, want silence", fault, err)
		}
		check(t, end())
		if out, err := ssh(ctx, l, h, "true"); err != nil {
			t.Errorf("after %s: got %q (%v), want a login", fault, out, err)
		}
	}
	loses("partition", h.Partition, h.Heal)
	loses("freeze", h.Freeze, h.Thaw)

	t.Log("killed listener")
	before := strings.TrimSpace(read(t, h, "/run/sshd.pid"))
	if n, err := h.KillListener(); n != 1 || err != nil {
		t.Errorf("got %d listeners (%v), want 1", n, err)
	}
	until(t, func() bool { return h.Listens() && strings.TrimSpace(read(t, h, "/run/sshd.pid")) != before })

	t.Log("killed session")
	session := exec.CommandContext(ctx, "ssh", "-F", "none", "-i", l.Identity(), "-o", "UserKnownHostsFile="+l.KnownHosts(),
		"-o", "BatchMode=yes", h.Kind.User+"@"+h.Address, "echo here; sleep 1000")
	said, err := session.StdoutPipe()
	check(t, err)
	check(t, session.Start())
	if _, err := said.Read(make([]byte, 5)); err != nil {
		t.Error(err)
	}
	if n, err := h.KillSessions(); n < 1 || err != nil {
		t.Errorf("got %d sessions (%v), want some", n, err)
	}
	if err := session.Wait(); err == nil {
		t.Error("got a session that ended well, want it cut")
	}

	t.Log("full disk, read-only disk")
	check(t, h.Confine(ctx, "/etc/ssh"))
	check(t, h.Fill(ctx, "/etc/ssh"))
	if _, err := h.Exec(ctx, "sh", "-c", "echo x > /etc/ssh/new"); err == nil {
		t.Error("got a file on a full disk, want none")
	}
	check(t, h.Drain(ctx, "/etc/ssh"))
	check(t, h.ReadOnly(ctx, "/etc/ssh", true))
	if _, err := h.Exec(ctx, "touch", "/etc/ssh/new"); err == nil {
		t.Error("got a file on a read-only disk, want none")
	}
	check(t, h.ReadOnly(ctx, "/etc/ssh", false))

	t.Log("leftovers")
	check(t, h.WriteFile("/etc/ssh/.sshd_config.sshform-1.old", nil, 0o600))
	if left, err := h.Leftovers(ctx); len(left) != 1 || err != nil {
		t.Errorf("got %q (%v), want the file in the confined folder", left, err)
	}
	check(t, h.Unconfine(ctx, "/etc/ssh"))
	check(t, h.WriteFile("/etc/ssh/.sshd_config.sshform-1.old", nil, 0o600))
	_, err = h.Exec(ctx, "sh", "-c", "mkdir -p /var/lib/sshform/runs/1; echo > /var/lib/sshform/runs/1/record.json; systemd-run --unit=sshform-1 sleep 100")
	check(t, err)
	left, err := h.Leftovers(ctx)
	check(t, err)
	for _, want := range []string{"/etc/ssh/.sshd_config.sshform-1.old", "unit sshform-1.service", "/run/systemd/transient/sshform-1.service"} {
		if !slices.ContainsFunc(left, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("got leftovers %q, want %s among them", left, want)
		}
	}
	_, err = h.Exec(ctx, "systemctl", "stop", "sshform-1")
	check(t, err)

	t.Log("reset")
	check(t, h.WriteFile("/etc/ssh/sshd_config", []byte("Nonsense yes\n"), 0o644))
	check(t, h.Reset(ctx))
	if got := read(t, h, "/etc/ssh/sshd_config"); got != original {
		t.Errorf("got %q, want the first sshd_config", got)
	}
	if left, err := h.Leftovers(ctx); len(left) != 0 || err != nil {
		t.Errorf("got leftovers %q (%v) after a reset, want none", left, err)
	}

	t.Log("reboot")
	check(t, h.WriteFile("/root/kept", []byte("x"), 0o600))
	boot := read(t, h, "/run/sshd.pid")
	check(t, h.Reboot())
	if read(t, h, "/root/kept") != "x" || boot == "" {
		t.Error("got a file lost, want it kept")
	}
	if out, err := ssh(ctx, l, h, "true"); err != nil {
		t.Errorf("after a reboot: got %q (%v), want a login", out, err)
	}

	switch err := h.Delay(ctx, 20*time.Millisecond); {
	case errors.Is(err, lab.ErrNoDelay):
		t.Log(err)
	default:
		check(t, err)
		check(t, h.Delay(ctx, 0))
	}
}

func TestResetMakesADeadHostAnew(t *testing.T) {
	l := lab.Open(t)
	h := l.Start("bare")[0]
	check(t, h.WriteFile("/etc/ssh/sshd_config", []byte("Nonsense yes\n"), 0o644))
	_, _ = h.Exec(t.Context(), "sh", "-c", "kill -HUP 1")
	until(t, func() bool { return !h.Alive() })
	check(t, h.Reset(t.Context()))
	if out, err := ssh(t.Context(), l, h, "true"); err != nil {
		t.Errorf("got %q (%v), want a login", out, err)
	}
}

// TestKilledRun kills a test run and sees its hosts end with it.
func TestKilledRun(t *testing.T) {
	if os.Getenv("LAB_TEST_WAIT") != "" {
		lab.Open(t).Start("systemd")
		os.Stdout.WriteString("up\n")
		os.Stdin.Read(make([]byte, 1))
		return
	}
	lab.Open(t)
	before := processes(t)
	run := exec.Command("/proc/self/exe", "-test.run=^TestKilledRun$")
	run.Env = append(os.Environ(), "LAB_TEST_WAIT=1", "SSHFORM_LAB=")
	_, err := run.StdinPipe()
	check(t, err)
	said, err := run.StdoutPipe()
	check(t, err)
	check(t, run.Start())
	line := make([]byte, 3)
	if _, err := io.ReadFull(said, line); err != nil || string(line) != "up\n" {
		t.Fatalf("got %q (%v), want a host up", line, err)
	}
	if n := processes(t); n < before+5 {
		t.Errorf("got %d processes after %d, want a whole host more", n, before)
	}
	check(t, run.Process.Kill())
	run.Wait()
	until(t, func() bool { return processes(t) <= before })
}

// processes counts the processes that have not ended.
func processes(t *testing.T) (n int) {
	t.Helper()
	paths, err := filepath.Glob("/proc/[0-9]*/stat")
	check(t, err)
	for _, path := range paths {
		if stat, err := os.ReadFile(path); err == nil && !strings.Contains(string(stat), ") Z ") {
			n++
		}
	}
	return n
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, h *lab.Host, name string) string {
	t.Helper()
	text, err := h.ReadFile(name)
	check(t, err)
	return string(text)
}

// until waits for a condition.
func until(t *testing.T, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it never happened")
		}
	}
}
