package apply

import (
	"fmt"
	"math"
	"slices"

	"github.com/sshform/sshform/plan"
)

// Budget is how many hosts of a wave may fail, of hosts in it.
//
// A shard has its share of it by its number of hosts, rounded down, since
// there is nobody to count for all. So with N shards at worst the budget and N
// hosts fail, and those that were in flight: a budget can stop only what has
// not started.
func Budget(w plan.Wave, hosts int) int {
	return max(w.MaxFailures, int(math.Floor(w.MaxFailuresPercent/100*float64(hosts))))
}

// wavesToDo counts the waves in which something happens.
func wavesToDo(p *plan.Plan) int {
	waves := map[string]bool{}
	for _, h := range p.Hosts {
		if h.Changed() {
			waves[h.Wave] = true
		}
	}
	return len(waves)
}

// MayStart says why a wave may not start yet, by what became of the waves
// before it: each must have come to its end, within its budget. The error is a
// sentence about the first that has not; nil says that the wave may start.
func MayStart(p *plan.Plan, wave string, earlier *Report) error {
	fates := map[string]Outcome{}
	for _, h := range earlier.Hosts {
		fates[h.Host] = h.Outcome
	}
	complete := map[string]bool{}
	for _, w := range earlier.Waves {
		complete[w.Name] = w.Complete
	}
	for _, w := range p.Rollout.Waves {
		if w.Name == wave {
			return nil
		}
		if err := over(p, w, fates, complete[w.Name]); err != nil {
			return fmt.Errorf("wave %q comes before %q, and %w", w.Name, wave, err)
		}
	}
	return fmt.Errorf("the plan has no wave %q", wave)
}

// over says why a wave is not over.
func over(p *plan.Plan, w plan.Wave, fates map[string]Outcome, complete bool) error {
	hosts, failures, toDo := 0, 0, 0
	var unknown []string
	for _, h := range p.Hosts {
		if h.Wave != w.Name {
			continue
		}
		hosts++
		if !h.Changed() {
			continue
		}
		toDo++
		switch fate, known := fates[h.Host]; {
		case !known || fate == Skipped:
			unknown = append(unknown, h.Host)
		case fate.Spends():
			failures++
		}
	}
	limit := Budget(w, hosts)
	switch {
	case toDo == 0:
		return nil
	case len(unknown) == toDo:
		return fmt.Errorf("no result of it was given")
	case len(unknown) > 0:
		return fmt.Errorf("%d of its hosts were not done, such as %s", len(unknown), unknown[0])
	case failures > limit && w.OnFailure != "continue":
		return fmt.Errorf("%d of its hosts failed, where %d may", failures, limit)
	case !complete:
		return fmt.Errorf("it did not come to its end: it was stopped, or is not done soaking")
	}
	return nil
}

// mustSoak reports whether a wave that is done has to be waited for and looked
// at again: when something changed, in this run or in an earlier one of the
// same plan that did not come to the end of the wave.
func (r *rollout) mustSoak(w plan.Wave, state WaveReport) bool {
	switch {
	case w.Soak <= 0:
		return false
	case state.Counts[Changed] > 0:
		return true
	}
	return state.Counts[AlreadyDone] > 0 && !r.soakedBefore(w.Name)
}

// soakedBefore looks for an earlier run of the same plan that completed the
// wave. A journal that cannot be read proves nothing.
func (r *rollout) soakedBefore(wave string) bool {
	for _, h := range r.earlier(true) {
		if h.Shard == r.opts.Shard.String() && slices.Contains(h.Waves, wave) {
			return true
		}
	}
	return false
}
