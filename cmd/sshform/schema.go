package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema/hclfile"
	"github.com/sshform/sshform/schema/inventory"
)

// jsonSchema returns the JSON schema of a format; nil when there is none.
func jsonSchema(name string) []byte {
	switch name {
	case "config":
		return hclfile.JSONSchema()
	case "inventory":
		return inventory.JSONSchema()
	case "plan":
		return plan.JSONSchema()
	}
	return view.Schema(name)
}

// schemaNames are the formats that have a schema.
func schemaNames() []string {
	return slices.Sorted(slices.Values(append(view.SchemaNames(), "config", "inventory", "plan")))
}

func (p *program) schemaCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "schema FORMAT",
		Short: "Print the JSON schema of a format",
		Long: "Prints the JSON schema (draft 2020-12) of something that sshform reads or writes: config, the " +
			"language in its JSON syntax, for editors; inventory, what inventory programs print; plan, each line of " +
			"a plan file; ui, each line of -json and -json-into; show, report, validate, output, version, lint, history, " +
			"locks, inspect, explain and probe, the documents that show -json, -result, and those commands with -json " +
			"write; runs -json is that of locks.",
		Args:      atMost(1),
		ValidArgs: schemaNames(),
	}
	c.RunE = func(_ *cobra.Command, args []string) error {
		known := "There are " + strings.Join(schemaNames(), ", ") + "."
		if len(args) == 0 {
			return problem("Name of a format needed", "sshform schema needs the name of a format. "+known)
		}
		text := jsonSchema(args[0])
		if text == nil {
			return problem("Unknown format", fmt.Sprintf("There is no format %q. %s", args[0], known))
		}
		_, err := p.stdout.Write(text)
		return err
	}
	return c
}
