package fleet_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/fleet"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A controller plans and applies to a fleet in memory.
type controller struct {
	t      *testing.T
	fleet  *fleet.Fleet
	dialer *remote.Dialer
	cfg    *schema.Config
	opts   plan.BuildOptions
	limit  int // hosts in flight
	events func(apply.Event)
}

// newController declares an interval of 30 seconds for all hosts.
func newController(t *testing.T, f *fleet.Fleet) *controller {
	t.Helper()
	dir := t.TempDir()
	key, known, err := f.Write(dir, false, 0)
	if err != nil {
		t.Fatal(err)
	}
	return &controller{
		t: t, fleet: f, limit: 50,
		dialer: &remote.Dialer{User: "root", Home: dir, KnownHosts: []string{known}, DialTCP: f.Dial},
		cfg:    &schema.Config{Targets: f.Targets(f.Len(), 30, key)},
	}
}

func (c *controller) end() {
	c.t.Helper()
	if err := c.dialer.Close(); err != nil {
		c.t.Error(err)
	}
	c.fleet.Close()
}

func (c *controller) plan() (*plan.Plan, schema.Diagnostics) {
	observed := apply.Observe(c.t.Context(), c.cfg, apply.ObserveOptions{Dialer: c.dialer, Asks: new(plan.Questions).Asks, Parallelism: c.limit, Events: c.events})
	return plan.Build(c.cfg, observed, c.opts)
}

// mustPlan is a plan without errors.
func (c *controller) mustPlan() *plan.Plan {
	c.t.Helper()
	p, diags := c.plan()
	if diags.HasErrors() {
		c.t.Fatalf("got %d diagnostics, the first %+v", len(diags), diags[0])
	}
	return p
}

func (c *controller) apply(p *plan.Plan) *apply.Report {
	c.t.Helper()
	report, err := apply.Run(c.t.Context(), p, apply.RunOptions{Dialer: c.dialer, Parallelism: c.limit, Events: c.events, Who: "test", Version: "test"})
	if err != nil {
		c.t.Fatal(err)
	}
	return report
}

// A fleet takes a change as hosts do: planned, applied, loaded once, proved by
// a new connection, and nothing left of the run.
func TestFleetTakesAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleet.New(20)
		f.DropIns = 2
		c := newController(t, f)
		defer c.end()
		p := c.mustPlan()
		if got := len(p.Hosts); got != 20 || !p.Hosts[19].Changed() {
			t.Fatalf("got %d hosts to change, want 20", got)
		}
		report := c.apply(p)
		for i, h := range report.Hosts {
			if h.Outcome != apply.Changed || h.Proof != apply.ProofDaemon {
				t.Errorf("%s: got %s with proof %q, want changed with proof daemon: %v", h.Host, h.Outcome, h.Proof, h.Err)
			}
			host := f.Host(i)
			if !strings.Contains(host.Config(), "\nClientAliveInterval 30\n") || !strings.Contains(host.Config(), "\nClientAliveCountMax 2\n") {
				t.Fatalf("the file of %s is not changed:\n%s", h.Host, host.Config())
			}
			if host.Reloads() != 1 || host.Locked() {
				t.Errorf("%s: got %d reloads and locked %v, want one and false", h.Host, host.Reloads(), host.Locked())
			}
		}
		if again := c.mustPlan(); slices.ContainsFunc(again.Hosts, func(h plan.HostPlan) bool { return h.Changed() }) {
			t.Error("a second plan finds something to do")
		}
		if host := f.Host(0); host.Logins() != 5 {
			t.Errorf("got %d logins, want 5: two plans, the lifeline, the rehearsal over it, the confirmation", host.Logins())
		}
	})
}
