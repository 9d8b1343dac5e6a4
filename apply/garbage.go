package apply

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
)

// How much garbage may lie about while hosts are in flight: so many bytes, and
// so many percent of what is in use.
const (
	garbageAtLeast = 14 << 20
	garbagePercent = 10
)

// A collecting fits the collector of garbage to hosts in flight. By itself it
// waits until there is as much garbage as is in use. With a few hosts that is
// 10 MiB, and a tenth of the CPU goes into looking for it; with hundreds it is up to
// half of the memory.
type collecting struct {
	mu     sync.Mutex
	users  int
	before int  // percent
	watch  bool // fits again when garbage was collected
	inUse  []metrics.Sample
}

var garbage = collecting{inUse: []metrics.Sample{
	{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"},
}}

// bound bounds garbage until the func it returns is called. GOGC in the
// environment goes before.
func (c *collecting) bound() (leave func()) {
	if os.Getenv("GOGC") != "" {
		return func() {}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users++; c.users == 1 {
		c.before = c.fit()
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.users--; c.users == 0 {
			debug.SetGCPercent(c.before)
		}
	}
}

// fit tells the collector how much of what was in use at its last look may be
// garbage before the next, which it reckons in percent, and does so again when it
// has looked. It returns the percentage before, and is called with mu held.
func (c *collecting) fit() int {
	metrics.Read(c.inUse)
	all := uint64(0)
	for _, s := range c.inUse {
		all += s.Value.Uint64()
	}
	before := debug.SetGCPercent(garbagePercent + int(garbageAtLeast*100/max(all, leastInUse)))
	if !c.watch {
		c.watch = true
		runtime.AddCleanup(new([4]uintptr), (*collecting).collected, c)
	}
	return before
}

// leastInUse is what the collector reckons with at least, in bytes.
const leastInUse = 4 << 20

// collected is called when garbage was collected.
func (c *collecting) collected() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watch = false
	if c.users > 0 {
		c.fit()
	}
}
