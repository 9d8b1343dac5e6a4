package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// waving is what is said about one wave of a plan that is carried out alone.
type waving struct {
	wave      string
	after     []string // files with the results of earlier waves
	skipCheck bool
}

func (o *waving) options(c *cobra.Command) {
	options(c, "Carrying it out", func(fs *pflag.FlagSet) {
		fs.StringVar(&o.wave, "wave", "", "Carry out one wave only, by its `NAME`.")
		fs.StringArrayVar(&o.after, "after", nil, "The `RESULT` of an earlier wave, as -result or report merge wrote it. May be repeated.")
		fs.BoolVar(&o.skipCheck, "skip-wave-check", false, "With -wave, do not ask for the results of earlier waves.")
	})
	complete(c, "after")
}

func (o *waving) check() error {
	switch {
	case o.wave == "" && (len(o.after) > 0 || o.skipCheck):
		return problem("Option needs another", "-after and -skip-wave-check are about the waves before the one that -wave=NAME names.")
	case len(o.after) > 0 && o.skipCheck:
		return problem("Options exclude each other", "-after proves that earlier waves are done, and -skip-wave-check does without proof. Give only one.")
	}
	return nil
}

// mayStart refuses a wave whose earlier waves are not known to have ended well.
// Between invocations nobody else holds this barrier.
func (p *program) mayStart(built *plan.Plan, o *waving) error {
	known := slices.ContainsFunc(built.Rollout.Waves, func(w plan.Wave) bool { return w.Name == o.wave })
	if o.wave == "" || o.skipCheck || !known { // apply.Run names an unknown wave
		return nil
	}
	earlier := &apply.Report{}
	if len(o.after) > 0 {
		m, err := mergedFrom(o.after)
		if err != nil {
			return err
		}
		if id := built.ID(); m.PlanID != id {
			return p.refuseWave(fmt.Sprintf("What -after names is the result of plan %s, and this plan is %s.", m.PlanID, id))
		}
		earlier = m.Report
	}
	if err := apply.MayStart(built, o.wave, earlier); err != nil {
		return p.refuseWave(sentence(err))
	}
	return nil
}

func (p *program) refuseWave(why string) error {
	p.diagnose(schema.Diagnostics{{
		Severity: schema.Error, Summary: "Wave may not start yet",
		Detail: why + "\n\nNothing was changed. Carry out the earlier waves with -result=FILE, and give each of these files with -after. " +
			"-skip-wave-check starts the wave without.",
	}})
	if p.detailed {
		return refused
	}
	return failed
}

// resultFiles puts the *.json files of a folder in its place.
func resultFiles(names []string) ([]string, error) {
	var files []string
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil || !info.IsDir() {
			files = append(files, name) // what is wrong with it is told when it is read
			continue
		}
		inside, err := filepath.Glob(filepath.Join(name, "*.json"))
		if err != nil || len(inside) == 0 {
			return nil, problem("Results not found", name+" is a folder without results, which are called *.json.")
		}
		files = append(files, inside...)
	}
	return files, nil
}

// mergedFrom reads result files, and those in folders, and puts them together.
func mergedFrom(names []string) (view.Merged, error) {
	files, err := resultFiles(names)
	if err != nil {
		return view.Merged{}, err
	}
	var documents []view.ResultDocument
	for _, file := range files {
		document, err := readResult(file)
		if err != nil {
			return view.Merged{}, problem("Result cannot be read", file+": "+sentence(err))
		}
		documents = append(documents, document)
	}
	m, err := view.MergeResults(documents)
	if err != nil {
		return m, problem("Results do not belong together", sentence(err))
	}
	return m, nil
}

func readResult(file string) (view.ResultDocument, error) {
	f, err := os.Open(file)
	if err != nil {
		return view.ResultDocument{}, err
	}
	defer f.Close()
	return view.ReadResult(f)
}
