package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

func (p *program) validateCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "validate [options]",
		Short: "Check the configuration, connecting to nobody",
		Long: "Checks the configuration of this directory: its syntax, blocks, arguments, references, types and " +
			"the ranges of keepalive settings. It needs no values for variables, reads no inventory, connects to " +
			"no host and runs no program, so that it is safe for files that nobody has reviewed.",
		Args: noArguments,
	}
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "One JSON document, for editors and pipelines.")
		fs.BoolVar(&p.flags.compactWarnings, "compact-warnings", false, "Show summaries of warnings only, when there are no errors.")
	})
	c.RunE = func(c *cobra.Command, _ []string) error {
		found := p.validate(c.Context())
		if asJSON {
			if err := view.Validation(p.stdout, found, p.paper()); err != nil {
				return err
			}
		} else {
			p.diagnose(found)
		}
		if found.HasErrors() {
			return failed
		}
		if !asJSON {
			if len(found) == 0 {
				fmt.Fprintln(p.stdout, "Success! The configuration is valid.")
			} else {
				fmt.Fprintln(p.stdout, "\nSuccess! The configuration is valid, but there were some warnings as shown above.")
			}
		}
		return nil
	}
	return c
}

func (p *program) validate(ctx context.Context) schema.Diagnostics {
	if err := someConfiguration("."); err != nil {
		return diagnosticsOf(err)
	}
	_, found := p.loadOffline(ctx)
	return found
}

// loadOffline reads the configuration without values, hosts and programs.
func (p *program) loadOffline(ctx context.Context) (*hclfile.Configuration, schema.Diagnostics) {
	configuration, found := hclfile.Load(ctx, ".", hclfile.Options{Version: thisTool().Version, Offline: true})
	p.showSources(configuration)
	return configuration, found
}
