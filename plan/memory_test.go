package plan_test

import (
	"bytes"
	"runtime"
	"slices"
	"testing"

	"github.com/sshform/sshform/plan"
)

// TestMemoryOfAFurtherHost bounds what a plan keeps of a host that is equal to
// another one, whether it was built or read from a file.
func TestMemoryOfAFurtherHost(t *testing.T) {
	const few, many, limit = 200, 1000, 450 // hosts, hosts, bytes
	build := func(n int) *plan.Plan {
		cfg, observed := stockFleet(t, n, false)
		p, diags := plan.Build(cfg, slices.Values(observed), plan.BuildOptions{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		return p
	}
	read := func(n int) *plan.Plan {
		var file bytes.Buffer
		if _, err := plan.WriteHosts(&file, samplePlan(), manyHosts(n), true); err != nil {
			t.Fatal(err)
		}
		p, err := plan.Read(&file)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for how, plan := range map[string]func(int) *plan.Plan{"built": build, "read": read} {
		keeps := func(n int) uint64 {
			p := plan(n)
			with := live()
			runtime.KeepAlive(p)
			return with - min(with, live())
		}
		got := (keeps(many) - keeps(few)) / (many - few)
		t.Logf("%s: %d bytes", how, got)
		if got > limit {
			t.Errorf("%s: got %d bytes for each further host, want at most %d", how, got, limit)
		}
	}
}
