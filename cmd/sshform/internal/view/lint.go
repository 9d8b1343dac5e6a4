package view

import (
	"fmt"
	"io"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// A Linted is a finding and where a person finds it.
type Linted struct {
	plan.Finding
	// Host is a host of the configuration; empty for files of this machine.
	Host string
	// Type is sshd or ssh.
	Type string
	// File is the path as people, or tools on this machine, know it.
	File string
	// Text is the line itself; empty where there is none.
	Text string
}

// Lint prints findings, one paragraph each, the place first as compilers have
// it; without notes only their number is told.
func (h *Human) Lint(found []Linted, notes bool) {
	counts := map[schema.Severity]int{}
	width := h.paper.Out.wrapWidth() - 4
	for _, f := range found {
		counts[f.Severity]++
		if f.Severity == liveness.Note && !notes {
			continue
		}
		place := h.line(f.File)
		if f.Line > 0 {
			place = fmt.Sprintf("%s:%d", place, f.Line)
		}
		h.print("%s: %s: %s [%s]\n", place, h.out.paint(severityStyle(f.Severity), string(f.Severity)), h.line(f.Summary), f.ID)
		if f.Text != "" {
			h.print("        %s\n", h.out.paint(faint, h.line(f.Text)))
		}
		h.print("%s\n\n", Indent(Wrap(h.line(f.Detail), width), "    "))
	}
	hidden := ""
	if counts[liveness.Note] > 0 && !notes {
		hidden = " Show the notes with -notes."
	}
	h.print("%s, %s, %s.%s\n", Count(counts[schema.Error], "error"), Count(counts[schema.Warning], "warning"), Count(counts[liveness.Note], "note"), hidden)
}

func severityStyle(s schema.Severity) style {
	switch s {
	case schema.Error:
		return red
	case schema.Warning:
		return yellow
	}
	return faint
}

// LintJSON writes findings as one document.
func LintJSON(w io.Writer, found []Linted) error {
	type findingJSON struct {
		ID       string `json:"id"`
		Severity string `json:"severity"`
		Type     string `json:"type"`
		Host     string `json:"host,omitempty"`
		File     string `json:"file"`
		Line     int    `json:"line,omitempty"`
		Keyword  string `json:"keyword,omitempty"`
		Text     string `json:"text,omitempty"`
		Summary  string `json:"summary"`
		Detail   string `json:"detail"`
	}
	document := struct {
		FormatVersion string         `json:"format_version"`
		Counts        map[string]int `json:"counts"`
		Findings      []findingJSON  `json:"findings"`
	}{reportVersion, map[string]int{"error": 0, "warning": 0, "note": 0}, []findingJSON{}}
	for _, f := range found {
		document.Counts[string(f.Severity)]++
		document.Findings = append(document.Findings, findingJSON{
			f.ID, string(f.Severity), f.Type, Clean(f.Host), Clean(f.File), f.Line, Clean(string(f.Keyword)), Clean(f.Text),
			Clean(f.Summary), Clean(f.Detail),
		})
	}
	return encode(w, document)
}
