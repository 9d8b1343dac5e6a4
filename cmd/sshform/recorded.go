package main

import (
	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// recordDrift adds to a plan which targets are no longer as the last run from
// this machine left them. Without a history here there is nothing to say.
func recordDrift(built *plan.Plan, history schema.History) schema.Diagnostics {
	if history.Path == "" {
		return nil
	}
	wanted := map[string]bool{}
	for _, h := range built.Hosts {
		for _, c := range h.Changes() {
			wanted[c.Address.String()] = true
		}
	}
	last, err := apply.LastRecorded(history.Path, wanted)
	if err != nil {
		return schema.Diagnostics{{
			Severity: schema.Warning, Summary: "History cannot be read",
			Detail: sentence(err) + " The plan does not tell what changed since the last run. Everything else in it is as usual.",
		}}
	}
	for _, h := range built.Hosts {
		for _, c := range h.Changes() {
			if recorded, known := last[c.Address.String()]; known {
				built.Drift = append(built.Drift, driftOf(c, recorded)...)
			}
		}
	}
	return nil
}

// driftOf compares what is in force with what a run left.
func driftOf(c plan.Change, recorded apply.Recorded) []plan.Drift {
	drift := plan.Drift{Address: c.Address, Run: recorded.Run, Recorded: map[schema.Keyword]schema.Argument{}}
	for _, d := range c.Settings {
		if was, known := recorded.Values[d.Keyword]; known && was != d.Before {
			drift.Recorded[d.Keyword] = was
		}
	}
	if len(drift.Recorded) == 0 {
		return nil
	}
	return []plan.Drift{drift}
}
