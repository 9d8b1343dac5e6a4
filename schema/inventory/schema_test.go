package inventory_test

import (
	"testing"

	"github.com/sshform/sshform/schema/inventory"
	"github.com/sshform/sshform/schema/testenv"
)

// TestSchemaAndReaderAgree on what a program may print.
func TestSchemaAndReaderAgree(t *testing.T) {
	judge, err := testenv.Schema(inventory.JSONSchema(), "", false)
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
		if got := judge(c.text); (got == nil) != c.good {
			t.Errorf("%s: the schema says %v, want good: %t", c.text, got, c.good)
		}
		if _, found := inventory.ReadExternal([]byte(c.text), inventory.Source{Kind: inventory.External}); found.HasErrors() == c.good {
			t.Errorf("%s: the reader says %+v, want good: %t", c.text, found, c.good)
		}
	}
}
