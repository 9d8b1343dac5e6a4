package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
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
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(jsonSchema(format)))
	ts.Check(err)
	closeObjects(schema)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	ts.Check(compiler.AddResource("file:///"+format, schema))
	compiled, err := compiler.Compile("file:///" + format + part)
	ts.Check(err)
	documents := []string{text}
	if slices.Contains([]string{"plan", "ui", "resource_change"}, args[0]) {
		documents = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	}
	for _, document := range documents {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
		ts.Check(err)
		if err := compiled.Validate(value); err != nil {
			ts.Fatalf("%v\nin %s", err, document)
		}
	}
}

// closeObjects forbids members that are not described: readers may ignore what
// they do not know, and writers have to describe what they write.
func closeObjects(schema any) {
	switch node := schema.(type) {
	case map[string]any:
		if _, described := node["properties"]; described && node["additionalProperties"] == nil {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			closeObjects(child)
		}
	case []any:
		for _, child := range node {
			closeObjects(child)
		}
	}
}
