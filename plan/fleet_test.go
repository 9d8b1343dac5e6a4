package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// TestEqualHosts plans hosts together and each alone: what is remembered about
// an equal host must not show, in whatever order the hosts come.
func TestEqualHosts(t *testing.T) {
	cfg, observed := stockFleet(t, 12, false)
	for i, o := range observed {
		// Keys that sort the other way round on every second host.
		narrow := cfg.Targets[i]
		narrow.Address.Name = []string{"a", "z"}[i%2]
		narrow.Scope.Match = "User backup"
		narrow.Settings = []schema.Setting{{Keyword: "ClientAliveInterval", Argument: "300"}}
		cfg.Targets = append(cfg.Targets, narrow)
		switch i % 4 {
		case 2:
			cfg.Targets[i].Settings = []schema.Setting{{Keyword: "ClientAliveInterval", Argument: "45"}}
		case 3:
			f := o.Files[plan.ServerConfig]
			f.Mode = 0o600 + uint32(i)&1
			o.Files[plan.ServerConfig] = f
		}
	}
	alone := map[string]plan.HostPlan{}
	warnings := map[string]schema.Diagnostics{}
	for _, o := range observed {
		p, diags := plan.Build(cfg, slices.Values([]*plan.Observed{o}), plan.BuildOptions{})
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		alone[o.Host], warnings[o.Host] = p.Hosts[0], diags
	}
	for _, order := range []string{"forwards", "backwards"} {
		p, diags := plan.Build(cfg, slices.Values(observed), plan.BuildOptions{})
		if diags.HasErrors() || len(p.Hosts) != len(observed) {
			t.Fatalf("%d hosts, %v", len(p.Hosts), diags)
		}
		for i, h := range p.Hosts {
			want := alone[h.Host]
			h.Wave, h.Turn, want.Wave, want.Turn = "", 0, "", 0
			if diff := cmp.Diff(want, h, whole); diff != "" {
				t.Errorf("%s, host %d (-alone +together):\n%s", order, i, diff)
			}
			mine := slices.DeleteFunc(slices.Clone(diags), func(d schema.Diagnostic) bool { return d.Where.Host != h.Host })
			if diff := cmp.Diff(warnings[h.Host], mine); diff != "" {
				t.Errorf("%s, warnings of host %d (-alone +together):\n%s", order, i, diff)
			}
		}
		slices.Reverse(observed)
	}
}

// TestUnequalHosts changes one thing about a host at a time. Everything that a
// decision rests on makes a host another one.
func TestUnequalHosts(t *testing.T) {
	for name, change := range map[string]func(*schema.Target, *plan.Observed){
		"release": func(_ *schema.Target, o *plan.Observed) { o.Release.Major = 8 },
		"file": func(_ *schema.Target, o *plan.Observed) {
			o.Files[plan.ServerConfig] = plan.File{RealPath: plan.ServerConfig, Bytes: []byte("ClientAliveInterval 5\n")}
		},
		"real path": func(_ *schema.Target, o *plan.Observed) {
			f := o.Files[plan.ServerConfig]
			f.RealPath = "/srv/sshd_config"
			o.Files[plan.ServerConfig] = f
		},
		"listener": func(_ *schema.Target, o *plan.Observed) { o.Listener.Unit = "sshd.service" },
		"mute":     func(_ *schema.Target, o *plan.Observed) { o.Mute = "no root" },
		"answer": func(_ *schema.Target, o *plan.Observed) {
			for login, a := range o.Answers {
				a.Values["clientaliveinterval"] = []string{"77"}
				o.Answers[login] = a
			}
		},
		"argument": func(t *schema.Target, _ *plan.Observed) { t.Settings[0].Argument = "31" },
		"unset": func(t *schema.Target, _ *plan.Observed) {
			t.Settings, t.Unset = t.Settings[:1], t.Settings[1:]
		},
		"scope":   func(t *schema.Target, _ *plan.Observed) { t.Scope.Match = "User backup" },
		"probe":   func(t *schema.Target, _ *plan.Observed) { t.Verify.Probe = true },
		"backups": func(t *schema.Target, _ *plan.Observed) { t.File.Backups = 9 },
	} {
		t.Run(name, func(t *testing.T) {
			cfg, observed := stockFleet(t, 2, false)
			change(&cfg.Targets[1], observed[1])
			tell := func(observed ...*plan.Observed) string {
				p, _ := plan.Build(cfg, slices.Values(observed), plan.BuildOptions{})
				h := p.Hosts[len(p.Hosts)-1]
				text := fmt.Sprint(h.Changes(), h.Files(), h.Run(), h.Facts())
				return strings.ReplaceAll(text, "web-00001", "web-00000")
			}
			if diff := cmp.Diff(tell(observed[1]), tell(observed...)); diff != "" {
				t.Errorf("(-alone +behind another):\n%s", diff)
			}
			if tell(observed[0]) == tell(observed[1]) {
				t.Error("the change does not show in the plan, and proves nothing")
			}
		})
	}
}
