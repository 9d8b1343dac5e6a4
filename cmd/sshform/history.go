package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

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
	c.ValidArgsFunction = p.completeRuns
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 1 {
			return p.showRuns(c.Context(), args, true, asJSON)
		}
		runs, err := apply.Histories(p.historyHere(c.Context()).Path)
		if err != nil {
			return problem("History cannot be read", sentence(err))
		}
		return p.showRuns(c.Context(), runs, false, asJSON)
	}
	return c
}

// completeRuns offers the runs of this machine's history to a shell.
func (p *program) completeRuns(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	runs, err := apply.Histories(p.historyHere(c.Context()).Path)
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return runs, cobra.ShellCompDirectiveNoFileComp
}

// showRuns reads the journals of runs and shows them: one whole, or a line for
// each.
func (p *program) showRuns(ctx context.Context, runs []string, whole, asJSON bool) error {
	folder := p.historyHere(ctx).Path
	var histories []apply.History
	for _, run := range runs {
		h, err := apply.ReadHistory(folder, run)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return problem("Run not found", fmt.Sprintf("There is no journal of the run %s in %s. sshform history lists those that there are.", view.Clean(run), folder))
		case err != nil:
			return problem("History cannot be read", sentence(err))
		}
		histories = append(histories, h)
	}
	switch human := view.NewHuman(p.paper()); {
	case asJSON:
		return view.HistoryJSON(p.stdout, histories)
	case whole:
		human.Run(histories[0])
	default:
		human.Runs(histories)
	}
	return nil
}

// showLastRun shows the run that this machine carried out last.
func (p *program) showLastRun(ctx context.Context, asJSON bool) error {
	runs, err := apply.Histories(p.historyHere(ctx).Path)
	switch {
	case err != nil:
		return problem("History cannot be read", sentence(err))
	case len(runs) == 0:
		return problem("Nothing to show",
			"No plan file is named, and no run was carried out from here. Name a file that sshform plan -out wrote.")
	}
	return p.showRuns(ctx, runs[len(runs)-1:], true, asJSON)
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
