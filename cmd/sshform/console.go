package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/schema/hclfile"
)

func (p *program) consoleCommand() *cobra.Command {
	var l loading
	c := &cobra.Command{
		Use:   "console [options]",
		Short: "Evaluate expressions of the configuration",
		Long: "Evaluates expressions, one a line, with the variables, hosts and blocks of the configuration, and " +
			"prints their values. It connects to no host; inventories are read when an expression needs them.\n\n" +
			"    echo 'length(inventory.fleet.hosts)' | sshform console",
		Args: noArguments,
	}
	l.variableOptions(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := someConfiguration("."); err != nil {
			return err
		}
		configuration, found := hclfile.Open(c.Context(), ".", p.loadOptions(c.Context(), l))
		p.showSources(configuration)
		p.diagnose(found)
		if found.HasErrors() {
			return failed
		}
		return p.evaluateLines(c.Context(), configuration)
	}
	return c
}

// evaluateLines reads expressions until the input ends or a person says exit.
func (p *program) evaluateLines(ctx context.Context, configuration *hclfile.Configuration) error {
	person := isTerminal(p.stdin)
	var wrong error
	for {
		if person {
			fmt.Fprint(p.questions(), "> ")
		}
		line, err := awaited(ctx, p.readLine)
		switch {
		case errors.Is(err, io.EOF):
			return wrong
		case ctx.Err() != nil:
			return failed
		case err != nil:
			return err
		}
		switch strings.TrimSpace(line) {
		case "":
			continue
		case "exit":
			return wrong
		}
		source := p.source
		p.source = func(name string) []byte {
			if name == "console" {
				return []byte(line)
			}
			return source(name)
		}
		value, found := configuration.Console(line)
		p.diagnose(found)
		p.source = source
		if !found.HasErrors() {
			fmt.Fprintln(p.stdout, view.Clean(value))
		} else if !person {
			wrong = failed
		}
	}
}
