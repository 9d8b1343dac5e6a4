package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/schema"
)

// visiting is what the options of a command say about which hosts to go to.
type visiting struct {
	loading
	parallelism int
	json        bool
}

func (v *visiting) options(c *cobra.Command) {
	options(c, "Hosts", func(fs *pflag.FlagSet) {
		fs.IntVar(&v.parallelism, "parallelism", apply.DefaultParallelism, "Go to up to `N` hosts at a time.")
	})
	v.variableOptions(c)
}

// A tour is the hosts that a command goes to, and the way to them.
type tour struct {
	hosts       []apply.Reach
	dialer      apply.Dialer
	parallelism int
	events      func(apply.Event)
	close       func() error
}

// tour prepares a visit of the chosen hosts of the configuration, or of all.
// The caller closes it.
func (p *program) tour(ctx context.Context, v visiting, chosen []string) (*tour, error) {
	if v.parallelism < 1 {
		return nil, problem("Wrong value for an option", "-parallelism must be at least 1.")
	}
	configuration, err := p.load(ctx, v.loading)
	if err != nil {
		return nil, err
	}
	hosts, err := reaches(configuration.Config, chosen)
	if err != nil {
		return nil, err
	}
	d, err := p.newDialer(v.input)
	if err != nil {
		return nil, err
	}
	return &tour{hosts, d, v.parallelism, p.view().Event, d.Close}, nil
}

// records reads what the hosts keep about runs and tells which could not be
// read; then the error is failed.
func (p *program) records(ctx context.Context, t *tour) ([]view.HostRecords, error) {
	results := visit(ctx, t, apply.ReadRecords)
	if ctx.Err() != nil {
		return nil, readingInterrupted()
	}
	var records []view.HostRecords
	for _, r := range results {
		if r.err == nil {
			records = append(records, view.HostRecords{Host: r.reach.Host, Records: r.got})
		}
	}
	return records, p.tellUnvisited(unvisited(results))
}

func (p *program) tellUnvisited(found schema.Diagnostics) error {
	p.diagnose(found)
	if found.HasErrors() {
		return failed
	}
	return nil
}

// showRecords is the work of locks and runs.
func (p *program) showRecords(ctx context.Context, v visiting, chosen []string, show func(read []view.HostRecords, unread int)) error {
	p.flags.document = v.json
	t, err := p.tour(ctx, v, chosen)
	if err != nil {
		return err
	}
	defer t.close()
	records, err := p.records(ctx, t)
	if ctx.Err() != nil {
		return err
	}
	if v.json {
		return errors.Join(view.RecordsJSON(p.stdout, records), err)
	}
	show(records, len(t.hosts)-len(records))
	return err
}

func (p *program) locksCommand() *cobra.Command {
	var v visiting
	c := &cobra.Command{
		Use:   "locks [options] [HOST]...",
		Short: "Show which hosts are locked, and by whom",
		Long: "Goes to the hosts of the configuration, or to those that are named, and shows the locks on them. A " +
			"lock is taken for the time of a change and says who works on the host.",
	}
	v.options(c)
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&v.json, "json", false, "One JSON document.")
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		return p.showRecords(c.Context(), v, args, view.NewHuman(p.paper()).Locks)
	}
	return c
}

func (p *program) runsCommand() *cobra.Command {
	var v visiting
	c := &cobra.Command{
		Use:   "runs [options] [HOST]...",
		Short: "Show what runs left on hosts, and how they ended",
		Long: "Goes to the hosts of the configuration, or to those that are named, and lists the runs that they " +
			"have records of: what restore can put back, and what is still pending.",
	}
	v.options(c)
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&v.json, "json", false, "One JSON document.")
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		return p.showRecords(c.Context(), v, args, func(read []view.HostRecords, _ int) {
			view.NewHuman(p.paper()).Records(read)
		})
	}
	return c
}

func (p *program) forceUnlockCommand() *cobra.Command {
	var v visiting
	var force bool
	c := &cobra.Command{
		Use:   "force-unlock [options] ID",
		Short: "Remove the locks of a run that died",
		Long: "Removes the locks that a run holds on the hosts of the configuration. A host on which the run was " +
			"interrupted is settled first: what it replaced is put back. Do this only when the run cannot come to " +
			"its end by itself; locks also run out, and the watchdog on each host settles it alone.",
		Args: atMost(1),
	}
	options(c, "Approval", func(fs *pflag.FlagSet) {
		fs.BoolVar(&force, "force", false, "Do not ask.")
	})
	v.options(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return problem("Lock not named", "sshform force-unlock needs the ID of a lock; sshform locks shows them.")
		}
		if !force && !p.mayAsk(v.input) {
			return problem("Approval needed", "With -input=false or SSHFORM_INPUT=0 nobody is asked. Approve in advance with -force.")
		}
		return p.forceUnlock(c.Context(), v, args[0], force)
	}
	return c
}

func (p *program) forceUnlock(ctx context.Context, v visiting, id string, force bool) error {
	t, err := p.tour(ctx, v, nil)
	if err != nil {
		return err
	}
	defer t.close()
	records, unread := p.records(ctx, t)
	if ctx.Err() != nil {
		return unread
	}
	held := map[string]bool{}
	for _, r := range records {
		if r.Records.Lock != nil && r.Records.Lock.ID == id {
			held[r.Host] = true
		}
	}
	if len(held) == 0 {
		return problem("Lock not found", fmt.Sprintf("None of the hosts that could be read is locked by run %q.", id))
	}
	if !force {
		yes, err := p.approve(ctx, "Do you really want to force-unlock?",
			fmt.Sprintf("sshform will remove the lock of run %s from %s.", id, view.Count(len(held), "host")))
		if err != nil {
			return err
		}
		if !yes {
			p.view().Note("Cancelled.")
			return failed
		}
	}
	t.hosts = slices.DeleteFunc(t.hosts, func(r apply.Reach) bool { return !held[r.Host] })
	results := visit(ctx, t, func(ctx context.Context, h apply.Host) (struct{}, error) {
		return struct{}{}, apply.ForceUnlock(ctx, h, id)
	})
	for _, r := range results {
		if r.err == nil {
			fmt.Fprintf(p.stdout, "%s: unlocked\n", r.reach.Host)
		}
	}
	return errors.Join(p.tellUnvisited(unvisited(results)), unread)
}
