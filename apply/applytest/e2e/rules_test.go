//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A ruling is a test of a rule of the transaction on one real host.
type ruling struct {
	name string // the rule's number and what is seen
	host string // NAME=KIND
	try  func(context.Context, access, *lab.Host) error
}

// rulings need hosts of their own; the rules that are seen at every fault or in
// package apply have their tests there.
var rulings = []ruling{
	{"Rule02 the program is replaced under a running listener", "upgraded=systemd", upgraded},
	{"Rule05 MaxSessions 1", "one-session=max-sessions", fewSessions("1")},
	{"Rule05 MaxSessions 2", "two-sessions=systemd", fewSessions("2")},
	{"Rule08 KillUserProcesses ends no watchdog behind sudo", "logout=systemd", killedAtLogout},
	{"Rule08 KillUserProcesses leaves a plain user unarmed", "plain-logout=systemd", unarmedAtLogout},
	{"Rule09 a reboot before commit restores", "rebooted=systemd", rebooted},
	{"Rule09 a reboot before commit restores, with a socket", "rebooted-socket=socket", rebooted},
	{"Rule12 a plain user's tree of several files", "plain-tree=systemd", plainTree},
	{"Rule19 restart and restore behind ssh.socket, Debian 12", "restart=socket", restarted},
	{"Rule19 restart and restore behind ssh.socket, Debian 13", "restart-trixie=socket-trixie", restarted},
	{"Rule19 a socket that fails before the commit is started again", "given-up=socket-trixie", socketKept},
	{"Rule23 a failed socket is healed, Debian 12", "failed=socket", failedSocket(":")},
	{"Rule23 a failed socket is healed, Debian 13", "failed-trixie=socket-trixie", failedSocket(":")},
	// systemd starts no socket whose service runs, and here it lets people in.
	{"Rule23 a failed socket whose service runs alone is healed", "alone=socket-trixie",
		failedSocket(alone + overruled)},
	{"Local host", "here=systemd", localHost},
}

// TestRules tries each rule on a host of its own, all at a time: most of it is
// waiting for watchdogs.
func TestRules(t *testing.T) {
	t.Parallel()
	l := lab.Open(t)
	var names []string
	for _, r := range rulings {
		names = append(names, r.host)
	}
	hosts := l.Start(names...)
	errs := make([]error, len(rulings))
	var wait sync.WaitGroup
	for i, r := range rulings {
		wait.Go(func() { errs[i] = r.try(t.Context(), accessTo(l), hosts[i]) })
	}
	wait.Wait()
	var b strings.Builder
	for i, r := range rulings {
		t.Run(r.name, func(t *testing.T) {
			if errs[i] != nil {
				t.Error(errs[i])
			}
		})
		fmt.Fprintf(&b, "%-60s %s\n", r.name, map[bool]string{true: "ok", false: "FAIL"}[errs[i] == nil])
	}
	artifact(t, "rules.txt", b.String())
}

// sh runs shell text on a host.
func sh(ctx context.Context, h *lab.Host, script string) (string, error) {
	return h.Exec(ctx, "sh", "-euc", script)
}

// outcome compares what became of a host with what is wanted.
func outcome(got apply.HostReport, err error, want apply.Outcome, word string) error {
	switch {
	case err != nil:
		return err
	case got.Outcome != want:
		return fmt.Errorf("got %s at %s: %w, want %s", got.Outcome, got.Step, orNone(got.Err), want)
	case word != "" && !strings.Contains(fmt.Sprint(got.Err), word):
		return fmt.Errorf("got %s: %w, want it to speak of %q", got.Outcome, orNone(got.Err), word)
	}
	return nil
}

func upgraded(ctx context.Context, a access, h *lab.Host) error {
	d := a.dialer(h)
	defer d.Close()
	p, _, err := planFor(ctx, d, target(a, h, interval("45")))
	if err != nil {
		return err
	}
	before, err := h.ReadFile(mainFile)
	if err != nil {
		return err
	}
	if _, err := sh(ctx, h, "cp -p /usr/sbin/sshd /usr/sbin/sshd.new; mv -f /usr/sbin/sshd.new /usr/sbin/sshd"); err != nil {
		return err
	}
	if _, _, err := planFor(ctx, d, target(a, h, interval("45"))); err == nil || !strings.Contains(err.Error(), "upgraded") {
		return fmt.Errorf("plan: got %w, want it refused for the upgrade", orNone(err))
	}
	report, err := runPlan(ctx, d, p, apply.RunOptions{})
	if err := outcome(report, err, apply.Failed, "upgraded"); err != nil {
		return err
	}
	if after, err := h.ReadFile(mainFile); err != nil || !bytes.Equal(before, after) {
		return fmt.Errorf("the file changed (%v)", err)
	}
	if _, err := sh(ctx, h, "systemctl restart ssh"); err != nil {
		return err
	}
	if err := h.Ready(); err != nil {
		return err
	}
	report, err = runPlan(ctx, d, p, apply.RunOptions{})
	return errors.Join(outcome(report, err, apply.Changed, ""), nothingLeft(ctx, h, aMoment))
}

func fewSessions(most string) func(context.Context, access, *lab.Host) error {
	return func(ctx context.Context, a access, h *lab.Host) error {
		if _, err := sh(ctx, h, "sed -i 's/^#\\?MaxSessions .*/MaxSessions "+most+"/' "+mainFile+"; systemctl restart ssh; sshd -T | grep -qx 'maxsessions "+most+"'"); err != nil {
			return err
		}
		if err := h.Ready(); err != nil {
			return err
		}
		_, _, err := everything(ctx, a, h)
		return err
	}
}

const killAtLogout = `
mkdir -p /etc/systemd/logind.conf.d
printf '[Login]\nKillUserProcesses=yes\n' >/etc/systemd/logind.conf.d/kill.conf
systemctl restart systemd-logind
busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager KillUserProcesses | grep -qx 'b true'`

// killedAtLogout cuts the connection after replace: logind ends all that the
// user started, and the watchdog lives on and restores.
func killedAtLogout(ctx context.Context, a access, h *lab.Host) error {
	cut := &trial{access: a, host: h, step: apply.StepConfirm, fault: fault{
		name: "cut with KillUserProcesses",
		before: func(ctx context.Context, h *lab.Host) error {
			_, err := sh(ctx, h, killAtLogout)
			return err
		},
		kill: true,
	}}
	r := cut.try(ctx)
	if r.err == nil && r.state != "old" {
		r.err = fmt.Errorf("got the %s file, want the old one", r.state)
	}
	return r.err
}

// userTarget is a file of the user's own ssh, without sudo.
func userTarget(a access, h *lab.Host, path string) schema.Target {
	t := target(a, h)
	t.Address.Block, t.Reload = "client", ""
	t.Connection.User, t.Connection.Become = "plain", ""
	t.File.Path = path
	t.Scope.Patterns = "*"
	t.Settings = []schema.Setting{{Keyword: "ServerAliveInterval", Argument: "45"}}
	return t
}

// unarmedAtLogout: what a plain user starts ends with the connection, and so
// nothing is replaced.
func unarmedAtLogout(ctx context.Context, a access, h *lab.Host) error {
	d := a.dialer(h)
	defer d.Close()
	p, _, err := planFor(ctx, d, userTarget(a, h, "~/.ssh/config"))
	if err != nil {
		return err
	}
	if _, err := sh(ctx, h, killAtLogout); err != nil {
		return err
	}
	report, err := runPlan(ctx, d, p, apply.RunOptions{})
	if err := outcome(report, err, apply.Failed, "KillUserProcesses"); err != nil {
		return err
	}
	if report.Step != apply.StepArm {
		return fmt.Errorf("got it refused at %s, want at arm", report.Step)
	}
	if _, err := h.ReadFile("/home/plain/.ssh/config"); err == nil {
		return errors.New("the file was made, want nothing replaced")
	}
	if _, err := sh(ctx, h, "rm /etc/systemd/logind.conf.d/kill.conf; systemctl restart systemd-logind"); err != nil {
		return err
	}
	report, err = runPlan(ctx, d, p, apply.RunOptions{})
	return errors.Join(outcome(report, err, apply.Changed, ""), nothingLeft(ctx, h, aMoment))
}

// rebooted has the power fail at each step after replace. What starts sshd
// again finds the old files.
func rebooted(ctx context.Context, a access, h *lab.Host) error {
	steps := []apply.StepName{apply.StepReload, apply.StepConfirm, apply.StepCommit}
	if h.Kind.Name == "socket" {
		steps = steps[1:2]
	}
	for _, step := range steps {
		loss := &trial{access: a, host: h, step: step, fault: fault{
			name: "reboot", strike: func(ctx context.Context, h *lab.Host) error {
				return errors.Join(h.Reboot(), settledByBoot(ctx, h))
			},
			// systemd remembers a unit that it has run, until it looks again.
			mend: func(ctx context.Context, h *lab.Host) error {
				_, err := h.Exec(ctx, "systemctl", "daemon-reload")
				return err
			},
		}}
		r := loss.try(ctx)
		if r.err == nil && r.state != "old" {
			r.err = fmt.Errorf("got the %s file, want the old one", r.state)
		}
		if r.err != nil {
			return fmt.Errorf("at %s: %w", step, r.err)
		}
	}
	return nil
}

// settledByBoot demands that the boot has put the old files back before it
// started sshd: the controller is not back yet.
func settledByBoot(ctx context.Context, h *lab.Host) error {
	out, err := sh(ctx, h, "cat /var/lib/sshform/runs/*/verdict")
	if err != nil || out != "restored\n" {
		return fmt.Errorf("after the boot: got %q (%w), want it restored", out, orNone(err))
	}
	return nil
}

// plainTree is an sshd of a plain user, whose tree changes in two files. There
// is no mount namespace for it: a copy is judged.
func plainTree(ctx context.Context, a access, h *lab.Host) error {
	_, err := h.Exec(ctx, "su", "-s", "/bin/sh", "plain", "-c", `
mkdir -p ~/sshd/conf.d
ssh-keygen -q -t ed25519 -N '' -f ~/sshd/key
printf '%s\n' 'Port 2200' "HostKey $HOME/sshd/key" "PidFile $HOME/sshd/pid" 'UsePAM no' 'StrictModes no' \
  "Include $HOME/sshd/conf.d/*.conf" '#ClientAliveCountMax 3' 'Subsystem sftp /usr/lib/openssh/sftp-server' >~/sshd/sshd_config
/usr/sbin/sshd -f ~/sshd/sshd_config`)
	if err != nil {
		return err
	}
	key, err := h.ReadFile("/home/plain/sshd/key.pub")
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	known := filepath.Join(dir, "known_hosts")
	if err := os.WriteFile(known, fmt.Appendf(nil, "[%s]:2200 %s", h.Address, key), 0o600); err != nil {
		return err
	}
	d := a.dialer(h)
	defer d.Close()
	const main = "/home/plain/sshd/sshd_config"
	one := target(a, h, schema.Setting{Keyword: "ClientAliveCountMax", Argument: "5"})
	one.Connection.Port, one.Connection.User, one.Connection.Become, one.Connection.KnownHostsFile = 2200, "plain", "", known
	one.File.Path = main
	two := one
	two.Address.Name, two.File.DropIn, two.Settings = "other", "20-ours.conf", []schema.Setting{interval("45")}
	before, err := h.ReadFile(main)
	if err != nil {
		return err
	}
	p, _, err := planFor(ctx, d, one, two)
	if err != nil {
		return err
	}
	if n := len(p.Hosts[0].Files()); n != 2 {
		return fmt.Errorf("got a plan of %d files, want 2", n)
	}
	report, err := runPlan(ctx, d, p, apply.RunOptions{})
	if err := outcome(report, err, apply.Changed, ""); err != nil {
		return err
	}
	out, err := h.Exec(ctx, "su", "-s", "/bin/sh", "plain", "-c", "/usr/sbin/sshd -T -f "+main)
	if err != nil || !strings.Contains(out, "clientaliveinterval 45\n") || !strings.Contains(out, "clientalivecountmax 5\n") {
		return fmt.Errorf("got %w, %s; want both values in force", orNone(err), out)
	}
	if _, err := h.ReadFile("/home/plain/sshd/conf.d/20-ours.conf"); err != nil {
		return err
	}
	after, err := h.ReadFile(main)
	if err != nil || bytes.Equal(before, after) {
		return fmt.Errorf("the main file did not change (%v)", err)
	}
	return nothingLeft(ctx, h, aMoment)
}

// restarted changes and puts back, twice as fast as one can, while a session
// is open: two daemon starts each, and neither the session nor the socket ends.
func restarted(ctx context.Context, a access, h *lab.Host) error {
	session := exec.CommandContext(ctx, "ssh", "-F", "none", "-i", a.Identity, "-o", "UserKnownHostsFile="+a.KnownHosts,
		"-o", "BatchMode=yes", h.Kind.User+"@"+h.Address, "echo here; read line; echo $line")
	in, err := session.StdinPipe()
	if err != nil {
		return err
	}
	out, err := session.StdoutPipe()
	if err != nil {
		return err
	}
	if err := session.Start(); err != nil {
		return err
	}
	line := make([]byte, 64)
	if _, err := out.Read(line); err != nil {
		return fmt.Errorf("the session did not begin: %w", err)
	}
	for range 2 {
		if err := thereAndBack(ctx, a, h); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(in, "still"); err != nil {
		return fmt.Errorf("the session ended: %w", err)
	}
	if n, err := out.Read(line); err != nil || string(line[:n]) != "still\n" {
		return fmt.Errorf("the session said %q (%w), want it alive", line[:n], orNone(err))
	}
	if err := session.Wait(); err != nil {
		return err
	}
	return socketListens(ctx, h)
}

// overruled makes confirm find in force what was not put there.
const overruled = "sed -i 's/^ClientAliveInterval 45/ClientAliveInterval 46/' " + mainFile

// thereAndBack applies, and is made to restore by a confirm that fails.
func thereAndBack(ctx context.Context, a access, h *lab.Host) error {
	if err := restoredAfter(ctx, a, h, func() error {
		_, err := sh(ctx, h, overruled)
		return err
	}); err != nil {
		return err
	}
	return nothingLeft(ctx, h, aMoment)
}

// restoredAfter applies a change, strikes while it is confirmed, and wants the
// old file back.
func restoredAfter(ctx context.Context, a access, h *lab.Host, strike func() error) error {
	before, err := h.ReadFile(mainFile)
	if err != nil {
		return err
	}
	if err := struckAtConfirm(ctx, a, h, "45", strike, apply.Restored); err != nil {
		return err
	}
	if after, err := h.ReadFile(mainFile); err != nil || !bytes.Equal(before, after) {
		return fmt.Errorf("the old file is not back (%v)", err)
	}
	return nil
}

// struckAtConfirm sets the interval to a value, strikes while that is confirmed,
// and wants an outcome.
func struckAtConfirm(ctx context.Context, a access, h *lab.Host, value string, strike func() error, want apply.Outcome) error {
	d := a.dialer(h)
	defer d.Close()
	p, _, err := planFor(ctx, d, target(a, h, interval(value)))
	if err != nil {
		return err
	}
	var struck error
	report, err := runPlan(ctx, d, p, apply.RunOptions{Events: func(e apply.Event) {
		if e.Kind == apply.ApplyProgressed && e.Step == apply.StepConfirm {
			struck = strike()
		}
	}})
	return errors.Join(struck, outcome(report, err, want, ""))
}

func socketListens(ctx context.Context, h *lab.Host) error {
	out, err := sh(ctx, h, "systemctl show -p ActiveState -p Result ssh.socket")
	if err != nil || !strings.Contains(out, "ActiveState=active") || !strings.Contains(out, "Result=success") {
		return fmt.Errorf("got the socket %q (%w), want it active and well", out, orNone(err))
	}
	return h.Ready()
}

// failedSocket makes systemd give the socket up while the change is confirmed,
// and does more on the host.
func failedSocket(more string) func(context.Context, access, *lab.Host) error {
	return func(ctx context.Context, a access, h *lab.Host) error {
		if err := countStarts(ctx, h); err != nil {
			return err
		}
		if err := restoredAfter(ctx, a, h, func() error {
			if err := giveUpSocket(ctx, h); err != nil {
				return err
			}
			_, err := sh(ctx, h, more)
			return err
		}); err != nil {
			return err
		}
		if err := socketListens(ctx, h); err != nil {
			return err
		}
		d := a.dialer(h)
		defer d.Close()
		if _, _, err := planFor(ctx, d, target(a, h, interval("45"))); err != nil {
			return fmt.Errorf("a new plan: %w", err)
		}
		return nothingLeft(ctx, h, aMoment)
	}
}

// alone leaves the service without its socket: it listens by itself.
const alone = "systemctl reset-failed ssh.service; systemctl start ssh.service; "

// socketKept fails the socket while the change is confirmed and has the service
// listen by itself: the change stays, with the socket. And without a socket from
// the start, the service is reloaded as any other.
func socketKept(ctx context.Context, a access, h *lab.Host) error {
	if err := countStarts(ctx, h); err != nil {
		return err
	}
	strike := func() error {
		if err := giveUpSocket(ctx, h); err != nil {
			return err
		}
		_, err := sh(ctx, h, alone)
		return err
	}
	change := func(value string, strike func() error) error {
		return errors.Join(struckAtConfirm(ctx, a, h, value, strike, apply.Changed), nothingLeft(ctx, h, aMoment))
	}
	if err := change("45", strike); err != nil {
		return err
	}
	if err := socketListens(ctx, h); err != nil {
		return err
	}
	if err := strike(); err != nil {
		return err
	}
	main, err := sh(ctx, h, "systemctl show -p MainPID ssh.service")
	if err != nil {
		return err
	}
	if err := change("46", func() error { return nil }); err != nil {
		return fmt.Errorf("without the socket: %w", err)
	}
	if after, err := sh(ctx, h, "systemctl show -p MainPID ssh.service"); err != nil || after != main {
		return fmt.Errorf("got %q (%w), want the daemon of before, %q, reloaded", after, orNone(err), main)
	}
	return nil
}

// countStarts has systemd count the starts of half an hour instead of ten
// seconds: five starts take longer than that on a busy machine.
func countStarts(ctx context.Context, h *lab.Host) error {
	_, err := sh(ctx, h, `
mkdir -p /run/systemd/system/ssh.service.d
printf '[Unit]\nStartLimitIntervalSec=30min\n' >/run/systemd/system/ssh.service.d/limit.conf
systemctl daemon-reload
systemctl show -p StartLimitIntervalUSec ssh.service | grep -qx 'StartLimitIntervalUSec=30min'`)
	return err
}

// giveUpSocket starts the service so often that systemd refuses more and fails
// the socket with it.
func giveUpSocket(ctx context.Context, h *lab.Host) error {
	_, err := sh(ctx, h, `
for i in 1 2 3 4 5 6 7 8; do systemctl restart ssh.service 2>/dev/null || :; done
for i in 1 2 3 4 5 6 7 8 9 10; do
	[ "$(systemctl show -p ActiveState --value ssh.socket)" != failed ] || exit 0
	ssh-keyscan -T 1 127.0.0.1 >/dev/null 2>&1 || :
done
systemctl show ssh.socket ssh.service -p ActiveState -p Result >&2
exit 1`)
	return err
}

// localHost carries the tests' own program to the host and has it change the
// sshd of the machine that it runs on: well, and killed in the middle.
func localHost(ctx context.Context, a access, h *lab.Host) error {
	program, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := h.WriteFile("/root/e2e", program, 0o700); err != nil {
		return err
	}
	before, err := h.ReadFile(mainFile)
	if err != nil {
		return err
	}
	run := func(step apply.StepName) (string, error) {
		return h.Exec(ctx, "env", controllerVar+`={"Local":true,"Step":"`+string(step)+`"}`, "/root/e2e")
	}
	// On a busy machine the watchdog may act before the controller dies.
	died := false
	for tries := 0; !died; tries++ {
		out, err := run(apply.StepConfirm)
		died = err != nil
		if !died && tries == 2 {
			return fmt.Errorf("confirm never began: %s", out)
		}
		if err := nothingLeft(ctx, h, confirmTimeout+aMoment); err != nil {
			return fmt.Errorf("killed at confirm: %w", err)
		}
	}
	if after, err := h.ReadFile(mainFile); err != nil || !bytes.Equal(before, after) {
		return fmt.Errorf("killed at confirm: the old file is not back (%v)", err)
	}
	if got, err := inForce(ctx, h, "ClientAliveInterval"); err != nil || got != "0" {
		return fmt.Errorf("killed at confirm: got %q in force (%v), want 0", got, err)
	}
	out, err := run("")
	if err != nil || !strings.HasPrefix(out, "changed ") {
		return fmt.Errorf("got %q (%w), want changed", out, orNone(err))
	}
	if got, err := inForce(ctx, h, "ClientAliveInterval"); err != nil || got != "45" {
		return fmt.Errorf("got %q in force (%v), want 45", got, err)
	}
	return nothingLeft(ctx, h, aMoment)
}

// planHere is the plan of this very machine.
func planHere(ctx context.Context, d apply.Dialer, timeout time.Duration) (*plan.Plan, error) {
	t := schema.Target{
		Address: schema.Address{Block: "server", Name: "lab"}, Host: schema.Host{Name: schema.ThisMachine},
		Connection: schema.Connection{Type: schema.Local}, Settings: []schema.Setting{interval("45")},
		Verify: schema.Verify{ConfirmTimeout: timeout}, Reload: "auto",
	}
	p, _, err := planFor(ctx, d, t)
	return p, err
}
