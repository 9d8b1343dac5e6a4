package plan_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// spreadFleet is a fleet with two rollouts, canaries by name, racks to spread
// by, hosts in no rollout, and one that cannot be read.
func spreadFleet(t *testing.T) (*schema.Config, []*plan.Observed) {
	t.Helper()
	cfg, observed := stockFleet(t, 60, false)
	early := schema.Rollout{Name: "early", SpreadBy: "rack", OnFailure: "restore", Waves: []schema.Wave{
		{Name: "canary", Hosts: []string{cfg.Targets[3].Host.Name, cfg.Targets[17].Host.Name}, Soak: 90 * time.Second, Strict: true},
		{Name: "some", Percent: 30, MaxFailuresPercent: 12.5},
		{Name: "all", Percent: 100, Parallelism: 9, MaxFailures: 4, Window: "Mon-Fri 09:00-17:00 UTC"},
	}}
	late := schema.Rollout{Name: "late", Waves: []schema.Wave{{Name: "all", Percent: 100}}}
	for i := range cfg.Targets {
		cfg.Targets[i].Host.Vars = map[string]string{"rack": fmt.Sprint(i % 3)}
		switch {
		case i < 40:
			early.Targets = append(early.Targets, cfg.Targets[i].Address)
		case i < 50:
			late.Targets = append(late.Targets, cfg.Targets[i].Address)
		}
	}
	cfg.Rollouts = []schema.Rollout{early, late}
	observed[20] = &plan.Observed{Host: observed[20].Host, Step: "connect", Err: "nobody answers"}
	return cfg, observed
}

// parts plans every shard on its own, as separate machines do, and returns the
// plans as their files read back.
func parts(t *testing.T, cfg *schema.Config, observed []*plan.Observed, by string, shards int) []*plan.Plan {
	t.Helper()
	var all []*plan.Plan
	for i := range shards {
		mine := map[string]bool{}
		for _, target := range plan.OfShard(cfg, by, i, shards).Targets {
			mine[target.Host.Name] = true
		}
		seen := slices.DeleteFunc(slices.Clone(observed), func(o *plan.Observed) bool { return !mine[o.Host] })
		p, diags := plan.Build(cfg, slices.Values(seen), plan.BuildOptions{
			Options: plan.Options{AllowUnreachable: "1", ShardBy: by}, Shard: i, Shards: shards, Contents: true,
		})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		p.CreatedAt = time.Date(2026, 11, 22, 18, shards-i, 0, 0, time.UTC)
		p.ValidUntil = p.CreatedAt.Add(time.Hour)
		p.Part.Pending = []string{"check.soon", "output.hosts"}
		var file bytes.Buffer
		if _, err := plan.Write(&file, p, i%2 == 0); err != nil {
			t.Fatal(err)
		}
		back, err := plan.Read(&file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p, back, whole); diff != "" {
			t.Fatalf("part %d read back (-want +got):\n%s", i, diff)
		}
		all = append(all, back)
	}
	return all
}

// The merged plan is the one that a single machine would have made.
func TestMergedPartsAreThePlanOfAll(t *testing.T) {
	cfg, observed := spreadFleet(t)
	whole, diags := plan.Build(cfg, slices.Values(observed), plan.BuildOptions{Options: plan.Options{AllowUnreachable: "1"}, Contents: true})
	if diags.HasErrors() || len(whole.Rollout.Waves) != 5 || len(whole.Contents) == 0 {
		t.Fatal(whole.Rollout, diags)
	}
	for _, shards := range []int{1, 2, 7, 100} {
		all := parts(t, cfg, observed, "", shards)
		slices.Reverse(all)
		merged, diags := plan.Merge(all)
		if diags.HasErrors() || len(diags) != 1 {
			t.Fatalf("%d shards: got %v, want one warning of the unreachable host", shards, diags)
		}
		if merged.ID() != whole.ID() {
			t.Errorf("%d shards: got plan %s, want %s", shards, merged.ID(), whole.ID())
		}
		if diff := cmp.Diff(whole.Rollout, merged.Rollout); diff != "" {
			t.Errorf("%d shards: waves (-one machine +merged):\n%s", shards, diff)
		}
		if diff := cmp.Diff(whole.Contents, merged.Contents); diff != "" {
			t.Errorf("%d shards: contents (-one machine +merged):\n%s", shards, diff)
		}
		if diff := cmp.Diff(whole.Unreachable, merged.Unreachable); diff != "" {
			t.Errorf("%d shards: unreachable (-one machine +merged):\n%s", shards, diff)
		}
		if want := time.Date(2026, 11, 22, 18, 1, 0, 0, time.UTC); !merged.CreatedAt.Equal(want) || !merged.ValidUntil.Equal(want.Add(time.Hour)) {
			t.Errorf("%d shards: got %s to %s, want those of the oldest part", shards, merged.CreatedAt, merged.ValidUntil)
		}
	}
}

func TestPartsThatDoNotFit(t *testing.T) {
	for summary, spoil := range map[string]func([]*plan.Plan) []*plan.Plan{
		"Plan is not a part":        func(all []*plan.Plan) []*plan.Plan { all[1].Part = nil; return all },
		"Part has errors":           func(all []*plan.Plan) []*plan.Plan { all[1].Errored = true; return all },
		"Part is missing":           func(all []*plan.Plan) []*plan.Plan { return all[1:] },
		"Part given twice":          func(all []*plan.Plan) []*plan.Plan { return append(all, all[0]) },
		"Parts of different splits": func(all []*plan.Plan) []*plan.Plan { all[2].Part.Total = 5; return all },
		"Parts of different plans":  func(all []*plan.Plan) []*plan.Plan { all[2].Inventory.Digest = "other"; return all },
		"Parts of different plans ": func(all []*plan.Plan) []*plan.Plan { all[1].Part.Pending = nil; return all },
		"Host of another shard": func(all []*plan.Plan) []*plan.Plan {
			all[0].Hosts = append(all[0].Hosts, all[1].Hosts[0])
			return all
		},
		"Hosts are missing": func(all []*plan.Plan) []*plan.Plan { all[1].Hosts = all[1].Hosts[1:]; return all },
		"Host could not be read": func(all []*plan.Plan) []*plan.Plan {
			for _, p := range all {
				p.Options.AllowUnreachable = ""
			}
			return all
		},
		"Two hosts are one machine": func(all []*plan.Plan) []*plan.Plan {
			a, b := &all[0].Hosts[0], &all[2].Hosts[0]
			c := a.Connection()
			c.HostKey = "SHA256:x"
			*a, *b = a.Via(c), b.Via(c)
			return all
		},
	} {
		cfg, observed := spreadFleet(t)
		merged, diags := plan.Merge(spoil(parts(t, cfg, observed, "", 3)))
		if merged != nil || !slices.ContainsFunc(diags, func(d schema.Diagnostic) bool {
			return d.Summary == strings.TrimSpace(summary) && d.Severity == schema.Error
		}) {
			t.Errorf("got %v, want no plan and %q", diags, summary)
		}
	}
}

// A part says nothing about hosts that its rollouts do not have, and no shard
// that does not exist.
func TestAForgedPartIsRefused(t *testing.T) {
	cfg, observed := spreadFleet(t)
	var file bytes.Buffer
	if _, err := plan.Write(&file, parts(t, cfg, observed, "", 2)[0], false); err != nil {
		t.Fatal(err)
	}
	whole := file.String()
	for name, forged := range map[string]string{
		"rollout": strings.Replace(whole, `"place":{"rollout":0`, `"place":{"rollout":7`, 1),
		"index":   strings.Replace(whole, `"part":{"index":0,"total":2`, `"part":{"index":2,"total":2`, 1),
		"total":   strings.Replace(whole, `"part":{"index":0,"total":2`, `"part":{"index":0,"total":1000000000`, 1),
		"whole":   strings.Replace(whole, `"part":{"index":0,"total":2,"rollouts":`, `"part":null,"was":{"rollouts":`, 1),
	} {
		if forged == whole {
			t.Errorf("%s: nothing was forged", name)
		}
		if _, err := plan.Read(strings.NewReader(forged)); err == nil {
			t.Errorf("%s: got a plan, want an error", name)
		}
	}
}
