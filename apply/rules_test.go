package apply_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema/testenv"
)

// The tests of this file are named for the rules of the transaction that they
// guard. They run on a real sshd on a loopback port.

func TestRule01TheListenerIsTheOneOfThePlan(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	d := p.dialer()
	seen := p.observe(d)
	want := plan.Listener{
		Path: p.cmd.Path, Args: []string{"-f", p.config}, ConfigFile: p.config, PID: p.cmd.Process.Pid,
		Reload: plan.PlainSIGHUP, Fresh: plan.Fresh,
	}
	if diff := cmp.Diff(want, seen.Listener); diff != "" {
		t.Errorf("the listener (-want +got):\n%s", diff)
	}
	made := p.plan(d, "41")
	decide(&made.Hosts[0], func(d *plan.Decision) { d.Facts.Listener.Args = []string{"-o", "Port=1"} })
	old := p.read()
	if report := p.run(d, made, nil); report.Outcome != apply.Stale || p.read() != old {
		t.Errorf("got %s, %v; want stale and nothing changed", report.Outcome, report.Err)
	}
}

func TestRule03UnloadedEditsOfOthersAreRefused(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	d := p.dialer()
	foreign := filepath.Join(p.dir, "conf.d", "50-foreign.conf")
	must(t, os.WriteFile(foreign, []byte("MaxAuthTries 3\n"), 0o644))
	seen := p.observe(d)
	if seen.Listener.Fresh != plan.Stale {
		t.Errorf("got %q, want stale", seen.Listener.Fresh)
	}
	made, old := p.plan(d, "41"), p.read()
	report := p.run(d, made, nil)
	if report.Outcome != apply.Failed || report.Step != apply.StepCheck || !strings.Contains(report.Err.Error(), "unloaded edits by someone else") {
		t.Errorf("got %s at %s: %v; want it refused at check", report.Outcome, report.Step, report.Err)
	}
	if p.read() != old {
		t.Error("the file changed")
	}
	p.clean()
}

func TestRule04ALinkIsNeverReplaced(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	real := filepath.Join(p.dir, "real_config")
	must(t, os.Rename(p.config, real))
	must(t, os.Symlink(real, p.config))
	must(t, p.cmd.Process.Signal(syscall.SIGHUP)) // it has read what is there now
	until(t, "sshd has read its files", func() bool { return p.listens() && p.observe(p.dialer()).Listener.Fresh == plan.Fresh })
	d := p.dialer()
	made := p.plan(d, "41")
	decide(&made.Hosts[0], func(d *plan.Decision) { d.Files[0].RealPath = real })
	if report := p.run(d, made, nil); report.Outcome != apply.Changed {
		t.Fatalf("got %s, %v; want changed", report.Outcome, report.Err)
	}
	if to, err := os.Readlink(p.config); err != nil || to != real {
		t.Errorf("got a link to %q, %v; want it to lead to %s as before", to, err, real)
	}
	p.clean()
}

func TestRule06TwoRunsOneLock(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made := p.plan(p.dialer(), "41")
	inside, leave := make(chan struct{}), make(chan struct{})
	slow := p.dialer()
	var once sync.Once
	slow.before = func(step string) {
		if step == "judge" {
			once.Do(func() { close(inside); <-leave })
		}
	}
	var first apply.HostReport
	done := make(chan struct{})
	go func() {
		defer close(done)
		report, err := apply.Run(t.Context(), made, apply.RunOptions{Dialer: slow, Who: "the first"})
		if err == nil {
			first = report.Hosts[0]
		}
	}()
	<-inside
	second := p.run(p.dialer(), made, nil)
	close(leave)
	<-done
	var locked *apply.LockedError
	if second.Outcome != apply.Locked || !errors.As(second.Err, &locked) || locked.Held.Who != "the first" {
		t.Errorf("got %s, %v; want locked by the first", second.Outcome, second.Err)
	}
	if first.Outcome != apply.Changed {
		t.Errorf("got %s, %v for the first; want changed", first.Outcome, first.Err)
	}
	p.clean()
}

// A lock whose time is over is taken by exactly one of many.
func TestRule06OneTakesOverAnExpiredLock(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made := p.plan(p.dialer(), "41")
	state := filepath.Join(p.state, ".local/state/sshform")
	must(t, os.MkdirAll(filepath.Join(state, "runs"), 0o700))
	must(t, os.WriteFile(filepath.Join(state, "lock"), []byte("id gone\nwho nobody\nboot another\nuntil 1\n"), 0o600))
	outcomes := make(chan apply.Outcome, 6)
	for range cap(outcomes) {
		go func() {
			report, err := apply.Run(t.Context(), made, apply.RunOptions{Dialer: p.dialer(), Who: "a racer"})
			if err != nil {
				outcomes <- apply.Outcome(err.Error())
				return
			}
			outcomes <- report.Hosts[0].Outcome
		}()
	}
	counts := map[apply.Outcome]int{}
	for range cap(outcomes) {
		counts[<-outcomes]++
	}
	if counts[apply.Changed] != 1 || counts[apply.Changed]+counts[apply.Locked]+counts[apply.AlreadyDone]+counts[apply.Stale] != cap(outcomes) {
		t.Errorf("got %v; want one change, the others locked out or late", counts)
	}
	p.clean()
}

// A controller that dies before the swap leaves nothing, after the time of its
// watchdog. The dead dialer cannot clean up over a new connection either.
func TestRule07TheWatchdogCleansUp(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	old := p.read()
	made := p.plan(p.dialer(), "41")
	decide(&made.Hosts[0], func(d *plan.Decision) { d.Run.ConfirmTimeout = 2 * time.Second })
	d := p.dialer()
	ctx, cut := context.WithCancel(t.Context())
	d.before = func(step string) {
		if step == "arm" {
			cut()
		}
	}
	report, err := apply.Run(ctx, made, apply.RunOptions{Dialer: d, Who: "a test"})
	must(t, err)
	if report.Succeeded() {
		t.Fatal("got success, want a transaction that was cut")
	}
	p.clean()
	if p.read() != old {
		t.Error("the file changed")
	}
	runs, err := filepath.Glob(filepath.Join(p.state, ".local/state/sshform/runs/*"))
	if err != nil || len(runs) > 0 {
		t.Errorf("got %v left, %v; want no run", runs, err)
	}
}

// Cut between swap and confirm: the watchdog puts the old file back and makes
// sshd read it.
func TestRule07TheWatchdogRestores(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	old := p.read()
	made := p.plan(p.dialer(), "41")
	decide(&made.Hosts[0], func(d *plan.Decision) { d.Run.ConfirmTimeout = 10 * time.Second })
	d := p.dialer()
	ctx, cut := context.WithCancel(t.Context())
	defer cut()
	report, err := apply.Run(ctx, made, apply.RunOptions{Dialer: d, Who: "a test", Events: func(e apply.Event) {
		if e.Kind == apply.ApplyProgressed && e.Step == apply.StepConfirm {
			cut()
		}
	}})
	must(t, err)
	if diff := cmp.Diff([]string{"here"}, report.Pending); diff != "" {
		t.Errorf("pending hosts (-want +got):\n%s", diff)
	}
	p.clean()
	if diff := cmp.Diff(old, p.read()); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
	if got := p.inForce(); got != "0" {
		t.Errorf("got interval %s, want 0", got)
	}
	host, err := p.dialer().Dial(t.Context(), apply.Reach{})
	must(t, err)
	records, err := apply.ReadRecords(t.Context(), host)
	must(t, err)
	if len(records.Runs) != 1 || records.Runs[0].Verdict != "restored" || records.Lock != nil {
		t.Errorf("got %+v, want one run that was restored, and no lock", records)
	}
}

// Commit and restore exclude each other, however close they come.
func TestRule11OneTokenOneWinner(t *testing.T) {
	script, err := os.ReadFile("scripts/transact.sh")
	must(t, err)
	for range 20 {
		state := t.TempDir()
		run := filepath.Join(state, "runs", "r")
		must(t, os.MkdirAll(run, 0o700))
		must(t, os.WriteFile(filepath.Join(run, "transact.sh"), script, 0o700))
		must(t, os.WriteFile(filepath.Join(run, "manifest"), []byte("id r\nnonce n\nstate "+state+"\ntimeout 9\nbackups 3\nway none\n"), 0o600))
		must(t, os.WriteFile(filepath.Join(run, "folders"), nil, 0o600))
		must(t, os.WriteFile(filepath.Join(run, "armed"), []byte("n\n"), 0o600))
		var won [2]bool
		var group sync.WaitGroup
		for i, verb := range []string{"commit", "restore"} {
			group.Go(func() {
				won[i] = exec.Command("/bin/sh", filepath.Join(run, "transact.sh"), verb, run, "5").Run() == nil
			})
		}
		group.Wait()
		if won[0] == won[1] {
			t.Fatalf("got commit %t and restore %t, want exactly one", won[0], won[1])
		}
		verdict, err := os.ReadFile(filepath.Join(run, "verdict"))
		must(t, err)
		if want := map[bool]string{true: "committed\n", false: "restored\n"}[won[0]]; string(verdict) != want {
			t.Errorf("got verdict %q, want %q", verdict, want)
		}
	}
}

// A new drop-in is judged in its place before it is there, which needs a
// private mount namespace.
func TestRule12TheWholeTreeIsJudged(t *testing.T) {
	t.Parallel()
	testenv.Root(t)
	testenv.Program(t, "unshare")
	p := startPrivate(t)
	d := p.dialer()
	for _, test := range []struct {
		text    string
		outcome apply.Outcome
	}{
		{"ClientAliveInterval 41 41\n", apply.Failed}, // sshd refuses it
		{"ClientAliveInterval 41\n", apply.Changed},
	} {
		made := p.plan(d, "41")
		path := p.dropIn(made, "20-ours.conf", test.text)
		report := p.run(d, made, nil)
		if report.Outcome != test.outcome {
			t.Errorf("%q: got %s, %v; want %s", test.text, report.Outcome, report.Err, test.outcome)
		}
		if _, err := os.Stat(path); (err == nil) != (test.outcome == apply.Changed) {
			t.Errorf("%q: got %v for the drop-in", test.text, err)
		}
		if mounts, err := os.ReadFile("/proc/self/mounts"); err != nil || strings.Contains(string(mounts), p.dir) {
			t.Errorf("a mount leaked onto the machine: %v", err)
		}
		p.clean()
	}
	if got := p.inForce(); got != "41" {
		t.Errorf("got interval %s, want 41", got)
	}
}

// Where there are no private mount namespaces, the tree is judged as a copy.
func TestRule12ACopiedTreeIsJudged(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	d := p.dialer()
	d.noNamespaces = true
	for _, test := range []struct {
		line    string
		outcome apply.Outcome
	}{
		{"ClientAliveInterval 41 41\n", apply.Failed},
		{"ClientAliveInterval 41\n", apply.Changed},
	} {
		made := p.plan(d, "41")
		path := p.dropIn(made, "20-ours.conf", test.line)
		decide(&made.Hosts[0], func(d *plan.Decision) {
			d.DependsOn = append(d.DependsOn, plan.Dependency{Path: p.config, Before: plan.Sum([]byte(p.read()))})
		})
		report := p.run(d, made, nil)
		if report.Outcome != test.outcome {
			t.Errorf("%q: got %s, %v; want %s", test.line, report.Outcome, report.Err, test.outcome)
		}
		if report.Err != nil && (!strings.Contains(report.Err.Error(), path) || strings.Contains(report.Err.Error(), "/tree/")) {
			t.Errorf("got %v, want it to name %s and no copy", report.Err, path)
		}
		p.clean()
	}
	if got := p.inForce(); got != "41" {
		t.Errorf("got interval %s, want 41", got)
	}
}

// A change that sets more than it declares is refused, and so is one that takes
// foreign lines under another Match.
func TestRule13OtherDifferencesRefuse(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	d := p.dialer()
	more := p.plan(d, "41", "LoginGraceTime 77")
	moved := p.plan(d, "41")
	decide(&moved.Hosts[0], func(d *plan.Decision) {
		file := &d.Files[0]
		file.Edits = append(file.Edits, plan.Edit{Op: plan.Insert, Line: 13, New: "Match all\n", Address: p.target().Address.String()})
		after, err := plan.Replay([]byte(p.read()), file.Edits)
		must(t, err)
		file.After = plan.Sum(after)
	})
	old := p.read()
	for _, test := range []struct {
		made *plan.Plan
		step apply.StepName
		want string
	}{
		{more, apply.StepValidate, "logingracetime"},
		{moved, apply.StepCheck, "into another block"},
	} {
		report := p.run(d, test.made, nil)
		if report.Outcome != apply.Failed || report.Step != test.step || !strings.Contains(report.Err.Error(), test.want) {
			t.Errorf("got %s at %s: %v; want it refused at %s: %s", report.Outcome, report.Step, report.Err, test.step, test.want)
		}
		if p.read() != old {
			t.Error("the file changed")
		}
		p.clean()
	}
}

// Somebody edits the file between the check and the swap: their edit stays.
func TestRule16AForeignEditAtTheLastMoment(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made := p.plan(p.dialer(), "41")
	foreign := p.read() + "# a foreign line\n"
	d := p.dialer()
	d.before = func(step string) {
		if step == "swap" {
			must(t, os.WriteFile(p.config, []byte(foreign), 0o644))
		}
	}
	report := p.run(d, made, nil)
	if report.Outcome != apply.Stale || report.Step != apply.StepReplace {
		t.Errorf("got %s at %s: %v; want stale at replace", report.Outcome, report.Step, report.Err)
	}
	if diff := cmp.Diff(foreign, p.read()); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
	p.clean()
}

// A reload that kills sshd: what is put back starts it again.
func TestRule23ADeadDaemonIsStarted(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	old := p.read()
	made := p.plan(p.dialer(), "41")
	d := p.dialer()
	d.step, d.how = "redial", ""
	d.times.Store(8)
	killed := false
	report := p.run(d, made, func(e apply.Event) {
		if e.Kind == apply.ApplyProgressed && e.Step == apply.StepConfirm {
			must(t, p.cmd.Process.Kill())
			until(t, "sshd is gone", func() bool { return !p.listens() })
			killed = true
		}
	})
	if !killed || report.Outcome != apply.Restored || p.read() != old {
		t.Errorf("got %s, %v; want the old file restored", report.Outcome, report.Err)
	}
	if !p.listens() {
		t.Error("nobody listens")
	}
	if pid, err := os.ReadFile(filepath.Join(p.dir, "sshd.pid")); err == nil {
		exec.Command("kill", strings.TrimSpace(string(pid))).Run()
	}
	p.clean()
}
