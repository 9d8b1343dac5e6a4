package main

import (
	"github.com/spf13/cobra"

	"github.com/sshform/sshform/schema/hclfile"
)

func (p *program) schemaCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "schema config",
		Short: "Print the JSON schema of a format",
		Long: "Prints the JSON schema of the language in its JSON syntax, for editors: *.sshform.json files that " +
			"are checked and completed against it.",
		Args:      atMost(1),
		ValidArgs: []string{"config"},
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) != 1 || args[0] != "config" {
			return problem("Unknown format", "sshform schema needs the name of a format: config.")
		}
		_, err := p.stdout.Write(hclfile.JSONSchema())
		return err
	}
	return c
}
