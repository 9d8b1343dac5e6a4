package apply

import (
	"context"
	"fmt"
	"slices"

	"github.com/sshform/sshform/plan"
)

// leftChanged is the note on a host that keeps the change of a wave that was
// taken back.
const leftChanged = "the wave failed and was taken back, but this host was as planned before this run, " +
	"by no run of this plan that is recorded here, and was left so"

// restoreWave takes back what was changed for the wave: on_failure = "restore".
// That is what this run changed, also where the soak found it broken, and what
// earlier runs of the same plan changed before they were interrupted: together
// they are the wave.
func (r *rollout) restoreWave(ctx context.Context, jobs []job, state *WaveReport) {
	changedBy := r.changedBy(jobs)
	changed := func(j job) bool { return changedBy[j.host.Host] != "" }
	r.each(plan.Wave{}, jobs, changed, func(j job) {
		back := r.takeBack(ctx, j, changedBy[j.host.Host])
		report := r.report.Hosts[j.index]
		why := "the wave failed"
		if report.Err != nil {
			why = report.Err.Error()
		}
		if back.Outcome == Changed || back.Outcome == AlreadyDone {
			report.Outcome, report.Restored = Restored, true
			report.Err = fmt.Errorf("%s, so its hosts were restored", why)
		} else {
			report.Outcome, report.Step = Failed, back.Step
			report.Err = fmt.Errorf("%s, and this host could not be restored: %w", why, back.Err)
		}
		r.replace(j, report, state)
	})
	for _, j := range jobs {
		if h := &r.report.Hosts[j.index]; h.Outcome == AlreadyDone {
			h.Notes = append(h.Notes, leftChanged)
		}
	}
}

// takeBack puts back what stood on a host before a run.
func (r *rollout) takeBack(ctx context.Context, j job, run string) HostReport {
	opts := r.opts
	opts.RunID = NewRunID(r.opts.Now())
	tell := func(e Event) {
		e.TakesBack = true
		r.opts.Events(e)
	}
	back := reversed(*j.host)
	t := transaction{plan: &back, planID: r.report.PlanID, mode: plan.Restore, run: opts.RunID, opts: opts, tell: tell, revert: run}
	return *t.carryOut(ctx)
}

// changedBy names the run that changed each host of a wave, by host: this one,
// or for those that were already done an earlier one of the same plan.
func (r *rollout) changedBy(jobs []job) map[string]string {
	by, open := map[string]string{}, map[string]bool{}
	for _, j := range jobs {
		switch host := j.host.Host; {
		case r.changed[host]:
			by[host] = r.opts.RunID
		case r.report.Hosts[j.index].Outcome == AlreadyDone:
			open[host] = true
		}
	}
	for _, h := range r.earlier(len(open) > 0) {
		for host, did := range h.changed() {
			if !open[host] {
				continue
			}
			delete(open, host)
			if did {
				by[host] = h.Run
			}
		}
	}
	return by
}

// earlier are the journals of other runs of the same plan, newest first. One
// that cannot be read proves nothing.
func (r *rollout) earlier(wanted bool) []History {
	if !wanted || r.opts.Journal == "" {
		return nil
	}
	runs, err := Histories(r.opts.Journal)
	if err != nil {
		return nil
	}
	var same []History
	for _, run := range slices.Backward(runs) {
		if h, err := ReadHistory(r.opts.Journal, run); err == nil && h.PlanID == r.report.PlanID && run != r.opts.RunID {
			same = append(same, h)
		}
	}
	return same
}

// changed tells of the hosts on which a run did something whether it left its
// change there, as far as it knew: a host that was begun and never ended may
// have it, and so may one where something failed.
func (h History) changed() map[string]bool {
	did := map[string]bool{}
	for _, host := range h.Hosts {
		switch host.Outcome {
		case Changed, Failed:
			did[host.Host] = true
		case Restored:
			did[host.Host] = false
		}
	}
	for _, host := range h.Open {
		did[host] = true
	}
	return did
}

// reversed is the plan that takes a host's change back. The bytes come from
// the run's own record.
func reversed(h plan.HostPlan) plan.HostPlan {
	d := h.Decision()
	for i, f := range d.Files {
		d.Files[i].Before, d.Files[i].After, d.Files[i].Edits = f.After, f.Before, nil
	}
	d.DependsOn = slices.DeleteFunc(slices.Clone(d.DependsOn), func(on plan.Dependency) bool { return on.Folder })
	for i := range d.Changes {
		d.Changes[i].Expect = nil
	}
	return h.With(d)
}
