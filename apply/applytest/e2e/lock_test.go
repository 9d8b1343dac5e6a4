//go:build linux

package e2e_test

import (
	"testing"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
)

// TestLockOfADeadController has a controller killed after it took the lock. The
// next one is locked out, until the lock on the host says that its holder can
// no longer be at work: its time is over, or the host was booted since.
func TestLockOfADeadController(t *testing.T) {
	t.Parallel()
	edits := map[string]string{"systemd": "s/^until .*/until 1/", "sysvinit": "s/^boot .*/boot another/"}
	l := lab.Open(t)
	for _, h := range l.Start("systemd", "sysvinit") {
		t.Run(h.Name, func(t *testing.T) {
			ctx := t.Context()
			d := accessTo(l).dialer(h)
			defer d.Close()
			p, _, err := planFor(ctx, d, target(accessTo(l), h, interval("45")))
			check(t, err)
			dead := &trial{access: accessTo(l), host: h, step: apply.StepValidate}
			check(t, dead.kill(ctx, p))

			report, err := runPlan(ctx, d, p, apply.RunOptions{})
			check(t, err)
			if report.Outcome != apply.Locked {
				t.Errorf("beside the lock of a dead controller: got %s (%v), want locked", report.Outcome, report.Err)
			}
			_, err = h.Exec(ctx, "sed", "-i", edits[h.Name], "/var/lib/sshform/lock")
			check(t, err)
			report, err = runPlan(ctx, d, p, apply.RunOptions{})
			check(t, err)
			if report.Outcome != apply.Changed {
				t.Errorf("beside an expired lock: got %s at %s (%v), want changed", report.Outcome, report.Step, report.Err)
			}
			check(t, nothingLeft(ctx, h, aMoment))
		})
	}
}
