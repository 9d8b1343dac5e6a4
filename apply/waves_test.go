package apply_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// The shards of a wave may together fail no more than the wave, and one host
// more each: a shard stops when its share is exceeded.
func TestShardsShareTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		hosts, shards := rapid.IntRange(1, 120).Draw(t, "hosts"), rapid.IntRange(1, 9).Draw(t, "shards")
		wave := plan.Wave{Name: "only", Hosts: hosts, OnFailure: "stop", Parallelism: 1, MaxFailures: rapid.IntRange(0, hosts).Draw(t, "budget")}
		p := fleet(hosts, wave)
		failed := 0
		for i := range shards {
			report, err := apply.Run(t.Context(), p, apply.RunOptions{Dialer: &nowhere{}, Shard: apply.Shard{Index: i, Total: shards}})
			if err != nil {
				t.Fatal(err)
			}
			failed += report.Counts()[apply.Unreachable]
		}
		if worst := wave.MaxFailures + shards; failed > worst {
			t.Errorf("got %d failures of %d shards, want at most %d", failed, shards, worst)
		}
	})
}

// Shards do not wait for each other, and what is no shard is refused.
func TestRefusedShards(t *testing.T) {
	one, two := plan.Wave{Name: "one", OnFailure: "stop"}, plan.Wave{Name: "two", OnFailure: "stop"}
	for name, test := range map[string]struct {
		p    *plan.Plan
		opts apply.RunOptions
	}{
		"several waves": {fleet(20, one, two), apply.RunOptions{Shard: apply.Shard{Index: 0, Total: 2}}},
		"no such shard": {fleet(20, one), apply.RunOptions{Shard: apply.Shard{Index: 2, Total: 2}}},
		"negative":      {fleet(20, one), apply.RunOptions{Shard: apply.Shard{Index: -1, Total: 2}}},
		"a part":        {func() *plan.Plan { p := fleet(20, one); p.Part = &plan.Part{Total: 2}; return p }(), apply.RunOptions{}},
	} {
		d := &nowhere{}
		test.opts.Dialer = d
		if _, err := apply.Run(t.Context(), test.p, test.opts); err == nil || len(d.tried) > 0 {
			t.Errorf("%s: got %v and %d hosts tried, want an error and none", name, err, len(d.tried))
		}
	}
}

// A wave may start when each before it came to its end within its budget.
func TestMayStart(t *testing.T) {
	canary := plan.Wave{Name: "canary", OnFailure: "stop", MaxFailures: 1}
	p := fleet(12, canary, plan.Wave{Name: "rest", OnFailure: "stop"})
	report := func(complete bool, outcomes ...apply.Outcome) *apply.Report {
		r := &apply.Report{Waves: []apply.WaveReport{{Name: "canary", Complete: complete}}}
		for _, h := range p.Hosts {
			if h.Wave == "canary" && h.Changed() && len(outcomes) > 0 {
				r.Hosts = append(r.Hosts, apply.HostReport{Host: h.Host, Outcome: outcomes[0]})
				outcomes = outcomes[1:]
			}
		}
		return r
	}
	const c, a, f, s = apply.Changed, apply.AlreadyDone, apply.Failed, apply.Skipped
	for _, test := range []struct {
		wave, wrong string
		earlier     *apply.Report
	}{
		{wave: "canary", earlier: &apply.Report{}},
		{wave: "rest", earlier: report(true, c, c, a, c)},
		{wave: "rest", earlier: report(true, c, f, a, c)},
		{wave: "rest", earlier: report(false, c, c, c, c), wrong: "did not come to its end"},
		{wave: "rest", earlier: report(true, c, f, f, c), wrong: "2 of its hosts failed, where 1 may"},
		{wave: "rest", earlier: report(true, c, c, c, s), wrong: "1 of its hosts were not done"},
		{wave: "rest", earlier: report(true, c, c), wrong: "2 of its hosts were not done"},
		{wave: "rest", earlier: &apply.Report{}, wrong: "no result of it was given"},
	} {
		err := apply.MayStart(p, test.wave, test.earlier)
		switch {
		case test.wrong == "" && err != nil:
			t.Errorf("%s: got %v, want that it may start", test.wave, err)
		case test.wrong != "" && (err == nil || !strings.Contains(err.Error(), test.wrong)):
			t.Errorf("%s: got %v, want %q", test.wave, err, test.wrong)
		}
	}
}

// While hosts are at work, a run tells how far it is every five seconds, and
// not for each host.
func TestProgressIsToldByTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		time.AfterFunc(12*time.Second, func() { close(hold) })
		p := fleet(9, plan.Wave{Name: "only", Hosts: 9, OnFailure: "continue", Parallelism: 9})
		var told []time.Duration
		_, err := apply.Run(t.Context(), p, apply.RunOptions{Dialer: &nowhere{hold: hold}, Events: func(e apply.Event) {
			if e.Kind == apply.FleetProgressed {
				told = append(told, e.Elapsed)
			}
		}})
		must(t, err)
		if diff := cmp.Diff([]time.Duration{5 * time.Second, 10 * time.Second}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

// A host that is lost during the soak spends the budget before the next wave
// starts. The same plan again waits for the soak again, until a run came to the
// end of the wave.
func TestTheSoakIsLookedAtAndResumed(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made := p.plan(p.dialer(), "41")
	later := fleet(1, plan.Wave{Name: "later"}).Hosts[0]
	made.Hosts = append(made.Hosts, later)
	made.Rollout.Waves = []plan.Wave{
		{Name: "rest", Hosts: 1, OnFailure: "stop", Soak: time.Millisecond},
		{Name: "later", Hosts: 1, OnFailure: "stop"},
	}
	journal := t.TempDir()
	carryOut := func(lost bool) (report *apply.Report, soaks int, elsewhere *nowhere) {
		elsewhere = &nowhere{}
		here := &losable{dialer: p.dialer()}
		report, err := apply.Run(t.Context(), made, apply.RunOptions{
			Dialer: split{here, elsewhere}, Who: "a test", Journal: journal,
			Events: func(e apply.Event) {
				if e.Kind == apply.WaveSoaks {
					soaks++
					here.lost.Store(lost)
				}
			},
		})
		must(t, err)
		return report, soaks, elsewhere
	}
	report, soaks, elsewhere := carryOut(true)
	if got := report.Hosts[0]; got.Outcome != apply.Failed || soaks != 1 || len(elsewhere.tried) != 0 || report.Waves[0].Complete {
		t.Errorf("lost: got %s, %d soaks, %d hosts of the next wave; want failed, 1, 0", got.Outcome, soaks, len(elsewhere.tried))
	}
	for i, want := range []int{1, 0} {
		report, soaks, elsewhere = carryOut(false)
		if got := report.Hosts[0].Outcome; got != apply.AlreadyDone || soaks != want || len(elsewhere.tried) != 1 || !report.Waves[0].Complete {
			t.Errorf("again, %d: got %s, %d soaks, %d hosts of the next wave; want already done, %d, 1", i, got, soaks, len(elsewhere.tried), want)
		}
	}
	p.clean()
}

// losable is a dialer that reaches nobody once the host is lost.
type losable struct {
	dialer apply.Dialer
	lost   atomic.Bool
}

func (d *losable) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	if d.lost.Load() {
		return nil, errNowhere
	}
	return d.dialer.Dial(ctx, reach)
}

// A wave that is taken back is the whole wave, also what an earlier run of the
// same plan changed before it was interrupted. What no journal names is left,
// and the report says so.
func TestARestoredWaveIncludesTheRunsBefore(t *testing.T) {
	for _, test := range []struct {
		name    string
		again   bool // with the journal of the first run
		outcome apply.Outcome
		notes   int
	}{
		{"with the journal", true, apply.Restored, 0},
		{"on another machine", false, apply.AlreadyDone, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := startPrivate(t)
			before := p.read()
			made := p.plan(p.dialer(), "41")
			gone := fleet(1, plan.Wave{Name: "rest"}).Hosts[0]
			gone.Turn = 1
			made.Hosts = append(made.Hosts, gone)
			made.Rollout.Waves = []plan.Wave{{Name: "rest", Hosts: 2, Parallelism: 1, OnFailure: "restore"}}
			journal, stop := t.TempDir(), make(chan struct{})
			first := run(t, made, apply.RunOptions{
				Dialer: split{p.dialer(), &nowhere{}}, Who: "a test", Journal: journal, Stop: stop,
				Events: func(e apply.Event) {
					if e.Kind == apply.ApplyCompleted {
						close(stop)
					}
				},
			})
			if got := first.Counts(); got[apply.Changed] != 1 || got[apply.Skipped] != 1 {
				t.Fatalf("interrupted: got %v, want one changed and one skipped", got)
			}
			if !test.again {
				journal = t.TempDir()
			}
			second := run(t, made, apply.RunOptions{Dialer: split{p.dialer(), &nowhere{}}, Who: "a test", Journal: journal})
			if got := second.Hosts[0]; got.Outcome != test.outcome || len(got.Notes) != test.notes {
				t.Errorf("got %s with %q, want %s with %d notes", got.Outcome, got.Notes, test.outcome, test.notes)
			}
			if restored := p.read() == before; restored != (test.outcome == apply.Restored) {
				t.Errorf("got the old file: %t", restored)
			}
			p.clean()
		})
	}
}

// A host that the soak finds broken keeps its change no more than the others.
func TestWhatTheSoakFindsBrokenIsTakenBack(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	before := p.read()
	made := p.plan(p.dialer(), "41")
	made.Rollout.Waves = []plan.Wave{{Name: "rest", Hosts: 1, OnFailure: "restore", Soak: time.Millisecond}}
	here := &losable{dialer: p.dialer()}
	report := run(t, made, apply.RunOptions{Dialer: here, Who: "a test", Events: func(e apply.Event) {
		switch e.Kind {
		case apply.WaveSoaks:
			here.lost.Store(true)
		case apply.RolloutStopped:
			here.lost.Store(false)
		}
	}})
	got := report.Hosts[0]
	if got.Outcome != apply.Restored || got.Err == nil || !strings.Contains(got.Err.Error(), "after the soak") {
		t.Errorf("got %s, %v, want restored, because of what was seen after the soak", got.Outcome, got.Err)
	}
	if p.read() != before {
		t.Errorf("got\n%s\nwant the old file", p.read())
	}
	p.clean()
}

// A plan that is split by a variable is carried out so: each host by one
// shard, and no shard works on two groups.
func TestShardsKeepGroupsApart(t *testing.T) {
	p := fleet(60, plan.Wave{Name: "only", Hosts: 60, OnFailure: "continue"})
	p.Options.ShardBy = "region"
	for i := range p.Hosts {
		p.Hosts[i].Group = []string{"eu", "us", "us", "ap"}[i%4]
	}
	seen := map[string]bool{}
	for i := range 5 {
		groups := map[string]bool{}
		for _, h := range run(t, p, apply.RunOptions{Dialer: &nowhere{}, Shard: apply.Shard{Index: i, Total: 5}}).Hosts {
			if seen[h.Host] {
				t.Errorf("%s is in two shards", h.Host)
			}
			seen[h.Host] = true
			for _, planned := range p.Hosts {
				if planned.Host == h.Host {
					groups[planned.Group] = true
				}
			}
		}
		if len(groups) != 1 {
			t.Errorf("shard %d works on %v, want one group", i, groups)
		}
	}
	if len(seen) != 60 {
		t.Errorf("got %d hosts, want 60", len(seen))
	}
}

// A journal says that a host is begun before anything is sent to it, so that
// whenever the controller dies, no host is changed of which nobody knows.
func TestTheJournalComesFirst(t *testing.T) {
	folder, runID := t.TempDir(), apply.NewRunID(time.Now())
	open := 0
	d := dialFunc(func(reach apply.Reach) {
		h, err := apply.ReadHistory(folder, runID)
		if err != nil || len(h.Open) != 1 || h.Open[0] != reach.Host || len(h.Hosts) != open {
			t.Errorf("got %v open and %d ended when %s was dialled (%v), want it and %d", h.Open, len(h.Hosts), reach.Host, err, open)
		}
		open++
	})
	p := fleet(9, plan.Wave{Name: "only", Hosts: 9, Parallelism: 1, OnFailure: "continue"})
	run(t, p, apply.RunOptions{Dialer: d, Journal: folder, RunID: runID})
	if open != 6 {
		t.Errorf("got %d hosts, want 6", open)
	}
}

// A dialFunc is told who is dialled, and reaches nobody.
type dialFunc func(apply.Reach)

func (f dialFunc) Dial(_ context.Context, reach apply.Reach) (apply.Host, error) {
	f(reach)
	return nil, errNowhere
}

// The outcomes are these, and those of a host that is not as planned spend.
func TestWhatSpendsTheBudget(t *testing.T) {
	var spend, succeed, neither []apply.Outcome
	for _, o := range apply.Outcomes() {
		switch {
		case o.Spends() && o.Succeeded():
			t.Errorf("%s is both", o)
		case o.Spends():
			spend = append(spend, o)
		case o.Succeeded():
			succeed = append(succeed, o)
		default:
			neither = append(neither, o)
		}
	}
	want := [][]apply.Outcome{
		{apply.Restored, apply.Failed, apply.Unreachable, apply.Stale, apply.Locked},
		{apply.Changed, apply.Unchanged, apply.AlreadyDone}, {apply.Skipped},
	}
	if diff := cmp.Diff(want, [][]apply.Outcome{spend, succeed, neither}); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// Reading keeps as many hosts in flight as may be, and no more.
func TestReadingIsBounded(t *testing.T) {
	hold := make(chan struct{})
	d := &nowhere{hold: hold}
	cfg := &schema.Config{}
	for _, h := range fleet(40, plan.Wave{Name: "only"}).Hosts {
		cfg.Targets = append(cfg.Targets, schema.Target{Host: schema.Host{Name: h.Host}})
	}
	done := make(chan int)
	go func() {
		seen := 0
		for o := range apply.Observe(t.Context(), cfg, apply.ObserveOptions{Dialer: d, Parallelism: 5}) {
			if o.Err != "" {
				seen++
			}
		}
		done <- seen
	}()
	until(t, "five are in flight", func() bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.now == 5
	})
	close(hold)
	if seen := <-done; seen != 40 || d.most != 5 {
		t.Errorf("got %d hosts with %d in flight, want 40 and 5", seen, d.most)
	}
}
