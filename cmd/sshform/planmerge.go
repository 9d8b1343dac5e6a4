package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
)

func (p *program) planMergeCommand() *cobra.Command {
	var r reporting
	var out string
	c := &cobra.Command{
		Use:   "plan-merge [options] PART...",
		Short: "Make one plan of the parts that shards planned",
		Long: "Takes the files that sshform plan -shard=I/N -out=FILE wrote, one of each shard, and writes the plan of " +
			"the whole fleet: the same, with the same ID, that one machine would have made. It refuses parts of " +
			"another configuration, inventory, variables or version, hosts that stand in two and parts that are " +
			"missing. Waves and budgets are dealt out here, over all hosts. Nobody is connected to.",
	}
	options(c, "The plan", func(fs *pflag.FlagSet) {
		fs.StringVar(&out, "out", "", "Write the plan to a `FILE`, for sshform apply FILE.")
		fs.BoolVar(&p.detailed, "detailed-exitcode", false, "Exit with 0 for no changes, 1 for an error, 2 for changes.")
	})
	complete(c, "out")
	p.displayOptions(c)
	r.options(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
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
		return p.finishReports(&r, p.planMerge(args, out, &r))
	}
	return c
}

func (p *program) planMerge(files []string, out string, r *reporting) error {
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
	p.view().Plan(view.Shown{Plan: whole, Operation: "plan"})
	if err := p.savePlan(whole, out); err != nil {
		return err
	}
	if p.detailed && m.changes() > 0 {
		return pending
	}
	return nil
}

// partNote says what a plan of one shard is for.
func partNote(part *plan.Part) string {
	return fmt.Sprintf("This is shard %d of %d of a plan. When all shards are planned, sshform plan-merge makes one plan of them.", part.Index, part.Total)
}
