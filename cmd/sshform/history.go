package main

import (
	"context"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/schema"
)

func (p *program) historyCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "history [options] [RUN]",
		Short: "Show the runs that this machine has carried out",
		Long: "Lists the runs whose journals lie on this machine, or tells what became of each host in one of them. " +
			"A journal that was edited afterwards is an error.",
		Args: atMost(1),
	}
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "One JSON document.")
	})
	c.ValidArgsFunction = func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		runs, err := apply.Histories(p.historyHere(c.Context()).Path)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return runs, cobra.ShellCompDirectiveNoFileComp
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		folder := p.historyHere(c.Context()).Path
		runs := args
		if len(args) == 0 {
			var err error
			if runs, err = apply.Histories(folder); err != nil {
				return problem("History cannot be read", sentence(err))
			}
		}
		var histories []apply.History
		for _, run := range runs {
			h, err := apply.ReadHistory(folder, run)
			if err != nil {
				return problem("History cannot be read", sentence(err))
			}
			histories = append(histories, h)
		}
		switch human := view.NewHuman(p.paper()); {
		case asJSON:
			return view.HistoryJSON(p.stdout, histories)
		case len(args) == 1:
			human.Run(histories[0])
		default:
			human.Runs(histories)
		}
		return nil
	}
	return c
}

// historyHere is where runs are recorded: where the configuration of this
// directory says, if there is one.
func (p *program) historyHere(ctx context.Context) schema.History {
	if found, _ := hasConfiguration("."); found {
		if configuration, problems := p.loadOffline(ctx); !problems.HasErrors() {
			return configuration.Config.History
		}
	}
	return schema.History{Path: historyFolder}
}

// historyFolder is where runs are recorded unless the configuration differs.
const historyFolder = ".sshform"
