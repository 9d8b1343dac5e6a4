package apply

import (
	"context"
	"errors"
	"time"

	"github.com/sshform/sshform/plan"
)

// RunOptions are what Run needs besides the plan.
type RunOptions struct {
	Dialer Dialer
	// RunID names the run, in records on the hosts and in the journal. Empty
	// makes one; NewRunID makes one ahead of time.
	RunID string
	// Who is the person or job that answers for the run, for locks and records.
	Who string
	// Version is the program's, for locks and records.
	Version string
	// Parallelism is how many hosts are in flight where the wave does not say;
	// 0 is DefaultParallelism.
	Parallelism int
	// Stop, once closed, starts no further host; what is in flight ends
	// properly. Cancelling ctx instead cuts the connections and leaves armed
	// hosts to their watchdogs. Nil never stops.
	Stop <-chan struct{}
	// Events is told of everything that happens, one call at a time; nil tells
	// nobody.
	Events func(Event)
	// Journal is the folder of journals; the file is Journal/runs/RUN.jsonl.
	// Empty writes none.
	Journal string
	// KeepJournals is how many are kept; 0 keeps all.
	KeepJournals int
	// Shard and Wave choose a part of the plan; their zero values are all of it.
	Shard Shard
	Wave  string
	// NoLock takes no lock on the hosts; LockTimeout is how long a foreign one
	// is waited for, 0 is not at all.
	NoLock      bool
	LockTimeout time.Duration
	// Login proves the sshd of this very machine by a login; nil proves it by
	// other signs only. It is for local hosts, which have no SSH of their own.
	Login func(ctx context.Context, address string, port int) error
	// Now is the clock of the controller; nil is time.Now.
	Now func() time.Time
}

// A RefusedError says that nothing of the plan may be carried out.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Run carries out the plan: wave by wave, each host in one transaction. Hosts
// that need nothing are not contacted. An error means that nothing was begun,
// or that the journal could not be written; what became of hosts stands in the
// Report.
func Run(ctx context.Context, p *plan.Plan, opts RunOptions) (*Report, error) {
	return nil, errors.New("apply.Run: under construction, see the next commit")
}
