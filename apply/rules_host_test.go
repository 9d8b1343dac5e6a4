//go:build unix

package apply_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema/testenv"
)

// runFolder is the folder of the only run on the host.
func (p *private) runFolder() string {
	p.t.Helper()
	runs, err := filepath.Glob(filepath.Join(p.state, ".local/state/sshform/runs/*"))
	must(p.t, err)
	if len(runs) != 1 {
		p.t.Fatalf("got runs %v, want one", runs)
	}
	return runs[0]
}

// guard is the process of the watchdog.
func (p *private) guard() int {
	p.t.Helper()
	file := filepath.Join(p.runFolder(), "guard")
	until(p.t, "the watchdog tells its process", func() bool { _, err := os.Stat(file); return err == nil })
	text, err := os.ReadFile(file)
	must(p.t, err)
	pid, err := strconv.Atoi(strings.Fields(string(text))[0])
	must(p.t, err)
	return pid
}

func session(t *testing.T, pid int) string {
	t.Helper()
	out, err := exec.Command("ps", "-o", "sess=", "-p", strconv.Itoa(pid)).Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

// The watchdog has a session of its own. One that has died is noticed before
// anything is replaced.
func TestRule08NotArmedNoReplace(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made, old := p.plan(p.dialer(), "41"), p.read()
	d := p.dialer()
	swapped := false
	d.before = func(step string) {
		switch step {
		case "arm":
			pid := p.guard()
			if got := session(t, pid); got == session(t, os.Getpid()) {
				t.Errorf("got the watchdog in our session %s, want another", got)
			}
			must(t, syscall.Kill(pid, syscall.SIGKILL))
			until(t, "the watchdog has ended", func() bool { return syscall.Kill(pid, 0) != nil || zombie(pid) })
		case "swap":
			swapped = true
		}
	}
	report := p.run(d, made, nil)
	if report.Outcome != apply.Failed || report.Step != apply.StepArm || swapped || p.read() != old {
		t.Errorf("got %s at %s: %v; want it refused at arm, nothing replaced", report.Outcome, report.Step, report.Err)
	}
	p.clean()
}

func zombie(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || bytes.Contains(stat, []byte(") Z "))
}

// A reboot between replace and commit takes controller and watchdog away; what
// the boot unit calls puts the old file back and signals nobody.
func TestRule09TheBootRestores(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made, old := p.plan(p.dialer(), "41"), p.read()
	d := p.dialer()
	ctx, cut := context.WithCancel(t.Context())
	d.before = func(step string) {
		if step == "reload" {
			must(t, syscall.Kill(p.guard(), syscall.SIGKILL))
			cut()
		}
	}
	_, err := apply.Run(ctx, made, apply.RunOptions{Dialer: d, Who: "a test"})
	must(t, err)
	if p.read() == old {
		t.Fatal("the file was not replaced")
	}
	run := p.runFolder()
	sh(t, "/bin/sh", filepath.Join(run, "transact.sh"), "boot", run)
	if diff := cmp.Diff(old, p.read()); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
	if verdict, err := os.ReadFile(filepath.Join(run, "verdict")); err != nil || string(verdict) != "restored\n" {
		t.Errorf("got verdict %q, %v; want restored", verdict, err)
	}
	p.clean()
}

// The script on the host is the program's own text; paths are data to it.
func TestRule10TheScriptIsFixedText(t *testing.T) {
	testenv.Program(t, "ssh")
	want, err := os.ReadFile("scripts/transact.sh")
	must(t, err)
	if !bytes.HasSuffix(want, []byte("\n\texit\n}\n\nmain \"$@\"\n")) || !bytes.Contains(want, []byte("\nPATH=/usr/sbin:/usr/bin:/sbin:")) {
		t.Error("want a main function that ends with exit, called on the last line, and a fixed PATH")
	}
	home := t.TempDir()
	pasted := filepath.Join(home, "pasted")
	file := filepath.Join(home, "it's; touch pasted & -rf `touch pasted` #", "config")
	made := clientPlan(t, file, "", "ServerAliveInterval 41\n", "41")
	d := &faulty{state: home}
	d.before = func(step string) {
		if step != "arm" {
			return
		}
		p := &private{t: t, state: home}
		script := filepath.Join(p.runFolder(), "transact.sh")
		got, err := os.ReadFile(script)
		must(t, err)
		info, err := os.Stat(script)
		must(t, err)
		if !bytes.Equal(got, want) || info.Mode().Perm() != 0o700 {
			t.Errorf("got another text, or mode %o; want ours and 700", info.Mode().Perm())
		}
	}
	report, err := apply.Run(t.Context(), made, apply.RunOptions{Dialer: d, Who: "a test"})
	must(t, err)
	if got := report.Hosts[0]; got.Outcome != apply.Changed {
		t.Errorf("got %s, %v; want changed", got.Outcome, got.Err)
	}
	if _, err := os.Stat(pasted); err == nil {
		t.Error("a path was run as text of a shell")
	}
}

// rehearsed lets the test decide what becomes of rehearsal logins.
type rehearsed struct {
	apply.Dialer
	login func(tree string) error
}

func (d rehearsed) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	h, err := d.Dialer.Dial(ctx, reach)
	return rehearsedHost{h, d.login}, err
}

type rehearsedHost struct {
	apply.Host
	login func(tree string) error
}

func (h rehearsedHost) Rehearse(_ context.Context, step apply.Step) error {
	return h.login(step.Args[len(step.Args)-1])
}

func TestRule14WhatARehearsalDecides(t *testing.T) {
	refused := &apply.LoginError{Err: errors.New("denied")}
	for _, test := range []struct {
		name            string
		candidate, live error
		pending         bool
		outcome         apply.Outcome
		text            string // of the error, or of a note
	}{
		{"let in", nil, nil, false, apply.Changed, "rules by address were not judged"},
		{"refused by the candidate only", refused, nil, false, apply.Failed, "let in by the present configuration and not by the new one"},
		{"refused by both", refused, refused, false, apply.Changed, "refused by the present configuration, too"},
		{"not held", errors.New("no channel"), nil, false, apply.Changed, "no rehearsal: no channel"},
		{"not held, and pending edits allowed", errors.New("no channel"), nil, true, apply.Failed, "allow_pending needs a rehearsal"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startPrivate(t)
			made := p.plan(p.dialer(), "41")
			decide(&made.Hosts[0], func(d *plan.Decision) { d.Run.Rehearsal, d.Run.AllowPending = true, test.pending })
			report := p.run(rehearsed{p.dialer(), func(tree string) error {
				return map[string]error{"candidate": test.candidate, "live": test.live}[tree]
			}}, made, nil)
			said := strings.Join(report.Notes, "\n")
			if report.Err != nil {
				said = report.Err.Error()
			}
			if report.Outcome != test.outcome || !strings.Contains(said, test.text) {
				t.Errorf("got %s, %q; want %s, %q", report.Outcome, said, test.outcome, test.text)
			}
			p.clean()
		})
	}
}

// The access list of a file is its successor's, and so are owner and mode.
func TestRule15AccessListsStay(t *testing.T) {
	t.Parallel()
	testenv.Program(t, "setfacl")
	p := startPrivate(t)
	d := p.dialer()
	must(t, os.Chmod(p.config, 0o640))
	out, err := exec.Command("setfacl", "-m", "u:nobody:r", p.config).CombinedOutput()
	testenv.Need(t, err == nil, "the file system has no access lists: "+string(out))
	list := func() string {
		out, err := exec.Command("getfacl", "-cp", p.config).Output()
		must(t, err)
		return string(out)
	}
	want := list()
	must(t, p.cmd.Process.Signal(syscall.SIGHUP))
	until(t, "sshd has read its files", func() bool { return p.listens() && p.observe(d).Listener.Fresh == "fresh" })
	if report := p.run(d, p.plan(d, "41"), nil); report.Outcome != apply.Changed {
		t.Fatalf("got %s, %v; want changed", report.Outcome, report.Err)
	}
	if diff := cmp.Diff(want, list()); diff != "" || !strings.Contains(want, "user:nobody:r--") {
		t.Errorf("the access list (-want +got):\n%s", diff)
	}
	p.clean()
}

// A file of somebody else turns bad between replace and reload: sshd is not
// signalled, which would end it, not even when the old file is back.
func TestRule18NoSignalWithABadFile(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made, old := p.plan(p.dialer(), "41"), p.read()
	d := p.dialer()
	d.before = func(step string) {
		if step == "reload" {
			must(t, os.WriteFile(filepath.Join(p.dir, "conf.d", "90-bad.conf"), []byte("NoSuchKeyword\n"), 0o644))
		}
	}
	report := p.run(d, made, nil)
	if report.Outcome != apply.Restored || report.Step != apply.StepReload || p.read() != old {
		t.Errorf("got %s at %s: %v; want it restored at reload", report.Outcome, report.Step, report.Err)
	}
	if err := p.cmd.Process.Signal(syscall.Signal(0)); err != nil || !p.listens() {
		t.Errorf("got %v; want the daemon alive and listening", err)
	}
	p.clean()
}

// A daemon that takes no signal has not read the file, whatever kill(1) says.
func TestRule20NoSignNoSuccess(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made, old := p.plan(p.dialer(), "41"), p.read()
	must(t, p.cmd.Process.Signal(syscall.SIGSTOP))
	report := p.run(p.dialer(), made, nil)
	must(t, p.cmd.Process.Signal(syscall.SIGCONT))
	if report.Outcome != apply.Restored || report.Step != apply.StepReload || !strings.Contains(report.Err.Error(), "no sign") || p.read() != old {
		t.Errorf("got %s at %s: %v; want it restored, for want of a sign", report.Outcome, report.Step, report.Err)
	}
	p.clean()
}

// tunnelled is reached again by nobody, and lets the test decide what a login
// from inside says.
type tunnelled struct {
	apply.Dialer
	inside func(address string, port int) error
}

func (d tunnelled) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	h, err := d.Dialer.Dial(ctx, reach)
	return tunnelledHost{h, d.inside}, err
}

type tunnelledHost struct {
	apply.Host
	inside func(address string, port int) error
}

func (h tunnelledHost) LoginInside(_ context.Context, address string, port int) error {
	return h.inside(address, port)
}

func TestRule21ALockOutIsToldFromANetwork(t *testing.T) {
	for _, test := range []struct {
		inside error
		want   string
	}{
		{nil, "a network, a firewall or a ban"},
		{&apply.LoginError{Err: errors.New("denied")}, "a lock-out"},
	} {
		t.Run(test.want, func(t *testing.T) {
			t.Parallel()
			p := startPrivate(t)
			made, old := p.plan(p.dialer(), "41"), p.read()
			d := p.dialer()
			d.step = "redial"
			d.times.Store(8)
			report := p.run(tunnelled{d, func(address string, port int) error {
				if address != "127.0.0.1" || port != p.port {
					t.Errorf("got a login at %s port %d, want the listener's own %d", address, port, p.port)
				}
				return test.inside
			}}, made, nil)
			if report.Outcome != apply.Restored || report.Step != apply.StepConfirm || !strings.Contains(report.Err.Error(), test.want) {
				t.Errorf("got %s at %s: %v; want it restored, %q", report.Outcome, report.Step, report.Err, test.want)
			}
			if p.read() != old {
				t.Error("the file changed")
			}
			p.clean()
		})
	}
}

// The sshd of this very machine is logged in to where it listens. A login that
// was refused before the change says nothing about it.
func TestRule21ALocalLoginProvesThisMachine(t *testing.T) {
	refused := errors.New("denied")
	for _, test := range []struct {
		name          string
		before, after error
		outcome       apply.Outcome
		logins        int // at least: a refusal is tried again, as long as there is time
	}{
		{"let in", nil, nil, apply.Changed, 2},
		{"let in no more", nil, refused, apply.Restored, 2},
		{"never let in", refused, refused, apply.Changed, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startPrivate(t)
			made, old := p.plan(p.dialer(), "41"), p.read()
			if test.outcome == apply.Restored {
				decide(&made.Hosts[0], func(d *plan.Decision) { d.Run.ConfirmTimeout = 30 * time.Second })
			}
			key, err := os.ReadFile(filepath.Join(p.dir, "host_key.pub"))
			must(t, err)
			want := apply.Endpoint{Address: "127.0.0.1", Port: p.port, HostKeys: []string{strings.TrimSpace(string(key))}}
			logins := 0
			report, err := apply.Run(t.Context(), made, apply.RunOptions{Dialer: p.dialer(), Who: "a test", Login: func(_ context.Context, at apply.Endpoint) error {
				logins++
				if diff := cmp.Diff(want, at); diff != "" {
					t.Errorf("where to log in (-want +got):\n%s", diff)
				}
				if p.read() == old {
					return test.before
				}
				return test.after
			}})
			must(t, err)
			got := report.Hosts[0]
			if got.Outcome != test.outcome || logins < test.logins {
				t.Errorf("got %s, %v after %d logins; want %s after %d at least", got.Outcome, got.Err, logins, test.outcome, test.logins)
			}
			if noted := strings.Contains(strings.Join(got.Notes, "\n"), "was not logged in to"); noted != (test.before != nil) {
				t.Errorf("got notes %q, want them to tell of a missing login: %t", got.Notes, test.before != nil)
			}
			p.clean()
		})
	}
}

// An edit that somebody else made at the last moment is theirs: our run does
// not take it for its own when it ends.
func TestRule03AForeignEditStaysUnloaded(t *testing.T) {
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
	if report := p.run(d, made, nil); report.Outcome != apply.Stale {
		t.Fatalf("got %s, %v; want stale", report.Outcome, report.Err)
	}
	if got := p.observe(p.dialer()).Listener; got.Fresh != "stale" || got.Pending != p.config {
		t.Errorf("got %q for %s, want the edit of %s pending", got.Fresh, got.Pending, p.config)
	}
	p.clean()
}

// Behind sudo, ssh is asked as the person whose file it is.
func TestClientFileBehindSudo(t *testing.T) {
	testenv.Root(t)
	testenv.Program(t, "ssh")
	const nobody = 65534
	t.Setenv("SUDO_USER", "nobody")
	home, err := os.MkdirTemp("/tmp", "sshform-person-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(home) })
	must(t, os.Chown(home, nobody, nobody))
	must(t, os.Chmod(home, 0o755))
	file := filepath.Join(home, "new", "config")
	match, line := "Match localuser nobody\n", "ServerAliveInterval 41\n"
	made := clientPlan(t, file, "", match+line, "41")
	decide(&made.Hosts[0], func(d *plan.Decision) {
		f := &d.Files[0]
		f.Edits = append(f.Edits, f.Edits[0])
		f.Edits[0].New, f.Edits[1].New = match, line
		f.UID, f.GID = nobody, nobody
	})
	state := t.TempDir()
	report, err := apply.Run(t.Context(), made, apply.RunOptions{Dialer: &faulty{state: state}, Who: "a test", Now: time.Now})
	must(t, err)
	if got := report.Hosts[0]; got.Outcome != apply.Changed {
		t.Errorf("got %s, %v; want changed, since nobody asked", got.Outcome, got.Err)
	}
	for _, path := range []string{filepath.Dir(file), file} {
		info, err := os.Stat(path)
		must(t, err)
		if got := info.Sys().(*syscall.Stat_t).Uid; got != nobody {
			t.Errorf("%s: got owner %d, want %d", path, got, nobody)
		}
	}
}
