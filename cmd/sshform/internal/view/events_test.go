package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// stream returns what a JSON view writes.
func stream(t *testing.T, show func(*JSON)) string {
	t.Helper()
	var b bytes.Buffer
	now := func() time.Time { return time.Date(2026, 11, 22, 17, 4, 5, 6000, time.UTC) }
	j := NewJSON(&b, plan.Tool{Version: "1.0.0"}, now, nil, source, "")
	show(j)
	if j.err != nil {
		t.Fatal(j.err)
	}
	valid(t, "ui", b.String())
	return b.String()
}

const head = `{"@level":"info","@message":"sshform 1.0.0","@module":"sshform.ui","@timestamp":"2026-11-22T17:04:05.000006Z","type":"version","sshform":"1.0.0","ui":"1.0"}
`

func TestThePlanAsEvents(t *testing.T) {
	got := stream(t, func(j *JSON) { j.Plan(Shown{Plan: laptop(), Operation: "plan"}) })
	want := head + `{"@level":"info","@message":"client.laptop will be updated in-place","@module":"sshform.ui","@timestamp":"2026-11-22T17:04:05.000006Z","type":"planned_change","change":{"resource":{"addr":"client.laptop","module":"","resource":"client.laptop","implied_provider":"sshform","resource_type":"client","resource_name":"laptop","resource_key":null},"action":"update"}}
{"@level":"info","@message":"server.home[\"db\"] will be updated in-place","@module":"sshform.ui","@timestamp":"2026-11-22T17:04:05.000006Z","type":"planned_change","change":{"resource":{"addr":"server.home[\"db\"]","module":"","resource":"server.home[\"db\"]","implied_provider":"sshform","resource_type":"server","resource_name":"home","resource_key":"db"},"action":"update"}}
{"@level":"info","@message":"server.home[\"web\"] will be updated in-place","@module":"sshform.ui","@timestamp":"2026-11-22T17:04:05.000006Z","type":"planned_change","change":{"resource":{"addr":"server.home[\"web\"]","module":"","resource":"server.home[\"web\"]","implied_provider":"sshform","resource_type":"server","resource_name":"home","resource_key":"web"},"action":"update"}}
{"@level":"info","@message":"Plan: 0 to add, 3 to change, 0 to destroy.","@module":"sshform.ui","@timestamp":"2026-11-22T17:04:05.000006Z","type":"change_summary","changes":{"add":0,"change":3,"import":0,"remove":0,"unreachable":0,"operation":"plan"}}
`
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestADiagnosticAsAnEvent(t *testing.T) {
	d := twice()
	d.Where = &schema.Place{Host: "web-1", Address: "192.0.2.1", Step: "check", File: "/etc/ssh/sshd_config", Line: 9}
	got := stream(t, func(j *JSON) { j.Diagnose(schema.Diagnostics{d}) })
	var event struct {
		Level      string `json:"@level"`
		Message    string `json:"@message"`
		Diagnostic struct {
			Severity string
			Range    struct {
				Filename   string
				Start, End struct{ Line, Column, Byte int }
			}
			Snippet struct {
				Context, Code string
				StartLine     int `json:"start_line"`
				From          int `json:"highlight_start_offset"`
				To            int `json:"highlight_end_offset"`
				Values        []struct{ Traversal, Statement string }
			}
			Host struct {
				Name, Address, Step, File string
				Line                      int
			}
		}
	}
	_, line, _ := strings.Cut(got, "\n")
	if err := json.Unmarshal([]byte(line), &event); err != nil {
		t.Fatalf("%v in %s", err, line)
	}
	e := event.Diagnostic
	if event.Level != "error" || event.Message != "Error: Setting declared twice" || e.Severity != "error" {
		t.Errorf("got level %q, message %q, severity %q", event.Level, event.Message, e.Severity)
	}
	if marked := e.Snippet.Code[e.Snippet.From:e.Snippet.To]; marked != "var.ü" || e.Snippet.StartLine != 2 || e.Snippet.Context != `server "web"` {
		t.Errorf("got snippet %+v marking %q, want var.ü on line 2", e.Snippet, marked)
	}
	if len(e.Snippet.Values) != 1 || e.Snippet.Values[0].Statement != "is 300" {
		t.Errorf("got values %v, want one that is 300", e.Snippet.Values)
	}
	if e.Host.Name != "web-1" || e.Host.File != "/etc/ssh/sshd_config" || e.Host.Line != 9 || e.Host.Step != "check" {
		t.Errorf("got host %+v", e.Host)
	}
}

// report is one host that changed and one whose change was taken back.
func report() *apply.Report {
	return &apply.Report{Hosts: []apply.HostReport{
		{Host: "db", Address: "db.example.net", Outcome: apply.Changed, Notes: []string{"the rehearsal could not be held"}},
		{
			Host: "web", Address: "web.example.net", Outcome: apply.Restored, Step: apply.StepConfirm,
			Addresses: []schema.Address{{Block: "server", Name: "home", Key: "web", HasKey: true}},
			Err:       errors.New("no login after the reload: \x1b[31mconnection refused"),
		},
	}}
}

func TestAReportAsEvents(t *testing.T) {
	got := stream(t, func(j *JSON) { j.Report(laptop(), report()) })
	for _, want := range []string{
		`"@level":"error","@message":"Error: Change failed and was taken back"`,
		`"host":{"name":"web","address":"web.example.net","step":"confirm"}`,
		`"@message":"Apply incomplete. Resources: 0 added, 1 changed, 0 destroyed."`,
		`"operation":"apply"`,
		`"@message":"Note: the rehearsal could not be held (db)."`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%s\nwant %s in it", got, want)
		}
	}
	if strings.Contains(got, `\u001b`) {
		t.Errorf("got\n%s\nwant no escapes of a host in it", got)
	}
}

func TestAReportAsText(t *testing.T) {
	out, errs := printed(Paper{}, func(h *Human) { h.Report(laptop(), report()) })
	wantOut := `
Note: the rehearsal could not be held (db).

Apply incomplete. Resources: 0 added, 1 changed, 0 destroyed.
Hosts: 1 changed, 1 restored.
`
	wantErr := `
Error: Change failed and was taken back

  on host web (web.example.net), step confirm:

no login after the reload: connection refused

The old files are back and were seen in force.
`
	if diff := cmp.Diff(wantOut+wantErr, out+errs); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	r := report()
	r.Hosts = r.Hosts[:1]
	r.Hosts[0].Notes = nil
	out, _ = printed(Paper{}, func(h *Human) { h.Report(laptop(), r) })
	if want := "\nApply complete! Resources: 0 added, 1 changed, 0 destroyed.\n"; out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// TestEveryEventHasAMessage shows every kind of event to both views.
func TestEveryEventHasAMessage(t *testing.T) {
	address := []schema.Address{{Block: "server", Name: "home", Key: "web", HasKey: true}}
	wave := &apply.WaveReport{Name: "canary", Hosts: 2, Soak: time.Minute, Counts: map[apply.Outcome]int{apply.Changed: 2}}
	for _, c := range []struct {
		event      apply.Event
		text, json string
	}{
		{apply.Event{Kind: apply.ApplyStarted, Host: "web", Addresses: address, Action: plan.Update}, "server.home[\"web\"]: Modifying...\n", `server.home[\"web\"]: Modifying...`},
		{apply.Event{Kind: apply.ApplyProgressed, Host: "web", Addresses: address, Step: apply.StepStage}, "", `server.home[\"web\"]: Step stage`},
		{apply.Event{Kind: apply.ApplyCompleted, Host: "web", Addresses: address, Outcome: apply.Changed, Elapsed: 2 * time.Second}, "server.home[\"web\"]: Modifications complete after 2s\n", `server.home[\"web\"]: Modifications complete after 2s`},
		{apply.Event{Kind: apply.ApplyCompleted, Host: "web", Addresses: address, Outcome: apply.AlreadyDone, Elapsed: time.Second}, "server.home[\"web\"]: Already as planned, after 1s\n", `complete after 1s`},
		{apply.Event{Kind: apply.ApplyErrored, Host: "web", Addresses: address, Outcome: apply.Stale, Step: apply.StepCheck, Err: errors.New("moved on")}, "server.home[\"web\"]: Refused, the plan is stale at step check after 1s\n", `server.home[\"web\"]: Refused, the plan is stale`},
		{apply.Event{Kind: apply.RefreshErrored, Host: "web", Err: errors.New("refused")}, "", `web: Reading failed after 1s`},
		{apply.Event{Kind: apply.WaveStarted, Wave: wave}, "\nWave canary: 2 hosts\n", `Wave canary started`},
		{apply.Event{Kind: apply.WaveSoaks, Wave: wave}, "Wave canary soaks for 1m0s...\n", `Wave canary soaks`},
		{apply.Event{Kind: apply.WaveCompleted, Wave: wave}, "", `Wave canary completed`},
		{apply.Event{Kind: apply.RolloutStopped, Stopped: &apply.Stopped{Kind: "budget", Wave: "early", Failed: 3, Limit: 2}}, "\nStopped: 3 failures in wave \"early\", and the limit is 2. Hosts that were not\nstarted are untouched.\n", `Stopped: 3 failures in wave \"early\"`},
		{apply.Event{Kind: apply.FleetProgressed, Progress: &apply.Progress{Done: 1, Total: 9, Failed: 1}, Elapsed: 10 * time.Second}, "Still modifying... [10s elapsed] 1 of 9 hosts done, 1 failed\n", `1 of 9 hosts done, 1 failed`},
	} {
		twoWaves := &plan.Plan{Rollout: plan.Rollout{Waves: make([]plan.Wave, 2)}}
		out, _ := printed(Paper{}, func(h *Human) { h.Applying(twoWaves); h.Event(c.event) })
		if out != c.text {
			t.Errorf("%s: got text %q, want %q", c.event.Kind, out, c.text)
		}
		if single, _ := printed(Paper{}, func(h *Human) { h.Event(c.event) }); strings.Contains(single, "ave canary: ") {
			t.Errorf("%s: got %q for a plan of one wave, want no word of waves", c.event.Kind, single)
		}
		lines := stream(t, func(j *JSON) { j.Event(c.event) })
		if !strings.Contains(lines, c.json) || !strings.Contains(lines, `"type":"`+string(c.event.Kind)+`"`) {
			t.Errorf("%s: got\n%swant %s", c.event.Kind, lines, c.json)
		}
	}
}

// In a pipeline one line every ten seconds tells of the whole fleet.
func TestProgressOfAFleetInAPipeline(t *testing.T) {
	out, _ := printed(Paper{}, func(h *Human) {
		tell := func(most time.Duration) {
			for s := time.Duration(5); s <= most; s += 5 {
				h.Event(apply.Event{Kind: apply.FleetProgressed, Elapsed: s * time.Second, Progress: &apply.Progress{Done: int(s), Total: 100}})
			}
		}
		h.Reading(Reading{Files: 100, Hosts: 100})
		tell(15)
		h.ReadingDone(16 * time.Second)
		h.Applying(&plan.Plan{Rollout: plan.Rollout{Waves: make([]plan.Wave, 2)}})
		tell(35)
	})
	want := "Reading 100 files on 100 hosts...\nStill reading... [10s elapsed] 10 of 100 hosts done\n" +
		"Still modifying... [10s elapsed] 10 of 100 hosts done\nStill modifying... [20s elapsed] 20 of 100 hosts done\nStill modifying... [30s elapsed] 30 of 100 hosts done\n"
	if out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

func TestShowJSON(t *testing.T) {
	var b bytes.Buffer
	if err := ShowJSON(&b, laptop()); err != nil {
		t.Fatal(err)
	}
	var document struct {
		FormatVersion string `json:"format_version"`
		Changes       []struct {
			Address, Type, Name, Index string
			Change                     struct {
				Actions       []string
				Before, After map[string]any
			}
		} `json:"resource_changes"`
		Summary struct {
			Hosts, Change, NoOp int
			Groups              []struct {
				Count   int
				Example string
			}
		}
		Complete, Applyable bool
	}
	if err := json.Unmarshal(b.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range document.Changes {
		got = append(got, c.Address+" "+strings.Join(c.Change.Actions, ","))
	}
	want := []string{"client.laptop update", `server.home["backup"] no-op`, `server.home["db"] update`, `server.home["web"] update`}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if after := document.Changes[2].Change.After["client_alive_interval"]; after != 30.0 {
		t.Errorf("got client_alive_interval %v, want the number 30", after)
	}
	s := document.Summary
	if s.Hosts != 4 || s.Change != 3 || s.NoOp != 1 || len(s.Groups) != 2 || s.Groups[1].Count != 2 {
		t.Errorf("got summary %+v", s)
	}
	if !document.Complete || !document.Applyable || document.FormatVersion != "1.0" {
		t.Errorf("got complete %t, applyable %t, version %q", document.Complete, document.Applyable, document.FormatVersion)
	}
	b.Reset()
	for _, h := range laptop().Hosts {
		if err := ShowHost(&b, h); err != nil {
			t.Error(err)
		}
	}
	if lines := strings.Count(b.String(), "\n"); lines != 4 {
		t.Errorf("got %d lines, want 4", lines)
	}
}

// TestHowManyEventsAFleetHas counts events by type.
func TestHowManyEventsAFleetHas(t *testing.T) {
	p := toldPlan()
	show := func(j *JSON) {
		j.Event(apply.Event{Kind: apply.RefreshStarted, Host: "web"})
		j.Event(apply.Event{Kind: apply.RefreshCompleted, Host: "web"})
		j.Event(apply.Event{Kind: apply.RefreshErrored, Host: "old", Err: errors.New("refused")})
		j.Plan(Shown{Plan: p, Operation: "plan"})
		j.Event(apply.Event{Kind: apply.ApplyCompleted, Host: "web", Outcome: apply.Changed})
	}
	for _, c := range []struct {
		amount Amount
		hosts  int
		want   map[string]int
	}{
		{"", 1000, map[string]int{"version": 1, "refresh_start": 1, "refresh_complete": 1, "refresh_errored": 1, "resource_drift": 1, "planned_change": 3, "change_summary": 1, "apply_complete": 1}},
		{"", 1001, map[string]int{"version": 1, "refresh_errored": 1, "resource_drift": 1, "planned_change": 3, "change_summary": 1, "apply_complete": 1}},
		{ChangeEvents, 1, map[string]int{"version": 1, "refresh_errored": 1, "resource_drift": 1, "planned_change": 3, "change_summary": 1, "apply_complete": 1}},
		{AllEvents, 1001, map[string]int{"version": 1, "refresh_start": 1, "refresh_complete": 1, "refresh_errored": 1, "resource_drift": 1, "planned_change": 3, "change_summary": 1, "apply_complete": 1}},
		{SummaryEvents, 1, map[string]int{"version": 1, "refresh_errored": 1, "change_summary": 1}},
	} {
		text := stream(t, func(j *JSON) {
			j.Limit(c.amount)
			j.Reading(Reading{Hosts: c.hosts})
			show(j)
		})
		got := map[string]int{}
		for line := range strings.Lines(text) {
			var event struct{ Type string }
			if err := json.Unmarshal([]byte(line), &event); err != nil {
				t.Fatal(err)
			}
			got[event.Type]++
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q of %d hosts (-want +got):\n%s", c.amount, c.hosts, diff)
		}
		if !strings.Contains(text, `"change":3,`) {
			t.Errorf("%q: the summary does not count all changes:\n%s", c.amount, text)
		}
	}
}

// The live area tells of the whole wave: outcomes, rate and time left, and the
// hosts that take longest.
func TestFiguresOfTheLiveArea(t *testing.T) { synctest.Test(t, figuresOfTheLiveArea) }

// Time stands still here, but for what is said.
func figuresOfTheLiveArea(t *testing.T) {
	l := newLive(Stream{Writer: io.Discard})
	l.begin("Wave early", 40)
	time.Sleep(10 * time.Second) // of the bubble
	for i, o := range []apply.Outcome{apply.Changed, apply.Changed, apply.Failed, apply.Unreachable, apply.Changed} {
		l.counted(fmt.Sprint("h", i), o)
	}
	if got, want := l.figures(), "5/40  3 changed, 1 failed, 1 unreachable  0.5/s  about 1m10s left"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for i, elapsed := range []time.Duration{3, 90, 1, 20, 7} {
		l.works(fmt.Sprint("w", i), "connect", elapsed*time.Second)
	}
	if got, want := l.slowest(80), "  w1: connect for 1m30s\n  w3: connect for 20s\n  w4: connect for 7s\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	l.begin("Reading", 3)
	l.counted("h1", wasRead)
	l.counted("h2", apply.Unreachable)
	if got, want := l.figures(), "2/3  1 read, 1 unreachable"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
