package main

import (
	"compress/gzip"
	"io"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sshform/sshform/schema/testenv"
)

// keepsSchema demands that a file, or the last output, keeps the schema that
// sshform schema prints: valid show stdout. Formats of lines are judged line
// by line; resource_change is a line of show -json -lines.
func keepsSchema(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: valid FORMAT FILE")
	}
	format, part := args[0], ""
	if format == "resource_change" {
		format, part = "show", "#/$defs/resource_change"
	}
	text := ts.ReadFile(args[1])
	if strings.HasPrefix(text, "\x1f\x8b") {
		zip, err := gzip.NewReader(strings.NewReader(text))
		ts.Check(err)
		plain, err := io.ReadAll(zip)
		ts.Check(err)
		text = string(plain)
	}
	judge, err := testenv.Schema(jsonSchema(format), part, true)
	ts.Check(err)
	documents := []string{text}
	if slices.Contains([]string{"plan", "ui", "resource_change"}, args[0]) {
		documents = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	}
	for _, document := range documents {
		if err := judge(document); err != nil {
			ts.Fatalf("%v\nin %s", err, document)
		}
	}
}
