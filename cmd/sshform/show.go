package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema/hclfile"
)

func (p *program) showCommand() *cobra.Command {
	var asJSON, asLines bool
	var content string
	c := &cobra.Command{
		Use:   "show [options] [PLAN]",
		Short: "Show a saved plan, or the last run",
		Long: "Shows a plan that sshform plan -out wrote, as text or as JSON. The JSON has Terraform's shape and " +
			"names, so that policies and tools for Terraform's plans can read it. Without a file it shows what " +
			"became of the hosts of the last run, as sshform history does.",
		Args: atMost(1),
	}
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "One JSON document.")
		fs.BoolVar(&asLines, "lines", false, "With -json: one change a line, for plans of large fleets.")
		fs.StringVar(&content, "content", "", "The file with this `DIGEST`, as before_sha256 or after_sha256 name it, of a plan made with -plan-content=full.")
		fs.BoolVar(&p.flags.full, "full", false, "Show the change of every host, not one for each group of equal ones.")
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		defer p.collectLess()()
		switch {
		case asLines && !asJSON:
			return problem("Option needs another", "-lines goes with -json.")
		case content != "" && (asJSON || len(args) == 0):
			return problem("Option needs another", "-content goes with the file of a plan, and without -json.")
		case len(args) == 0:
			return p.showLastRun(c.Context(), asJSON)
		case asLines:
			return p.showLines(args[0])
		}
		built, err := readPlan(args[0])
		if err != nil {
			return problem("Plan file cannot be used", err.Error())
		}
		switch {
		case asJSON:
			return view.ShowJSON(p.stdout, built)
		case content != "":
			return p.showContent(built, plan.Digest(content))
		}
		p.view().Plan(view.Shown{Plan: built, Operation: "plan"})
		p.view().Note("Id: " + built.ID())
		p.noteCommit(built.Config.Commit)
		p.view().Outputs(plannedOutputs(built))
		return nil
	}
	return c
}

// showContent writes a file as it is: it is for other programs, and for people
// who look at it with one of theirs.
func (p *program) showContent(built *plan.Plan, digest plan.Digest) error {
	text, held := built.Text(digest)
	if !held {
		return problem("Content is not in the plan", fmt.Sprintf("The plan holds no file with the digest %q. Plans hold whole files "+
			"with -plan-content=full only, and of hosts on which something changes.", digest))
	}
	_, err := p.stdout.Write(text)
	return err
}

// showLines reads the file twice: the first time to know that it is whole,
// the second time to write one host after the other, so that memory does not
// grow with the fleet.
func (p *program) showLines(file string) error {
	unusable := func(err error) error { return problem("Plan file cannot be used", sentence(err)) }
	f, err := os.Open(file)
	if err != nil {
		return unusable(err)
	}
	defer f.Close()
	if _, _, err := plan.Scan(f, func(plan.HostPlan) error { return nil }); err != nil {
		return unusable(fmt.Errorf("%s: %w", file, err))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return unusable(err)
	}
	out := bufio.NewWriter(p.stdout)
	_, _, err = plan.Scan(f, func(h plan.HostPlan) error { return view.ShowHost(out, h) })
	return errors.Join(err, out.Flush())
}

// plannedOutputs are the outputs that a plan file holds, as they are shown.
func plannedOutputs(built *plan.Plan) []view.Output {
	var shown []view.Output
	for _, o := range built.Outputs {
		shown = append(shown, view.Output{
			Name: o.Name, Sensitive: o.Sensitive, Type: o.Type, JSON: o.JSON, Text: hclfile.Expression(o.JSON, o.Type),
		})
	}
	return shown
}
