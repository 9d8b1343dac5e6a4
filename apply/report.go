package apply

import (
	"fmt"
	"time"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A Report is what became of a plan.
type Report struct {
	RunID, PlanID     string
	Shard             Shard
	Started, Finished time.Time
	// Hosts has every host of the plan (of the shard and wave asked), in plan
	// order.
	Hosts []HostReport
	Waves []WaveReport
	// Stopped is nil when every wave was run to its end.
	Stopped *Stopped
	// Pending are hosts whose watchdog has to settle them, because a second
	// interrupt cut their connections.
	Pending []string
}

// A Shard is a share of the fleet: Index of Total, counted from 0. The zero
// Shard is everything.
type Shard struct{ Index, Total int }

// String is the shard as -shard takes it, and empty for everything.
func (s Shard) String() string {
	if s.Total < 1 {
		return ""
	}
	return fmt.Sprintf("%d/%d", s.Index, s.Total)
}

// of returns what tells whether a host of the plan is of the shard.
func (s Shard) of(p *plan.Plan) (holds func(host string) bool) {
	if s.Total < 1 {
		return func(string) bool { return true }
	}
	split := p.Split(s.Total)
	return func(host string) bool { return split.Of(host) == s.Index }
}

// A HostReport is what became of one host.
type HostReport struct {
	Host, Address string // name, and the address it was reached at
	Wave          string
	Addresses     []schema.Address
	Outcome       Outcome
	// Step is where it ended short of success; empty on success.
	Step StepName
	Err  error
	// Restored says that the old state was put back and seen to be in force.
	Restored bool
	// Proof says how far the change was proved.
	Proof Proof
	// Notes are what a person should know: what could not be judged.
	Notes   []string
	Elapsed time.Duration
}

// A Proof says what was seen of a change, each including the ones before.
type Proof string

// The proofs, weakest first. A client file has only ProofFile.
const (
	NoProof     Proof = ""
	ProofFile   Proof = "file"   // sshd -T or ssh -G shows the wanted values
	ProofLogin  Proof = "login"  // and a new connection got in
	ProofDaemon Proof = "daemon" // and the running listener has read the file
	ProofValue  Proof = "value"  // and its keepalive request came when it should
)

// A WaveReport counts a wave.
type WaveReport struct {
	Name  string
	Index int // from 0
	Hosts int
	// Counts are hosts by outcome.
	Counts            map[Outcome]int
	Started, Finished time.Time
	Soak              time.Duration
	// Complete says that the wave ran to its end, its soak included, within its
	// budget.
	Complete bool
}

// Failed returns how many hosts count against the wave's budget.
func (w WaveReport) Failed() int {
	n := 0
	for outcome, count := range w.Counts {
		if outcome.Spends() {
			n += count
		}
	}
	return n
}

// Counts returns how many hosts have each outcome.
func (r *Report) Counts() map[Outcome]int {
	counts := map[Outcome]int{}
	for _, h := range r.Hosts {
		counts[h.Outcome]++
	}
	return counts
}

// Succeeded reports whether every host is as the plan wants it.
func (r *Report) Succeeded() bool {
	for _, h := range r.Hosts {
		if !h.Outcome.Succeeded() {
			return false
		}
	}
	return true
}
