//go:build linux

package e2e_test

import (
	"context"
	"fmt"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// restorePlan turns around what the record of the last run says on the host:
// the plan that puts back the lines of before, for a run that changed one line.
func restorePlan(ctx context.Context, d apply.Dialer, a access, h *lab.Host, done *plan.Plan) (*plan.Plan, error) {
	connection := done.Hosts[0].Connection
	host, err := d.Dial(ctx, apply.Reach{Host: h.Name, Pinned: &connection})
	if err != nil {
		return nil, err
	}
	defer host.Close()
	records, err := apply.ReadRecords(ctx, host)
	if err != nil {
		return nil, err
	}
	if records.Lock != nil || len(records.Runs) != 1 || !records.Runs[0].Committed() {
		return nil, fmt.Errorf("got records %+v, want those of one committed run and no lock", records)
	}
	record := records.Runs[0]
	if len(record.Files) != 1 || len(record.Files[0].Edits) != 1 {
		return nil, fmt.Errorf("got a record of %+v, want one edit of one file", record.Files)
	}
	p, _, err := planFor(ctx, d, target(a, h, interval("45")))
	if err != nil {
		return nil, err
	}
	p.Mode = plan.Restore
	hp := &p.Hosts[0]
	f := record.Files[0]
	e := f.Edits[0]
	f.Before, f.After, f.BeforeSize = f.After, f.Before, f.BeforeSize+int64(len(e.New)-len(e.Old))
	e.Old, e.New = e.New, e.Old
	switch e.Op {
	case plan.Insert:
		e.Op = plan.Delete
	case plan.Delete:
		e.Op = plan.Insert
	}
	f.Edits = []plan.Edit{e}
	hp.Files = []plan.FileEdit{f}
	// What the run depended on, without the file that is changed again.
	hp.DependsOn = done.Hosts[0].DependsOn
	was := done.Hosts[0].Changes[0]
	c := &hp.Changes[0]
	c.Action = plan.Update
	c.Settings, c.Expect = nil, nil
	for _, s := range was.Settings {
		s.Before, s.After = s.After, s.Before
		s.BeforeDefault, s.AfterDefault = s.AfterDefault, s.BeforeDefault
		s.BeforeSource, s.AfterSource = s.AfterSource, s.BeforeSource
		c.Settings = append(c.Settings, s)
	}
	for _, e := range was.Expect {
		values := map[schema.Keyword]schema.Argument{}
		for _, s := range was.Settings {
			if _, expected := e.Values[s.Keyword]; expected {
				values[s.Keyword] = s.Before
			}
		}
		c.Expect = append(c.Expect, plan.Expectation{Login: e.Login, Values: values})
	}
	return p, nil
}
