package view

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// valid demands that text keeps the schema of a format, and that it holds
// nothing that the schema does not describe: readers may ignore members that
// they do not know, and writers have to describe theirs.
func valid(t *testing.T, format, text string) {
	t.Helper()
	judge, err := testenv.Schema(Schema(format), "", true)
	if err != nil {
		t.Fatal(err)
	}
	documents := []string{text}
	if format == "ui" {
		documents = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	}
	for _, document := range documents {
		if err := judge(document); err != nil {
			t.Errorf("%v\nin %s", err, document)
		}
	}
}

func TestDocumentsKeepTheirSchemas(t *testing.T) {
	var b bytes.Buffer
	for _, p := range []*plan.Plan{laptop(), toldPlan(), {Mode: plan.Restore, Unreachable: []plan.Unreachable{{Host: "web", Step: "connect", Err: "no"}}, Tool: plan.Tool{Name: "sshform"}}} {
		b.Reset()
		if p.Mode == "" {
			p.Mode = plan.Normal
		}
		if err := ShowJSON(&b, p); err != nil {
			t.Fatal(err)
		}
		valid(t, "show", b.String())
	}
	for _, r := range []Reported{planned(), appliedReport(), {Operation: "plan"}} {
		if r.Plan != nil {
			r.PlanID = r.Plan.ID()
		}
		valid(t, "report", written(t, "json", r))
	}
	shard := appliedReport()
	shard.PlanID, shard.Wave = shard.Plan.ID(), "canary"
	shard.Report.RunID, shard.Report.Shard, shard.Report.Stopped = "r1", apply.Shard{Index: 1, Total: 4}, &apply.Stopped{Kind: "budget"}
	valid(t, "report", written(t, "json", shard))
	b.Reset()
	outputs := []Output{{Name: "n", Type: []byte(`"number"`), JSON: []byte("3"), Text: "3"}, {Name: "s", Sensitive: true}}
	if err := OutputsJSON(&b, outputs); err != nil {
		t.Fatal(err)
	}
	valid(t, "output", b.String())
	b.Reset()
	if err := Validation(&b, schema.Diagnostics{twice(), {Severity: schema.Warning, Summary: "Odd"}}, Paper{Source: source}); err != nil {
		t.Fatal(err)
	}
	valid(t, "validate", b.String())
	stream(t, func(j *JSON) {
		j.Note("a note")
		j.Outputs(outputs)
		j.Plan(Shown{Plan: toldPlan(), Operation: "plan"})
		for _, kind := range []string{"budget", "window", "interrupt", "journal"} {
			j.Event(apply.Event{Kind: apply.RolloutStopped, Stopped: &apply.Stopped{Kind: kind}})
		}
		for _, kind := range []apply.EventKind{apply.RefreshStarted, apply.RefreshCompleted} {
			j.Event(apply.Event{Kind: kind, Host: "web"})
		}
	})
}

// TestSchemasRefuseOtherDocuments, so that the tests above can fail.
func TestSchemasRefuseOtherDocuments(t *testing.T) {
	for _, name := range SchemaNames() {
		judge, err := testenv.Schema(Schema(name), "", false)
		if err != nil {
			t.Fatal(err)
		}
		if judge(`{"format_version": 1, "n": 1}`) == nil {
			t.Errorf("%s accepts anything", name)
		}
	}
}
