package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

func (p *program) validateCommand() *cobra.Command {
	var asJSON bool
	var wanted []string
	c := &cobra.Command{
		Use:   "validate [options]",
		Short: "Check the configuration, connecting to nobody",
		Long: "Checks the configuration of this directory: its syntax, blocks, arguments, references, types and " +
			"the ranges of keepalive settings, and warns of values that do not do what people believe on any " +
			"release. It needs no values for variables, reads no inventory, connects to " +
			"no host, runs no program and reads no OpenSSH file, so that it is safe for files that nobody has reviewed.",
		Args: noArguments,
	}
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "One JSON document, for editors and pipelines.")
		fs.StringArrayVar(&wanted, "report", nil, "Write a report besides: `FORMAT:FILE`, sarif:FILE for code scanning, or github: for annotations of a pull request. May be repeated.")
		fs.BoolVar(&p.flags.compactWarnings, "compact-warnings", false, "Show summaries of warnings only, when there are no errors.")
	})
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := checkReports(wanted, "Nothing was read.", "sarif", github); err != nil {
			return err
		}
		found := p.validate(c.Context())
		if asJSON {
			if err := view.Validation(p.stdout, found, p.paper()); err != nil {
				return err
			}
		} else {
			p.diagnose(found)
		}
		if err := p.reportValidation(wanted, found, asJSON); err != nil {
			return err
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

// reportValidation writes reports; with -json nothing else may stand on the
// standard output.
func (p *program) reportValidation(wanted []string, found schema.Diagnostics, asJSON bool) error {
	told := view.Reported{Found: found, Redact: p.redact, Tool: thisTool(), Base: p.base()}
	for _, w := range wanted {
		format, file, _ := strings.Cut(w, ":")
		var err error
		switch {
		case format == "sarif":
			err = writeFile(file, reportMode, func(f *os.File) error {
				return view.DiagnosticsSARIF(f, told)
			})
		case !asJSON:
			err = view.GitHubAnnotations(p.stdout, told)
		}
		if err != nil {
			return problem("Report cannot be written", sentence(err))
		}
	}
	return nil
}

func (p *program) validate(ctx context.Context) schema.Diagnostics {
	if err := someConfiguration("."); err != nil {
		return diagnosticsOf(err)
	}
	configuration, found := p.loadOffline(ctx)
	if !found.HasErrors() && configuration.Config != nil {
		found = append(found, plan.Surprises(configuration.Config.Targets)...).Sorted()
	}
	return found
}

// loadOffline reads the configuration without values, hosts and programs.
func (p *program) loadOffline(ctx context.Context) (*hclfile.Configuration, schema.Diagnostics) {
	configuration, found := hclfile.Load(ctx, ".", hclfile.Options{Version: thisTool().Version, Offline: true})
	p.showSources(configuration)
	return configuration, found
}
