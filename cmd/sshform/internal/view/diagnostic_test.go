package view

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema"
)

const fleetFile = `server "web" {
	client_alive_interval = var.ü
}
`

func twice() schema.Diagnostic {
	return schema.Diagnostic{
		Severity: schema.Error,
		Summary:  "Setting declared twice",
		Detail: "ClientAliveInterval for host \"web-1\" was already declared at fleet.hcl:6. OpenSSH uses only one value.\n" +
			"Remove one of the two, or move one to a narrower group.",
		Subject: &schema.Range{
			Filename: "fleet.hcl",
			Start:    schema.Pos{Line: 2, Column: 26, Byte: 40},
			End:      schema.Pos{Line: 2, Column: 31, Byte: 46},
		},
		Block:  `server "web"`,
		Values: []schema.Known{{Traversal: "var.ü", Statement: "is 300"}},
	}
}

func source(string) []byte { return []byte(fleetFile) }

func TestADiagnosticAsText(t *testing.T) {
	for name, c := range map[string]struct {
		stream Stream
		want   string
	}{
		"in a pipe": {Stream{}, `
Error: Setting declared twice

  on fleet.hcl line 2, in server "web":
  2:   client_alive_interval = var.ü
                               ^^^^^
    | var.ü is 300

ClientAliveInterval for host "web-1" was already declared at fleet.hcl:6.
OpenSSH uses only one value.
Remove one of the two, or move one to a narrower group.
`},
		"on a terminal without colour": {Stream{Terminal: true, Width: 60}, `╷
│ Error: Setting declared twice
│ 
│   on fleet.hcl line 2, in server "web":
│   2:   client_alive_interval = var.ü
│                                ^^^^^
│     ├────────────────
│     │ var.ü is 300
│ 
│ ClientAliveInterval for host "web-1" was already declared
│ at fleet.hcl:6. OpenSSH uses only one value.
│ Remove one of the two, or move one to a narrower group.
╵
`},
		"in a pipe with colour": {Stream{Colour: true}, "\n" +
			"\x1b[31mError: \x1b[m\x1b[1mSetting declared twice\x1b[m\n\n" +
			"  on fleet.hcl line 2, in server \"web\":\n" +
			"  2:   client_alive_interval = \x1b[4mvar.ü\x1b[m\n" +
			"    \x1b[2m|\x1b[m \x1b[1mvar.ü\x1b[m is 300\n\n" +
			"ClientAliveInterval for host \"web-1\" was already declared at fleet.hcl:6.\n" +
			"OpenSSH uses only one value.\n" +
			"Remove one of the two, or move one to a narrower group.\n"},
	} {
		t.Run(name, func(t *testing.T) {
			out, errs := printed(Paper{Err: c.stream, Source: source}, func(h *Human) {
				h.Diagnose(schema.Diagnostics{twice()})
			})
			if diff := cmp.Diff(c.want, errs); diff != "" {
				t.Errorf("diagnostic (-want +got):\n%s", diff)
			}
			if out != "" {
				t.Errorf("got %q on the output, want nothing", out)
			}
		})
	}
}

func TestEqualDiagnosticsAreOne(t *testing.T) {
	var ds schema.Diagnostics
	for i := range 42 {
		host := fmt.Sprintf("web-%02d", i)
		ds = append(ds, schema.Diagnostic{
			Severity: schema.Error, Summary: "Host could not be read",
			Detail: "dial " + host + ".example.net: connection refused",
			Where:  &schema.Place{Host: host, Address: host + ".example.net", Step: "connect"},
		})
	}
	_, errs := printed(Paper{}, func(h *Human) { h.Diagnose(ds) })
	want := `
Error: Host could not be read

  on host web-00 (web-00.example.net), step connect:

dial web-00.example.net: connection refused

(and 41 more hosts: web-01 to web-41)
`
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Errorf("42 equal diagnostics (-want +got):\n%s", diff)
	}
}

func TestWarningsGoToTheOutput(t *testing.T) {
	warning := schema.Diagnostic{Severity: schema.Warning, Summary: "Plan is partial", Detail: "Some targets were left out."}
	out, errs := printed(Paper{}, func(h *Human) { h.Diagnose(schema.Diagnostics{warning}) })
	if want := "\nWarning: Plan is partial\n\nSome targets were left out.\n"; out != want || errs != "" {
		t.Errorf("got %q and %q, want %q and nothing", out, errs, want)
	}
	compact, _ := printed(Paper{CompactWarnings: true}, func(h *Human) { h.Diagnose(schema.Diagnostics{warning}) })
	if want := "\nWarnings:\n\n- Plan is partial\n\nTo see them in full, run the command without -compact-warnings.\n"; compact != want {
		t.Errorf("got %q, want %q", compact, want)
	}
}
