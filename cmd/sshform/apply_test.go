package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sshform/sshform/plan"
)

// TestWhichPlansMayBeApplied asks without any host.
func TestWhichPlansMayBeApplied(t *testing.T) {
	now := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	good := func() *plan.Plan {
		return &plan.Plan{Tool: thisTool(), Mode: plan.Normal, CreatedAt: now.Add(-time.Hour), ValidUntil: now.Add(time.Hour)}
	}
	for _, c := range []struct {
		name   string
		change func(*plan.Plan, *applying)
		maxAge string
		want   error
	}{
		{name: "a fresh one"},
		{name: "one with errors", change: func(p *plan.Plan, _ *applying) { p.Errored = true }, want: refused},
		{name: "an expired one", change: func(p *plan.Plan, _ *applying) { p.ValidUntil = now.Add(-time.Second) }, want: refused},
		{name: "one that never expires", change: func(p *plan.Plan, _ *applying) { p.ValidUntil = time.Time{} }, want: refused},
		{name: "one too old here", maxAge: "30m", want: refused},
		{name: "one young enough here", maxAge: "2h"},
		{name: "one from the future", change: func(p *plan.Plan, _ *applying) { p.CreatedAt = now.Add(time.Hour) }, want: refused},
		{name: "a clock a minute ahead", change: func(p *plan.Plan, _ *applying) { p.CreatedAt = now.Add(time.Minute) }},
		{name: "another version", change: func(p *plan.Plan, _ *applying) { p.Tool.Version = "9.8.7" }, want: refused},
		{name: "another version, accepted", change: func(p *plan.Plan, o *applying) { p.Tool.Version, o.versionSkew = "9.8.7", true }},
		{name: "the approved one", change: func(p *plan.Plan, o *applying) { o.planID = p.ID() }},
		{name: "not the approved one", change: func(_ *plan.Plan, o *applying) { o.planID = "sha256:0" }, want: refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			silent, err := os.Create(filepath.Join(t.TempDir(), "out"))
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			env := map[string]string{"SSHFORM_MAX_PLAN_AGE": c.maxAge}
			p := &program{
				env: func(name string) string { return env[name] }, stdin: silent, stdout: &outlet{file: silent}, stderr: silent,
				now: func() time.Time { return now }, detailed: true,
			}
			built, o := good(), &applying{}
			if c.change != nil {
				c.change(built, o)
			}
			if got := p.mayBeApplied(built, o); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestSameValue(t *testing.T) {
	for _, c := range []struct {
		planned, said string
		want          bool
	}{
		{`"web"`, "web", true},
		{`"say \"hi\""`, `say "hi"`, true},
		{`"web"`, `"web"`, false},
		{`30`, "30", true},
		{`"30"`, "30", true},
		{`30`, "31", false},
		{`["a","b"]`, `["a", "b"]`, true},
		{`["a","b"]`, `["b", "a"]`, false},
		{`null`, "null", true},
		{`["a"]`, `[`, false},
	} {
		if got := sameValue([]byte(c.planned), c.said); got != c.want {
			t.Errorf("%s and -var %s: got %t, want %t", c.planned, c.said, got, c.want)
		}
	}
}
