package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Percentages are of all hosts and cumulative, canaries included; the order is
// that of a hash of the names, so that it is stable and follows no rack.
func TestWavesAreCumulativeAndStable(t *testing.T) {
	cfg, observed := stockFleet(t, 100, false)
	canaries := []string{cfg.Targets[90].Host.Name, cfg.Targets[5].Host.Name}
	rollout := schema.Rollout{Name: "all", Waves: []schema.Wave{
		{Name: "canary", Hosts: canaries}, {Name: "early", Percent: 5}, {Name: "half", Percent: 50}, {Name: "rest", Percent: 100},
	}}
	for _, target := range cfg.Targets {
		rollout.Targets = append(rollout.Targets, target.Address)
	}
	cfg.Rollouts = []schema.Rollout{rollout}
	waves := func(hosts []*plan.Observed) map[string][]string {
		p, diags := plan.Build(cfg, slices.Values(hosts), plan.BuildOptions{Options: plan.Options{AllowUnreachable: "1"}})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		slices.SortFunc(p.Hosts, func(a, b plan.HostPlan) int { return a.Turn - b.Turn })
		in := map[string][]string{}
		for _, h := range p.Hosts {
			in[h.Wave] = append(in[h.Wave], h.Host)
		}
		return in
	}
	all := waves(observed)
	sizes := map[string]int{}
	for wave, hosts := range all {
		sizes[wave] = len(hosts)
		if !slices.IsSortedFunc(hosts, compareKeys) {
			t.Errorf("%s is not in the order of the hashes", wave)
		}
	}
	if diff := cmp.Diff(map[string]int{"canary": 2, "early": 3, "half": 45, "rest": 50}, sizes); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	slices.Reverse(observed)
	if diff := cmp.Diff(all, waves(observed)); diff != "" {
		t.Errorf("read in another order (-want +got):\n%s", diff)
	}
	// A host less moves nobody back, and one host forward where a wave is short.
	last := all["rest"][49]
	gone := slices.IndexFunc(observed, func(o *plan.Observed) bool { return o.Host == last })
	observed[gone] = &plan.Observed{Host: last, Step: "connect", Err: "nobody answers"}
	for _, wave := range []string{"canary", "early", "half"} {
		if diff := cmp.Diff(all[wave], waves(observed)[wave]); diff != "" {
			t.Errorf("%s moved for a host of the last wave (-want +got):\n%s", wave, diff)
		}
	}
}

func compareKeys(a, b string) int {
	return strings.Compare(plan.ShardKey(a), plan.ShardKey(b))
}

// spread_by takes the hosts of a wave from all values in turn.
func TestSpreadByInterleaves(t *testing.T) {
	cfg, observed := stockFleet(t, 90, false)
	rollout := schema.Rollout{Name: "all", SpreadBy: "rack", Waves: []schema.Wave{{Name: "early", Percent: 10}, {Name: "rest", Percent: 100}}}
	rack := map[string]string{}
	for i := range cfg.Targets {
		target := &cfg.Targets[i]
		target.Host.Vars = map[string]string{"rack": fmt.Sprint(i / 30)}
		rack[target.Host.Name] = target.Host.Vars["rack"]
		rollout.Targets = append(rollout.Targets, target.Address)
	}
	cfg.Rollouts = []schema.Rollout{rollout}
	p, _ := plan.Build(cfg, slices.Values(observed), plan.BuildOptions{})
	early := map[string]int{}
	for _, h := range p.Hosts {
		if h.Wave == "early" {
			early[rack[h.Host]]++
		}
	}
	if diff := cmp.Diff(map[string]int{"0": 3, "1": 3, "2": 3}, early); diff != "" {
		t.Errorf("hosts of the first wave by rack (-want +got):\n%s", diff)
	}
}
