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
			"have the values that are declared, and what depends on a plan, such as liveness, is not known.",
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
		outputs, found := configuration.Outputs()
		p.diagnose(found)
		if found.HasErrors() {
			return failed
		}
		switch {
		case len(args) == 1:
			return p.oneOutput(outputs, args[0], asJSON, raw)
		case raw:
			return problem("Name of an output needed", "-raw shows one value: sshform output -raw NAME.")
		case asJSON:
			return view.OutputsJSON(p.stdout, viewOutputs(outputs))
		case len(outputs) == 0:
			p.view().Note("The configuration has no output blocks.")
			return nil
		}
		for _, o := range outputs {
			fmt.Fprintf(p.stdout, "%s = %s\n", o.Name, textOf(o))
		}
		return nil
	}
	return c
}

// viewOutputs are the outputs whose values are known, as they are shown.
func viewOutputs(outputs []hclfile.Output) []view.Output {
	var shown []view.Output
	for _, o := range outputs {
		if o.Unknown {
			continue
		}
		shown = append(shown, view.Output{Name: o.Name, Sensitive: o.Sensitive, Type: o.Type, JSON: o.JSON, Text: o.Text})
	}
	return shown
}

func textOf(o hclfile.Output) string {
	switch {
	case o.Sensitive:
		return "(sensitive)"
	case o.Unknown:
		return "(known only to a plan)"
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
		case o.Unknown:
			return problem("Output not known yet", "The value depends on what a plan finds on the hosts: sshform plan shows it, and sshform show -json FILE of a saved plan has it.")
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
