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

// restorePlan plans to take back the one run that the host has a record of.
func restorePlan(ctx context.Context, d apply.Dialer, a access, h *lab.Host, connection plan.Connection) (*plan.Plan, error) {
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
	run := records.Runs[0]
	done := map[string][]plan.Done{h.Name: {{Run: run.Run, Files: run.Files, Old: run.Old}}}
	declared := &schema.Config{Targets: []schema.Target{target(a, h, interval("45"))}}
	cfg := &schema.Config{Dir: "/", Targets: plan.RestoreTargets(declared, done)}
	asks := func(targets []schema.Target, o *plan.Observed) plan.Asking {
		return plan.RestoreAsks(targets, done[h.Name], o)
	}
	p, diags := plan.BuildRestore(cfg, apply.Observe(ctx, cfg, apply.ObserveOptions{Dialer: d, Asks: asks}), done,
		plan.BuildOptions{Tool: plan.Tool{Name: "sshform", Version: "e2e"}})
	return p, problems(diags)
}
