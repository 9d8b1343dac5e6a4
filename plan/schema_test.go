package plan_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

func TestPlanFilesKeepTheirSchema(t *testing.T) {
	judge, err := testenv.Schema(plan.JSONSchema(), "", true)
	if err != nil {
		t.Fatal(err)
	}
	local := samplePlan()
	local.Hosts[0] = local.Hosts[0].Via(plan.Connection{Type: schema.Local, Machine: plan.Machine{Hostname: "me", UID: 1000, Home: "/home/me"}})
	decide(&local.Hosts[0], func(d *plan.Decision) { d.Files, d.DependsOn, d.Facts = nil, nil, plan.Facts{OpenSSH: "9.2p1"} })
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
			if err := judge(line); err != nil {
				t.Errorf("%s: %v\n%s", name, err, line)
			}
		}
	}
	for _, wrong := range []string{`{}`, `{"record":"host"}`, `{"record":"end","hosts":0,"changes":0,"plan_id":"sha256:0","complete":true,"errored":false,"unreachable":[],"sha256":""}`} {
		if judge(wrong) == nil {
			t.Errorf("the schema accepts %s", wrong)
		}
	}
}
