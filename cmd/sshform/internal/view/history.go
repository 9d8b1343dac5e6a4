package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sshform/sshform/apply"
)

// Runs prints one line for each run.
func (h *Human) Runs(runs []apply.History) {
	if len(runs) == 0 {
		h.print("No run has been recorded here.\n")
	}
	for _, r := range runs {
		h.print("%s  %s  %s  %s\n", h.line(r.Run), r.Began.UTC().Format(time.RFC3339), h.line(r.Who), h.line(resultText(r)))
	}
}

// resultText says how a run came out.
func resultText(r apply.History) string {
	text := countsText(countsOf(r))
	if text == "" {
		text = "nothing changed"
	}
	if r.Ended.IsZero() {
		text += "; it never came to its end"
	}
	return text
}

func countsOf(r apply.History) map[apply.Outcome]int {
	if r.Counts != nil {
		return r.Counts
	}
	counts := map[apply.Outcome]int{}
	for _, e := range r.Hosts {
		counts[e.Outcome]++
	}
	return counts
}

// Run prints what became of each host in a run.
func (h *Human) Run(r apply.History) {
	h.print("%s\n\n", h.out.paint(strong, "Run "+h.line(r.Run)))
	h.print("by %s with sshform %s\n", h.line(r.Who), h.line(r.Version))
	h.print("plan %s\n", h.line(r.PlanID))
	if len(r.Signers) > 0 {
		h.print("signed by %s\n", h.line(strings.Join(r.Signers, " and ")))
	}
	h.print("began %s\n", r.Began.UTC().Format(time.RFC3339))
	if !r.Ended.IsZero() {
		h.print("ended %s\n", r.Ended.UTC().Format(time.RFC3339))
	}
	h.print("%s\n\n", h.line(resultText(r)))
	for _, e := range r.Hosts {
		line := fmt.Sprintf("%s: %s", e.Host, e.Outcome)
		if e.Step != "" {
			line += " at step " + string(e.Step)
		}
		if e.Error != "" {
			line += ": " + e.Error
		}
		h.print("%s\n", h.line(line))
	}
	for _, host := range r.Open {
		h.print("%s: begun, and its end was never recorded; applying the same plan again settles it\n", h.line(host))
	}
}

// HistoryJSON writes runs as one document.
func HistoryJSON(w io.Writer, runs []apply.History) error {
	type hostJSON struct {
		Host     string  `json:"host"`
		Address  string  `json:"address"`
		Outcome  string  `json:"outcome"`
		Step     string  `json:"step,omitempty"`
		Error    string  `json:"error,omitempty"`
		Restored bool    `json:"restored,omitempty"`
		Proof    string  `json:"proof,omitempty"`
		Elapsed  float64 `json:"elapsed_seconds"`
	}
	type runJSON struct {
		Run     string                `json:"run"`
		PlanID  string                `json:"plan_id"`
		Who     string                `json:"who"`
		Version string                `json:"version"`
		Signers []string              `json:"signers"`
		Began   string                `json:"began_at"`
		Ended   string                `json:"ended_at,omitempty"`
		Counts  map[apply.Outcome]int `json:"counts"`
		Hosts   []hostJSON            `json:"hosts"`
		Open    []string              `json:"open"`
	}
	document := struct {
		FormatVersion string    `json:"format_version"`
		Runs          []runJSON `json:"runs"`
	}{reportVersion, []runJSON{}}
	for _, r := range runs {
		run := runJSON{
			Run: r.Run, PlanID: r.PlanID, Who: r.Who, Version: r.Version, Signers: append([]string{}, r.Signers...), Began: stamp(r.Began),
			Counts: countsOf(r), Hosts: []hostJSON{}, Open: append([]string{}, r.Open...),
		}
		if !r.Ended.IsZero() {
			run.Ended = stamp(r.Ended)
		}
		for _, e := range r.Hosts {
			run.Hosts = append(run.Hosts, hostJSON{
				e.Host, e.Address, string(e.Outcome), string(e.Step), Clean(e.Error), e.Restored, string(e.Proof), e.Elapsed,
			})
		}
		document.Runs = append(document.Runs, run)
	}
	return encode(w, document)
}
