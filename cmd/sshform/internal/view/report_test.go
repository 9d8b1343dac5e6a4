package view

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

func written(t *testing.T, format string, r Reported) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteReport(&b, format, r); err != nil {
		t.Fatalf("%s: %v", format, err)
	}
	return b.String()
}

func planned() Reported {
	p := laptop()
	p.Unreachable = []plan.Unreachable{{
		Host: "old", Step: "connect", Err: "connection refused",
		Addresses: []schema.Address{{Block: "server", Name: "home", Key: "old", HasKey: true}},
	}}
	return Reported{
		Operation: "plan", Plan: p, PlanID: "sha256:1",
		Started: time.Date(2026, 11, 22, 17, 0, 0, 0, time.UTC), Finished: time.Date(2026, 11, 22, 17, 0, 1, 0, time.UTC),
	}
}

func appliedReport() Reported {
	r := planned()
	r.Operation, r.Report = "apply", report()
	return r
}

func TestTheResultDocument(t *testing.T) {
	var got ResultDocument
	if err := json.Unmarshal([]byte(written(t, "json", appliedReport())), &got); err != nil {
		t.Fatal(err)
	}
	if got.Counts["changed"] != 1 || got.Counts["restored"] != 1 || got.Counts["stale"] != 0 || len(got.Counts) != len(apply.Outcomes()) {
		t.Errorf("got counts %v", got.Counts)
	}
	want := []ResultHost{
		{Host: "db", Address: "db.example.net", Addresses: []string{}, Outcome: "changed"},
		{
			Host: "web", Address: "web.example.net", Addresses: []string{`server.home["web"]`}, Outcome: "restored",
			Step: "confirm", Error: "no login after the reload: connection refused",
		},
	}
	if diff := cmp.Diff(want, got.Hosts); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
}

func TestRetryFeedsTargetFile(t *testing.T) {
	if got, want := written(t, "retry", appliedReport()), "server.home[\"web\"]\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	want := "server.home[\"db\"]\nclient.laptop\nserver.home[\"old\"]\nserver.home[\"web\"]\n"
	if got := written(t, "retry", planned()); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGitLabReadsThreeNumbers(t *testing.T) {
	if got, want := written(t, "gitlab-terraform", planned()), "{\"create\":0,\"update\":3,\"delete\":0}\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestJUnit(t *testing.T) {
	var got junitSuites
	if err := xml.Unmarshal([]byte(written(t, "junit", planned())), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Suites) != 1 {
		t.Fatalf("got %d suites, want 1", len(got.Suites))
	}
	s := got.Suites[0]
	if s.Tests != 5 || s.Failures != 3 || s.Errors != 1 || s.Skipped != 0 {
		t.Errorf("got %d tests, %d failures, %d errors, %d skipped; want 5, 3, 1, 0", s.Tests, s.Failures, s.Errors, s.Skipped)
	}
	large := Reported{Operation: "plan", Plan: fleet(junitLimit + 1)}
	if err := xml.Unmarshal([]byte(written(t, "junit", large)), &got); err != nil {
		t.Fatal(err)
	}
	if n := len(got.Suites[len(got.Suites)-1].Cases); n != 1 {
		t.Errorf("got %d cases for %d equal hosts, want 1", n, junitLimit+1)
	}
}

func TestMarkdown(t *testing.T) {
	r := planned()
	r.Found = schema.Diagnostics{twice()}
	got := r.Markdown()
	for _, want := range []string{
		"**Plan:** 0 to add, 3 to change, 0 to destroy.\n",
		"| old | unreachable | connect | connection refused |\n",
		"- **Error: Setting declared twice** (fleet.hcl:2): ",
		"```diff\n",
		"\n!       client_alive_interval  = 0 -&gt; 30",
	} {
		if want = strings.ReplaceAll(want, "&gt;", ">"); !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %q in it", got, want)
		}
	}
	done := appliedReport().Markdown()
	if want := "**Apply incomplete.** Resources: 0 added, 1 changed, 0 destroyed. Hosts: 1 changed, 1 restored.\n"; !strings.Contains(done, want) {
		t.Errorf("got\n%s\nwant %q in it", done, want)
	}
	if strings.Contains(done, "\x1b") {
		t.Errorf("got an escape sequence of a host in\n%s", done)
	}
}

// TestMarkdownStaysBelowTheLimit has every host differ from every other.
func TestMarkdownStaysBelowTheLimit(t *testing.T) {
	p := fleet(2000)
	for i := range p.Hosts {
		change(&p.Hosts[i], func(c *plan.Change) { c.Notes = []string{strings.Repeat("x", i+1)} })
	}
	got := Reported{Operation: "plan", Plan: p}.Markdown()
	if len(got) > markdownLimit || !strings.Contains(got, "This report was cut here") {
		t.Errorf("got %d bytes, want at most %d and a sentence that says so", len(got), markdownLimit)
	}
}

func TestGitHubAnnotations(t *testing.T) {
	r := planned()
	for i := range 11 {
		d := twice()
		d.Summary = strings.Repeat("x", i+1)
		r.Found = append(r.Found, d)
	}
	r.Found[0].Summary, r.Found[0].Detail = "a: b, c", "100%\nsure"
	var b bytes.Buffer
	if err := GitHubAnnotations(&b, r); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 10 {
		t.Fatalf("got %d lines, want 10:\n%s", len(lines), b.String())
	}
	if want := "::error file=fleet.hcl,line=2,endLine=2,title=a%3A b%2C c::100%25%0Asure"; lines[0] != want {
		t.Errorf("got %q, want %q", lines[0], want)
	}
	if want := "::error title=sshform::… and 2 more findings"; lines[9] != want {
		t.Errorf("got %q, want %q", lines[9], want)
	}
}
