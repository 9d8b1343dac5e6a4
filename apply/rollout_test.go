package apply_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A nowhere dialer reaches nobody, and remembers who was tried.
type nowhere struct {
	mu    sync.Mutex
	tried []string
	most  int
	now   int
	hold  <-chan struct{} // nil answers at once
}

var errNowhere = errors.New("nobody answers")

func (d *nowhere) Dial(_ context.Context, reach apply.Reach) (apply.Host, error) {
	d.mu.Lock()
	d.tried = append(d.tried, reach.Host)
	d.now++
	d.most = max(d.most, d.now)
	d.mu.Unlock()
	if d.hold != nil {
		<-d.hold
	}
	d.mu.Lock()
	d.now--
	d.mu.Unlock()
	return nil, errNowhere
}

// fleet is a plan for hosts h0, h1 …; every third needs nothing.
func fleet(hosts int, waves ...plan.Wave) *plan.Plan {
	p := &plan.Plan{Mode: plan.Normal, Rollout: plan.Rollout{Waves: waves}}
	for i := range hosts {
		name := fmt.Sprintf("h%03d", i)
		action := plan.Reload
		if i%3 == 2 {
			action = plan.NoOp
		}
		p.Hosts = append(p.Hosts, plan.HostPlan{
			Host: name, Wave: waves[i*len(waves)/hosts].Name, Turn: i,
		}.Via(plan.Connection{Type: schema.OverSSH, Address: name}).With(plan.Decision{Changes: []plan.Change{{
			Address: schema.Address{Block: "server", Name: "f", Key: name, HasKey: true}, Host: name, Action: action,
		}}}))
	}
	return p
}

func run(t *testing.T, p *plan.Plan, opts apply.RunOptions) *apply.Report {
	t.Helper()
	report, err := apply.Run(t.Context(), p, opts)
	must(t, err)
	return report
}

func TestBudgetStopsTheRollout(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, test := range []struct {
		name    string
		wave    plan.Wave
		tried   int
		stopped bool
	}{
		{"none", plan.Wave{OnFailure: "stop"}, 1, true},
		{"two", plan.Wave{OnFailure: "stop", MaxFailures: 2}, 3, true},
		{"ten percent of thirty", plan.Wave{OnFailure: "stop", MaxFailuresPercent: 10}, 4, true},
		{"goes on", plan.Wave{OnFailure: "continue"}, 20, false},
	} {
		test.wave.Name, test.wave.Hosts, test.wave.Parallelism = "only", 30, 1
		d := &nowhere{}
		report := run(t, fleet(30, test.wave), apply.RunOptions{Dialer: d})
		if len(d.tried) != test.tried || (report.Stopped != nil) != test.stopped {
			t.Errorf("%s: got %d hosts tried, stopped %+v; want %d, stopped %t", test.name, len(d.tried), report.Stopped, test.tried, test.stopped)
		}
		want := map[apply.Outcome]int{apply.Unchanged: 10, apply.Unreachable: test.tried}
		if rest := 20 - test.tried; rest > 0 {
			want[apply.Skipped] = rest
		}
		if diff := cmp.Diff(want, report.Counts()); diff != "" {
			t.Errorf("%s: outcomes (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestWavesComeOneAfterTheOther(t *testing.T) {
	defer goleak.VerifyNone(t)
	canary := plan.Wave{Name: "canary", Hosts: 10, OnFailure: "continue", Parallelism: 3}
	rest := plan.Wave{Name: "rest", Hosts: 20, OnFailure: "continue"}
	d := &nowhere{}
	var waves []string
	report := run(t, fleet(20, canary, rest), apply.RunOptions{Dialer: d, Events: func(e apply.Event) {
		if e.Wave != nil {
			waves = append(waves, fmt.Sprintf("%s %s", e.Kind, e.Wave.Name))
		}
	}})
	want := []string{"wave_start canary", "wave_complete canary", "wave_start rest", "wave_complete rest"}
	if diff := cmp.Diff(want, waves); diff != "" {
		t.Errorf("waves (-want +got):\n%s", diff)
	}
	if len(d.tried) != 14 || len(report.Waves) != 2 {
		t.Fatalf("got %d hosts tried in %d waves, want 14 in 2", len(d.tried), len(report.Waves))
	}
	for _, host := range d.tried[:7] {
		if host >= "h010" {
			t.Errorf("got %s of the second wave among the first seven", host)
		}
	}
}

// Strict keeps no more in flight than may still fail, and one.
func TestStrictKeepsLittleInFlight(t *testing.T) {
	defer goleak.VerifyNone(t)
	hold := make(chan struct{})
	d := &nowhere{hold: hold}
	done := make(chan *apply.Report)
	p := fleet(30, plan.Wave{Name: "only", Hosts: 30, OnFailure: "stop", MaxFailures: 2, Strict: true, Parallelism: 10})
	go func() {
		report, _ := apply.Run(t.Context(), p, apply.RunOptions{Dialer: d})
		done <- report
	}()
	until(t, "three are in flight", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.now == 3
	})
	close(hold)
	report := <-done
	if d.most != 3 || report.Counts()[apply.Unreachable] != 3 {
		t.Errorf("got %d in flight and %v, want 3 and 3 unreachable", d.most, report.Counts())
	}
}

func TestStopStartsNoFurtherHost(t *testing.T) {
	defer goleak.VerifyNone(t)
	hold, stop := make(chan struct{}), make(chan struct{})
	d := &nowhere{hold: hold}
	done := make(chan *apply.Report)
	p := fleet(30, plan.Wave{Name: "only", Hosts: 30, OnFailure: "continue", Parallelism: 2})
	go func() {
		report, _ := apply.Run(t.Context(), p, apply.RunOptions{Dialer: d, Stop: stop})
		done <- report
	}()
	until(t, "two are in flight", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.now == 2
	})
	close(stop)
	close(hold)
	report := <-done
	if got := report.Counts(); report.Stopped == nil || report.Stopped.Kind != "interrupt" || got[apply.Skipped] != 18 || got[apply.Unreachable] != 2 {
		t.Errorf("got %v, stopped %+v; want what was in flight ended and 18 skipped", got, report.Stopped)
	}
}

func TestShardsCoverEveryHostOnce(t *testing.T) {
	seen := map[string]int{}
	p := fleet(100, plan.Wave{Name: "only", Hosts: 100, OnFailure: "continue"})
	for i := range 4 {
		for _, h := range run(t, p, apply.RunOptions{Dialer: &nowhere{}, Shard: apply.Shard{Index: i, Total: 4}}).Hosts {
			seen[h.Host]++
		}
	}
	if len(seen) != 100 {
		t.Errorf("got %d hosts, want 100", len(seen))
	}
	for host, times := range seen {
		if times != 1 {
			t.Errorf("got %s in %d shards, want 1", host, times)
		}
	}
}

func TestRefusedPlans(t *testing.T) {
	wave := plan.Wave{Name: "only", Hosts: 3, OnFailure: "stop"}
	for name, spoil := range map[string]func(*plan.Plan, *apply.RunOptions){
		"expired":      func(p *plan.Plan, _ *apply.RunOptions) { p.ValidUntil = time.Unix(1, 0) },
		"errored":      func(p *plan.Plan, _ *apply.RunOptions) { p.Errored = true },
		"forged":       func(p *plan.Plan, _ *apply.RunOptions) { p.Hosts[0] = p.Hosts[0].Via(plan.Connection{Type: "x"}) },
		"unknown wave": func(_ *plan.Plan, o *apply.RunOptions) { o.Wave = "other" },
		"hostile id":   func(_ *plan.Plan, o *apply.RunOptions) { o.RunID = "../../etc" },
	} {
		d := &nowhere{}
		p, opts := fleet(3, wave), apply.RunOptions{Dialer: d}
		spoil(p, &opts)
		if _, err := apply.Run(t.Context(), p, opts); err == nil || len(d.tried) > 0 {
			t.Errorf("%s: got %v and %d hosts tried, want an error and none", name, err, len(d.tried))
		}
	}
}

func TestJournalOfARun(t *testing.T) {
	folder := t.TempDir()
	p := fleet(6, plan.Wave{Name: "only", Hosts: 6, OnFailure: "continue"})
	report := run(t, p, apply.RunOptions{Dialer: &nowhere{}, Journal: folder, Who: "a test"})
	h, err := apply.ReadHistory(folder, report.RunID)
	must(t, err)
	if h.PlanID != p.ID() || len(h.Hosts) != 4 || len(h.Open) != 0 || h.Counts[apply.Unreachable] != 4 {
		t.Errorf("got %+v; want four hosts that could not be reached", h)
	}
	runs, err := apply.Histories(folder)
	if diff := cmp.Diff([]string{report.RunID}, runs); err != nil || diff != "" {
		t.Errorf("runs (-want +got): %v\n%s", err, diff)
	}
}

// on_failure = "restore" takes back what the wave itself changed.
func TestAFailedWaveIsRestored(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	old := p.read()
	made := p.plan(p.dialer(), "41")
	gone := fleet(1, plan.Wave{Name: "rest"}).Hosts[0]
	gone.Turn = 1
	made.Hosts = append(made.Hosts, gone)
	made.Rollout.Waves[0] = plan.Wave{Name: "rest", Hosts: 2, Parallelism: 1, OnFailure: "restore"}
	report := run(t, made, apply.RunOptions{Dialer: split{p.dialer(), &nowhere{}}, Who: "a test"})
	if got := report.Hosts[0]; got.Outcome != apply.Restored || !got.Restored {
		t.Errorf("got %s, %v; want restored", got.Outcome, got.Err)
	}
	if diff := cmp.Diff(old, p.read()); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
	if got := p.inForce(); got != "0" {
		t.Errorf("got interval %s in force, want 0", got)
	}
	if diff := cmp.Diff(map[apply.Outcome]int{apply.Restored: 1, apply.Unreachable: 1, apply.Changed: 0}, report.Waves[0].Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	p.clean()
}

// split sends the host "here" to one dialer, all others to another.
type split struct{ here, others apply.Dialer }

func (d split) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	if reach.Host == "here" {
		return d.here.Dial(ctx, reach)
	}
	return d.others.Dial(ctx, reach)
}
