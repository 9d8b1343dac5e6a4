package plan

import (
	"fmt"
	"slices"

	"github.com/sshform/sshform/schema"
)

// A Part says that a plan is for the hosts of one shard only: Index of Total,
// counted from 0. Waves and budgets are of the whole fleet, so that a part has
// none and cannot be applied; it holds what Merge needs to deal them out.
type Part struct {
	Index, Total int
	// Rollouts are the declared orders, without their targets.
	Rollouts []schema.Rollout
	// Pending are the check and output blocks of the configuration, such as
	// check.soon. They are about hosts of all shards, so that no part has their
	// values: whoever merges the parts evaluates them.
	Pending []string
}

// A Place is where a host stands in the declared orders.
type Place struct {
	Rollout int    `json:"rollout"`         // in Part.Rollouts
	Group   string `json:"group,omitempty"` // its value of the rollout's spread_by
}

// partOf makes what a part keeps of the declared orders, and gives its hosts
// their places.
func partOf(index, total int, declared orders, hosts []HostPlan) *Part {
	part := &Part{Index: index, Total: total}
	for _, r := range declared.rollouts {
		r.Targets, r.Range, r.Waves = nil, schema.Range{}, slices.Clone(r.Waves)
		for i := range r.Waves {
			r.Waves[i].Range = schema.Range{}
		}
		part.Rollouts = append(part.Rollouts, r)
	}
	for i, h := range hosts {
		if place, ordered := declared.places[h.Host]; ordered {
			hosts[i].Place = &place
		}
	}
	return part
}

// check refuses what no shard is.
func (p *Part) check() error {
	if p.Total < 1 || p.Total > MaxShards || p.Index < 0 || p.Index >= p.Total {
		return fmt.Errorf("there is no shard %d of %d", p.Index, p.Total)
	}
	return nil
}

// record is the part as a plan file has it; nil stays nil.
func (p *Part) record() *partRecord {
	if p == nil {
		return nil
	}
	record := &partRecord{Index: p.Index, Total: p.Total, Rollouts: []partRolloutRecord{}, Pending: p.Pending}
	for _, r := range p.Rollouts {
		out := partRolloutRecord{Name: r.Name, SpreadBy: r.SpreadBy, OnFailure: r.OnFailure, Waves: []partWaveRecord{}}
		for _, w := range r.Waves {
			out.Waves = append(out.Waves, partWaveRecord{
				Name: w.Name, Hosts: w.Hosts, Percent: w.Percent, Parallelism: w.Parallelism, MaxFailures: w.MaxFailures,
				MaxFailuresPercent: w.MaxFailuresPercent, Strict: w.Strict, SoakSeconds: w.Soak.Seconds(), Window: w.Window,
			})
		}
		record.Rollouts = append(record.Rollouts, out)
	}
	return record
}

// part reads it back; the places come with the hosts.
func (r *partRecord) part() (*Part, error) {
	if r == nil {
		return nil, nil
	}
	p := &Part{Index: r.Index, Total: r.Total, Pending: r.Pending}
	for _, in := range r.Rollouts {
		rollout := schema.Rollout{Name: in.Name, SpreadBy: in.SpreadBy, OnFailure: in.OnFailure}
		for _, w := range in.Waves {
			rollout.Waves = append(rollout.Waves, schema.Wave{
				Name: w.Name, Hosts: w.Hosts, Percent: w.Percent, Parallelism: w.Parallelism, MaxFailures: w.MaxFailures,
				MaxFailuresPercent: w.MaxFailuresPercent, Strict: w.Strict, Soak: seconds(w.SoakSeconds), Window: w.Window,
			})
		}
		p.Rollouts = append(p.Rollouts, rollout)
	}
	return p, p.check()
}

// verifyPlace refuses a host that stands where the plan has nothing.
func (p *Plan) verifyPlace(h HostPlan) error {
	switch {
	case h.Place == nil:
		return nil
	case p.Part == nil:
		return fmt.Errorf("a host of a whole plan has no place of its own in a rollout")
	case h.Place.Rollout < 0 || h.Place.Rollout >= len(p.Part.Rollouts):
		return fmt.Errorf("it stands in a rollout that the part does not have")
	}
	return nil
}
