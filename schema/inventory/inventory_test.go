package inventory_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/inventory"
)

// read reads a source that must be right.
func read(t *testing.T, source inventory.Source, text string) []inventory.Host {
	t.Helper()
	listing, diags := inventory.Read(strings.NewReader(text), source)
	for _, d := range diags {
		t.Errorf("got %s, want no diagnostic", line(d))
	}
	return listing.Hosts
}

// line is a diagnostic in one line, as tests want it.
func line(d schema.Diagnostic) string {
	return fmt.Sprintf("%s:%d: %s: %s: %s", d.Subject.Filename, d.Subject.Start.Line, d.Severity, d.Summary, d.Detail)
}

// wrong reads a source that must have a mistake, and returns what is told.
func wrong(t *testing.T, source inventory.Source, text string) []string {
	t.Helper()
	listing, diags := inventory.Read(strings.NewReader(text), source)
	if !diags.HasErrors() || len(listing.Hosts) > 0 {
		t.Errorf("got %d hosts and %d diagnostics of %.60q, want no hosts and an error", len(listing.Hosts), len(diags), text)
	}
	var told []string
	for _, d := range diags {
		told = append(told, line(d))
	}
	return told
}

func TestFourSpellingsOfTheSameHosts(t *testing.T) {
	want := []inventory.Host{
		{
			Name: "db", Tags: []string{"frozen", "eu"}, Filename: "f",
			Vars:       map[string]any{"role": "db"},
			Connection: schema.Connection{Address: "10.0.0.2", Port: 2222, User: "ops"},
		},
		{
			Name: "web", Filename: "f",
			Vars:       map[string]any{"role": "web"},
			Connection: schema.Connection{Address: "web"},
		},
	}
	for _, test := range []struct {
		kind inventory.Kind
		text string
	}{
		{inventory.CSV, "name,address,port,user,tags,role\nweb,web,,,,web\ndb,10.0.0.2,2222,ops,\"frozen, eu\",db\n"},
		{inventory.CSV, "\ufeffname,address,port,user,tags,role\r\nweb,web,,,,web\r\ndb,10.0.0.2,2222,ops,frozen|eu,db\r\n"},
		{inventory.JSON, `{"web":{"role":"web"},"db":{"address":"10.0.0.2","port":2222,"user":"ops","tags":["frozen","eu"],"role":"db"}}`},
		{inventory.JSON, `[{"name":"web","role":"web"},{"name":"db","address":"10.0.0.2","port":"2222","user":"ops","tags":"frozen eu","role":"db"}]`},
		{inventory.JSON, `{"format_version":"1.0","hosts":{"web":{"vars":{"role":"web"}},"db":{"address":"10.0.0.2","port":2222,"user":"ops","tags":["frozen","eu"],"vars":{"role":"db"}}}}`},
		{inventory.JSON, `{"hosts":[{"name":"web","role":"web"},{"name":"db","address":"10.0.0.2","port":2222,"user":"ops","tags":["frozen","eu"],"role":"db"}]}`},
		{inventory.YAML, "web: {role: web}\ndb:\n  address: 10.0.0.2\n  port: 2222\n  user: ops\n  tags: [frozen, eu]\n  role: db\n"},
		{inventory.YAML, "hosts:\n- name: web\n  role: &r web\n- name: db\n  address: 10.0.0.2\n  port: 2222\n  user: ops\n  tags: [frozen, eu]\n  vars: {role: db}\n"},
	} {
		got := read(t, inventory.Source{Kind: test.kind, Filename: "f"}, test.text)
		for i := range got {
			if got[i].Line == 0 {
				t.Errorf("%s: got no line for %s", test.kind, got[i].Name)
			}
			got[i].Line = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %.60q (-want +got):\n%s", test.kind, test.text, diff)
		}
	}
}

func TestSchemaHost(t *testing.T) {
	h := inventory.Host{Name: "a", Tags: []string{"x"}, Vars: map[string]any{
		"text": "t", "number": json.Number("1.50"), "flag": true, "nothing": nil,
		"list": []any{"a", json.Number("1")}, "object": map[string]any{"b": nil, "a": "x"},
	}}
	want := schema.Host{Name: "a", Tags: []string{"x"}, Vars: map[string]string{
		"text": "t", "number": "1.50", "flag": "true", "list": `["a",1]`, "object": `{"a":"x","b":null}`,
	}}
	if diff := cmp.Diff(want, h.Schema()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
