package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema/hclfile"
)

func (p *program) planMergeCommand() *cobra.Command {
	var r reporting
	var l loading
	var out string
	c := &cobra.Command{
		Use:   "plan-merge [options] PART...",
		Short: "Make one plan of the parts that shards planned",
		Long: "Takes the files that sshform plan -shard=I/N -out=FILE wrote, one of each shard, and writes the plan of " +
			"the whole fleet: the same, with the same ID, that one machine would have made. It refuses parts of " +
			"another configuration, inventory, variables or version, hosts that stand in two and parts that are " +
			"missing. Waves and budgets are dealt out here, over all hosts, and check and output blocks are evaluated: " +
			"where the configuration has any, it has to be there, with the values of its variables. Nobody is connected to.",
	}
	options(c, "The plan", func(fs *pflag.FlagSet) {
		fs.StringVar(&out, "out", "", "Write the plan to a `FILE`, for sshform apply FILE.")
		fs.BoolVar(&p.detailed, "detailed-exitcode", false, "Exit with 0 for no changes, 1 for an error, 2 for changes.")
	})
	complete(c, "out")
	l.variableOptions(c)
	p.displayOptions(c)
	r.options(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case len(args) == 0:
			return problem("Parts not named", "sshform plan-merge needs the files that sshform plan -shard=I/N -out=FILE wrote.")
		case out == "":
			return problem("Option is missing", "sshform plan-merge needs -out=FILE: the plan is what it is for.")
		}
		if err := errors.Join(r.begin("plan", p.now()), p.openEvents()); err != nil {
			return err
		}
		if err := writable(out); err != nil {
			return problem("Plan file cannot be written", sentence(err))
		}
		return p.finishReports(&r, p.planMerge(c.Context(), args, out, l, &r))
	}
	return c
}

func (p *program) planMerge(ctx context.Context, files []string, out string, l loading, r *reporting) error {
	var parts []*plan.Plan
	for _, file := range files {
		part, err := readPlan(file)
		if err != nil {
			return problem("Plan file cannot be used", err.Error())
		}
		parts = append(parts, part)
	}
	whole, found := plan.Merge(parts)
	p.diagnose(found)
	if whole == nil {
		return failed
	}
	r.planned(whole)
	m := &made{plan: whole}
	if pending := parts[0].Part.Pending; len(pending) > 0 {
		if err := p.evaluateMerged(ctx, m, l, pending); err != nil {
			return err
		}
	}
	p.showPlan(m, "plan")
	if err := p.savePlan(whole, out); err != nil {
		return err
	}
	if p.detailed && m.changes() > 0 {
		return pending
	}
	return nil
}

// evaluateMerged evaluates what no part could: blocks about hosts of all
// shards. The parts hold digests of the configuration, and not its text.
func (p *program) evaluateMerged(ctx context.Context, m *made, l loading, pending []string) error {
	blocks := strings.Join(pending, ", ")
	if there, err := hasConfiguration("."); err != nil || !there {
		return problem("Configuration is needed", fmt.Sprintf("The parts left %s for this step, since it takes the hosts of all shards, "+
			"and this directory has no configuration. Run sshform plan-merge in the directory where the shards were planned.", blocks))
	}
	configuration, err := p.load(ctx, l)
	if err != nil {
		return err
	}
	m.configuration = configuration
	chosen, found := hclfile.Select(configuration.Config, m.plan.Options.Targets, m.plan.Options.Excludes)
	if differs := m.plan.MadeOf(chosen); found.HasErrors() || differs != "" {
		return problem("Configuration is another one", fmt.Sprintf("The shards were planned with another %s than what is here, so %s "+
			"would be evaluated wrongly. Take the same commit, files and variables.", cmp.Or(differs, "configuration"), blocks))
	}
	found = p.evaluate(m)
	p.diagnose(found)
	if found.HasErrors() {
		m.plan.Errored = true
		p.view().Plan(view.Shown{Plan: m.plan, Operation: "plan"})
		return failed
	}
	return nil
}

// partNote says what a plan of one shard is for.
func partNote(part *plan.Part) string {
	return fmt.Sprintf("This is shard %d of %d of a plan. When all shards are planned, sshform plan-merge makes one plan of them.", part.Index, part.Total)
}
