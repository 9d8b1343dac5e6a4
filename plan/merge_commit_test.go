package plan_test

import (
	"testing"
	"time"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Shards planned on several machines may have the same files of different
// commits, and have read the inventory at different times.
func TestPartsOfDifferentCommitsAreOnePlan(t *testing.T) {
	cfg, observed := spreadFleet(t)
	cfg.Inventories = []schema.InventorySource{{Type: "csv", Name: "fleet", SHA256: "aa", Hosts: 60}}
	all := parts(t, cfg, observed, "", 2)
	early := time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC)
	for i, p := range all {
		p.Config.Commit = plan.Commit{ID: "c", ToldBy: "git", State: plan.Clean}
		p.Inventory.Sources[0].FetchedAt = early.Add(-time.Duration(i) * time.Minute)
	}
	same, diags := plan.Merge(all)
	if diags.HasErrors() || same.Config.Commit.ID != "c" || !same.Inventory.Sources[0].FetchedAt.Equal(early.Add(-time.Minute)) {
		t.Fatalf("got %+v, %+v, %v, want the commit and the earliest time", same.Config.Commit, same.Inventory.Sources, diags)
	}
	if differs := same.MadeOf(cfg); differs != "" {
		t.Errorf("got another %s, want the same", differs)
	}
	all[1].Config.Commit.ID = "d"
	if other, diags := plan.Merge(all); diags.HasErrors() || other.Config.Commit != (plan.Commit{}) || other.ID() != same.ID() {
		t.Errorf("got %v, want the same plan of no commit", diags)
	}
}
