package inventory_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sshform/sshform/schema/inventory"
)

// TestSchemaAndReaderAgree on what a program may print.
func TestSchemaAndReaderAgree(t *testing.T) {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(inventory.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("inventory.json", parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("inventory.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		text string
		good bool
	}{
		{`{"format_version":"1.0","hosts":{}}`, true},
		{`{"format_version":"1.0","hosts":{"web":{}}}`, true},
		{`{"format_version":"1.0","hosts":{"web":{"address":"192.0.2.1","port":22,"user":"ops","tags":["a","b"],"vars":{"role":"web","n":[1,{"x":null}]}}}}`, true},
		{`{"format_version":"1.0","hosts":{"web":{"ssh_alias":"web","tags":"a,b","port":"2222","vars":null}}}`, true},
		{`{"format_version":"1.0","hosts":{"web":{"adress":"192.0.2.1"}}}`, false},
		{`{"format_version":"1.0","hosts":{"web":"192.0.2.1"}}`, false},
		{`{"format_version":"1.0","hosts":{"web":{"vars":[]}}}`, false},
		{`{"format_version":"1.0","hosts":{"web":{"tags":{}}}}`, false},
		{`{"format_version":"1.0"}`, false},
		{`{"format_version":"2.0","hosts":{}}`, false},
		{`{"format_version":"1.0","hosts":{},"more":{}}`, false},
	} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(c.text))
		if err != nil {
			t.Fatal(err)
		}
		if got := compiled.Validate(value); (got == nil) != c.good {
			t.Errorf("%s: the schema says %v, want good: %t", c.text, got, c.good)
		}
		if _, found := inventory.ReadExternal([]byte(c.text), inventory.Source{Kind: inventory.External}); found.HasErrors() == c.good {
			t.Errorf("%s: the reader says %+v, want good: %t", c.text, found, c.good)
		}
	}
}
