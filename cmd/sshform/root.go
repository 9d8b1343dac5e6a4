package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// rootCommand builds the tree of commands.
func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use: "sshform",
		Long: "Keeps SSH sessions alive, and lets dead ones go, on purpose instead of by " +
			"accident. Describe the keepalive settings of servers and clients in *.sshform.hcl, " +
			"look at the plan, apply it.",
		SilenceErrors: true,
		SilenceUsage:  true,
		// The words behind root are judged in RunE, where -help has been read.
		Args: cobra.ArbitraryArgs,
	}
	showVersion := root.Flags().Bool("version", false, "")
	root.RunE = func(c *cobra.Command, args []string) error {
		switch {
		case *showVersion:
			return p.printVersion(false)
		case len(args) > 0:
			return unknownCommand(root, args[0])
		}
		help(p.stdout, root)
		return noCommand
	}
	root.AddGroup(
		&cobra.Group{ID: mainCommands, Title: "Main commands:"},
		&cobra.Group{ID: otherCommands, Title: "All other commands:"},
	)
	cobra.EnableCommandSorting = false
	for _, c := range p.mainCommands() {
		c.GroupID = mainCommands
		root.AddCommand(c)
	}
	others := p.otherCommands()
	slices.SortFunc(others, func(a, b *cobra.Command) int { return strings.Compare(a.Name(), b.Name()) })
	for _, c := range others {
		c.GroupID = otherCommands
		root.AddCommand(c)
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(p.helpCommand(root))
	root.SetHelpFunc(func(c *cobra.Command, _ []string) { help(p.stdout, c) })
	root.SetUsageFunc(func(c *cobra.Command) error { help(p.stdout, c); return nil })
	root.SetFlagErrorFunc(wrongOption)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	everyCommand(root, func(c *cobra.Command) {
		// Without this cobra would make -h a flag of ours with a text of its own.
		c.Flags().BoolP("help", "h", false, "")
		if c.Runnable() && !c.HasSubCommands() {
			options(c, "Display", func(fs *pflag.FlagSet) {
				fs.BoolVar(&p.flags.noColor, "no-color", false, "No colours in the output. NO_COLOR in the environment does the same.")
			})
		}
	})
	return root
}

// mainCommands are the road from nothing to a changed host, in its order.
func (p *program) mainCommands() []*cobra.Command {
	return []*cobra.Command{
		p.initCommand(), p.validateCommand(), p.planCommand(), p.applyCommand(),
	}
}

func (p *program) otherCommands() []*cobra.Command {
	return []*cobra.Command{
		p.completionCommand(), p.consoleCommand(), p.destroyCommand(), p.driftCommand(), p.explainCommand(), p.fmtCommand(),
		p.forceUnlockCommand(), p.graphCommand(), p.historyCommand(), p.importCommand(), p.inspectCommand(), p.lintCommand(), p.locksCommand(), p.manCommand(),
		p.outputCommand(), p.planMergeCommand(), p.probeCommand(), p.reportCommand(), p.restoreCommand(), p.runsCommand(), p.schemaCommand(), p.showCommand(), p.versionCommand(),
	}
}

func (p *program) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "help [command]",
		Short:  "Show the help of a command",
		Hidden: true,
		RunE: func(_ *cobra.Command, args []string) error {
			found, words := knows(root, args)
			if words < len(args) {
				return unknownCommand(found, args[words])
			}
			help(p.stdout, found)
			return nil
		},
	}
}

// noArguments is for commands that take none.
func noArguments(c *cobra.Command, args []string) error {
	return atMost(0)(c, args)
}

// atMost is for commands that take up to n arguments.
func atMost(n int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) <= n {
			return nil
		}
		allowed := "no arguments"
		if n > 0 {
			allowed = fmt.Sprintf("at most %d", n)
		}
		return problem("Too many arguments", fmt.Sprintf(
			"%s takes %s, and %q is one more. Options begin with a dash. For help:\n    %s -help",
			c.CommandPath(), allowed, args[n], c.CommandPath()))
	}
}

func unknownCommand(parent *cobra.Command, name string) error {
	detail := fmt.Sprintf("%s has no command named %q.", parent.CommandPath(), name)
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	if near := nearest(name, names); near != "" {
		detail += fmt.Sprintf(" Did you mean %q?", near)
	}
	return problem("Unknown command", detail+fmt.Sprintf(" To see all commands:\n    %s -help", parent.CommandPath()))
}

// wrongOption explains what pflag could not read.
func wrongOption(c *cobra.Command, err error) error {
	if errors.Is(err, pflag.ErrHelp) {
		return err
	}
	more := fmt.Sprintf(" For help:\n    %s -help", c.CommandPath())
	var unknown *pflag.NotExistError
	var novalue *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		detail := fmt.Sprintf("%s has no option -%s.", c.CommandPath(), name)
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		if name == "chdir" {
			detail += " It stands before the command: sshform -chdir=DIR " + c.Name() + "."
		} else if near := nearest(name, names); near != "" {
			detail += fmt.Sprintf(" Did you mean -%s?", near)
		}
		return problem("Unknown option", detail+more)
	case errors.As(err, &novalue):
		return problem("Option without a value", fmt.Sprintf(
			"-%s needs a value: %s.", novalue.GetFlag().Name, optionName(novalue.GetFlag()))+more)
	case errors.As(err, &invalid):
		return problem("Wrong value for an option", fmt.Sprintf(
			"-%s cannot be %q: %s", invalid.GetFlag().Name, invalid.GetValue(), sentence(invalid.Unwrap()))+more)
	}
	return problem("Wrong option", sentence(err)+more)
}

// nearest returns the word that was probably meant, or nothing.
func nearest(word string, known []string) string {
	best, distance := "", 3 // two slips of the finger at most
	for _, k := range known {
		if d := levenshtein.Distance(word, k, nil); d < distance && d < len(word) {
			best, distance = k, d
		}
	}
	return best
}
