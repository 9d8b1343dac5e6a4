package fleet_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/fleet"
	"github.com/sshform/sshform/plan"
)

// trips runs work on a fleet whose only cost is the way, in a clock that stands
// still for everything else, and returns how many round trips it took.
func trips(c *controller, work func()) float64 {
	began := time.Now()
	work()
	return float64(time.Since(began)) / float64(c.fleet.RoundTrip)
}

// The round trips of a whole plan and of a whole apply. They may fall, not
// grow. TCP's own is counted; a host that works for some time while nothing
// travels is not, since a simulated one does not.
func TestRoundTripsOfPlanAndApply(t *testing.T) {
	for _, c := range []struct {
		name           string
		dropIns        int
		plan, apply    float64
		skipRehearsal  bool
		nothingChanges float64
	}{
		{name: "whole", plan: 12, apply: 40, nothingChanges: 12},
		{name: "without a rehearsal", plan: 12, apply: 30, skipRehearsal: true, nothingChanges: 12},
		{name: "with 40 included files", dropIns: 40, plan: 14, apply: 40, nothingChanges: 14},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := fleet.New(1)
				f.RoundTrip, f.DropIns = 100*time.Millisecond, c.dropIns
				co := newController(t, f)
				defer co.end()
				co.cfg.Targets[0].Verify.SkipRehearsal = c.skipRehearsal
				var p *plan.Plan
				check := func(what string, want float64, work func()) {
					got := trips(co, work)
					if got > want {
						t.Errorf("%s: got %.1f round trips, want at most %v", what, got, want)
					}
					t.Logf("%s: %.1f", what, got)
				}
				check("plan", c.plan, func() { p = co.mustPlan() })
				check("apply", c.apply, func() {
					if report := co.apply(p); report.Hosts[0].Outcome != apply.Changed {
						t.Fatalf("got %+v", report.Hosts[0])
					}
				})
				check("plan where nothing changes", c.nothingChanges, func() { co.mustPlan() })
			})
		})
	}
}
