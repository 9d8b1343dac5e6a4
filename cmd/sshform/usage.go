package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
)

// Help is generated from what the commands and flags say of themselves, one
// dash everywhere, wrapped at 78 columns.

const (
	helpWidth   = 78
	optionWidth = 22 // where the texts of options and commands begin, less the indent
	headingKey  = "heading"
	// mainCommands and otherCommands are the two groups of the first level.
	mainCommands  = "main"
	otherCommands = "other"
)

// options gives a command flags under a heading of its help.
func options(c *cobra.Command, heading string, add func(*pflag.FlagSet)) {
	group := pflag.NewFlagSet(heading, pflag.ContinueOnError)
	group.SortFlags = false
	add(group)
	group.VisitAll(func(f *pflag.Flag) {
		f.Annotations = map[string][]string{headingKey: {heading}}
		c.Flags().AddFlag(f)
	})
}

// help prints the help of a command.
func help(w io.Writer, c *cobra.Command) {
	if !c.HasParent() {
		rootHelp(w, c)
		return
	}
	fmt.Fprintf(w, "Usage: sshform [global options] %s\n\n", strings.TrimPrefix(useLine(c), "sshform "))
	for paragraph := range strings.SplitSeq(strings.TrimSpace(c.Long), "\n\n") {
		fmt.Fprintf(w, "%s\n\n", indented(paragraph, "  "))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprint(w, "Subcommands:\n\n")
		commandList(w, c.Commands())
	}
	for _, heading := range headings(c) {
		fmt.Fprintf(w, "%s:\n\n", heading)
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if headingOf(f) == heading && !f.Hidden {
				entry(w, optionName(f), optionText(f))
			}
		})
		fmt.Fprintln(w)
	}
}

func useLine(c *cobra.Command) string {
	path := c.CommandPath()
	_, arguments, _ := strings.Cut(c.Use, " ")
	return strings.TrimSpace(path + " " + arguments)
}

func rootHelp(w io.Writer, root *cobra.Command) {
	fmt.Fprint(w, "Usage: sshform [global options] <command> [options] [arguments]\n\n")
	fmt.Fprintf(w, "%s\n\n", indented(root.Long, ""))
	for _, group := range root.Groups() {
		fmt.Fprintf(w, "%s\n", group.Title)
		var members []*cobra.Command
		for _, c := range root.Commands() {
			if c.GroupID == group.ID && c.IsAvailableCommand() {
				members = append(members, c)
			}
		}
		commandList(w, members)
	}
	fmt.Fprint(w, "Global options (use these before the command, if any):\n")
	entry(w, "-chdir=DIR", "Work in another directory, as if started there.")
	entry(w, "-help", "Show this help, or the help of a command.")
	entry(w, "-version", "The same as the version command.")
}

func commandList(w io.Writer, commands []*cobra.Command) {
	for _, c := range commands {
		entry(w, c.Name(), c.Short)
	}
	fmt.Fprintln(w)
}

// entry prints a name and its text beside it, or below when the name is long.
func entry(w io.Writer, name, text string) {
	pad := strings.Repeat(" ", optionWidth+2)
	wrapped := strings.TrimLeft(indented(text, pad), " ")
	if len(name) > optionWidth-2 {
		fmt.Fprintf(w, "  %s\n%s%s\n", name, pad, wrapped)
		return
	}
	fmt.Fprintf(w, "  %-*s%s\n", optionWidth, name, wrapped)
}

func indented(text, indent string) string {
	if strings.HasPrefix(text, "    ") { // an example stays as it is
		return text
	}
	return view.Indent(view.Wrap(text, helpWidth-len(indent)), indent)
}

func headings(c *cobra.Command) []string {
	var found []string
	c.Flags().SortFlags = false
	c.Flags().VisitAll(func(f *pflag.Flag) {
		heading := headingOf(f)
		for _, known := range found {
			if known == heading {
				return
			}
		}
		if heading != "" && !f.Hidden {
			found = append(found, heading)
		}
	})
	return found
}

func headingOf(f *pflag.Flag) string {
	if heading := f.Annotations[headingKey]; len(heading) > 0 {
		return heading[0]
	}
	return ""
}

// optionName spells an option as people type it: -out=FILE, -lock=false.
func optionName(f *pflag.Flag) string {
	value, _ := pflag.UnquoteUsage(f)
	switch {
	case f.Value.Type() == "bool" && f.DefValue == "true":
		return "-" + f.Name + "=false"
	case f.Value.Type() == "bool":
		return "-" + f.Name
	}
	return "-" + f.Name + "=" + value
}

func optionText(f *pflag.Flag) string {
	_, text := pflag.UnquoteUsage(f)
	return text
}
