package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// reporting is what -report and -result ask for, and what there is to tell.
type reporting struct {
	wanted []string // FORMAT:FILE
	result string
	told   view.Reported
}

// github is the format that writes to where GitHub Actions looks.
const github = "github"

func (r *reporting) options(c *cobra.Command) {
	options(c, "Reports", func(fs *pflag.FlagSet) {
		fs.StringArrayVar(&r.wanted, "report", nil, "Write a report, as `FORMAT:FILE`: "+strings.Join(view.ReportFormats(), ", ")+
			", or github: for the step summary and annotations. May be repeated.")
		fs.BoolVar(&r.told.PerHost, "metrics-per-host", false, "In a report for prometheus: a series for each host. For small fleets.")
		fs.StringVar(&r.result, "result", "", "Write the result of each host as JSON to a `FILE`, or to a file in a directory.")
	})
	if err := c.RegisterFlagCompletionFunc("report", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var formats []string
		for _, format := range append(view.ReportFormats(), github) {
			formats = append(formats, format+":")
		}
		return formats, cobra.ShellCompDirectiveNoSpace
	}); err != nil {
		panic(err) // an option that does not exist
	}
}

// begin checks what is wanted before any work, and remembers when it began.
func (r *reporting) begin(operation string, now time.Time) error {
	r.told.Operation, r.told.Started = operation, now
	return checkReports(r.wanted, "No host was contacted.", append(view.ReportFormats(), github)...)
}

// checkReports refuses reports that cannot be written, before any work; nothing
// says that there was none.
func checkReports(wanted []string, nothing string, formats ...string) error {
	for _, w := range wanted {
		format, file, _ := strings.Cut(w, ":")
		switch {
		case !slices.Contains(formats, format):
			last := len(formats) - 1
			return problem("Wrong value for an option", fmt.Sprintf("-report %s: there is no format %q. There are %s and %s.",
				w, format, strings.Join(formats[:last], ", "), formats[last]))
		case format == github && file != "":
			return problem("Wrong value for an option", "-report github: takes no file; it writes where GitHub Actions looks.")
		case format == github:
		case file == "":
			return problem("Wrong value for an option", fmt.Sprintf("-report %s needs a file: -report %s:FILE.", w, format))
		default:
			if err := writable(file); err != nil {
				return problem("Report cannot be written", sentence(err)+" "+nothing)
			}
		}
	}
	return nil
}

// finishReports writes the reports, whatever the command came to.
func (p *program) finishReports(r *reporting, outcome error) error {
	return p.finishReportsAt(r, outcome, p.now())
}

// finishReportsAt is finishReports for what ended at another time.
func (p *program) finishReportsAt(r *reporting, outcome error, finished time.Time) error {
	r.told.Finished, r.told.Found, r.told.Redact = finished, p.found, p.redact
	if told := problems(nil); errors.As(outcome, &told) {
		r.told.Found = append(r.told.Found, told...)
	}
	r.told.Base, r.told.Trace = p.base(), p.trace()
	r.told.Tool, r.told.Succeeded = thisTool(), outcome == nil || errors.Is(outcome, pending)
	errs := []error{outcome}
	if r.wants("html") && r.told.Plan != nil {
		cfg := p.declared
		if cfg == nil {
			cfg = &schema.Config{} // a plan from a file tells no networks and no peers
		}
		pairs, err := plan.Pairs(cfg, r.told.Plan, nil)
		r.told.Pairs, errs = pairs, append(errs, err)
	}
	for _, wanted := range r.wanted {
		format, file, _ := strings.Cut(wanted, ":")
		if format == github {
			errs = append(errs, p.reportToGitHub(r.told))
			continue
		}
		r.told.Previous = nil
		if format == "prometheus" {
			r.told.Previous, _ = os.ReadFile(file) // none is fine
		}
		errs = append(errs, writeReport(file, format, r.told))
	}
	if r.result != "" {
		errs = append(errs, writeReport(r.resultFile(), "json", r.told))
	}
	return errors.Join(errs...)
}

// base is the folder of the configuration as the pipeline names it: what -chdir
// said, or where we are in the checkout of GitHub Actions.
func (p *program) base() string {
	if p.chdir != "" && !filepath.IsAbs(p.chdir) {
		return p.chdir
	}
	here, err := os.Getwd()
	workspace := p.env("GITHUB_WORKSPACE")
	if err != nil || workspace == "" {
		return ""
	}
	relative, err := filepath.Rel(workspace, here)
	if err != nil || !filepath.IsLocal(relative) {
		return ""
	}
	return relative
}

// wants reports whether a report in this format was asked for.
func (r *reporting) wants(format string) bool {
	return slices.ContainsFunc(r.wanted, func(wanted string) bool { return strings.HasPrefix(wanted, format+":") })
}

// resultFile names a file in a directory by run and shard, so that the results
// of shards do not overwrite each other.
func (r *reporting) resultFile() string {
	info, err := os.Stat(r.result)
	if err != nil || !info.IsDir() {
		return r.result
	}
	name := r.told.Operation
	if report := r.told.Report; report != nil {
		name = report.RunID
		if report.Shard.Total > 0 {
			name += fmt.Sprintf("-%d-of-%d", report.Shard.Index, report.Shard.Total)
		}
	}
	return filepath.Join(r.result, name+".json")
}

// reportMode lets the other programs of a pipeline read reports; they hold
// what the log of the job holds.
const reportMode fs.FileMode = 0o644

func writeReport(file, format string, told view.Reported) error {
	err := writeFile(file, reportMode, func(f *os.File) error { return view.WriteReport(f, format, told) })
	if err != nil {
		return problem("Report cannot be written", sentence(err))
	}
	return nil
}

// reportToGitHub appends to the step summary and prints annotations.
func (p *program) reportToGitHub(told view.Reported) error {
	if path := p.env("GITHUB_STEP_SUMMARY"); path != "" {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return problem("Report cannot be written", "GITHUB_STEP_SUMMARY: "+sentence(err))
		}
		_, err = f.WriteString(told.Markdown())
		if err = errors.Join(err, f.Close()); err != nil {
			return problem("Report cannot be written", "GITHUB_STEP_SUMMARY: "+sentence(err))
		}
	}
	var b bytes.Buffer
	if err := view.GitHubAnnotations(&b, told); err != nil {
		return err
	}
	if p.flags.json || p.flags.document {
		return nil // the standard output holds nothing else
	}
	_, err := b.WriteTo(p.stdout)
	return err
}

// planned remembers a plan for the reports.
func (r *reporting) planned(built *plan.Plan) { r.told.Plan, r.told.PlanID = built, built.ID() }

// applied remembers what became of it.
func (r *reporting) applied(report *apply.Report, wave string) {
	r.told.Report, r.told.Wave = report, wave
}
