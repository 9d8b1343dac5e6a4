package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// restoring is what the options of restore and destroy say.
type restoring struct {
	applying
	run      string
	original bool
	out      string
}

func (p *program) restoreCommand() *cobra.Command {
	var o restoring
	c := &cobra.Command{
		Use:   "restore [options] [RUN]",
		Short: "Take back what a run changed",
		Long: "Plans to put back what stood on the hosts of the configuration before a run, from the records that " +
			"the run left there; shows the plan, asks, and carries it out as apply does. sshform runs lists what " +
			"the hosts have records of. With -original everything is taken back that sshform ever changed.\n\n" +
			"Lines are put back one by one: a line that somebody changed since is named and left as it is, and " +
			"what others added stays.",
		Args: atMost(1),
	}
	options(c, "What to put back", func(fs *pflag.FlagSet) {
		fs.BoolVar(&o.original, "original", false, "Put back what stood there before sshform first changed it.")
	})
	p.restoreOptions(c, &o)
	c.ValidArgsFunction = p.completeRuns
	c.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case o.original && len(args) > 0:
			return problem("Options exclude each other", "-original takes back every run, and a RUN names one. Give only one of them.")
		case !o.original && len(args) == 0:
			return p.runNotNamed(c.Context())
		case len(args) > 0:
			o.run = args[0]
		}
		return p.restore(c.Context(), &o)
	}
	return c
}

func (p *program) destroyCommand() *cobra.Command {
	o := restoring{original: true}
	c := &cobra.Command{
		Use:   "destroy [options]",
		Short: "Put back what stood there before sshform",
		Long: "The same as sshform restore -original: plans to put back, on the hosts of the configuration, what " +
			"stood there before sshform first changed it, shows the plan, asks, and carries it out. A line that " +
			"somebody changed since is named and left as it is. To stop managing a host and leave it as it is, " +
			"remove its block from the configuration instead.",
		Args: noArguments,
	}
	p.restoreOptions(c, &o)
	c.RunE = func(c *cobra.Command, _ []string) error { return p.restore(c.Context(), &o) }
	return c
}

func (p *program) restoreOptions(c *cobra.Command, o *restoring) {
	options(c, "Approval", func(fs *pflag.FlagSet) {
		fs.BoolVar(&o.autoApprove, "auto-approve", false, "Do not ask.")
		fs.StringVar(&o.out, "out", "", "Write the plan to a `FILE`, for sshform apply FILE, and change nothing.")
	})
	options(c, "Carrying it out", func(fs *pflag.FlagSet) {
		fs.BoolVar(&o.lock, "lock", true, "Take no lock on the hosts. Dangerous when somebody else may be at work.")
		fs.DurationVar(&o.lockTimeout, "lock-timeout", 0*time.Second, "Wait up to this `TIME`, such as 10s, for hosts that another run has locked.")
		fs.BoolVar(&p.detailed, "detailed-exitcode", false, "Tell failures apart: 4 some hosts failed, 5 stopped, 6 refused, 7 locked; with -out, 2 for changes.")
		fs.BoolVar(&o.budgetOK, "budget-ok", false, "Failures within the limits of their wave do not fail the command.")
	})
	complete(c, "out")
	p.planOptions(c, &o.planning)
	p.displayOptions(c)
	o.reporting.options(c)
}

// runNotNamed lists what could be named.
func (p *program) runNotNamed(ctx context.Context) error {
	text := "sshform restore needs the ID of a run, or -original for everything that sshform ever changed."
	runs, err := apply.Histories(p.historyHere(ctx).Path)
	switch {
	case err != nil:
		text += " The history of this machine cannot be read: " + sentence(err)
	case len(runs) == 0:
		text += " This machine's history has none; sshform runs asks the hosts."
	default:
		text += " This machine's history has:\n" + listOf(runs) + "sshform runs asks the hosts."
	}
	return problem("Run not named", text)
}

// listOf puts the last names of a list on lines of their own.
func listOf(names []string) string {
	const most = 20
	var b strings.Builder
	for _, name := range names[max(0, len(names)-most):] {
		fmt.Fprintf(&b, "    %s\n", name)
	}
	return b.String()
}

// restore plans, and carries the plan out or writes it.
func (p *program) restore(ctx context.Context, o *restoring) error {
	if err := errors.Join(o.planning.check(), o.begin("restore", p.now()), p.openEvents()); err != nil {
		return err
	}
	if err := p.readPolicy(&o.policy); err != nil {
		return err
	}
	return p.finishReports(&o.reporting, p.restoreNow(ctx, o))
}

func (p *program) restoreNow(ctx context.Context, o *restoring) error {
	if err := p.mayRestore(o); err != nil {
		return err
	}
	d, err := p.newDialer(o.input)
	if err != nil {
		return err
	}
	defer d.Close()
	m, err := p.makeRestore(ctx, o, d)
	if m != nil {
		o.planned(m.plan)
	}
	if err != nil {
		return err
	}
	p.showPlan(m, "restore")
	if o.out != "" {
		err := p.savePlan(m.plan, o.out)
		if err == nil && p.detailed && m.changes() > 0 {
			err = pending
		}
		return err
	}
	if m.configuration.Config.RequireSaved {
		return savedPlanRequired("The configuration says plan { require_saved = true }")
	}
	if err := p.approved(ctx, &o.applying, m, "Restore"); err != nil {
		return err
	}
	return p.carryOut(ctx, m.plan, &o.applying, m.configuration.Config.History, d)
}

// mayRestore refuses what cannot come to its end, before any host is
// contacted.
func (p *program) mayRestore(o *restoring) error {
	if o.out != "" {
		if err := writable(o.out); err != nil {
			return problem("Plan file cannot be written", sentence(err)+" No host was contacted.")
		}
		return nil
	}
	why := p.needsFile()
	switch {
	case why != "":
		return problem("Saved plan required", why+", so only a plan that was written and can be reviewed is carried out: "+
			"give -out=FILE, and carry it out with sshform apply FILE.")
	case !o.autoApprove && !p.mayAsk(o.input):
		return problem("Plan file or auto-approve required",
			"With -json, -input=false or SSHFORM_INPUT=0 nobody is asked to approve. Write the plan with -out=FILE for "+
				"sshform apply, or approve in advance with -auto-approve. No host was contacted.")
	}
	return nil
}

// makeRestore reads the records on the hosts and their files, and plans the
// way back.
func (p *program) makeRestore(ctx context.Context, o *restoring, d *dialer) (*made, error) {
	configuration, err := p.load(ctx, o.loading)
	if err != nil {
		return nil, err
	}
	cfg, err := p.choose(configuration.Config, o.planning)
	if err != nil {
		return nil, err
	}
	hosts, err := reaches(cfg, nil)
	if err != nil {
		return nil, err
	}
	m := &made{configuration: configuration, reading: readingOf(cfg)}
	p.view().Reading(m.reading)
	began := p.now()
	// The connections over which the records were read serve to read the files.
	kept := newKeeper(d, o.parallelism)
	defer kept.Close()
	records := visit(ctx, &tour{hosts, kept, o.parallelism, p.view().Event, kept.Close}, apply.ReadRecords)
	done, err := o.chosen(records, keptRuns(cfg))
	if ctx.Err() != nil {
		return nil, readingInterrupted()
	}
	if err != nil {
		return nil, err
	}
	back := *cfg
	back.Targets = plan.RestoreTargets(cfg, done)
	observed := apply.Observe(ctx, &back, apply.ObserveOptions{
		Dialer: kept, Parallelism: o.parallelism, Events: p.view().Event,
		Asks: func(targets []schema.Target, seen *plan.Observed) plan.Asking {
			return plan.RestoreAsks(targets, done[seen.Host], seen)
		},
	})
	built, found := plan.BuildRestore(&back, untilCancelled(ctx, withUnvisited(records, observed)), done, plan.BuildOptions{
		Tool: thisTool(),
		Options: plan.Options{
			Targets: o.targets, Excludes: o.excludes, AllowUnreachable: o.allowUnreachable,
		},
	})
	if ctx.Err() != nil {
		return nil, readingInterrupted()
	}
	p.view().ReadingDone(p.now().Sub(began))
	p.stampPlan(built, cfg)
	m.plan = built
	p.diagnose(found)
	if found.HasErrors() {
		return m, failed
	}
	return m, nil
}

// withUnvisited adds the hosts whose records could not be read.
func withUnvisited(records []visited[apply.Records], observed iter.Seq[*plan.Observed]) iter.Seq[*plan.Observed] {
	return func(yield func(*plan.Observed) bool) {
		for _, r := range records {
			if r.err != nil && !yield(&plan.Observed{Host: r.reach.Host, Step: string(apply.StepConnect), Err: r.err.Error()}) {
				return
			}
		}
		observed(yield)
	}
}

// keptRuns is how many records each host keeps: with fewer, none was pruned.
func keptRuns(cfg *schema.Config) map[string]int {
	kept := map[string]int{}
	for _, t := range cfg.Targets {
		most := cmp.Or(t.File.Backups, plan.DefaultBackups)
		if before, known := kept[t.Host.Name]; !known || most < before {
			kept[t.Host.Name] = most
		}
	}
	return kept
}

// chosen picks the runs to take back from what the hosts keep.
func (o *restoring) chosen(records []visited[apply.Records], kept map[string]int) (map[string][]plan.Done, error) {
	done := map[string][]plan.Done{}
	known := map[string]bool{}
	unread := 0
	for _, r := range records {
		if r.err != nil {
			unread++
		}
		for _, run := range r.got.Runs {
			known[run.Run] = true
			if run.Committed() && len(run.Files) > 0 && (o.original || run.Run == o.run) {
				done[r.reach.Host] = append(done[r.reach.Host], plan.Done{
					Run: run.Run, Files: run.Files, Old: run.Old, AfterPruned: o.original && len(r.got.Runs) >= kept[r.reach.Host],
				})
			}
		}
	}
	if o.original || known[o.run] || unread > 0 && len(known) == 0 {
		return done, nil
	}
	var runs []string
	for run := range known {
		runs = append(runs, run)
	}
	slices.Sort(runs)
	text := fmt.Sprintf("None of the hosts that could be read has a record of run %q.", o.run)
	if len(runs) > 0 {
		text += " They have records of:\n" + listOf(runs)
	} else {
		text += " They have no records at all: sshform never changed them, or their records were removed."
	}
	if near := nearest(o.run, runs); near != "" {
		text += fmt.Sprintf("Did you mean %q?", near)
	}
	return nil, problem("Run not found", strings.TrimSpace(text))
}
