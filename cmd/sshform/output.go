package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/schema/hclfile"
)

func (p *program) outputCommand() *cobra.Command {
	var l loading
	var asJSON, raw bool
	c := &cobra.Command{
		Use:   "output [options] [NAME]",
		Short: "Show the values of output blocks",
		Long: "Shows the values of the configuration's output blocks, or of one. It connects to no host: settings " +
			"have the values that are declared.",
		Args: atMost(1),
	}
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "One JSON document.")
		fs.BoolVar(&raw, "raw", false, "The text of one value, without quotes and newline, for scripts.")
	})
	l.variableOptions(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		p.flags.document = asJSON || raw
		configuration, err := p.load(c.Context(), l)
		if err != nil {
			return err
		}
		result, found := configuration.Evaluate(nil, nil)
		p.diagnose(found)
		if found.HasErrors() {
			return failed
		}
		switch {
		case len(args) == 1:
			return p.oneOutput(result.Outputs, args[0], asJSON, raw)
		case raw:
			return problem("Name of an output needed", "-raw shows one value: sshform output -raw NAME.")
		case asJSON:
			return view.OutputsJSON(p.stdout, viewOutputs(result.Outputs))
		case len(result.Outputs) == 0:
			p.view().Note("The configuration has no output blocks.")
			return nil
		}
		for _, o := range result.Outputs {
			fmt.Fprintf(p.stdout, "%s = %s\n", o.Name, textOf(o))
		}
		return nil
	}
	return c
}

// viewOutputs are outputs as they are shown.
func viewOutputs(outputs []hclfile.Output) []view.Output {
	var shown []view.Output
	for _, o := range outputs {
		shown = append(shown, view.Output{Name: o.Name, Sensitive: o.Sensitive, Type: o.Type, JSON: o.JSON, Text: o.Text})
	}
	return shown
}

func textOf(o hclfile.Output) string {
	if o.Sensitive {
		return "(sensitive)"
	}
	return view.Clean(o.Text)
}

func (p *program) oneOutput(outputs []hclfile.Output, name string, asJSON, raw bool) error {
	var names []string
	for _, o := range outputs {
		names = append(names, o.Name)
		switch {
		case o.Name != name:
			continue
		case o.Sensitive:
			return problem("Output is sensitive", "Sensitive values are not shown. Nothing of sshform needs one outside the configuration.")
		case asJSON:
			fmt.Fprintf(p.stdout, "%s\n", o.JSON)
		case raw && !o.HasRaw:
			return problem("Output has no plain text", "-raw shows strings, numbers and bools. Use -json for this one.")
		case raw:
			fmt.Fprint(p.stdout, o.Raw)
		default:
			fmt.Fprintln(p.stdout, textOf(o))
		}
		return nil
	}
	detail := fmt.Sprintf("The configuration has no output %q.", name)
	if near := nearest(name, names); near != "" {
		detail += fmt.Sprintf(" Did you mean %q?", near)
	}
	return problem("Unknown output", detail)
}
