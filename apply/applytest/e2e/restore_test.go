//go:build linux

package e2e_test

import (
	"context"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

func restorePlan(ctx context.Context, d apply.Dialer, a access, h *lab.Host) (*plan.Plan, error) {
	p, seen, err := planFor(ctx, d, target(a, h, interval("45")))
	if err != nil {
		return nil, err
	}
	f := seen.Files[mainFile]
	e := plan.Edit{Op: plan.Delete, Line: 1, Old: "ClientAliveInterval 45\n"}
	after, err := plan.Replay(f.Bytes, []plan.Edit{e})
	if err != nil {
		return nil, err
	}
	hp := &p.Hosts[0]
	e.Address = hp.Changes[0].Address.String()
	hp.Files = []plan.FileEdit{{Path: mainFile, RealPath: f.RealPath, Role: plan.MainFile, Before: plan.Sum(f.Bytes), BeforeSize: int64(len(f.Bytes)),
		Mode: f.Mode, UID: f.UID, GID: f.GID, After: plan.Sum(after), Edits: []plan.Edit{e}}}
	was := "0"
	if h.Name == "cloud-init" {
		was = "120"
	}
	hp.Changes[0].Action = plan.Update
	hp.Changes[0].Settings = []plan.Difference{{Keyword: "ClientAliveInterval", Before: "45", After: "0", Reason: "test"}}
	_ = was
	hp.Changes[0].Expect = []plan.Expectation{{Login: plan.Login{File: mainFile}, Values: map[schema.Keyword]schema.Argument{"ClientAliveInterval": schema.Argument(was)}}}
	return p, nil
}
