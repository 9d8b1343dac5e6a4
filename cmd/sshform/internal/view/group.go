package view

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// An instance is one change and the host it happens on.
type instance struct {
	host   *plan.HostPlan
	change *plan.Change
}

// A changeGroup is changes that do the same: the same block, role of the file,
// scope, and the same arguments before and after, for the same reason. Line
// numbers may differ.
type changeGroup struct {
	signature string
	instances []instance // by address
}

// changes returns what a plan changes, by address, and what it leaves.
func changes(p *plan.Plan) (changed, unchanged []instance) {
	for i := range p.Hosts {
		for _, change := range p.Hosts[i].Changes() {
			in := instance{&p.Hosts[i], &change}
			if in.change.Action == plan.NoOp {
				unchanged = append(unchanged, in)
			} else {
				changed = append(changed, in)
			}
		}
	}
	byAddress := func(a, b instance) int { return compareAddress(a.change.Address, b.change.Address) }
	slices.SortStableFunc(changed, byAddress)
	slices.SortStableFunc(unchanged, byAddress)
	return changed, unchanged
}

func compareAddress(a, b schema.Address) int {
	return cmp.Or(cmp.Compare(a.Block, b.Block), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Key, b.Key))
}

// groupChanges puts equal changes together, in the order of their first.
func groupChanges(changed []instance) []changeGroup {
	var groups []changeGroup
	at := map[string]int{}
	for _, in := range changed {
		key := changeSignature(in)
		i, known := at[key]
		if !known {
			i = len(groups)
			at[key] = i
			groups = append(groups, changeGroup{signature: key})
		}
		groups[i].instances = append(groups[i].instances, in)
	}
	return groups
}

var lineNumber = regexp.MustCompile(`(line |:)\d+`)

func changeSignature(in instance) string {
	var b strings.Builder
	c := in.change
	fmt.Fprintf(&b, "%s.%s %s %s %+v", c.Address.Block, c.Address.Name, c.Action, roleOf(in), c.Scope)
	for _, d := range c.Settings {
		fmt.Fprintf(&b, "\n%s %s %t %s %t %s", d.Keyword, d.Before, d.BeforeDefault, d.After, d.AfterDefault, withoutLines(d.Reason))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "\n%s", withoutLines(note))
	}
	return b.String()
}

func withoutLines(text string) string { return lineNumber.ReplaceAllString(text, "${1}N") }

// roleOf returns what the file of a change is to OpenSSH.
func roleOf(in instance) plan.Role {
	for _, f := range in.host.Files() {
		if f.Path == in.change.File {
			return f.Role
		}
	}
	return ""
}

// A tally counts instances by what happens to them, under Terraform's words.
type tally struct{ add, change, destroy int }

func (t *tally) count(a plan.Action) {
	switch a {
	case plan.Create:
		t.add++
	case plan.Update, plan.Reload:
		t.change++
	case plan.Remove:
		t.destroy++
	}
}

func tallyOf(changed []instance) tally {
	var t tally
	for _, in := range changed {
		t.count(in.change.Action)
	}
	return t
}
