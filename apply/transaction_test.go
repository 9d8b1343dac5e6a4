package apply_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
)

func TestChangeOfARunningSshd(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	d := p.dialer()
	pid := p.cmd.Process.Pid
	var steps []apply.StepName
	made := p.plan(d, "41")
	report := p.run(d, made, func(e apply.Event) {
		if e.Kind == apply.ApplyProgressed {
			steps = append(steps, e.Step)
		}
	})
	if report.Outcome != apply.Changed || report.Proof != apply.ProofDaemon {
		t.Fatalf("got %s, proof %q, %v; want changed, proof daemon", report.Outcome, report.Proof, report.Err)
	}
	want := []apply.StepName{
		apply.StepConnect, apply.StepLock, apply.StepCheck, apply.StepRecord, apply.StepStage, apply.StepValidate,
		apply.StepArm, apply.StepReplace, apply.StepReload, apply.StepConfirm, apply.StepCommit, apply.StepUnlock,
	}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	if got := p.inForce(); got != "41" {
		t.Errorf("got interval %s in force, want 41", got)
	}
	if p.cmd.Process.Pid != pid || !p.listens() {
		t.Error("want the same daemon, listening")
	}
	p.clean()

	// The same plan again finds everything done.
	if again := p.run(d, made, nil); again.Outcome != apply.AlreadyDone {
		t.Errorf("got %s, %v; want already_done", again.Outcome, again.Err)
	}
	p.clean()
	if fresh := p.observe(d).Listener.Fresh; fresh != plan.Fresh {
		t.Errorf("got a daemon that is %q, want fresh", fresh)
	}
}

// Every step fails once, in every way in which one can. Afterwards the file is
// the old or the new one, whole; sshd listens; nothing is left behind; and the
// outcome tells the truth.
func TestEveryStepFailsOnce(t *testing.T) {
	for _, test := range []struct {
		step, how string
		times     int32
		outcome   apply.Outcome
	}{
		{"look around", "fail", 1, apply.Failed},
		{"lock", "fail", 1, apply.Failed},
		{"compare times", "fail", 1, apply.Failed},
		{"stage", "fail", 1, apply.Failed},
		{"judge", "fail", 1, apply.Failed},
		{"judge", "die", 1, apply.Failed},
		{"arm", "fail", 1, apply.Failed},
		{"arm", "after", 1, apply.Restored},
		{"swap", "fail", 1, apply.Restored},
		{"swap", "die", 1, apply.Restored},
		{"swap", "after", 1, apply.Restored},
		{"reload", "fail", 1, apply.Restored},
		{"reload", "after", 1, apply.Restored},
		{"redial", "", 8, apply.Restored},
		{"commit", "fail", 1, apply.Restored},
		{"commit", "after", 1, apply.Changed},
	} {
		t.Run(test.step+" "+test.how, func(t *testing.T) {
			t.Parallel()
			p := startPrivate(t)
			old := p.read()
			made := p.plan(p.dialer(), "41")
			d := p.dialer()
			d.step, d.how = test.step, test.how
			d.times.Store(test.times)
			report := p.run(d, made, nil)
			if report.Outcome != test.outcome {
				t.Errorf("got %s: %v; want %s", report.Outcome, report.Err, test.outcome)
			}
			want := old
			if test.outcome == apply.Changed {
				want = strings.Replace(old, "#ClientAliveInterval 0", "ClientAliveInterval 41\n#ClientAliveInterval 0", 1)
			}
			if diff := cmp.Diff(want, p.read()); diff != "" {
				t.Errorf("the file (-want +got):\n%s", diff)
			}
			if report.Restored != (test.outcome == apply.Restored) {
				t.Errorf("got restored %t, want %t", report.Restored, test.outcome == apply.Restored)
			}
			until(t, "sshd listens", p.listens)
			p.clean()
		})
	}
}
