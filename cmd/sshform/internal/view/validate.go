package view

import (
	"encoding/json"
	"io"

	"github.com/sshform/sshform/schema"
)

// Validation writes what validate -json prints.
func Validation(w io.Writer, found schema.Diagnostics, paper Paper) error {
	document := struct {
		FormatVersion string           `json:"format_version"`
		Valid         bool             `json:"valid"`
		Errors        int              `json:"error_count"`
		Warnings      int              `json:"warning_count"`
		Diagnostics   []diagnosticJSON `json:"diagnostics"`
	}{FormatVersion: validateVersion, Valid: !found.HasErrors(), Diagnostics: []diagnosticJSON{}}
	text := func(s string) string { return paper.Redact.Text(Clean(s)) }
	for _, d := range found.Sorted() {
		if d.Severity == schema.Error {
			document.Errors++
		} else {
			document.Warnings++
		}
		document.Diagnostics = append(document.Diagnostics, diagnosticOf(d, paper.Source, text))
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}
