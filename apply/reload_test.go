package apply_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
)

// reload = "none": the file is judged by the sshd of the host, and no daemon
// is told or asked.
func TestReloadByHand(t *testing.T) {
	t.Parallel()
	p := newPrivate(t) // no sshd reads this file
	p.reload = "none"
	d := p.dialer()
	for _, test := range []struct {
		interval string
		outcome  apply.Outcome
		text     string
	}{
		{"forty", apply.Failed, "refuses the new configuration"},
		{"41", apply.Changed, ""},
	} {
		made, old := p.plan(d, test.interval), p.read()
		d.before = func(step string) {
			if step == "redial" {
				t.Error("a new connection was asked for, want none")
			}
		}
		report := p.run(d, made, nil)
		if report.Outcome != test.outcome || test.text != "" && !strings.Contains(report.Err.Error(), test.text) {
			t.Fatalf("%s: got %s, %v; want %s %s", test.interval, report.Outcome, report.Err, test.outcome, test.text)
		}
		changed := p.read() != old
		if changed != (test.outcome == apply.Changed) || changed && report.Proof != apply.ProofFile {
			t.Errorf("%s: got changed %t, proof %q; want it proved by the file", test.interval, changed, report.Proof)
		}
		p.clean()
	}
}

// A plan may leave the reload of a daemon that runs to a person.
func TestReloadByHandLeavesTheDaemonAlone(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	d := p.dialer()
	made := p.plan(d, "41")
	decide(&made.Hosts[0], func(d *plan.Decision) { d.Run.Reload = "none" })
	if report := p.run(d, made, nil); report.Outcome != apply.Changed || report.Proof != apply.ProofFile {
		t.Errorf("got %s, proof %q, %v; want changed, proved by the file", report.Outcome, report.Proof, report.Err)
	}
	if fresh := p.observe(d).Listener.Fresh; fresh != plan.Stale {
		t.Errorf("got a daemon that is %q, want one that has not read the file", fresh)
	}
	p.clean()
}

func TestReloadByACommandOfTheSite(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	d := p.dialer()
	made := p.plan(d, "41")
	decide(&made.Hosts[0], func(d *plan.Decision) { d.Run.Reload = "site-hup" })
	opts := apply.RunOptions{Dialer: d, Who: "a test"}
	var refused *apply.RefusedError
	if _, err := apply.Run(t.Context(), made, opts); !errors.As(err, &refused) || !strings.Contains(err.Error(), "policy") {
		t.Fatalf("got %v, want a plan refused with the advice to name the command", err)
	}
	opts.ReloadCommands = map[string][]string{"site-hup": {"hup"}}
	if _, err := apply.Run(t.Context(), made, opts); !errors.As(err, &refused) {
		t.Fatalf("got %v, want a command without a path refused", err)
	}
	// The words are words, not text for a shell.
	log := filepath.Join(p.dir, "log")
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >" + log + "\nkill -HUP \"$(cat " + p.dir + "/sshd.pid)\"\n"
	command := filepath.Join(p.dir, "hup")
	must(t, os.WriteFile(command, []byte(script), 0o700))
	opts.ReloadCommands = map[string][]string{"site-hup": {command, "a  b", "$(touch " + p.dir + "/pasted)", "'"}}
	report, err := apply.Run(t.Context(), made, opts)
	must(t, err)
	if got := report.Hosts[0]; got.Outcome != apply.Changed || got.Proof != apply.ProofDaemon {
		t.Errorf("got %s, proof %q, %v; want changed and read by the daemon", got.Outcome, got.Proof, got.Err)
	}
	words, err := os.ReadFile(log)
	must(t, err)
	if want := "a  b\n$(touch " + p.dir + "/pasted)\n'\n"; string(words) != want {
		t.Errorf("got words %q, want %q", words, want)
	}
	p.clean()
}
