// Command sshform keeps SSH sessions alive, and lets dead ones go, on purpose
// instead of by accident: HCL files declare what the keepalive settings of
// servers and clients shall be, plan shows the difference, apply carries
// exactly that out.
//
// This package reads flags, joins the packages that know (the only place that
// reaches both HCL and SSH connections) and turns results into exit codes. It
// decides nothing about configuration; package view prints.
package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/schema"
)

func main() { os.Exit(thisProcess().run()) }

// run carries out one command and returns the exit code.
func (p *program) run() int {
	args, err := p.globals(p.args)
	if err = errors.Join(err, p.startLog()); err != nil {
		return p.finish(err)
	}
	root := p.rootCommand()
	args, err = p.withEnvironment(root, args)
	if err != nil {
		return p.finish(err)
	}
	// Cobra puts a space between long flags and the words of completion
	// requests alone; everything else goes through our spelling.
	root.SetArgs(doubleDashes(args, takesValue(root)))
	ctx, stop := p.interruptible(context.Background())
	err = root.ExecuteContext(ctx)
	stop() // p.caught is known from here on
	return p.finish(err)
}

// finish tells what is still untold and returns the exit code.
func (p *program) finish(err error) int {
	defer p.closeLog()
	code := done
	if err != nil {
		var told schema.Diagnostics
		code, told = unfold(err)
		p.diagnose(told)
		if p.detailed && p.caught != nil {
			code = p.interruptedCode()
		}
	}
	if p.tellLost(err) && (code == done || code == pending && p.detailed) {
		code = failed
	}
	return int(code)
}

// tellLost tells which output is lost, unless err told it, and reports whether
// any is.
func (p *program) tellLost(err error) bool {
	if p.events != nil {
		p.events.Close()
	}
	var lost schema.Diagnostics
	for _, o := range []struct {
		name string
		*outlet
	}{{"The standard output", p.stdout}, {"-json-into", p.events}} {
		if why := o.err(); why != nil && !errors.Is(err, why) {
			lost = append(lost, schema.Diagnostic{
				Severity: schema.Error, Summary: "Output is lost",
				Detail: o.name + ": " + sentence(why) + " What was said above, or there, is not all. Whatever was done is done.",
			})
		}
	}
	view.NewHuman(p.paper()).Diagnose(lost) // on the standard error, also with -json
	return len(lost) > 0
}

// unfold returns the exit code of an error and what it tells, joined errors
// one after the other.
func unfold(err error) (exitCode, schema.Diagnostics) {
	// What is joined further inside is of one failure, with a text around it.
	if joined, several := err.(interface{ Unwrap() []error }); several {
		code, told := done, schema.Diagnostics(nil)
		for _, e := range joined.Unwrap() {
			c, ds := unfold(e)
			code, told = cmp.Or(code, c), append(told, ds...)
		}
		return code, told
	}
	var code exitCode
	if errors.As(err, &code) {
		return code, nil
	}
	return failed, diagnosticsOf(err)
}

// diagnose tells diagnostics and keeps them for reports.
func (p *program) diagnose(found schema.Diagnostics) {
	p.found = append(p.found, found...)
	p.view().Diagnose(found)
}

// globals takes the options that stand before the command.
func (p *program) globals(args []string) ([]string, error) {
	for len(args) > 0 && strings.HasPrefix(args[0], "-") {
		name, value, given := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(args[0], "-"), "-"), "=")
		switch {
		case name == "chdir" && given && value != "":
			if err := os.Chdir(value); err != nil {
				return nil, problem("Directory cannot be entered",
					"-chdir: "+sentence(err)+" Nothing was read. Give the directory that holds the *.sshform.hcl files.")
			}
			if filepath.IsAbs(value) {
				p.chdir = ""
			}
			p.chdir = filepath.Join(p.chdir, value)
		case name == "chdir":
			return nil, problem("Option without a value",
				"-chdir takes its directory behind an equals sign: sshform -chdir=fleet plan.")
		default:
			return args, nil
		}
		args = args[1:]
	}
	return args, nil
}

// knows finds the command that args begin with, and how many words name it.
func knows(root *cobra.Command, args []string) (*cobra.Command, int) {
	found, words := root, 0
	for words < len(args) {
		at := slices.IndexFunc(found.Commands(), func(c *cobra.Command) bool {
			return c.Name() == args[words] || c.HasAlias(args[words])
		})
		if at < 0 {
			break
		}
		found, words = found.Commands()[at], words+1
	}
	return found, words
}
