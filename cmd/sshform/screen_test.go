package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

// TestAPlanFor5000HostsFitsOnAScreen prints the plan of examples/fleet, whose
// hosts stand as they were installed: three roles, so three changes. Some hosts
// are not reached.
func TestAPlanFor5000HostsFitsOnAScreen(t *testing.T) {
	c, found := hclfile.Load(context.Background(), "../../examples/fleet", hclfile.Options{
		Version: "1.0.0", Assignments: []hclfile.Assignment{{File: "../../examples/fleet/prod.sshvars.hcl"}},
	})
	if found.HasErrors() {
		t.Fatal(found)
	}
	const lost = 40
	var observed []*plan.Observed
	for i := range c.Config.Targets {
		target := &c.Config.Targets[i]
		target.File.DropIn = ""
		o := installed(*target)
		if i%100 == 7 && i < lost*100 {
			o = &plan.Observed{Host: target.Host.Name, Step: "connect", Err: "connect: nobody answers"}
		}
		observed = append(observed, o)
	}
	p, warnings := plan.Build(c.Config, slices.Values(observed), plan.BuildOptions{Options: plan.Options{AllowUnreachable: "1%"}})
	if p.Errored {
		t.Fatal(warnings)
	}

	screen := onPaper(view.Paper{}, p, nil)
	if lines := strings.Count(screen, "\n"); lines > 40 {
		t.Errorf("got %d lines for %d hosts, want 40 at most:\n%s", lines, len(p.Hosts), screen)
	}
	for _, want := range []string{"\n    # and 4,124 more hosts with exactly this change: web-0004 to web-5000\n", "\nUnreachable: 40 (", "\nPlan: 0 to add, 4860 to change, 0 to destroy.\n"} {
		if !strings.Contains(screen, want) {
			t.Errorf("got\n%s\nwant %q in it", screen, want)
		}
	}
	if shown := strings.Count(screen, " will be "); shown != 3 {
		t.Errorf("got %d changes shown in full, want one for each role", shown)
	}
	if warned := onPaper(view.Paper{}, nil, warnings); strings.Count(warned, "\n") > 40 {
		t.Errorf("got %d lines of warnings, want 40 at most:\n%s", strings.Count(warned, "\n"), warned)
	}
	p.Hosts = p.Hosts[:300]
	full := onPaper(view.Paper{Full: true}, p, nil)
	for _, h := range p.Hosts {
		if !strings.Contains(full, fmt.Sprintf("# server.fleet[%q] will be ", h.Host)) {
			t.Fatalf("-full does not show %s", h.Host)
		}
	}
}

// onPaper is what a person reads.
func onPaper(paper view.Paper, p *plan.Plan, found schema.Diagnostics) string {
	var text bytes.Buffer
	paper.Out, paper.Err, paper.Redact = view.Stream{Writer: &text}, view.Stream{Writer: &text}, new(view.Redactor)
	human := view.NewHuman(paper)
	human.Diagnose(found)
	if p != nil {
		human.Plan(view.Shown{Plan: p, Operation: "plan"})
	}
	return text.String()
}

// installed is a host as a distribution leaves it.
func installed(target schema.Target) *plan.Observed {
	name := target.Host.Name
	const folder = "/etc/ssh/sshd_config.d"
	return &plan.Observed{
		Host: name, Release: schema.Release{Major: 9, Minor: 9, Patch: 1}, OS: "Debian GNU/Linux", Home: "/root", User: "root",
		Connection: plan.Connection{Type: schema.OverSSH, Address: name + ".example.net", Port: 22, User: "root", HostKey: "SHA256:" + name},
		Files: map[string]plan.File{plan.ServerConfig: {
			RealPath: plan.ServerConfig, Mode: 0o644,
			Bytes: []byte("Include " + folder + "/*.conf\nUsePAM yes\n#TCPKeepAlive yes\n#ClientAliveInterval 0\n#ClientAliveCountMax 3\nX11Forwarding yes\n"),
		}},
		Folders:  map[string]plan.Folder{folder: {Names: []string{}}},
		Listener: plan.Listener{Path: "/usr/sbin/sshd", Args: []string{"-D"}, ConfigFile: plan.ServerConfig, Reload: plan.SystemdUnit, Unit: "ssh.service"},
		Answers:  map[plan.Login]plan.Answer{}, Mute: "nobody asked",
	}
}
