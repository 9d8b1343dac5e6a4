package apply

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sshform/sshform/plan"
)

// A rollout carries a plan through its waves.
type rollout struct {
	plan    *plan.Plan
	opts    RunOptions
	report  *Report
	journal *journal
	mine    func(host string) bool // whether a host is of our shard
	total   int                    // hosts that have something to do
	done    int
	changed map[string]bool // hosts that this run changed, whatever came later
	mu      sync.Mutex      // guards report.Hosts and counts in each
}

// A job is one host of a wave.
type job struct {
	host  *plan.HostPlan // the plan's own
	index int            // in Report.Hosts
}

func (r *rollout) run(ctx context.Context) error {
	waves := r.deal()
	for i, w := range r.plan.Rollout.Waves {
		if len(waves[w.Name]) == 0 || r.opts.Wave != "" && w.Name != r.opts.Wave {
			continue
		}
		if err := r.wave(ctx, i, w, waves[w.Name]); err != nil {
			return err
		}
		if r.report.Stopped != nil || ctx.Err() != nil {
			break
		}
	}
	return nil
}

// deal makes the report of every host and the jobs of every wave. Hosts that
// need nothing are done.
func (r *rollout) deal() map[string][]job {
	waves := map[string][]job{}
	for i := range r.plan.Hosts {
		h := &r.plan.Hosts[i]
		if !r.mine(h.Host) {
			continue
		}
		if r.opts.Wave != "" && h.Wave != r.opts.Wave {
			continue
		}
		report := HostReport{Host: h.Host, Address: h.Connection().Address, Wave: h.Wave, Outcome: Unchanged}
		if h.Changed() {
			report.Outcome = Skipped
			for _, c := range h.Changes() {
				if c.Action != plan.NoOp {
					report.Addresses = append(report.Addresses, c.Address)
				}
			}
			waves[h.Wave] = append(waves[h.Wave], job{h, len(r.report.Hosts)})
			r.total++
		}
		r.report.Hosts = append(r.report.Hosts, report)
	}
	for _, jobs := range waves {
		slices.SortStableFunc(jobs, func(a, b job) int { return cmp.Compare(a.host.Turn, b.host.Turn) })
	}
	return waves
}

// budget is how many failures a wave may have before it stops.
func (r *rollout) budget(w plan.Wave) int {
	hosts, mine := 0, 0
	for _, h := range r.plan.Hosts {
		if h.Wave == w.Name {
			hosts++
			if r.mine(h.Host) {
				mine++
			}
		}
	}
	if r.opts.Shard.Total > 1 && hosts > 0 {
		return Budget(w, hosts) * mine / hosts
	}
	return Budget(w, hosts)
}

// wave runs one wave to its end, or until its budget is spent.
func (r *rollout) wave(ctx context.Context, index int, w plan.Wave, jobs []job) error {
	if opens, closed := windowClosed(w.Window, r.opts.Now()); closed {
		r.stop(Stopped{Kind: "window", Wave: w.Name, Opens: opens})
		return nil
	}
	state := WaveReport{Name: w.Name, Index: index, Hosts: len(jobs), Counts: map[Outcome]int{}, Started: r.opts.Now(), Soak: w.Soak}
	r.tellWave(WaveStarted, state)
	err := r.work(ctx, w, jobs, &state)
	if err == nil && r.report.Stopped == nil && r.mustSoak(w, state) {
		r.tellWave(WaveSoaks, state)
		r.soak(ctx, w, jobs, &state)
	}
	if r.report.Stopped != nil && r.report.Stopped.Kind == "budget" && w.OnFailure == "restore" {
		r.restoreWave(ctx, jobs, &state)
	}
	state.Finished = r.opts.Now()
	state.Complete = err == nil && r.report.Stopped == nil && ctx.Err() == nil
	if state.Complete {
		err = r.journal.wave(w.Name)
	}
	r.report.Waves = append(r.report.Waves, state)
	r.tellWave(WaveCompleted, state)
	return err
}

func (r *rollout) tellWave(kind EventKind, w WaveReport) {
	r.opts.Events(Event{Kind: kind, Time: r.opts.Now(), Wave: &w})
}

func (r *rollout) stop(s Stopped) {
	if r.report.Stopped != nil {
		return
	}
	r.report.Stopped = &s
	r.opts.Events(Event{Kind: RolloutStopped, Time: r.opts.Now(), Stopped: &s})
}

// work keeps hosts in flight until all are done or no more may be started.
// What is in flight always ends properly.
func (r *rollout) work(ctx context.Context, w plan.Wave, jobs []job, state *WaveReport) error {
	defer garbage.bound()()
	limit := r.budget(w)
	parallel := cmp.Or(w.Parallelism, r.opts.Parallelism, DefaultParallelism)
	results := make(chan finished)
	stop := r.opts.Stop
	next, inFlight := 0, 0
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	var journalErr error
	for {
		for next < len(jobs) && r.report.Stopped == nil && ctx.Err() == nil && journalErr == nil {
			may := parallel
			if w.Strict {
				may = min(may, limit-state.Failed()+1)
			}
			if inFlight >= may || isClosed(stop) {
				break
			}
			job := jobs[next]
			if journalErr = r.journal.begin(job.host.Host, w.Name); journalErr != nil {
				r.stop(Stopped{Kind: "journal", Wave: w.Name})
				break
			}
			next++
			inFlight++
			go func() { results <- r.carryOut(ctx, job) }()
		}
		if inFlight == 0 {
			break
		}
		select {
		case <-stop:
			stop = nil // told once; a nil channel never answers
			r.stop(Stopped{Kind: "interrupt", Wave: w.Name})
		case <-ticker.C:
			r.tellProgress()
		case f := <-results:
			inFlight--
			r.settle(f, state)
			if err := r.journal.host(f.report, f.host); err != nil && journalErr == nil {
				journalErr = err
				r.stop(Stopped{Kind: "journal", Wave: w.Name})
			}
			if state.Failed() > limit && w.OnFailure != "continue" {
				r.stop(Stopped{Kind: "budget", Wave: w.Name, Failed: state.Failed(), Limit: limit})
			}
		}
	}
	if next < len(jobs) && r.report.Stopped == nil {
		r.stop(Stopped{Kind: "interrupt", Wave: w.Name})
	}
	return journalErr
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

type finished struct {
	job
	report  *HostReport
	pending bool
}

func (r *rollout) carryOut(ctx context.Context, j job) finished {
	t := &transaction{plan: j.host, planID: r.report.PlanID, mode: r.plan.Mode, run: r.opts.RunID, opts: r.opts, tell: r.opts.Events}
	report := t.carryOut(ctx)
	return finished{j, report, t.pending}
}

// settle counts what became of a host.
func (r *rollout) settle(f finished, state *WaveReport) {
	r.report.Hosts[f.index] = *f.report
	state.Counts[f.report.Outcome]++
	if f.report.Outcome == Changed {
		r.changed[f.report.Host] = true
	}
	if f.pending {
		r.report.Pending = append(r.report.Pending, f.report.Host)
	}
	r.done++
}

// progressEvery is how often a run tells how far it is.
const progressEvery = 5 * time.Second

func (r *rollout) tellProgress() {
	counts := r.report.Counts()
	progress := Progress{
		Done: r.done, Total: r.total, Unreachable: counts[Unreachable],
		Failed: counts[Failed] + counts[Restored] + counts[Stale] + counts[Locked],
	}
	r.opts.Events(progress.event(r.opts.Now(), r.report.Started))
}

// event tells how far it is, and how much longer it may take.
func (p Progress) event(now, began time.Time) Event {
	elapsed := now.Sub(began)
	if p.Done > 0 && p.Done < p.Total {
		p.Remaining = elapsed / time.Duration(p.Done) * time.Duration(p.Total-p.Done)
	}
	return Event{Kind: FleetProgressed, Time: now, Elapsed: elapsed, Progress: &p}
}

// soak waits, and then looks at the wave's hosts again: a change that broke
// something later counts against the budget.
func (r *rollout) soak(ctx context.Context, w plan.Wave, jobs []job, state *WaveReport) {
	timer := time.NewTimer(w.Soak)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return
	case <-r.opts.Stop:
		r.stop(Stopped{Kind: "interrupt", Wave: w.Name})
		return
	}
	inForce := func(j job) bool {
		o := r.report.Hosts[j.index].Outcome
		return o == Changed || o == AlreadyDone
	}
	r.each(w, jobs, inForce, func(j job) {
		t := transaction{plan: j.host, opts: r.opts, tell: r.opts.Events}
		if err := t.lookAgain(ctx); err != nil {
			report := r.report.Hosts[j.index]
			report.Outcome, report.Step = Failed, StepConfirm
			report.Err = fmt.Errorf("%s: after the soak: %w", StepConfirm, err)
			r.replace(j, report, state)
		}
	})
	if limit := r.budget(w); state.Failed() > limit && w.OnFailure != "continue" {
		r.stop(Stopped{Kind: "budget", Wave: w.Name, Failed: state.Failed(), Limit: limit})
	}
}

// replace corrects what was said of a host.
func (r *rollout) replace(j job, report HostReport, state *WaveReport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	state.Counts[r.report.Hosts[j.index].Outcome]--
	state.Counts[report.Outcome]++
	r.report.Hosts[j.index] = report
	r.journal.host(&report, j.host)
}

// each does something with some hosts of a wave, several at a time.
func (r *rollout) each(w plan.Wave, jobs []job, which func(job) bool, do func(job)) {
	defer garbage.bound()()
	var group errgroup.Group
	group.SetLimit(cmp.Or(w.Parallelism, r.opts.Parallelism, DefaultParallelism))
	var chosen []job
	for _, j := range jobs {
		if which(j) {
			chosen = append(chosen, j)
		}
	}
	for _, j := range chosen {
		group.Go(func() error {
			do(j)
			return nil
		})
	}
	group.Wait()
}

// lookAgain reaches a host and compares what is in force with what is wanted.
func (t *transaction) lookAgain(ctx context.Context) error {
	defer t.leave()
	err := t.dial(ctx)
	if err != nil {
		return err
	}
	if t.shell, err = t.lifeline.Shell(ctx); err != nil {
		return err
	}
	if t.machine, err = lookAround(ctx, t.shell, t.scope()); err != nil {
		return err
	}
	t.wanted = wantedOf(t.plan.Changes())
	if err := t.chooseListener(); err != nil {
		return err
	}
	return t.confirmValues(ctx, t.shell)
}
