package view

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Reported is everything that a report can tell of a command.
type Reported struct {
	Operation string // "plan", "drift" or "apply"
	// Plan is nil when none came about.
	Plan   *plan.Plan
	PlanID string
	// PlanHosts is how many hosts the plan has, where Plan is nil; 0 is unknown.
	PlanHosts int
	// Report is nil unless something was applied.
	Report            *apply.Report
	Wave              string // of -wave; empty is all
	Found             schema.Diagnostics
	Started, Finished time.Time
	// Pairs are the clients and servers that talk to each other, for html.
	Pairs  []plan.Pairing
	Redact *Redactor
	// Trace is the trace that the run belongs to, in hex; may be empty.
	Trace string
	// Base is the folder of the configuration as the pipeline names it, for the
	// files that annotations stand beside; empty is where the pipeline works.
	Base string
	// What prometheus tells besides. Succeeded says that the command did what it
	// should, drift that was found included; Previous is the file that is
	// replaced; PerHost asks for a series for each host.
	Tool      plan.Tool
	Succeeded bool
	Previous  []byte
	PerHost   bool
}

// ReportFormats are the formats that WriteReport knows.
func ReportFormats() []string {
	return []string{"json", "retry", "markdown", "gitlab-terraform", "junit", "html", "prometheus"}
}

// WriteReport writes a report in one of the formats of ReportFormats.
func WriteReport(w io.Writer, format string, r Reported) error {
	switch format {
	case "json":
		return r.json(w)
	case "retry":
		return r.retry(w)
	case "markdown":
		_, err := io.WriteString(w, r.Markdown())
		return err
	case "gitlab-terraform":
		return r.gitlab(w)
	case "junit":
		return r.junit(w)
	case "html":
		return r.html(w)
	case "prometheus":
		return r.prometheus(w)
	}
	return fmt.Errorf("there is no report %q", format)
}

// fates returns what became of each host: as applied, or as planned. Hosts
// with pending changes that nobody applied are skipped.
func (r Reported) fates() []apply.HostReport {
	if r.Report != nil {
		return r.Report.Hosts
	}
	if r.Plan == nil {
		return nil
	}
	var hosts []apply.HostReport
	for _, h := range r.Plan.Hosts {
		fate := apply.HostReport{Host: h.Host, Address: h.Connection().Address, Wave: h.Wave, Outcome: apply.Unchanged}
		if h.Changed() {
			fate.Outcome = apply.Skipped
		}
		for _, c := range h.Changes() {
			fate.Addresses = append(fate.Addresses, c.Address)
		}
		hosts = append(hosts, fate)
	}
	for _, u := range r.Plan.Unreachable {
		hosts = append(hosts, apply.HostReport{
			Host: u.Host, Outcome: apply.Unreachable, Step: apply.StepName(u.Step), Err: errors.New(u.Err), Addresses: u.Addresses,
		})
	}
	slices.SortStableFunc(hosts, func(a, b apply.HostReport) int { return cmp.Compare(a.Host, b.Host) })
	return hosts
}

func (r Reported) text(text string) string { return r.Redact.Text(Clean(text)) }

// A ResultDocument is the json report. Documents of shards are merged.
type ResultDocument struct {
	FormatVersion string         `json:"format_version"`
	Operation     string         `json:"operation"`
	RunID         string         `json:"run_id,omitempty"`
	PlanID        string         `json:"plan_id"`
	Shard         *ResultShard   `json:"shard"`
	Trace         string         `json:"trace_id,omitempty"`
	Wave          string         `json:"wave,omitempty"`
	StartedAt     string         `json:"started_at"`
	FinishedAt    string         `json:"finished_at"`
	Counts        map[string]int `json:"counts"`
	Stopped       string         `json:"stopped,omitempty"`
	// PlanHosts is how many hosts the plan has; 0 is unknown.
	PlanHosts int          `json:"plan_hosts,omitempty"`
	Waves     []ResultWave `json:"waves"`
	Hosts     []ResultHost `json:"hosts"`
}

// A ResultShard says which part of the fleet a result is of.
type ResultShard struct {
	Index int `json:"index"`
	Total int `json:"total"`
}

// A ResultWave is how far a wave came. Complete says that it ran to its end,
// its soak included, within its budget: the next wave may start.
type ResultWave struct {
	Name       string         `json:"name"`
	Index      int            `json:"index"`
	Hosts      int            `json:"hosts"`
	Counts     map[string]int `json:"counts"`
	Soak       float64        `json:"soak_seconds,omitempty"`
	StartedAt  string         `json:"started_at"`
	FinishedAt string         `json:"finished_at"`
	Complete   bool           `json:"complete"`
}

// A ResultHost is what became of one host.
type ResultHost struct {
	Host      string   `json:"host"`
	Address   string   `json:"address"`
	Addresses []string `json:"addresses"`
	Wave      string   `json:"wave,omitempty"`
	Outcome   string   `json:"outcome"`
	Step      string   `json:"step,omitempty"`
	Error     string   `json:"error,omitempty"`
	Restored  bool     `json:"restored"`
	Elapsed   float64  `json:"elapsed_seconds"`
}

func (r Reported) json(w io.Writer) error {
	document := ResultDocument{
		FormatVersion: reportVersion, Operation: r.Operation, PlanID: r.PlanID, Trace: r.Trace, Wave: r.Wave,
		StartedAt: stamp(r.Started), FinishedAt: stamp(r.Finished), Counts: map[string]int{},
		PlanHosts: r.PlanHosts, Waves: []ResultWave{}, Hosts: []ResultHost{},
	}
	if r.Plan != nil {
		document.PlanHosts = len(r.Plan.Hosts)
	}
	for _, o := range apply.Outcomes() {
		document.Counts[string(o)] = 0
	}
	if r.Report != nil {
		document.RunID = r.Report.RunID
		if r.Report.Shard.Total > 0 {
			document.Shard = &ResultShard{r.Report.Shard.Index, r.Report.Shard.Total}
		}
		if r.Report.Stopped != nil {
			document.Stopped = r.Report.Stopped.Kind
		}
		for _, w := range r.Report.Waves {
			document.Waves = append(document.Waves, resultWave(w))
		}
	}
	for _, h := range r.fates() {
		document.Counts[string(h.Outcome)]++
		line := ResultHost{
			Host: h.Host, Address: h.Address, Addresses: []string{}, Wave: h.Wave, Outcome: string(h.Outcome),
			Step: string(h.Step), Restored: h.Restored, Elapsed: h.Elapsed.Seconds(),
		}
		for _, a := range h.Addresses {
			line.Addresses = append(line.Addresses, a.String())
		}
		if h.Err != nil {
			line.Error = r.text(h.Err.Error())
		}
		document.Hosts = append(document.Hosts, line)
	}
	return encode(w, document)
}

func resultWave(w apply.WaveReport) ResultWave {
	out := ResultWave{
		Name: w.Name, Index: w.Index, Hosts: w.Hosts, Counts: map[string]int{}, Soak: w.Soak.Seconds(),
		StartedAt: stamp(w.Started), FinishedAt: stamp(w.Finished), Complete: w.Complete,
	}
	for outcome, n := range w.Counts {
		if n > 0 {
			out.Counts[string(outcome)] = n
		}
	}
	return out
}

// retry writes the addresses of what did not succeed, for -target-file.
func (r Reported) retry(w io.Writer) error {
	var b strings.Builder
	for _, h := range r.fates() {
		if h.Outcome.Succeeded() {
			continue
		}
		for _, a := range h.Addresses {
			fmt.Fprintln(&b, a)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// gitlab writes the three numbers that GitLab's merge requests show.
func (r Reported) gitlab(w io.Writer) error {
	var t tally
	if r.Plan != nil {
		changed, _ := changes(r.Plan)
		t = tallyOf(changed)
	}
	const most = 999_999 // GitLab clamps there
	return json.NewEncoder(w).Encode(struct {
		Create int `json:"create"`
		Update int `json:"update"`
		Delete int `json:"delete"`
	}{min(t.add, most), min(t.change, most), min(t.destroy, most)})
}
