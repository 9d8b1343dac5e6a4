package plan_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// With groups a shard works on one of them only, if there are enough shards;
// else no group is torn apart. Every host has a shard, and they are even.
func TestSplitKeepsGroupsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.IntRange(1, 60), 1, 12).Draw(t, "sizes")
		total := rapid.IntRange(1, 30).Draw(t, "shards")
		groups := map[string]string{}
		for g, size := range sizes {
			for i := range size {
				groups[fmt.Sprintf("h%d-%d", g, i)] = fmt.Sprintf("g%d", g)
			}
		}
		split := plan.NewSplit(groups, total)
		shardsOf, groupsOf := map[string]map[int]bool{}, map[int]map[string]bool{}
		for host, group := range groups {
			shard := split.Of(host)
			if shard < 0 || shard >= total {
				t.Fatalf("got shard %d of %d", shard, total)
			}
			if shardsOf[group] == nil {
				shardsOf[group] = map[int]bool{}
			}
			if groupsOf[shard] == nil {
				groupsOf[shard] = map[string]bool{}
			}
			shardsOf[group][shard], groupsOf[shard][group] = true, true
		}
		for shard, its := range groupsOf {
			if len(its) > 1 && len(sizes) <= total {
				t.Errorf("shard %d works on %d groups, and there are as many shards", shard, len(its))
			}
		}
		for group, its := range shardsOf {
			if len(its) > 1 && len(sizes) > total {
				t.Errorf("%s is torn into %d shards, where groups are more than shards", group, len(its))
			}
		}
	})
}

// Nobody's shard depends on the order of the hosts, and large groups get more.
func TestSplitIsInProportion(t *testing.T) {
	groups := map[string]string{}
	for i := range 900 {
		groups[fmt.Sprintf("a%d", i)] = "large"
	}
	for i := range 100 {
		groups[fmt.Sprintf("b%d", i)] = "small"
	}
	split := plan.NewSplit(groups, 10)
	var shards []int
	for i := range 100 {
		shards = append(shards, split.Of(fmt.Sprintf("b%d", i)))
	}
	slices.Sort(shards)
	if got := slices.Compact(shards); len(got) != 2 || got[0] != 8 {
		t.Errorf("got shards %v for the small group, want 8 and 9", got)
	}
}

// A merged plan is the one of a single machine, however the parts were split.
func TestPartsByGroup(t *testing.T) {
	cfg, observed := spreadFleet(t)
	options := plan.Options{AllowUnreachable: "1", ShardBy: "rack"}
	whole, _ := plan.Build(cfg, slices.Values(observed), plan.BuildOptions{Options: options})
	all := parts(t, cfg, observed, "rack", 4)
	for _, p := range all {
		racks := map[string]bool{}
		for _, h := range p.Hosts {
			racks[h.Group] = true
		}
		if len(racks) != 1 {
			t.Errorf("got racks %v in shard %d, want one", racks, p.Part.Index)
		}
	}
	merged, diags := plan.Merge(all)
	if diags.HasErrors() || merged.ID() != whole.ID() {
		t.Fatalf("got %v, %v, want the plan of one machine", merged, diags)
	}
	for _, h := range merged.Hosts {
		if got, want := merged.Split(4).Of(h.Host), whole.Split(4).Of(h.Host); got != want {
			t.Errorf("%s: got shard %d of the merged plan, want %d", h.Host, got, want)
		}
	}
	all = parts(t, cfg, observed, "rack", 4)
	all[0].Hosts, all[1].Hosts = all[1].Hosts, all[0].Hosts
	if _, diags := plan.Merge(all); !diags.HasErrors() {
		t.Error("got a plan of parts whose hosts were swapped")
	}
}

// The hosts of a wave are those that a plan puts into it.
func TestHostsOfAWave(t *testing.T) {
	cfg, _ := spreadFleet(t)
	whole, _ := plan.Build(cfg, slices.Values(stockOf(t, cfg)), plan.BuildOptions{})
	for _, wave := range whole.Rollout.Waves {
		one, err := plan.OfWave(cfg, wave.Name)
		if err != nil {
			t.Fatal(err)
		}
		hosts := map[string]bool{}
		for _, target := range one.Targets {
			hosts[target.Host.Name] = true
		}
		if len(hosts) != wave.Hosts {
			t.Errorf("%s: got %d hosts, want %d", wave.Name, len(hosts), wave.Hosts)
		}
		for _, h := range whole.Hosts {
			if hosts[h.Host] != (h.Wave == wave.Name) {
				t.Errorf("%s: %s of wave %s is in it: %t", wave.Name, h.Host, h.Wave, hosts[h.Host])
			}
		}
	}
	if _, err := plan.OfWave(cfg, "canaries"); err == nil {
		t.Error("got hosts of a wave that does not exist")
	}
}

// stockOf are hosts of a configuration as Debian ships them.
func stockOf(t *testing.T, cfg *schema.Config) []*plan.Observed {
	_, observed := stockFleet(t, len(cfg.Targets), false)
	return observed
}
