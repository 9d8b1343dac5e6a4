package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
)

func (p *program) showCommand() *cobra.Command {
	var asJSON, asLines bool
	c := &cobra.Command{
		Use:   "show [options] PLAN",
		Short: "Show a saved plan",
		Long: "Shows a plan that sshform plan -out wrote, as text or as JSON. The JSON has Terraform's shape and " +
			"names, so that policies and tools for Terraform's plans can read it.",
		Args: atMost(1),
	}
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "One JSON document.")
		fs.BoolVar(&asLines, "lines", false, "With -json: one change a line, for plans of large fleets.")
		fs.BoolVar(&p.flags.full, "full", false, "Show the change of every host, not one for each group of equal ones.")
	})
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return problem("Plan file needed", "sshform show needs the name of a file that sshform plan -out wrote.")
		}
		built, err := readPlan(args[0])
		if err != nil {
			return problem("Plan file cannot be used", err.Error())
		}
		switch {
		case asJSON && asLines:
			return view.ShowLines(p.stdout, built)
		case asJSON:
			return view.ShowJSON(p.stdout, built)
		case asLines:
			return problem("Option needs another", "-lines goes with -json.")
		}
		p.view().Plan(view.Shown{Plan: built, ID: built.ID(), Operation: "plan"})
		return nil
	}
	return c
}
