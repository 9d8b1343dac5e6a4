package fleet_test

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/fleet"
	"github.com/sshform/sshform/apply/remote"
)

// theFaulty are the hosts among a thousand with something wrong, far apart.
func theFaulty() map[int]fleet.Fault {
	faulty := map[int]fleet.Fault{}
	for i, fault := range fleet.Faults() {
		faulty[100+113*i] = fault
	}
	return faulty
}

// heapLimit is what may be held for 1,000 hosts of which 50 are in flight, with
// their servers in the same process, in bytes.
const heapLimit = 256 << 20

// watch looks at the memory while something runs in the bubble.
func watch(t *testing.T, events *[]apply.Event) func(apply.Event) {
	seen := 0
	return func(e apply.Event) {
		*events = append(*events, e)
		if seen++; seen%500 != 0 {
			return
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.HeapInuse+m.StackInuse > heapLimit {
			t.Errorf("got %d MiB in use, want at most %d", (m.HeapInuse+m.StackInuse)>>20, heapLimit>>20)
		}
	}
}

// longest is the most time that one host took.
func longest(events []apply.Event) (most, sum time.Duration) {
	for _, e := range events {
		switch e.Kind {
		case apply.RefreshErrored, apply.ApplyErrored:
			sum += e.Elapsed
			most = max(most, e.Elapsed)
		}
	}
	return most, sum
}

// Among a thousand hosts, those with a fault are named with what is wrong, and
// nobody waits for them longer than for the worst of them. The clock of the
// bubble passes only when everybody waits, so that these times are exact; a
// goroutine that is left behind fails the test.
func TestFaultsAmongAThousandWhilePlanning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleet.New(1000)
		c := newController(t, f)
		defer c.end()
		faulty := theFaulty()
		for i, fault := range faulty {
			f.Host(i).SetFault(fault)
		}
		c.opts.AllowUnreachable = "1%"
		var events []apply.Event
		c.events = watch(t, &events)
		began := time.Now()
		p := c.mustPlan()
		took := time.Since(began)
		readable := 0
		for i := range f.Len() {
			if fault := faulty[i]; fault == fleet.Well || fault == fleet.DiesWriting {
				readable++ // it dies of being written to
			}
		}
		if len(p.Hosts) != readable || len(p.Unreachable) != f.Len()-readable {
			t.Errorf("got %d hosts and %d unreachable, want %d and %d", len(p.Hosts), len(p.Unreachable), readable, f.Len()-readable)
		}
		checkFaults(t, events, apply.RefreshErrored, faulty)
		checkTime(t, events, took)
		checkProgress(t, events, f.Len(), took)
	})
}

// checkProgress wants to be told every five seconds how far it is, in numbers
// that grow.
func checkProgress(t *testing.T, events []apply.Event, hosts int, took time.Duration) {
	t.Helper()
	told, last := 0, -1
	for _, e := range events {
		if e.Kind != apply.FleetProgressed {
			continue
		}
		told++
		if e.Progress.Total != hosts || e.Progress.Done < last {
			t.Errorf("got %d of %d hosts done after %d, want more of %d", e.Progress.Done, e.Progress.Total, last, hosts)
		}
		last = e.Progress.Done
	}
	if want := int(took / (5 * time.Second)); told < want-1 || told > want {
		t.Errorf("got told %d times in %s, want it every 5s", told, took)
	}
}

// checkFaults compares the error of each faulty host with its fault.
func checkFaults(t *testing.T, events []apply.Event, kind apply.EventKind, faulty map[int]fleet.Fault) {
	t.Helper()
	errs := map[string]error{}
	for _, e := range events {
		if e.Kind == kind {
			errs[e.Host] = e.Err
		}
	}
	for i, fault := range faulty {
		err := errs[fleet.Name(i)]
		delete(errs, fleet.Name(i))
		var refused *remote.ReachError
		var timeout *remote.TimeoutError
		var key *remote.HostKeyError
		var limit *remote.LimitError
		right := false
		switch fault {
		case fleet.Dead:
			right = errors.As(err, &refused) && refused.Stage == remote.StageDial
		case fleet.MuteAtBanner, fleet.Slow:
			right = errors.As(err, &refused) && refused.Stage == remote.StageBanner && errors.As(err, &timeout)
		case fleet.MuteAfterLogin:
			right = errors.As(err, &timeout)
		case fleet.WrongKey:
			right = errors.As(err, &key)
		case fleet.Floods:
			right = errors.As(err, &limit)
		case fleet.DiesWriting:
			right = kind == apply.RefreshErrored && err == nil || kind == apply.ApplyErrored && err != nil
		}
		if !right {
			t.Errorf("%s: got %v", fault, err)
		}
	}
	for host, err := range errs {
		t.Errorf("%s has no fault: %v", host, err)
	}
}

// checkTime wants the whole to take no longer than the worst host, and so less
// than the faulty ones together.
func checkTime(t *testing.T, events []apply.Event, took time.Duration) {
	t.Helper()
	most, sum := longest(events)
	if took > most+time.Second || took >= sum {
		t.Errorf("got %v in all, want at most the %v of the slowest host, not the %v of all", took, most, sum)
	}
	t.Logf("all took %v; the slowest %v; the faulty together %v", took, most, sum)
}

// The same for hosts that break between plan and apply.
func TestFaultsAmongAThousandWhileApplying(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := fleet.New(1000)
		c := newController(t, f)
		defer c.end()
		p := c.mustPlan()
		if len(p.Rollout.Waves) != 1 {
			t.Fatalf("got %d waves, want one", len(p.Rollout.Waves))
		}
		p.Rollout.Waves[0].MaxFailures = 10
		faulty := theFaulty()
		for i, fault := range faulty {
			f.Host(i).SetFault(fault)
		}
		var events []apply.Event
		c.events = watch(t, &events)
		began := time.Now()
		report := c.apply(p)
		took := time.Since(began)
		for i, h := range report.Hosts {
			want := apply.Changed
			switch faulty[i] {
			case fleet.Dead, fleet.MuteAtBanner, fleet.Slow, fleet.WrongKey:
				want = apply.Unreachable
			case fleet.MuteAfterLogin, fleet.Floods, fleet.DiesWriting:
				want = apply.Failed
			}
			if h.Outcome != want {
				t.Errorf("%s (%s): got %s, want %s: %v", h.Host, faulty[i], h.Outcome, want, h.Err)
			}
			if changed := f.Host(i).Reloads() > 0; changed != (want == apply.Changed) {
				t.Errorf("%s (%s): got a reload %v", h.Host, faulty[i], changed)
			}
		}
		if report.Stopped != nil {
			t.Errorf("got stopped %+v, want the wave run to its end", report.Stopped)
		}
		checkFaults(t, events, apply.ApplyErrored, faulty)
		checkTime(t, events, took)
	})
}
