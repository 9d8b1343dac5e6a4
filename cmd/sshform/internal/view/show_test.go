package view

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	tfjson "github.com/hashicorp/terraform-json"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// toldPlan is a plan with everything that show -json has beyond changes.
func toldPlan() *plan.Plan {
	p := laptop()
	p.Variables = []schema.Variable{{Name: "seconds", JSON: []byte("30")}, {Name: "secret", Sensitive: true}}
	p.Checks = []plan.Check{{Name: "soon", Status: "fail", Messages: []string{"Too late."}}, {Name: "ok", Status: "pass"}}
	p.Outputs = []plan.Output{
		{Name: "by_role", JSON: []byte(`{"web":2}`), Type: []byte(`["map","number"]`)},
		{Name: "secret", Sensitive: true},
	}
	p.Drift = []plan.Drift{{
		Address: schema.Address{Block: "server", Name: "home", Key: "db", HasKey: true}, Run: "20261121T170000Z-abc",
		Recorded: map[schema.Keyword]schema.Argument{"ClientAliveInterval": "30"},
	}}
	return p
}

// TestTerraformsReaderReadsOurPlans with HashiCorp's own module.
func TestTerraformsReaderReadsOurPlans(t *testing.T) {
	var b bytes.Buffer
	if err := ShowJSON(&b, toldPlan()); err != nil {
		t.Fatal(err)
	}
	var read tfjson.Plan
	if err := read.UnmarshalJSON(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := read.Validate(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range read.ResourceChanges {
		switch {
		case c.Change.Actions.Update():
			got = append(got, "update "+c.Address)
		case c.Change.Actions.NoOp():
			got = append(got, "no-op "+c.Address)
		}
	}
	want := []string{"update client.laptop", `no-op server.home["backup"]`, `update server.home["db"]`, `update server.home["web"]`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("resource changes (-want +got):\n%s", diff)
	}
	if c := read.ResourceChanges[2]; c.Mode != tfjson.ManagedResourceMode || c.Type != "server" || c.Name != "home" || c.Index != "db" {
		t.Errorf("got resource %+v", c)
	}
	if len(read.ResourceDrift) != 1 {
		t.Fatalf("got %d drifted resources, want 1", len(read.ResourceDrift))
	}
	drift := read.ResourceDrift[0]
	if diff := cmp.Diff([]any{
		`server.home["db"]`, map[string]any{"client_alive_interval": 30.0, "client_alive_count_max": 3.0},
		map[string]any{"client_alive_interval": 0.0, "client_alive_count_max": 3.0},
	}, []any{drift.Address, drift.Change.Before, drift.Change.After}); diff != "" {
		t.Errorf("drift (-want +got):\n%s", diff)
	}
	if out := read.OutputChanges["by_role"]; out == nil || !out.Actions.Create() || !cmp.Equal(out.After, any(map[string]any{"web": 2.0})) {
		t.Errorf("got output %+v", out)
	}
	if secret := read.OutputChanges["secret"]; secret == nil || secret.After != nil || secret.AfterSensitive != true {
		t.Errorf("got secret output %+v", secret)
	}
	if v := read.Variables["seconds"]; v == nil || v.Value != 30.0 {
		t.Errorf("got variable %+v", v)
	}
	if len(read.Checks) != 2 || read.Checks[0].Status != tfjson.CheckStatusFail || read.Checks[0].Address.ToDisplay != "check.soon" ||
		read.Checks[0].Instances[0].Problems[0].Message != "Too late." || read.Checks[1].Status != tfjson.CheckStatusPass {
		t.Errorf("got checks %+v", read.Checks)
	}
}
