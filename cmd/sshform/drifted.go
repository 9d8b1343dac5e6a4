package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
)

// tellWhoSet says which run had set what differs now, as far as the hosts'
// records tell. That is their history of us, and not of others: who changed a
// line by hand, nobody wrote down.
func (p *program) tellWhoSet(ctx context.Context, m *made, o planning) error {
	changed := map[string]plan.HostPlan{}
	var names []string
	for _, h := range m.plan.Hosts {
		if h.Changed() {
			changed[h.Host] = h
			names = append(names, h.Host)
		}
	}
	if len(names) == 0 {
		return nil
	}
	hosts, err := reaches(p.declared, names)
	if err != nil {
		return err
	}
	d, err := p.newDialer(o.input)
	if err != nil {
		return err
	}
	defer d.Close()
	const most = 20 // lines; the rest are counted
	told, left := 0, 0
	t := &tour{hosts: hosts, dialer: d, parallelism: o.parallelism, events: p.view().Event}
	for _, v := range visit(ctx, t, apply.ReadRecords) {
		if v.err != nil {
			continue // its values were read a moment ago; only the story is missing
		}
		for _, line := range whoSet(changed[v.reach.Host], v.got) {
			if told == most {
				left++
				continue
			}
			told++
			p.view().Note(line)
		}
	}
	if left > 0 {
		p.view().Note(fmt.Sprintf("And %d more; sshform runs lists what the hosts have records of.", left))
	}
	return nil
}

// whoSet tells of each change of a host which committed run wrote last for its
// target, and whether the file was touched since.
func whoSet(h plan.HostPlan, records apply.Records) []string {
	var lines []string
	for _, c := range h.Changes() {
		if c.Action == plan.NoOp {
			continue
		}
		for _, run := range slices.Backward(records.Runs) {
			file, wrote := fileOf(run, c.Address.String())
			if !run.Committed() || !wrote {
				continue
			}
			verb := "set"
			if run.Mode == plan.Restore {
				verb = "restored"
			}
			since := "changed since"
			if slices.ContainsFunc(h.Files(), func(f plan.FileEdit) bool { return f.RealPath == file.RealPath && f.Before == file.After }) {
				since = file.RealPath + " is as that run left it, so the configuration or another file changed since"
			}
			lines = append(lines, fmt.Sprintf("%s on %s: %s by run %s on %s by %s; %s.", c.Address, h.Host, verb, run.Run,
				run.Created.UTC().Format(time.DateTime), run.Who, since))
			break
		}
	}
	return lines
}

// fileOf finds the file that a run edited for a target.
func fileOf(run apply.Record, address string) (plan.FileEdit, bool) {
	for _, f := range run.Files {
		if slices.ContainsFunc(f.Edits, func(e plan.Edit) bool { return e.Address == address }) {
			return f, true
		}
	}
	return plan.FileEdit{}, false
}
