package hclfile

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema/testenv"
)

// TestReferenceIsCurrent compares what is checked in with the tables; -update
// writes it anew.
func TestReferenceIsCurrent(t *testing.T) {
	for path, want := range map[string][]byte{"reference.md": Reference(), "schema.json": JSONSchema()} {
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(string(want), text(t, path)); diff != "" {
			t.Errorf("%s is not what the tables say (-tables +file); go test -update rewrites it:\n%s", path, diff)
		}
	}
}

func TestReferenceNamesEverything(t *testing.T) {
	got := string(Reference())
	for _, block := range language() {
		for _, a := range block.attributes {
			if !strings.Contains(got, "| `"+a.name+"` |") || a.doc == "" {
				t.Errorf("got no line with a text for %s of %s", a.name, block.name)
			}
		}
	}
}

func TestJSONSchema(t *testing.T) {
	judge, err := testenv.Schema(JSONSchema(), "", false)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		text string
		ok   bool
	}{
		"fleet": {`{
			"//": "the same language",
			"variable": {"i": {"type": "number", "default": 30, "validation": {"condition": "${var.i > 3}", "error_message": "no"}}},
			"inventory": {"f": {"source": {"csv": {"path": "a.csv"}}, "min_hosts": "${var.i}"}},
			"server": {"s": {"for_each": "${inventory.f.hosts}", "host": "${each.value}", "client_alive_interval": "1m", "unset": ["login_grace_time"],
				"file": {"drop_in": null}, "connection": [{"become": "sudo"}]}},
			"rollout": {"r": {"targets": "server.s", "wave": {"w": {"percent": 100}}}},
			"locals": {"anything": [1]}
		}`, true},
		"unknown block":    {`{"sever": {}}`, false},
		"unknown argument": {`{"server": {"s": {"host": "${host.a}", "client_alive_intervall": 3}}}`, false},
		"unknown word":     {`{"connection": {"become": "su"}}`, false},
		"missing argument": {`{"server": {"s": {}}}`, false},
		"wrong type":       {`{"connection": {"port": []}}`, false},
		"unknown source":   {`{"inventory": {"f": {"source": {"cvs": {"path": "a"}}}}}`, false},
	} {
		if err := judge(test.text); (err == nil) != test.ok {
			t.Errorf("%s: got %v, want valid %t", name, err, test.ok)
		}
	}
}
