package view

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// What Atlantis looks for in the output of a plan (runatlantis/atlantis,
// server/events/models/models.go).
const (
	atlantisChanges   = `Plan: (?:(\d+) to import, )?(\d+) to add, (\d+) to change, (\d+) to destroy.`
	atlantisNoChanges = `No changes. (Infrastructure is up-to-date|Your infrastructure matches the configuration).`
	atlantisMarker    = `(?m)^( +)([-+~]\s)(.*)(\s=\s|\s->\s|<<|\{|\(known after apply\)| {2,}[^ ]+:.*)(.*)`
	atlantisTilde     = `(?m)^~`
)

// What tfcmt looks for (suzuki-shunsuke/tfcmt, pkg/terraform/parser.go).
const (
	tfcmtPlanPass  = `(?m)^(Plan: \d|No changes.)`
	tfcmtNoChanges = `(?m)^(No changes.)`
	tfcmtFail      = `(?m)^([│|] )?(Error: )`
	tfcmtWarning   = `(?m)^([│|] )?(Warning: )`
	tfcmtDestroy   = `(?m)([1-9][0-9]* to destroy.)`
	tfcmtCreate    = `^ *# (.*) will be created$`
	tfcmtUpdate    = `^ *# (.*) will be updated in-place$`
	tfcmtDelete    = `^ *# (.*) will be destroyed$`
	tfcmtApplyPass = `(?m)^(Apply complete!)`
	tfcmtApplyFail = `(?m)^(Error: )`
)

func finds(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }

// resources are the addresses that a pattern of tfcmt finds, line by line.
func resources(pattern, text string) []string {
	var found []string
	for line := range strings.SplitSeq(text, "\n") {
		if m := regexp.MustCompile(pattern).FindStringSubmatch(line); m != nil {
			found = append(found, m[1])
		}
	}
	return found
}

// threeActions creates a file, edits one and removes one.
func threeActions() *plan.Plan {
	p := laptop()
	server := slices.IndexFunc(p.Hosts, func(h plan.HostPlan) bool { return h.Host == "web" })
	change(&p.Hosts[server], func(c *plan.Change) { c.Action = plan.Create })
	p.Hosts = append(p.Hosts, plan.HostPlan{Host: "gone"}.With(plan.Decision{Changes: []plan.Change{{
		Address: schema.Address{Block: "server", Name: "gone"}, Host: "gone", Action: plan.Remove, File: "/etc/ssh/sshd_config.d/20-x.conf",
		Settings: []plan.Difference{{Keyword: "ClientAliveInterval", Before: "30", After: "0", AfterDefault: true, Reason: "line 2 goes"}},
	}}}))
	return p
}

func TestAtlantisUnderstandsAPlan(t *testing.T) {
	out, _ := printed(Paper{}, func(h *Human) { h.Plan(Shown{Plan: threeActions(), Operation: "plan"}) })
	got := regexp.MustCompile(atlantisChanges).FindStringSubmatch(out)
	if want := []string{"Plan: 1 to add, 2 to change, 1 to destroy.", "", "1", "2", "1"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if finds(atlantisNoChanges, out) {
		t.Error("a plan with changes looks like one without")
	}
	// In a pull request Atlantis moves the markers to the first column, where
	// diff colours them.
	marked := regexp.MustCompile(atlantisMarker).ReplaceAllString(out, "$2$1$3$4$5")
	marked = regexp.MustCompile(atlantisTilde).ReplaceAllString(marked, "!")
	for line := range strings.SplitSeq(marked, "\n") {
		if finds(`^ +[-+~] `, line) {
			t.Errorf("the marker was not moved: %q", line)
		}
	}
	for _, want := range []string{"\n!   client \"laptop\" {", "\n+   server \"home\" {", "\n-   server \"gone\" {", "\n!       server_alive_interval  = 0 -> 30"} {
		if !strings.Contains(marked, want) {
			t.Errorf("got no %q in\n%s", want, marked)
		}
	}
	out, _ = printed(Paper{}, func(h *Human) { h.Plan(Shown{Plan: &plan.Plan{}, Operation: "plan"}) })
	if !finds(atlantisNoChanges, out) || finds(atlantisChanges, out) {
		t.Errorf("a plan without changes does not look like one:\n%s", out)
	}
}

// Atlantis finds nothing in numbers with separators.
func TestNumbersOfAFleetHaveNoSeparators(t *testing.T) {
	out, _ := printed(Paper{}, func(h *Human) { h.Plan(Shown{Plan: fleet(1649), Operation: "plan"}) })
	if got := regexp.MustCompile(atlantisChanges).FindStringSubmatch(out); len(got) != 5 || got[3] != "1649" {
		t.Errorf("got %q, want 1649 changes in\n%s", got, out)
	}
}

func TestTfcmtUnderstandsAPlan(t *testing.T) {
	out, _ := printed(Paper{}, func(h *Human) { h.Plan(Shown{Plan: threeActions(), Operation: "plan"}) })
	if !finds(tfcmtPlanPass, out) || finds(tfcmtFail, out) || finds(tfcmtNoChanges, out) || !finds(tfcmtDestroy, out) {
		t.Errorf("tfcmt misreads\n%s", out)
	}
	got := [][]string{resources(tfcmtCreate, out), resources(tfcmtUpdate, out), resources(tfcmtDelete, out)}
	want := [][]string{{`server.home["web"]`}, {"client.laptop", `server.home["db"]`}, {"server.gone"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("created, updated, deleted (-want +got):\n%s", diff)
	}
	out, _ = printed(Paper{}, func(h *Human) { h.Plan(Shown{Plan: laptop(), Operation: "plan"}) })
	if finds(tfcmtDestroy, out) {
		t.Error("0 to destroy counts as a destroy")
	}
	out, _ = printed(Paper{}, func(h *Human) { h.Plan(Shown{Plan: &plan.Plan{}, Operation: "plan"}) })
	if !finds(tfcmtPlanPass, out) || !finds(tfcmtNoChanges, out) {
		t.Errorf("tfcmt misreads\n%s", out)
	}
}

func TestTfcmtUnderstandsDiagnosticsAndReports(t *testing.T) {
	both := schema.Diagnostics{twice(), {Severity: schema.Warning, Summary: "Odd", Detail: "It is odd."}}
	for _, terminal := range []bool{false, true} {
		out, errs := printed(Paper{Out: Stream{Terminal: terminal}, Err: Stream{Terminal: terminal}, Source: source}, func(h *Human) { h.Diagnose(both) })
		if !finds(tfcmtWarning, out) || !finds(tfcmtFail, errs) {
			t.Errorf("terminal %t: tfcmt misreads\n%s%s", terminal, out, errs)
		}
	}
	good := report()
	good.Hosts = good.Hosts[:1]
	out, errs := printed(Paper{}, func(h *Human) { h.Report(laptop(), good) })
	if !finds(tfcmtApplyPass, out) || finds(tfcmtApplyFail, out+errs) {
		t.Errorf("tfcmt misreads\n%s%s", out, errs)
	}
	bad := report()
	bad.Hosts[1].Outcome = apply.Failed
	out, errs = printed(Paper{}, func(h *Human) { h.Report(laptop(), bad) })
	if finds(tfcmtApplyPass, out) || !finds(tfcmtApplyFail, errs) {
		t.Errorf("tfcmt misreads\n%s%s", out, errs)
	}
}
