package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

// loading is what the options of a command say about reading the
// configuration.
type loading struct {
	assignments     []hclfile.Assignment
	allowUndeclared bool
	allowExternal   bool
	input           bool
}

// variableOptions are for every command that evaluates the configuration.
func (l *loading) variableOptions(c *cobra.Command) {
	l.input = true
	options(c, "Variables and inventories", func(fs *pflag.FlagSet) {
		fs.Var(&assignmentFlag{list: &l.assignments, parse: parseVar}, "var", "Set an input variable: `NAME=VALUE`. May be repeated; the last one wins.")
		fs.Var(&assignmentFlag{list: &l.assignments, parse: parseVarFile}, "var-file", "Read values of input variables from a `FILE`. May be repeated; the order with -var counts.")
		fs.BoolVar(&l.allowUndeclared, "allow-undeclared", false, "Accept values in variable files for variables that the configuration does not declare.")
		fs.BoolVar(&l.allowExternal, "allow-external", false, "Let inventories run the programs that they name.")
		fs.BoolVar(&l.input, "input", true, "Never ask: a missing value is an error.")
	})
	complete(c, "var-file", "hcl", "json")
}

// complete offers file names with these endings for an option.
func complete(c *cobra.Command, option string, endings ...string) {
	if err := c.RegisterFlagCompletionFunc(option, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return endings, cobra.ShellCompDirectiveFilterFileExt
	}); err != nil {
		panic(err) // an option that does not exist
	}
}

// An assignmentFlag appends to a list that several options share, so that
// their order on the command line is known.
type assignmentFlag struct {
	list  *[]hclfile.Assignment
	parse func(string) (hclfile.Assignment, error)
}

// String is the default, for help.
func (f *assignmentFlag) String() string { return "" }

// Set appends.
func (f *assignmentFlag) Set(text string) error {
	a, err := f.parse(text)
	if err == nil {
		*f.list = append(*f.list, a)
	}
	return err
}

// Type names the kind of value.
func (f *assignmentFlag) Type() string { return "string" }

func parseVar(text string) (hclfile.Assignment, error) {
	name, value, found := strings.Cut(text, "=")
	if !found || name == "" {
		return hclfile.Assignment{}, errors.New("write it as NAME=VALUE")
	}
	return hclfile.Assignment{Name: strings.TrimSpace(name), Value: value}, nil
}

func parseVarFile(text string) (hclfile.Assignment, error) {
	if text == "" {
		return hclfile.Assignment{}, errors.New("the name of a file is missing")
	}
	return hclfile.Assignment{File: text}, nil
}

// loadOptions returns what Load needs.
func (p *program) loadOptions(ctx context.Context, l loading) hclfile.Options {
	o := hclfile.Options{
		Version:         thisTool().Version,
		Assignments:     l.assignments,
		Environ:         os.Environ(),
		AllowUndeclared: l.allowUndeclared,
		Now:             p.now,
	}
	if l.allowExternal {
		o.Run = p.runInventory
	}
	if p.mayAsk(l.input) && isTerminal(p.stdin) {
		o.Ask = func(in hclfile.Input) (string, error) { return p.askVariable(ctx, in) }
	}
	return o
}

// load reads and evaluates the configuration of the current directory, tells
// what is wrong with it and stops there if anything is.
func (p *program) load(ctx context.Context, l loading) (*hclfile.Configuration, error) {
	if err := someConfiguration("."); err != nil {
		return nil, err
	}
	defer p.collectLess()()
	configuration, found := hclfile.Load(ctx, ".", p.loadOptions(ctx, l))
	p.hideSecrets(configuration, l)
	p.showSources(configuration)
	if ctx.Err() != nil {
		return nil, problem("Interrupted", "The configuration was being read. Nothing was changed.")
	}
	p.diagnose(found)
	if found.HasErrors() {
		return nil, failed
	}
	return configuration, nil
}

// hideSecrets has the values of sensitive variables taken out of everything
// that is printed, as far as they were given in the clear.
func (p *program) hideSecrets(configuration *hclfile.Configuration, l loading) {
	for _, v := range configuration.Config.Variables {
		if !v.Sensitive && !v.Ephemeral {
			continue
		}
		p.redact.Secrets = append(p.redact.Secrets, p.env("SSHFORM_VAR_"+v.Name))
		for _, a := range l.assignments {
			if a.Name == v.Name {
				p.redact.Secrets = append(p.redact.Secrets, a.Value)
			}
		}
	}
}

// showSources lets diagnostics show lines of the configuration.
func (p *program) showSources(configuration *hclfile.Configuration) {
	p.source = func(name string) []byte {
		content, _ := configuration.Source(name)
		return content
	}
}

// someConfiguration is an error in a directory without any.
func someConfiguration(dir string) error {
	found, err := hasConfiguration(dir)
	if err != nil {
		return problem("Directory cannot be read", sentence(err))
	}
	if !found {
		return problems{{
			Severity: schema.Error,
			Summary:  "No configuration files",
			Detail: "This directory holds no file whose name ends in .sshform.hcl or .sshform.json, so there is " +
				"nothing to work on. Go to the directory of your configuration, name it with -chdir=DIR before " +
				"the command, or write a first one with:\n    sshform init -starter",
		}}
	}
	return nil
}

func hasConfiguration(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if !entry.IsDir() && hclfile.IsConfig(entry.Name()) {
			return true, nil
		}
	}
	return false, err
}
