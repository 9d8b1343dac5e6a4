package view

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// laptop is one laptop and three servers, of which one needs nothing.
func laptop() *plan.Plan {
	server := func(host, address string, action plan.Action) plan.HostPlan {
		interval := plan.Difference{
			Keyword: "ClientAliveInterval", Before: "0", BeforeDefault: true, After: "30",
			Reason: "line 98: #ClientAliveInterval 0",
		}
		count := plan.Difference{Keyword: "ClientAliveCountMax", Before: "3", BeforeDefault: true, After: "3"}
		if action == plan.NoOp {
			interval = plan.Difference{Keyword: "ClientAliveInterval", Before: "30", After: "30"}
		}
		return plan.HostPlan{Host: host}.Via(plan.Connection{Type: schema.OverSSH, Address: address}).With(plan.Decision{
			Files: []plan.FileEdit{{Path: "/etc/ssh/sshd_config", Role: plan.MainFile}},
			Changes: []plan.Change{{
				Address: schema.Address{Block: "server", Name: "home", Key: host, HasKey: true},
				Host:    host, Action: action, File: "/etc/ssh/sshd_config",
				Settings: []plan.Difference{interval, count},
			}},
		})
	}
	client := plan.HostPlan{Host: schema.ThisMachine}.Via(plan.Connection{Type: schema.Local}).With(plan.Decision{
		Files: []plan.FileEdit{{Path: "~/.ssh/config", Role: plan.ClientFile}},
		Changes: []plan.Change{{
			Address: schema.Address{Block: "client", Name: "laptop"}, Host: schema.ThisMachine,
			Action: plan.Update, File: "~/.ssh/config", Scope: schema.Scope{Patterns: "*"},
			Settings: []plan.Difference{
				{Keyword: "ServerAliveInterval", Before: "0", After: "30", Reason: "line 3"},
				{Keyword: "ServerAliveCountMax", Before: "3", BeforeDefault: true, After: "4", Reason: "line 4, in Host * at line 2"},
			},
		}},
	})
	return &plan.Plan{
		Tool: plan.Tool{Name: "sshform", Version: "1.0.0"},
		Hosts: []plan.HostPlan{
			server("backup", "192.0.2.3", plan.NoOp), server("db", "db.example.net", plan.Update), client,
			server("web", "web.example.net", plan.Update),
		},
	}
}

// printed returns what a human view prints on Out and Err.
func printed(paper Paper, show func(*Human)) (out, err string) {
	var o, e bytes.Buffer
	paper.Out.Writer, paper.Err.Writer = &o, &e
	h := NewHuman(paper)
	show(h)
	return o.String(), e.String()
}

const laptopText = `
sshform will perform the following actions:

  # client.laptop will be updated in-place
  ~ client "laptop" {                                    # ~/.ssh/config, section "Host *"
      + server_alive_count_max = 4                       # was 3, the default; line 4, in Host * at line 2
      ~ server_alive_interval  = 0 -> 30                 # line 3
        # dead servers noticed after 150 s instead of 7875 s (2 h 11 min);
        # silent servers asked every 30 s instead of never
    }

  # server.home["db"] will be updated in-place
  ~ server "home" {                                      # db.example.net:/etc/ssh/sshd_config
      ~ client_alive_interval  = 0 -> 30                 # line 98: #ClientAliveInterval 0
        # (1 unchanged setting hidden)
        # dead clients noticed after 120 s instead of 7875 s (2 h 11 min);
        # silent clients asked every 30 s instead of never
    }
    # and 1 more host with exactly this change: web

Unchanged: 1 (server.home["backup"]).
Plan: 0 to add, 3 to change, 0 to destroy.

Note: sessions that are open now keep their old values until they reconnect.
`

func TestAPlanAsText(t *testing.T) {
	out, errs := printed(Paper{}, func(h *Human) { h.Plan(Shown{Plan: laptop()}) })
	if diff := cmp.Diff(laptopText, out); diff != "" {
		t.Errorf("plan as text (-want +got):\n%s", diff)
	}
	if errs != "" {
		t.Errorf("got %q on the error stream, want nothing", errs)
	}
}

// TestColourAddsNothingButColour takes the colours away again.
func TestColourAddsNothingButColour(t *testing.T) {
	coloured, _ := printed(Paper{Out: Stream{Colour: true}}, func(h *Human) { h.Plan(Shown{Plan: laptop()}) })
	if !strings.Contains(coloured, "\x1b[") {
		t.Errorf("got no colour, want some")
	}
	if diff := cmp.Diff(laptopText, Clean(coloured)); diff != "" {
		t.Errorf("text without its colours (-want +got):\n%s", diff)
	}
}

func TestNoChanges(t *testing.T) {
	p := laptop()
	p.Hosts = p.Hosts[:1]
	out, _ := printed(Paper{}, func(h *Human) { h.Plan(Shown{Plan: p, Read: Reading{Files: 1, Hosts: 1}}) })
	want := "\nNo changes. Your infrastructure matches the configuration.\n\n" +
		"sshform has read 1 file on 1 host and found every declared value in force.\n"
	if out != want {
		t.Errorf("got %q, want %q", out, want)
	}
}

// change changes the first change of a host.
func change(h *plan.HostPlan, to func(*plan.Change)) {
	d := h.Decision()
	to(&d.Changes[0])
	*h = h.With(d)
}

// fleet is n hosts with the same change; the line numbers differ.
func fleet(n int) *plan.Plan {
	p := &plan.Plan{}
	for i := range n {
		one := laptop().Hosts[1]
		one.Host = fmt.Sprintf("web-%04d", i)
		change(&one, func(c *plan.Change) {
			c.Address.Key = one.Host
			c.Settings[0].Reason = fmt.Sprintf("line %d: #ClientAliveInterval 0", 90+i%7)
		})
		p.Hosts = append(p.Hosts, one)
	}
	return p
}

func TestAFleetFitsOnAScreen(t *testing.T) {
	out, _ := printed(Paper{}, func(h *Human) { h.Plan(Shown{Plan: fleet(1649)}) })
	want := "    # and 1,648 more hosts with exactly this change: web-0001 to web-1648\n"
	if !strings.Contains(out, want) {
		t.Errorf("got\n%s\nwant a line %q", out, want)
	}
	if !strings.Contains(out, "\nPlan: 0 to add, 1649 to change, 0 to destroy.\n") {
		t.Errorf("got\n%s\nwant the count without separators", out)
	}
	if lines := strings.Count(out, "\n"); lines > 24 {
		t.Errorf("got %d lines, want at most 24", lines)
	}
	full, _ := printed(Paper{Full: true}, func(h *Human) { h.Plan(Shown{Plan: fleet(1649)}) })
	if got := strings.Count(full, " will be updated in-place\n"); got != 1649 {
		t.Errorf("got %d changes with Full, want 1649", got)
	}
}

// TestAnotherNoteIsAnotherGroup keeps hosts apart whose logins are treated
// differently.
func TestAnotherNoteIsAnotherGroup(t *testing.T) {
	p := fleet(3)
	change(&p.Hosts[1], func(c *plan.Change) { c.Notes = []string{`Match User backup (line 120) keeps 0`} })
	changed, _ := changes(p)
	if got := len(groupChanges(changed)); got != 2 {
		t.Errorf("got %d groups, want 2", got)
	}
}

// TestVeryManyNotes: those in the middle are counted, and shown with Full.
func TestVeryManyNotes(t *testing.T) {
	for _, c := range []struct {
		notes, shown int
		full         bool
	}{{31, 31, false}, {1000, 30, false}, {1000, 1000, true}} {
		p := fleet(1)
		for i := range c.notes {
			change(&p.Hosts[0], func(c *plan.Change) { c.Notes = append(c.Notes, fmt.Sprintf("remark %d", i)) })
		}
		out, _ := printed(Paper{Full: c.full}, func(h *Human) { h.Plan(Shown{Plan: p}) })
		if got := strings.Count(out, "# remark "); got != c.shown {
			t.Errorf("got %d of %d notes, want %d", got, c.notes, c.shown)
		}
		if !strings.Contains(out, fmt.Sprintf("# remark %d\n", c.notes-1)) {
			t.Errorf("the last of %d notes is not shown", c.notes)
		}
		if hidden := strings.Contains(out, "970 more notes, which -full shows"); hidden != (c.shown < c.notes) {
			t.Errorf("%d of %d notes: got the count of the others %t:\n%s", c.shown, c.notes, hidden, out)
		}
	}
}

func BenchmarkPlanOf5000Hosts(b *testing.B) {
	p := fleet(5000)
	for b.Loop() {
		printed(Paper{}, func(h *Human) { h.Plan(Shown{Plan: p}) })
	}
}
