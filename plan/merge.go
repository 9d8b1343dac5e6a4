package plan

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
)

// Merge makes the plan of a whole fleet of the parts that its shards planned:
// the same plan, with the same ID, as one machine would have made. Only here
// are waves and budgets dealt out, and unreachable hosts counted. What the
// parts left pending is for the caller to evaluate.
//
// The diagnostics say everything that does not fit; with errors among them the
// plan is nil. All of parts are of one fleet, so that there is at least one.
func Merge(parts []*Plan) (*Plan, schema.Diagnostics) {
	if diags := fit(parts); len(diags) > 0 {
		return nil, diags
	}
	parts = slices.Clone(parts)
	slices.SortFunc(parts, func(a, b *Plan) int { return cmp.Compare(a.Part.Index, b.Part.Index) })
	whole := *parts[0]
	whole.Part, whole.Hosts, whole.Unreachable = nil, nil, nil
	whole.Checks, whole.Outputs, whole.Drift, whole.Contents = nil, nil, nil, nil
	declared := orders{rollouts: parts[0].Part.Rollouts, places: map[string]Place{}}
	for _, p := range parts {
		whole.Hosts = append(whole.Hosts, p.Hosts...)
		whole.Unreachable = append(whole.Unreachable, p.Unreachable...)
		if p.CreatedAt.Before(whole.CreatedAt) {
			whole.CreatedAt = p.CreatedAt
		}
		if p.ValidUntil.Before(whole.ValidUntil) {
			whole.ValidUntil = p.ValidUntil
		}
		whole.Drift = append(whole.Drift, p.Drift...)
		if p.Contents != nil && whole.Contents == nil {
			whole.Contents = Contents{}
		}
		maps.Copy(whole.Contents, p.Contents)
		if p.Config.Commit != whole.Config.Commit {
			whole.Config.Commit = Commit{} // the same files of different commits
		}
	}
	whole.Inventory.Sources = earliest(parts)
	for i, h := range whole.Hosts {
		if h.Place != nil {
			declared.places[h.Host] = *h.Place
		}
		whole.Hosts[i].Place = nil
	}
	slices.SortFunc(whole.Hosts, func(a, b HostPlan) int { return strings.Compare(a.Host, b.Host) })
	slices.SortFunc(whole.Unreachable, func(a, b Unreachable) int { return strings.Compare(a.Host, b.Host) })
	diags := slices.Concat(sameMachine(whole.Hosts), unreachableDiagnostics(&whole, whole.Inventory.Hosts), missing(&whole))
	if diags.HasErrors() {
		return nil, diags.Sorted()
	}
	whole.Rollout = declared.assignWaves(whole.Hosts)
	return &whole, diags.Sorted()
}

// earliest are the inventories of parts, each with when it was first read.
func earliest(parts []*Plan) []schema.InventorySource {
	sources := slices.Clone(parts[0].Inventory.Sources)
	for _, p := range parts[1:] {
		for i, s := range p.Inventory.Sources {
			if s.FetchedAt.Before(sources[i].FetchedAt) {
				sources[i].FetchedAt = s.FetchedAt
			}
		}
	}
	return sources
}

// fit finds out whether the plans are all parts of one, each once.
func fit(parts []*Plan) schema.Diagnostics {
	var diags schema.Diagnostics
	wrong := func(summary, detail string, values ...any) {
		diags = append(diags, schema.Diagnostic{Severity: schema.Error, Summary: summary, Detail: fmt.Sprintf(detail, values...)})
	}
	first := parts[0]
	seen := map[int]bool{}
	for i, p := range parts {
		switch {
		case p.Part == nil:
			wrong("Plan is not a part", "Plan %d of those given is of a whole fleet already. Only what sshform plan -shard=I/N -out=FILE writes is merged.", i+1)
			continue
		case p.Errored:
			wrong("Part has errors", "There were errors when shard %d of %d was planned, so nothing may be applied. Mend them and plan that shard again.", p.Part.Index, p.Part.Total)
		case first.Part == nil:
		case p.Part.Total != first.Part.Total:
			wrong("Parts of different splits", "One part is of %d shards and another of %d. Plan all shards with the same number.", first.Part.Total, p.Part.Total)
		case seen[p.Part.Index]:
			wrong("Part given twice", "Shard %d of %d is there twice, and each host has one transaction. Give the newer one only.", p.Part.Index, p.Part.Total)
		default:
			if what := differs(first, p); what != "" {
				wrong("Parts of different plans", "Shards %d and %d were planned with another %s. Plan all shards from the same files with the same options.", first.Part.Index, p.Part.Index, what)
			}
		}
		seen[p.Part.Index] = true
	}
	if len(diags) > 0 {
		return diags
	}
	for _, absent := range absentShards(seen, first.Part.Total) {
		wrong("Part is missing", "%s was not given. Each shard of the fleet has to be planned.", absent)
	}
	if len(diags) > 0 {
		return diags
	}
	split := splitOf(first.Part.Total, parts...)
	for _, p := range parts {
		if stray := p.stray(split); stray != "" {
			wrong("Host of another shard", "Host %q stands in the part of shard %d, to which it does not belong.", stray, p.Part.Index)
		}
	}
	return diags
}

// stray is a host that the part's shard does not hold; empty if there is none.
func (p *Plan) stray(split Split) string {
	for _, h := range p.Hosts {
		if split.Of(h.Host) != p.Part.Index {
			return h.Host
		}
	}
	for _, u := range p.Unreachable {
		if split.Of(u.Host) != p.Part.Index {
			return u.Host
		}
	}
	return ""
}

// absentShards names the shards that were not seen, the first few by number.
func absentShards(seen map[int]bool, total int) []string {
	const few = 10
	var absent []string
	for i := range total {
		switch {
		case seen[i]:
		case len(absent) == few:
			return append(absent, fmt.Sprintf("One of the other %d shards that are not there", total-len(seen)-few))
		default:
			absent = append(absent, fmt.Sprintf("Shard %d of %d", i, total))
		}
	}
	return absent
}

// differs says in what two parts are not of one plan; empty if they are.
func differs(a, b *Plan) string {
	x, y := newHeader(a).timeless(), newHeader(b).timeless()
	x.Tool, y.Tool = a.Tool, b.Tool // also parts of one version made of different sources do not fit
	for _, member := range []struct {
		name        string
		left, right any
	}{
		{"version of sshform", x.Tool, y.Tool},
		{"mode", x.Mode, y.Mode},
		{"configuration", x.Config, y.Config},
		{"list of hosts", x.Inventory, y.Inventory},
		{"value of a variable", x.Variables, y.Variables},
		{"set of options", x.Options, y.Options},
		{"rollout", x.Part.Rollouts, y.Part.Rollouts},
		{"set of check and output blocks", x.Part.Pending, y.Part.Pending},
	} {
		if !sameJSON(member.left, member.right) {
			return member.name
		}
	}
	return ""
}

// MadeOf says in what a configuration is not the one that the plan was made
// of: the part of it, as a noun; empty if it is the same.
func (p *Plan) MadeOf(cfg *schema.Config) (differs string) {
	same := Plan{Config: digestConfig(cfg), Inventory: digestInventory(cfg), Variables: cfg.Variables}
	x, y := newHeader(p).timeless(), newHeader(&same).timeless()
	switch {
	case !sameJSON(x.Config, y.Config):
		return "configuration"
	case !sameJSON(x.Inventory, y.Inventory):
		return "list of hosts"
	case !sameJSON(x.Variables, y.Variables):
		return "value of a variable"
	}
	return ""
}

func sameJSON(a, b any) bool {
	x, err := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err == nil && err2 == nil && bytes.Equal(x, y)
}

// missing finds out whether every host that was declared is there.
func missing(p *Plan) schema.Diagnostics {
	there := len(p.Hosts) + len(p.Unreachable)
	if there == p.Inventory.Hosts {
		return nil
	}
	return schema.Diagnostics{{
		Severity: schema.Error, Summary: "Hosts are missing",
		Detail: fmt.Sprintf("The configuration has %d hosts, and the parts have %d. Plan the shards again.", p.Inventory.Hosts, there),
	}}
}
