//go:build linux

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sshform/sshform/apply/applytest/lab"
)

// TestPullMode has the units of examples/systemd run on a host, under its own
// systemd: the host carries out its own configuration. Then the service dies
// with its files replaced, and the watchdog, which does not die with it,
// puts the old ones back.
func TestPullMode(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	l := lab.Open(t)
	h := l.Start("systemd")[0]
	installPull(t, h)
	run := func(argv ...string) string {
		t.Helper()
		out, err := h.Exec(ctx, argv...)
		if err != nil {
			journal, _ := h.Exec(ctx, "journalctl", "--no-pager", "-u", "sshform-pull.service")
			t.Fatalf("%v: %v\n%s\n%s", argv, err, out, journal)
		}
		return out
	}
	run("systemctl", "daemon-reload")
	run("systemctl", "start", "sshform-pull.service")
	if got := run("sshd", "-T"); !strings.Contains(got, "clientaliveinterval 60\n") {
		t.Errorf("got %s, want an interval of 60", got)
	}
	check(t, unlocked(ctx, h, aMoment))
	run("systemctl", "start", "sshform-pull.timer")
	if got := run("systemctl", "list-timers", "--all", "--no-legend", "sshform-pull.timer"); !strings.Contains(got, "sshform-pull.service") {
		t.Errorf("got timers %q, want the pull", got)
	}

	before, err := h.ReadFile("/etc/ssh/sshd_config")
	check(t, err)
	check(t, deadlyReload(ctx, h))
	if out, err := h.Exec(ctx, "systemctl", "start", "sshform-pull.service"); err == nil {
		t.Fatalf("the service was killed, and systemd says that all went well: %s", out)
	}
	after, err := h.ReadFile("/etc/ssh/sshd_config")
	check(t, err)
	if string(after) == string(before) {
		t.Fatal("the service died before it had replaced the file")
	}
	check(t, unlocked(ctx, h, 45*time.Second+aMoment))
	after, err = h.ReadFile("/etc/ssh/sshd_config")
	check(t, err)
	if string(after) != string(before) {
		t.Errorf("got %s, want what stood there before", after)
	}
}

// unlocked waits until nobody holds the host's lock, which is the last thing
// that a run, or its watchdog, gives back. The host's own units are named like
// leftovers, so these cannot be asked.
func unlocked(ctx context.Context, h *lab.Host, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := h.ReadFile("/var/lib/sshform/lock"); errors.Is(err, os.ErrNotExist) {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("still locked after %v", within)
		}
	}
}

// installPull brings the program, the units and the configuration, as a
// package and an administrator would.
func installPull(t *testing.T, h *lab.Host) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "sshform")
	build := exec.Command("go", "build", "-trimpath", "-o", program, "github.com/sshform/sshform/cmd/sshform")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	const examples = "../../../examples/systemd/"
	if _, err := h.Exec(t.Context(), "mkdir", "-p", "/etc/sshform"); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{
		program:                           "/usr/bin/sshform",
		examples + "sshform-pull.service": "/etc/systemd/system/sshform-pull.service",
		examples + "sshform-pull.timer":   "/etc/systemd/system/sshform-pull.timer",
		examples + "main.sshform.hcl":     "/etc/sshform/main.sshform.hcl",
	} {
		content, err := os.ReadFile(from)
		check(t, err)
		mode := os.FileMode(0o644)
		if to == "/usr/bin/sshform" {
			mode = 0o755
		}
		check(t, h.WriteFile(to, content, mode))
	}
}

// deadlyReload declares another interval, and a reload that kills the service
// while it waits: with the file replaced, and nothing confirmed.
func deadlyReload(ctx context.Context, h *lab.Host) error {
	_, err := h.Exec(ctx, "sh", "-ec", `
cd /etc/sshform
sed -i 's/client_alive_interval  = 60/client_alive_interval = 61\n  reload = "deadly"\n  verify {\n    confirm_timeout = "45s"\n  }/' main.sshform.hcl
cat >/etc/deadly <<'END'
#!/bin/sh
pid=$(systemctl show -P MainPID sshform-pull.service)
# 0 once it is dead: the watchdog reloads in the same way.
if [ "$pid" -gt 1 ]; then kill -KILL "$pid"; fi
kill -HUP "$(cat /run/sshd.pid)"
END
chmod 755 /etc/deadly
printf 'reload_command "deadly" {\n  command = ["/etc/deadly"]\n}\n' >/etc/sshform-policy.hcl
mkdir /etc/systemd/system/sshform-pull.service.d
printf '[Service]\nEnvironment=SSHFORM_POLICY=/etc/sshform-policy.hcl\n' >/etc/systemd/system/sshform-pull.service.d/policy.conf
systemctl daemon-reload`)
	return err
}
