package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

// planning is what the options of plan, apply and drift say about making a
// plan.
type planning struct {
	loading
	sharding
	targets, targetFiles   []string
	excludes, excludeFiles []string
	ofWave                 string   // drift looks at one wave only
	explained              []string // explain is asked about these addresses
	parallelism            int
	allowUnreachable       string
	refresh                bool
	contents               bool // the plan holds whole files
}

// planOptions are the options of every command that makes a plan.
func (p *program) planOptions(c *cobra.Command, o *planning) {
	options(c, "Which hosts", func(fs *pflag.FlagSet) {
		fs.StringArrayVar(&o.targets, "target", nil, "Leave out everything but this `ADDRESS`, such as server.fleet[\"web-*\"]. May be repeated.")
		fs.StringArrayVar(&o.targetFiles, "target-file", nil, "Read addresses for -target from a `FILE`, one a line.")
		fs.StringArrayVar(&o.excludes, "exclude", nil, "Leave this `ADDRESS` out. May be repeated, not together with -target.")
		fs.StringArrayVar(&o.excludeFiles, "exclude-file", nil, "Read addresses for -exclude from a `FILE`, one a line.")
		fs.StringVar(&o.allowUnreachable, "allow-unreachable", "", "Plan without hosts that cannot be read, up to `N|N%` of them. By default there may be none.")
		fs.IntVar(&o.parallelism, "parallelism", apply.DefaultParallelism, "Work on up to `N` hosts at a time.")
		// Templates of pipelines pass it; false is refused with the reason.
		fs.BoolVar(&o.refresh, "refresh", true, "")
	})
	c.Flags().Lookup("refresh").Hidden = true
	o.variableOptions(c)
	complete(c, "target-file")
	complete(c, "exclude-file")
	for _, name := range []string{"target", "exclude"} {
		if err := c.RegisterFlagCompletionFunc(name, p.completeAddresses); err != nil {
			panic(err)
		}
	}
}

// displayOptions are how plans and progress are shown.
func (p *program) displayOptions(c *cobra.Command) {
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&p.flags.json, "json", false, "Write events as JSON, one a line, and nothing else. Implies -input=false.")
		fs.StringVar(&p.flags.jsonInto, "json-into", "", "Write the events to a `FILE`, and text to the terminal.")
		fs.StringVar(&p.flags.events, "json-events", "", "Which events -json and -json-into have, `all|changes|summary`. By default all, and changes above 1000 hosts.")
		fs.BoolVar(&p.flags.full, "full", false, "Show the change of every host, not one for each group of equal ones.")
		fs.BoolVar(&p.flags.concise, "concise", false, "Leave out the progress of single hosts.")
		fs.BoolVar(&p.flags.compactWarnings, "compact-warnings", false, "Show summaries of warnings only, when there are no errors.")
	})
}

// check refuses options that contradict each other, before anything is read.
func (o *planning) check() error {
	switch {
	case !o.refresh:
		return problem("Option not supported",
			"-refresh=false: sshform keeps no state, so a plan without reading the hosts has nothing to compare with.")
	case len(o.targets)+len(o.targetFiles) > 0 && len(o.excludes)+len(o.excludeFiles) > 0:
		return problem("Options exclude each other",
			"-target says what to keep and -exclude what to leave out. Give only one kind.")
	case o.parallelism < 1:
		return problem("Wrong value for an option", "-parallelism must be at least 1.")
	}
	if err := (plan.Options{AllowUnreachable: o.allowUnreachable}).Check(); err != nil {
		return problem("Wrong value for an option", "-allow-unreachable: "+sentence(err)+` Write a number of hosts or a percentage, such as 5 or 2%. No host was contacted.`)
	}
	for _, from := range []struct {
		files []string
		into  *[]string
	}{{o.targetFiles, &o.targets}, {o.excludeFiles, &o.excludes}} {
		for _, file := range from.files {
			addresses, err := readAddresses(file)
			if err != nil {
				return err
			}
			*from.into = append(*from.into, addresses...)
		}
	}
	return nil
}

// readAddresses reads a file of addresses: one a line, # begins a comment.
func readAddresses(file string) ([]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, problem("File of addresses cannot be read", sentence(err))
	}
	var addresses []string
	for line := range strings.Lines(string(content)) {
		line = strings.TrimSpace(line)
		if line != "" && line[0] != '#' {
			addresses = append(addresses, line)
		}
	}
	if len(addresses) == 0 {
		// Nothing chosen would otherwise mean everything.
		return nil, problem("File of addresses is empty", file+" holds no address. Leave the option out to choose everything.")
	}
	return addresses, nil
}

// openEvents opens the file of -json-into.
func (p *program) openEvents() error {
	switch amount := view.Amount(p.flags.events); amount {
	case "", view.AllEvents, view.ChangeEvents, view.SummaryEvents:
	default:
		p.flags.events = ""
		return problem("Wrong value for an option", fmt.Sprintf("-json-events can be all, changes or summary, and not %q.", amount))
	}
	if p.flags.jsonInto == "" {
		return nil
	}
	if p.flags.json {
		return problem("Options exclude each other", "-json writes events to the standard output, -json-into to a file. Give only one.")
	}
	f, err := os.OpenFile(p.flags.jsonInto, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return problem("File of events cannot be written", sentence(err))
	}
	p.events = &outlet{file: f}
	return nil
}

// A made is a plan and what it was made from.
type made struct {
	plan          *plan.Plan
	configuration *hclfile.Configuration
	reading       view.Reading
	outputs       []view.Output
	pending       []string // check and output blocks that could not be evaluated
}

// makePlan reads the configuration and every host and decides. It tells what
// is wrong. A plan with errors is shown and returned with the error failed.
func (p *program) makePlan(ctx context.Context, o planning, operation string, d apply.Dialer) (*made, error) {
	m, found, err := p.buildPlan(ctx, o, d)
	if err != nil {
		return nil, err
	}
	if m.plan.Part != nil || o.ofWave != "" {
		m.leave()
	} else {
		found = append(found, p.evaluate(m)...)
	}
	if found.HasErrors() {
		m.plan.Errored = true
		p.view().Plan(view.Shown{Plan: m.plan, Read: m.reading, Operation: operation})
		p.diagnose(found)
		return m, failed
	}
	p.diagnose(found)
	return m, nil
}

// buildPlan reads and decides. What it found about hosts is for the caller to
// tell.
func (p *program) buildPlan(ctx context.Context, o planning, d apply.Dialer) (*made, schema.Diagnostics, error) {
	configuration, err := p.load(ctx, o.loading)
	if err != nil {
		return nil, nil, err
	}
	if found := hclfile.Misnamed(configuration.Config, o.explained); found.HasErrors() {
		p.diagnose(found)
		return nil, nil, failed
	}
	cfg, err := p.choose(configuration.Config, o)
	if err == nil {
		err = splitsBy(cfg, o.by)
	}
	if err == nil && o.ofWave != "" {
		cfg, err = ofWave(cfg, o.ofWave)
	}
	if err != nil {
		return nil, nil, err
	}
	p.declared = cfg
	mine := cfg
	if o.shard.Total > 0 {
		mine = plan.OfShard(cfg, o.by, o.shard.Index, o.shard.Total)
	}
	m := &made{configuration: configuration, reading: readingOf(mine)}
	p.view().Reading(m.reading)
	began := p.now()
	observed := apply.Observe(ctx, mine, apply.ObserveOptions{
		Dialer: d, Asks: new(plan.Questions).Asks, Parallelism: o.parallelism, Events: p.view().Event,
	})
	built, found := plan.Build(cfg, untilCancelled(ctx, observed), plan.BuildOptions{
		Tool: thisTool(),
		Options: plan.Options{
			Targets: o.targets, Excludes: o.excludes, AllowUnreachable: o.allowUnreachable, ShardBy: o.by,
		},
		Shard: o.shard.Index, Shards: o.shard.Total, Contents: o.contents,
	})
	if ctx.Err() != nil {
		return nil, nil, readingInterrupted()
	}
	p.view().ReadingDone(p.now().Sub(began))
	p.stampPlan(built, cfg)
	m.plan = built
	return m, append(found, recordDrift(built, cfg.History)...), nil
}

// untilCancelled ends the observations when nobody wants the plan any more.
func untilCancelled(ctx context.Context, observed iter.Seq[*plan.Observed]) iter.Seq[*plan.Observed] {
	return func(yield func(*plan.Observed) bool) {
		for o := range observed {
			if ctx.Err() != nil || !yield(o) {
				return
			}
		}
	}
}

// stampPlan says when the plan was made and how long it holds.
func (p *program) stampPlan(built *plan.Plan, cfg *schema.Config) {
	const defaultMaxAge = 24 * time.Hour
	built.CreatedAt = p.now().UTC().Truncate(time.Microsecond)
	built.ValidUntil = built.CreatedAt.Add(cmp.Or(cfg.MaxAge, defaultMaxAge))
}

// choose returns only what the options want and says so.
func (p *program) choose(cfg *schema.Config, o planning) (*schema.Config, error) {
	if len(o.targets)+len(o.excludes) == 0 {
		return cfg, nil
	}
	chosen, found := hclfile.Select(cfg, o.targets, o.excludes)
	if !found.HasErrors() {
		found = append(found, schema.Diagnostic{
			Severity: schema.Warning,
			Summary:  "Plan is partial",
			Detail: "With -target or -exclude the plan leaves out part of the configuration. That is for exceptions, " +
				"such as trying again where something failed; make a plan without these options afterwards.",
		})
	}
	p.diagnose(found)
	if found.HasErrors() {
		return nil, failed
	}
	return chosen, nil
}

// readingOf counts what is going to be read.
func readingOf(cfg *schema.Config) view.Reading {
	hosts, files := map[string]bool{}, map[[3]string]bool{}
	for _, t := range cfg.Targets {
		hosts[t.Host.Name] = true
		files[[3]string{t.Host.Name, string(t.Side()), t.File.Path}] = true
	}
	return view.Reading{Files: len(files), Hosts: len(hosts)}
}

// completeAddresses offers the addresses of the configuration to a shell.
func (p *program) completeAddresses(c *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	configuration, found := hclfile.Load(c.Context(), ".", hclfile.Options{Environ: os.Environ()})
	if found.HasErrors() {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var addresses []string
	for _, t := range configuration.Config.Targets {
		if a := t.Address.String(); strings.HasPrefix(a, typed) {
			addresses = append(addresses, a)
		}
	}
	slices.Sort(addresses)
	return slices.Compact(addresses), cobra.ShellCompDirectiveNoFileComp
}
