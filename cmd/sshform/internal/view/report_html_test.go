package view

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// hostilePage is a report in which every text tries to be something else.
func hostilePage() Reported {
	r := appliedReport()
	began := r.Started
	r.Report.RunID = "20261122T170000Z-abc"
	r.Report.Waves = []apply.WaveReport{
		{Name: `canary"><script>alert(1)</script>`, Hosts: 1, Counts: map[apply.Outcome]int{apply.Changed: 1}, Started: began, Finished: began.Add(4 * time.Second), Soak: 6 * time.Second},
		{Name: "rest", Hosts: 1, Counts: map[apply.Outcome]int{apply.Restored: 1}, Started: began.Add(10 * time.Second), Finished: began.Add(20 * time.Second)},
		{Name: "never", Hosts: 7},
	}
	r.Report.Hosts = append(r.Report.Hosts, apply.HostReport{
		Host: `<img src=x onerror=alert(2)>`, Outcome: apply.Failed, Step: apply.StepReload,
		Err: errors.New("\x1b[31m</td><svg onload=alert(3)> says hunter22 & more\x00"),
	})
	r.Redact = &Redactor{Secrets: []string{"hunter22"}}
	web := &r.Plan.Hosts[1]
	d := web.Decision()
	d.Changes[0].Notes = []string{`</pre><iframe src="https://evil.example/">`}
	d.Files[0].Edits = []plan.Edit{{
		Op: plan.Replace, Line: 98, Address: d.Changes[0].Address.String(),
		Old: "#ClientAliveInterval 0 # </span><script src=//evil.example/x.js></script>\n", New: "ClientAliveInterval 30\n",
	}}
	*web = web.With(d)
	r.Found = schema.Diagnostics{{Severity: schema.Warning, Summary: "Odd <b>thing</b>", Detail: "javascript:alert(4)"}}
	r.Pairs = []plan.Pairing{{
		Clients: []string{`client.<i>x</i>`}, Servers: []string{"server.web"},
		Before: liveness.Predict(liveness.Pair{Network: liveness.Network{Name: `</text><script>alert(5)</script>`, Limit: 350}}),
		After:  liveness.Predict(liveness.Pair{Server: liveness.Server{Interval: 30, CountMax: 3}, Network: liveness.Network{Name: `</text><script>alert(5)</script>`, Limit: 350}}),
	}}
	return r
}

// elements reads a page as XML, which it is, and returns its elements and all
// their attributes.
func elements(t *testing.T, page string) (names map[string]int, attributes []xml.Attr) {
	t.Helper()
	names = map[string]int{}
	d := xml.NewDecoder(strings.NewReader(page))
	d.Entity = xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return names, attributes
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v\n%s", err, page)
		}
		if e, starts := token.(xml.StartElement); starts {
			names[e.Name.Local]++
			attributes = append(attributes, e.Attr...)
		}
	}
}

func TestThePageHoldsNothingForeign(t *testing.T) {
	page := written(t, "html", hostilePage())
	if file := os.Getenv("SSHFORM_PAGE"); file != "" { // to look at
		if err := os.WriteFile(file, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	names, attributes := elements(t, page)
	for _, bad := range []string{"script", "iframe", "svg", "link", "object"} {
		if names[bad] > 0 {
			t.Errorf("got %d elements %s, want none", names[bad], bad)
		}
	}
	if names["img"] != 1 {
		t.Errorf("got %d images, want the one of the pair", names["img"])
	}
	for _, a := range attributes {
		if strings.HasPrefix(a.Name.Local, "on") || (a.Name.Local == "src" || a.Name.Local == "href") && !strings.HasPrefix(a.Value, "data:image/svg+xml;base64,") {
			t.Errorf("got attribute %s=%q", a.Name.Local, a.Value)
		}
	}
	for _, bad := range []string{"hunter22", "\x1b", "\x00", "ZgotmplZ"} {
		if strings.Contains(page, bad) {
			t.Errorf("got %q in the page", bad)
		}
	}
}

func TestThePageTellsAll(t *testing.T) {
	page := written(t, "html", hostilePage())
	for _, want := range []string{
		"Apply incomplete. Resources: 0 added, 1 changed, 0 destroyed.", "Run 20261122T170000Z-abc.",
		"<b>1</b>restored", "confirm", "client_alive_interval  = 0 -&gt; 30", `class="good">&#43;   98  ClientAliveInterval 30`,
		`class="bad">-   98  #ClientAliveInterval 0`, "dead clients noticed after 120 s",
		"left: 0%; width: 20%", "left: 20%; width: 30%", "left: 50%; width: 50%", "7 hosts, not begun",
		"<strong>Now:</strong>", "prefers-color-scheme: dark", "@media print", "width=device-width",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("got a page without %q", want)
		}
	}
}

func TestThePageOfAPlan(t *testing.T) {
	r := planned()
	r.Plan.Rollout.Waves = []plan.Wave{{Name: "canary", Hosts: 1, Soak: time.Minute}, {Name: "rest", Hosts: 3, Window: "Mon 09:00-10:00"}}
	page := written(t, "html", r)
	elements(t, page)
	for _, want := range []string{"Plan: 0 to add, 3 to change, 0 to destroy.", "<b>3</b>to change", "left: 25%; width: 75%", "then soaks 1m0s", "only Mon 09:00-10:00", "and 1 more host with exactly this change: web"} {
		if !strings.Contains(page, want) {
			t.Errorf("got a page without %q", want)
		}
	}
	elements(t, written(t, "html", Reported{Operation: "plan"}))
}

// The page of a fleet opens in a browser.
func TestThePageOfAFleetIsShort(t *testing.T) {
	r := Reported{Operation: "apply", Plan: fleet(5000), Report: &apply.Report{}}
	for i := range 5000 {
		r.Report.Hosts = append(r.Report.Hosts, apply.HostReport{Host: fmt.Sprint("web-", i), Outcome: apply.Failed, Err: errors.New("no")})
	}
	page := written(t, "html", r)
	if len(page) > 100_000 || !strings.Contains(page, "4,800 more hosts") || !strings.Contains(page, "4,999 more hosts") {
		t.Errorf("got %d bytes", len(page))
	}
}
