package fleet_test

import (
	"context"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/fleet"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// What a host in flight may hold, in the middle of its work: of ours, and in
// buffers of the SSH library, which keeps two of the longest packet that we ever
// sent. Both ends of the connections are in this process, so the library's share
// and the goroutines are those of client and server. What was measured is in
// the log; the bounds leave a third and more.
func TestMemoryOfAHostInFlight(t *testing.T) {
	const hosts = 20
	rate := runtime.MemProfileRate
	runtime.MemProfileRate = 1
	defer func() { runtime.MemProfileRate = rate }()
	c := newController(t, fleet.New(hosts))
	defer c.end()
	c.limit = hosts
	count := func(string) {}
	c.dialer.DialTCP = func(ctx context.Context, address string) (net.Conn, error) {
		count(address)
		return c.fleet.Dial(ctx, address)
	}
	p := c.mustPlan()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel() // a host that fails never comes

	t.Run("plan", func(t *testing.T) {
		before, held := fleet.Weigh(), fleet.Weight{}
		halt := fleet.Halt(ctx, hosts, func() { held = fleet.Weigh() })
		asks := new(plan.Questions).Asks
		observed := apply.Observe(t.Context(), c.cfg, apply.ObserveOptions{Dialer: c.dialer, Parallelism: hosts, Asks: func(targets []schema.Target, o *plan.Observed) plan.Asking {
			asking := asks(targets, o)
			if len(o.Answers) > 0 {
				halt()
			}
			return asking
		}})
		for o := range observed {
			if o.Err != "" {
				t.Error(o.Err)
			}
		}
		weighs(t, held.PerHost(before, hosts), 21<<10, 85<<10, 42)
	})
	t.Run("apply", func(t *testing.T) {
		before, held := fleet.Weigh(), fleet.Weight{}
		halt := fleet.Halt(ctx, hosts, func() { held = fleet.Weigh() })
		var dialed sync.Map // addresses
		count = func(address string) {
			if _, again := dialed.LoadOrStore(address, true); again { // to confirm
				halt()
			}
		}
		for _, h := range c.apply(p).Hosts {
			if h.Outcome != apply.Changed {
				t.Errorf("%s: got %s: %v", h.Host, h.Outcome, h.Err)
			}
		}
		weighs(t, held.PerHost(before, hosts), 26<<10, 90<<10, 24)
	})
}

func weighs(t *testing.T, got fleet.Weight, ours, library, goroutines int64) {
	t.Helper()
	if got.Goroutines <= 0 {
		t.Fatal("not every host came to where it is weighed")
	}
	t.Logf("each host holds %d KiB of ours, %d KiB of the SSH library, %d goroutines", got.Heap[fleet.Sshform]>>10, got.Heap[fleet.SSHLibrary]>>10, got.Goroutines)
	if got.Heap[fleet.Sshform] > ours || got.Heap[fleet.SSHLibrary] > library || got.Goroutines > goroutines {
		t.Errorf("got %+v, want at most %d bytes of ours, %d of the SSH library and %d goroutines", got, ours, library, goroutines)
	}
}
