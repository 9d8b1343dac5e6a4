package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
)

// starterFile is what init writes into an empty directory.
const starterFile = "main.sshform.hcl"

//go:embed starter.sshform.hcl
var starter []byte

func (p *program) initCommand() *cobra.Command {
	var write bool
	c := &cobra.Command{
		Use:   "init [options]",
		Short: "Check a directory, or begin one",
		Long: "Checks the configuration of this directory and the versions that it asks for. There is nothing " +
			"to download.\n\n" +
			"In a directory without any configuration it writes a commented " + starterFile + " to begin with, " +
			"if a person is looking or -starter is given. It never overwrites a file.",
		Args: noArguments,
	}
	options(c, "Beginning", func(fs *pflag.FlagSet) {
		fs.BoolVar(&write, "starter", false, "Write "+starterFile+", whether a person is looking or not.")
	})
	// Terraform's templates pass these; there is nothing to ask or to lock.
	c.Flags().Bool("input", true, "")
	c.Flags().Bool("upgrade", false, "")
	c.Flags().Bool("reconfigure", false, "")
	for _, name := range []string{"input", "upgrade", "reconfigure"} {
		c.Flags().Lookup(name).Hidden = true
	}
	c.RunE = func(c *cobra.Command, _ []string) error {
		found, err := hasConfiguration(".")
		if err != nil {
			return problem("Directory cannot be read", sentence(err))
		}
		person := isTerminal(p.stdin) && isTerminal(p.stdout.file) && p.mayAsk(true)
		switch {
		case found && write:
			return problem("Configuration exists already",
				"-starter begins a new configuration, and this directory holds one. Nothing was written.")
		case !found && (write || person):
			return p.writeStarter()
		case !found:
			return problem("No configuration files",
				"This directory holds no file whose name ends in .sshform.hcl or .sshform.json. "+
					"If that is the directory you mean, this writes a first one:\n    sshform init -starter")
		}
		return p.checkConfiguration(c)
	}
	return c
}

func (p *program) checkConfiguration(c *cobra.Command) error {
	configuration, found := p.loadOffline(c.Context())
	p.diagnose(found)
	if found.HasErrors() {
		return failed
	}
	fmt.Fprintf(p.stdout, "sshform v%s is ready: %s checked, nothing to download.\n",
		thisTool().Version, view.Count(len(configuration.Config.Sources), "configuration file"))
	p.view().Hint("See what would change with: sshform plan")
	return nil
}

func (p *program) writeStarter() error {
	err := writeNew(starterFile, starter)
	if errors.Is(err, fs.ErrExist) {
		return problem("Configuration exists already", starterFile+" is there and was not touched.")
	}
	if err != nil {
		return problem("Starter cannot be written", sentence(err))
	}
	fmt.Fprintf(p.stdout, "Wrote %s. Put your hosts into it, then:\n    sshform plan\n", starterFile)
	return nil
}
