package view

import (
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan"
)

// The parts of SARIF 2.1.0 that code scanning reads.
type (
	sarifText struct {
		Text string `json:"text"`
	}
	sarifRule struct {
		ID    string    `json:"id"`
		Short sarifText `json:"shortDescription"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitempty"`
		EndLine     int `json:"endLine,omitempty"`
		EndColumn   int `json:"endColumn,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
)

// sarifSchema names the schema of SARIF 2.1.0 (OASIS).
const sarifSchema = "https://json.schemastore.org/sarif-2.1.0.json"

// SARIF writes findings for code scanning. The severities of findings are
// SARIF's own levels.
func SARIF(w io.Writer, found []Linted, tool plan.Tool) error {
	run := sarifRun{
		Tool:    sarifTool{sarifDriver{Name: "sshform", Version: tool.Version, Rules: []sarifRule{}}},
		Results: []sarifResult{},
	}
	for _, f := range found {
		if !slices.ContainsFunc(run.Tool.Driver.Rules, func(r sarifRule) bool { return r.ID == f.ID }) {
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{f.ID, sarifText{f.Summary}})
		}
		at := sarifPhysical{Artifact: sarifArtifact{fileURI(Clean(f.File))}}
		if f.Line > 0 {
			at.Region = &sarifRegion{StartLine: f.Line}
		}
		run.Results = append(run.Results, sarifResult{
			RuleID: f.ID, Level: string(f.Severity), Message: sarifText{Clean(f.Summary + ". " + f.Detail)},
			Locations: []sarifLocation{{at}},
		})
	}
	return encode(w, sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
}

// DiagnosticsSARIF writes what was found: mistakes in configuration for code scanning. The
// rule of one is its summary, which holds no name of a user's.
func DiagnosticsSARIF(w io.Writer, r Reported) error {
	run := sarifRun{
		Tool:    sarifTool{sarifDriver{Name: "sshform", Version: r.Tool.Version, Rules: []sarifRule{}}},
		Results: []sarifResult{},
	}
	for _, d := range r.Found.Sorted() {
		id := strings.ReplaceAll(strings.ToLower(r.text(d.Summary)), " ", "-")
		if !slices.ContainsFunc(run.Tool.Driver.Rules, func(r sarifRule) bool { return r.ID == id }) {
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{id, sarifText{r.text(d.Summary)}})
		}
		result := sarifResult{
			RuleID: id, Level: string(d.Severity), Message: sarifText{r.text(d.Summary + ". " + d.Detail)}, Locations: []sarifLocation{},
		}
		if s := d.Subject; s != nil && s.Filename != "" {
			at := sarifPhysical{Artifact: sarifArtifact{fileURI(r.text(r.path(s.Filename)))}}
			if s.Start.Line > 0 {
				at.Region = &sarifRegion{s.Start.Line, s.Start.Column, s.End.Line, s.End.Column}
			}
			result.Locations = append(result.Locations, sarifLocation{at})
		}
		run.Results = append(run.Results, result)
	}
	return encode(w, sarifLog{sarifSchema, "2.1.0", []sarifRun{run}})
}

// fileURI is a path as a URI: relative ones stay relative to the repository.
func fileURI(name string) string {
	name = filepath.ToSlash(name)
	if path.IsAbs(name) {
		return (&url.URL{Scheme: "file", Path: name}).String()
	}
	return (&url.URL{Path: path.Clean(name)}).String()
}
