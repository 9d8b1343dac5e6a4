package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
)

func (p *program) reportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "report command",
		Short: "Work with the results of runs",
		Long:  "Works with the results of runs that -result and -report json wrote.",
		Args:  cobra.ArbitraryArgs, // RunE judges them
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) > 0 {
			return unknownCommand(c, args[0])
		}
		help(p.stdout, c)
		return noCommand
	}
	c.AddCommand(p.reportMergeCommand())
	return c
}

func (p *program) reportMergeCommand() *cobra.Command {
	var r reporting
	var asJSON, budgetOK bool
	c := &cobra.Command{
		Use:   "merge [options] RESULT...",
		Short: "Make one result of those of shards, waves and attempts",
		Long: "Takes the results of several runs of one plan, of its shards, its waves and of repeated attempts, and " +
			"tells what became of every host: one report, one exit code, one list to try again. Of a host that " +
			"stands in several results the last word holds. Results of different plans are refused, and a shard " +
			"without a result is an error.",
	}
	options(c, "Exit code", func(fs *pflag.FlagSet) {
		fs.BoolVar(&p.detailed, "detailed-exitcode", false, "Tell failures apart, as apply does: 4 some hosts failed, 5 stopped, 6 refused, 7 locked.")
		fs.BoolVar(&budgetOK, "budget-ok", false, "Failures within the limits of their wave do not fail the command.")
	})
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "Print the merged result as one JSON document, and nothing else.")
	})
	r.options(c)
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return problem("Results not named", "sshform report merge needs the files that -result wrote.")
		}
		p.flags.document = asJSON
		if err := r.begin("apply", p.now()); err != nil {
			return err
		}
		m, err := mergedFrom(args)
		if err != nil {
			return err
		}
		r.told.Report, r.told.PlanID, r.told.PlanHosts = m.Report, m.PlanID, m.PlanHosts
		verdict := p.verdict(m.Report, budgetOK)
		if len(m.Missing) > 0 && verdict == nil {
			verdict = failed
			if p.detailed {
				verdict = partial
			}
		}
		r.told.Started = m.Started
		err = p.finishReportsAt(&r, verdict, m.Finished)
		if asJSON {
			if err := view.WriteReport(p.stdout, "json", r.told); err != nil {
				return err
			}
		} else {
			view.NewHuman(p.paper()).Merged(m)
		}
		return err
	}
	return c
}
