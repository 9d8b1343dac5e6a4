package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
)

func (p *program) planCommand() *cobra.Command {
	var o planning
	var r reporting
	var out, content string
	c := &cobra.Command{
		Use:   "plan [options]",
		Short: "Show what would change on which host",
		Long: "Reads the configuration and every host in it, and shows the difference: which value is in force, " +
			"which line decides, and what would be written where. It changes nothing.",
		Args: noArguments,
	}
	options(c, "The plan", func(fs *pflag.FlagSet) {
		fs.StringVar(&out, "out", "", "Write the plan to a `FILE`, for sshform apply FILE.")
		fs.StringVar(&content, "plan-content", "edits", "What -out holds, `edits|full`: edits, or also the files that change, whole, for a review where the hosts cannot be reached.")
		fs.BoolVar(&p.detailed, "detailed-exitcode", false, "Exit with 0 for no changes, 1 for an error, 2 for changes.")
		// Nothing on the hosts is locked by reading; Terraform's templates pass them.
		fs.Bool("lock", true, "")
		fs.String("lock-timeout", "", "")
	})
	hide(c, "lock", "lock-timeout")
	complete(c, "out")
	if err := c.RegisterFlagCompletionFunc("plan-content", cobra.FixedCompletions([]string{"edits", "full"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
	p.planOptions(c, &o)
	o.sharding.options(c, "Plan one shard of the fleet, for sshform plan-merge")
	p.displayOptions(c)
	r.options(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := errors.Join(o.check(), o.resolve(p.env), r.begin("plan", p.now()), p.openEvents()); err != nil {
			return err
		}
		switch {
		case content != "edits" && content != "full":
			return problem("Wrong value for an option", fmt.Sprintf("-plan-content is %q, and takes edits or full.", content))
		case content == "full" && out == "":
			return problem("Option needs another", "-plan-content=full goes with -out=FILE, which holds the files.")
		}
		o.contents = content == "full"
		if out != "" {
			if err := writable(out); err != nil {
				return problem("Plan file cannot be written", sentence(err)+" No host was contacted.")
			}
		}
		m, err := p.lookOnly(c.Context(), o, &r, "plan")
		if err == nil {
			if out != "" { // nothing else tells the commit
				m.plan.Config.Commit = p.commitOf(c.Context(), p.declared)
			}
			err = p.savePlan(m.plan, out)
		}
		if err == nil && p.detailed && m.changes() > 0 {
			err = pending
		}
		return p.finishReports(&r, err)
	}
	return c
}

// lookOnly makes a plan and shows it, for commands that change nothing.
func (p *program) lookOnly(ctx context.Context, o planning, r *reporting, operation string) (*made, error) {
	d, err := p.newDialer(o.input)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	m, err := p.makePlan(ctx, o, operation, d)
	if m != nil {
		r.planned(m.plan)
	}
	if err != nil {
		return nil, err
	}
	p.showPlan(m, operation)
	if len(m.pending) > 0 {
		p.view().Note(fmt.Sprintf("Not evaluated, since only part of the hosts was read: %s.", strings.Join(m.pending, ", ")))
	}
	return m, nil
}

// hide leaves options out of the help that are accepted and mean nothing.
func hide(c *cobra.Command, names ...string) {
	for _, name := range names {
		c.Flags().Lookup(name).Hidden = true
	}
}

// changes counts the hosts on which something happens.
func (m *made) changes() int {
	n := 0
	for _, h := range m.plan.Hosts {
		if h.Changed() {
			n++
		}
	}
	return n
}

func (p *program) showPlan(m *made, operation string) {
	p.view().Plan(view.Shown{
		Plan: m.plan, Read: m.reading, Operation: operation,
	})
	p.view().Outputs(m.outputs)
}

// savePlan writes the plan where -out says and tells what comes next.
func (p *program) savePlan(built *plan.Plan, out string) error {
	if out == "" {
		p.view().Hint("Note: without -out the plan is not kept. sshform apply will make a new one, which may differ " +
			"if something changes until then.")
		return nil
	}
	var id string
	err := writeFile(out, 0o600, func(f *os.File) (err error) {
		id, err = plan.Write(f, built, strings.HasSuffix(out, ".gz"))
		return err
	})
	if err != nil {
		return problem("Plan file cannot be written", sentence(err)+" The plan above was not kept.")
	}
	p.view().Note("Saved the plan to: " + out)
	p.view().Note("Id: " + id)
	if len(built.Contents) > 0 {
		p.view().Note("It holds whole files of the hosts: keep it from people who may not read those.")
	}
	if built.Part != nil {
		p.view().Hint(partNote(built.Part))
		return nil
	}
	p.view().Hint(fmt.Sprintf("To perform exactly these actions, run:\n    sshform apply %q", out))
	return nil
}
