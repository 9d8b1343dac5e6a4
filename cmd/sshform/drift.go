package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
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
	options(c, "Which hosts", func(fs *pflag.FlagSet) {
		fs.StringVar(&o.ofWave, "wave", "", "Read the hosts of one wave only, by its `NAME`: before the next one starts.")
	})
	o.sharding.options(c, "Read one shard of the fleet")
	p.displayOptions(c)
	r.options(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := errors.Join(o.check(), o.splits(), o.resolve(p.env), r.begin("drift", p.now()), p.openEvents()); err != nil {
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

// splits refuses -shard-by alone: drift writes no plan that would keep it.
func (o *planning) splits() error {
	if o.by != "" && o.text == "" {
		return problem("Option needs another", "-shard-by says how -shard=I/N splits the fleet.")
	}
	return nil
}

// ofWave keeps the hosts of one wave.
func ofWave(cfg *schema.Config, name string) (*schema.Config, error) {
	one, err := plan.OfWave(cfg, name)
	var unknown *plan.UnknownWaveError
	if errors.As(err, &unknown) {
		var names []string
		for _, w := range unknown.Waves {
			names = append(names, w.Name)
		}
		return nil, problem("Unknown wave", fmt.Sprintf("There is no wave %q. The waves are %s.", name, strings.Join(names, ", ")))
	}
	if err != nil {
		return nil, problem("Waves cannot be told apart", sentence(err))
	}
	return one, nil
}
