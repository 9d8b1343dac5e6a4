package plan_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// lineSchema is the schema of a line of a plan file, which is closed: a member
// that it does not name is an error.
func lineSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(plan.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	if err := compiler.AddResource("plan.json", parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("plan.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func TestPlanFilesKeepTheirSchema(t *testing.T) {
	lines := lineSchema(t)
	local := samplePlan()
	local.Hosts[0].Connection = plan.Connection{Type: schema.Local, Machine: plan.Machine{Hostname: "me", UID: 1000, Home: "/home/me"}}
	local.Hosts[0].Files, local.Hosts[0].DependsOn, local.Hosts[0].Facts = nil, nil, plan.Facts{OpenSSH: "9.2p1"}
	restore := samplePlan()
	restore.Mode = plan.Restore
	for name, p := range map[string]*plan.Plan{
		"everything": samplePlan(), "this machine": local, "restore": restore,
		"nothing": {Tool: plan.Tool{Name: "sshform", Version: "1.0.0"}, Mode: plan.Normal},
	} {
		var file bytes.Buffer
		if _, err := plan.Write(&file, p, false); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(file.String()) {
			value, err := jsonschema.UnmarshalJSON(strings.NewReader(line))
			if err != nil {
				t.Fatal(err)
			}
			if err := lines.Validate(value); err != nil {
				t.Errorf("%s: %v\n%s", name, err, line)
			}
		}
	}
	for _, wrong := range []string{`{}`, `{"record":"host"}`, `{"record":"end","hosts":0,"changes":0,"plan_id":"sha256:0","complete":true,"errored":false,"unreachable":[],"sha256":""}`} {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(wrong))
		if err != nil {
			t.Fatal(err)
		}
		if lines.Validate(value) == nil {
			t.Errorf("the schema accepts %s", wrong)
		}
	}
}
