package apply

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
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
	// Signers are those whose signatures of the plan counted, for the journal.
	Signers []string
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
	// ReloadCommands are the commands of this site that a plan may name as a
	// host's way to reload, each a program and its words: they are run as they
	// stand, by no shell. A plan that names another one is refused.
	ReloadCommands map[string][]string
	// Login logs in to the sshd of this very machine, which proves it; nil
	// proves it by other signs only. It is for local hosts, which have no SSH
	// of their own. One that fails before the change is not tried after it.
	Login func(ctx context.Context, at Endpoint) error
	// Now is the clock of the controller; nil is time.Now.
	Now func() time.Time

	dumps *dumps
}

// A RefusedError says that nothing of the plan may be carried out.
type RefusedError struct {
	Reason string
	// ReloadCommand is the command that the plan names and this site has not
	// named; empty for other reasons.
	ReloadCommand string
}

func (e *RefusedError) Error() string { return e.Reason }

// NewRunID makes the id of a run: ids sort by time, to the microsecond, and are
// not predictable.
func NewRunID(now time.Time) string {
	const fourDigits = 36 * 36 * 36 * 36 // more than the microseconds of a second
	micros := strconv.FormatInt(fourDigits+int64(now.Nanosecond()/1000), 36)[1:]
	return now.UTC().Format("20060102T150405Z") + "-" + micros + strings.ToLower(rand.Text()[:10])
}

// Run carries out the plan: wave by wave, each host in one transaction. Hosts
// that need nothing are not contacted. An error means that nothing was begun,
// or that the journal could not be written; what became of hosts stands in the
// Report, which is nil only if nothing was begun.
func Run(ctx context.Context, p *plan.Plan, opts RunOptions) (*Report, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.RunID == "" {
		opts.RunID = NewRunID(opts.Now())
	}
	opts.Events = serialised(opts.Events)
	opts.dumps = new(dumps)
	if err := refuse(p, opts); err != nil {
		return nil, err
	}
	r := rollout{plan: p, opts: opts, mine: opts.Shard.of(p), changed: map[string]bool{}, report: &Report{
		RunID: opts.RunID, PlanID: p.ID(), Shard: opts.Shard, Started: opts.Now(),
	}}
	if opts.Journal != "" {
		journal, err := startJournal(opts.Journal, r.report, opts)
		if err != nil {
			return nil, err
		}
		r.journal = journal
		defer journal.close()
	}
	err := r.run(ctx)
	r.report.Finished = opts.Now()
	return r.report, errors.Join(err, r.journal.end(r.report))
}

// refuse says why nothing of a plan may be carried out.
func refuse(p *plan.Plan, opts RunOptions) error {
	if err := plan.Verify(p); err != nil {
		return &RefusedError{Reason: err.Error()}
	}
	switch {
	case p.Errored:
		return &RefusedError{Reason: "the plan has errors"}
	case p.Part != nil:
		return &RefusedError{Reason: fmt.Sprintf("it is shard %d of %d of a plan, and waves and budgets are of the whole; merge the parts first", p.Part.Index, p.Part.Total)}
	case opts.Shard.Total < 0 || opts.Shard.Total > 0 && (opts.Shard.Index < 0 || opts.Shard.Index >= opts.Shard.Total):
		return &RefusedError{Reason: fmt.Sprintf("there is no shard %d of %d", opts.Shard.Index, opts.Shard.Total)}
	case opts.Shard.Total > 1 && opts.Wave == "" && wavesToDo(p) > 1:
		return &RefusedError{Reason: "shards do not wait for each other, and the plan has several waves; name one of them"}
	case !p.ValidUntil.IsZero() && opts.Now().After(p.ValidUntil):
		return &RefusedError{Reason: fmt.Sprintf("the plan expired at %s; make a new one", p.ValidUntil.UTC().Format(time.RFC3339))}
	}
	if opts.Wave != "" && !slices.ContainsFunc(p.Rollout.Waves, func(w plan.Wave) bool { return w.Name == opts.Wave }) {
		return &RefusedError{Reason: fmt.Sprintf("the plan has no wave %q", opts.Wave)}
	}
	for _, h := range p.Hosts {
		if err := refuseReload(h, opts.ReloadCommands); err != nil {
			return err
		}
	}
	return plainRun(opts.RunID)
}

// refuseReload refuses a way to reload that is neither a word of the closed
// list nor a command that this site has named.
func refuseReload(h plan.HostPlan, commands map[string][]string) error {
	name := h.Run().Reload
	switch name {
	case "", autoReload, string(plan.ReloadByHand):
		return nil
	}
	words := commands[name]
	switch {
	case len(words) == 0:
		return &RefusedError{ReloadCommand: name, Reason: fmt.Sprintf("%s: reload = %q is neither %q nor %q, and this site has named no such command; name it in the policy of the machine that applies, or use %q",
			h.Host, name, autoReload, plan.ReloadByHand, autoReload)}
	case !path.IsAbs(words[0]):
		return &RefusedError{Reason: fmt.Sprintf("%s: the reload command %q starts with %q, which is no absolute path", h.Host, name, words[0])}
	}
	return nil
}

// autoReload leaves the way to reload to what is found on the host.
const autoReload = "auto"
