package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Manual pages are made of what the commands and options say of themselves, as
// the help is, in the language of man(7).

// manCommand writes the manual pages. It is for those who build packages, and
// stands in no list.
func (p *program) manCommand() *cobra.Command {
	c := &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the manual pages",
		Hidden: true,
		Long: "Writes a manual page for each command into the directory DIR, which must exist. The date in them is " +
			"that of SOURCE_DATE_EPOCH, seconds since 1970, so that the same source gives the same pages.",
		Args: atMost(1),
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return problem("Directory needed", "sshform man needs the directory to write to.")
		}
		date, err := p.sourceDate()
		if err != nil {
			return err
		}
		return manPages(c.Root(), date, func(name string, page []byte) error {
			if err := os.WriteFile(filepath.Join(args[0], name), page, 0o644); err != nil {
				return problem("Manual page cannot be written", sentence(err))
			}
			return nil
		})
	}
	return c
}

// sourceDate is the day of the source, as reproducible-builds.org has it; empty
// when it is not known.
func (p *program) sourceDate() (string, error) {
	text := p.env("SOURCE_DATE_EPOCH")
	if text == "" {
		return "", nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return "", problem("Environment cannot be read", "SOURCE_DATE_EPOCH is no number of seconds since 1970.")
	}
	return time.Unix(seconds, 0).UTC().Format(time.DateOnly), nil
}

// manPages hands out a page for the program and one for each command that
// people see.
func manPages(root *cobra.Command, date string, write func(name string, page []byte) error) error {
	var failure error
	everyCommand(root, func(c *cobra.Command) {
		if failure != nil || c != root && !c.IsAvailableCommand() {
			return
		}
		var page bytes.Buffer
		if c == root {
			rootPage(&page, root, date)
		} else {
			commandPage(&page, c, date)
		}
		failure = write(pageName(c)+".1", page.Bytes())
	})
	return failure
}

// pageName is what people look up: sshform-force-unlock.
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

func rootPage(w io.Writer, root *cobra.Command, date string) {
	pageHead(w, root, "keep SSH sessions alive, and let dead ones go, on purpose", date)
	fmt.Fprint(w, ".SH SYNOPSIS\n.B sshform\n[global options]\n.I command\n[options] [arguments]\n")
	fmt.Fprintf(w, ".SH DESCRIPTION\n%s\n", roff(root.Long))
	fmt.Fprint(w, ".SH COMMANDS\n")
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() {
			tagged(w, ".BR "+roff(pageName(c))+" (1)", c.Short+".")
		}
	}
	fmt.Fprint(w, ".SH GLOBAL OPTIONS\nThey stand before the command.\n")
	tagged(w, `.BI \-chdir= DIR`, "Work in another directory, as if started there.")
	tagged(w, `.B \-help`, "Show the help of the program, or of a command.")
	tagged(w, `.B \-version`, "The same as the version command.")
	fmt.Fprint(w, ".SH EXIT STATUS\nWithout \\-detailed\\-exitcode only 0 and 1 occur, except those of fmt and 127.\n")
	for _, s := range manual().codes {
		tagged(w, ".B "+s[0], s[1])
	}
	fmt.Fprint(w, ".SH ENVIRONMENT\n")
	for _, s := range manual().environment {
		tagged(w, ".B "+roff(s[0]), s[1])
	}
	fmt.Fprint(w, ".SH FILES\n")
	for _, s := range manual().files {
		tagged(w, ".I "+roff(s[0]), s[1])
	}
	fmt.Fprint(w, ".SH SEE ALSO\n.BR sshd_config (5),\n.BR ssh_config (5),\n.BR sshd (8),\n.BR ssh (1)\n")
}

func commandPage(w io.Writer, c *cobra.Command, date string) {
	short := c.Short
	pageHead(w, c, strings.ToLower(short[:1])+short[1:], date)
	name, rest, _ := strings.Cut(strings.TrimPrefix(useLine(c), "sshform "), " ")
	fmt.Fprintf(w, ".SH SYNOPSIS\n.B sshform\n[global options]\n.B %s\n", roff(name))
	if rest != "" {
		fmt.Fprintln(w, roff(rest))
	}
	fmt.Fprint(w, ".SH DESCRIPTION\n")
	for i, paragraph := range strings.Split(strings.TrimSpace(c.Long), "\n\n") {
		example := strings.HasPrefix(paragraph, "    ")
		switch {
		case example:
			fmt.Fprintf(w, ".PP\n.nf\n%s\n.fi\n", roff(paragraph))
		case i > 0:
			fmt.Fprintf(w, ".PP\n%s\n", roff(paragraph))
		default:
			fmt.Fprintln(w, roff(paragraph))
		}
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprint(w, ".SH SUBCOMMANDS\n")
		for _, sub := range c.Commands() {
			tagged(w, ".BR "+roff(pageName(sub))+" (1)", sub.Short+".")
		}
	}
	if found := headings(c); len(found) > 0 {
		fmt.Fprint(w, ".SH OPTIONS\n")
		for _, heading := range found {
			fmt.Fprintf(w, ".SS %s\n", roff(heading))
			c.Flags().VisitAll(func(f *pflag.Flag) {
				if headingOf(f) == heading && !f.Hidden {
					name, value, valued := strings.Cut(optionName(f), "=")
					tag := ".B " + roff(name)
					if valued {
						tag = ".BI " + roff(name) + "= " + quoted(value)
					}
					tagged(w, tag, optionText(f))
				}
			})
		}
	}
	fmt.Fprint(w, ".SH SEE ALSO\n.BR sshform (1)\n")
}

func pageHead(w io.Writer, c *cobra.Command, short, date string) {
	// The date as it is: its dashes are parsed.
	fmt.Fprintf(w, ".TH %s 1 \"%s\" %s \"sshform manual\"\n", strings.ToUpper(roff(pageName(c))), date, quoted("sshform "+thisTool().Version))
	// Left-aligned and without hyphens, so that options can be copied.
	fmt.Fprintf(w, ".ad l\n.nh\n.SH NAME\n%s \\- %s\n", roff(pageName(c)), roff(short))
}

// tagged prints a term and, indented below or beside it, its text.
func tagged(w io.Writer, term, text string) {
	fmt.Fprintf(w, ".TP\n%s\n%s\n", term, roff(text))
}

// quoted is text as one argument of a macro.
func quoted(text string) string { return `"` + strings.ReplaceAll(roff(text), `"`, `\(dq`) + `"` }

// roff spells text so that man(7) prints it as it is: a minus that can be
// copied, and no line that begins with a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "’", `\(cq`, "→", "\\->").Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
