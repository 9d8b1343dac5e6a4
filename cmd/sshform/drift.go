package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (p *program) driftCommand() *cobra.Command {
	var o planning
	var r reporting
	c := &cobra.Command{
		Use:   "drift [options]",
		Short: "Show where hosts differ from the configuration",
		Long: "Reads every host, as plan does, and shows where it differs from the configuration. It changes " +
			"nothing and writes no plan: what it says cannot be applied.",
		Args: noArguments,
	}
	options(c, "Exit code", func(fs *pflag.FlagSet) {
		fs.BoolVar(&p.detailed, "detailed-exitcode", false, "Exit with 0 for no drift, 1 for an error, 2 for drift.")
	})
	p.planOptions(c, &o)
	o.sharding.options(c, "Read one shard of the fleet")
	p.displayOptions(c)
	r.options(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := errors.Join(o.check(), o.resolve(p.env), r.begin("drift", p.now()), p.openEvents()); err != nil {
			return err
		}
		m, err := p.lookOnly(c.Context(), o, &r, "drift")
		if err == nil {
			err = p.tellWhoSet(c.Context(), m, o)
		}
		if err == nil && p.detailed && m.changes() > 0 {
			err = pending
		}
		return p.finishReports(&r, err)
	}
	return c
}
