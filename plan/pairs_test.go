package plan_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// pairsPlan has three servers, of which two are equal, and one client.
func pairsPlan() (*schema.Config, *plan.Plan) {
	change := func(host, block, key string, settings ...plan.Difference) plan.HostPlan {
		return plan.HostPlan{Host: host}.With(plan.Decision{Facts: plan.Facts{OpenSSH: "10.0p1"}, Changes: []plan.Change{{
			Address:  schema.Address{Block: block, Name: "x", Key: key, HasKey: key != ""},
			Settings: settings,
		}}})
	}
	interval := func(after schema.Argument) plan.Difference {
		return plan.Difference{Keyword: "ClientAliveInterval", Before: "0", After: after}
	}
	p := &plan.Plan{Hosts: []plan.HostPlan{
		change("a", "server", "a", interval("400")),
		change("b", "server", "b", interval("60")),
		change("c", "server", "c", interval("400")),
		change("me", "client", "", plan.Difference{Keyword: "ServerAliveInterval", Before: "0", After: "90"}),
	}}
	decide(&p.Hosts[1], func(d *plan.Decision) {
		d.Changes[0].Beside = []plan.Difference{{Keyword: "ClientAliveCountMax", Before: "9", After: "9"}}
	})
	cfg := &schema.Config{
		Peers: []schema.Peer{{Name: "job", Library: "paramiko"}},
		Networks: []schema.Network{
			{Name: "office", IdleTimeout: 300 * time.Second, Between: []string{"client.job", `server.x["b"]`, `server.x["c"]`}},
			{Name: "rest", IdleTimeout: time.Hour, Between: []string{"client.x"}},
		},
	}
	return cfg, p
}

func TestPairs(t *testing.T) {
	text := func(pairs []plan.Pairing) (lines []string) {
		for _, p := range pairs {
			lines = append(lines, fmt.Sprintf("%s, %s, %q: %d", strings.Join(p.Clients, " "), strings.Join(p.Servers, " "), p.Network, p.After.Server.After))
		}
		return lines
	}
	for _, test := range []struct {
		name   string
		chosen []string
		change func(*schema.Config, *plan.Plan)
		want   []string
	}{
		{name: "equal ones once", want: []string{
			`client.x, server.x["a"], "rest": 1324`, `client.job, server.x["a"], "": 1324`,
			`client.x, server.x["b"], "rest": 600`, `client.job, server.x["b"], "office": 600`,
			`client.x, server.x["c"], "rest": 1324`, `client.job, server.x["c"], "office": 1324`,
		}},
		{name: "an instance", chosen: []string{`server.x["b"]`, "client.job"}, want: []string{`client.job, server.x["b"], "office": 600`}},
		{name: "two servers are no pair", chosen: []string{`server.x["a"]`, `server.x["b"]`}},
		{name: "a block is all its instances", chosen: []string{"server.x", "client.x"},
			change: func(c *schema.Config, _ *plan.Plan) { c.Networks = nil },
			want:   []string{`client.x, server.x["a"] server.x["c"], "": 1324`, `client.x, server.x["b"], "": 600`}},
		{name: "servers alone", change: func(c *schema.Config, p *plan.Plan) { c.Peers, c.Networks, p.Hosts = nil, nil, p.Hosts[1:2] },
			want: []string{`OpenSSH's ssh with its defaults, server.x["b"], "": 600`}},
		{name: "a client alone", change: func(c *schema.Config, p *plan.Plan) { c.Peers, p.Hosts = nil, p.Hosts[3:] },
			want: []string{`client.x, OpenSSH's sshd with its defaults, "rest": 7875`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg, p := pairsPlan()
			if test.change != nil {
				test.change(cfg, p)
			}
			pairs, err := plan.Pairs(cfg, p, test.chosen)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, text(pairs)); diff != "" {
				t.Errorf("pairs (-want +got):\n%s", diff)
			}
		})
	}
}

// What Predictions says of one pair is what Pairs says of its kind.
func TestPredictions(t *testing.T) {
	cfg, p := pairsPlan()
	predict, err := plan.Predictions(cfg, p)
	if err != nil {
		t.Fatal(err)
	}
	got, planned := predict(schema.Address{Block: "client", Name: "job"}, schema.Address{Block: "server", Name: "x", Key: "c", HasKey: true})
	pairs, err := plan.Pairs(cfg, p, []string{"client.job", `server.x["c"]`})
	if err != nil || !planned || len(pairs) != 1 {
		t.Fatalf("got %t, %d pairs, %v; want one", planned, len(pairs), err)
	}
	if diff := cmp.Diff(pairs[0].After, got); diff != "" {
		t.Errorf("prediction (-of Pairs +of Predictions):\n%s", diff)
	}
	if _, planned := predict(schema.Address{Block: "client", Name: "nobody"}, schema.Address{Block: "server", Name: "x"}); planned {
		t.Error("got a prediction for what the plan does not hold")
	}
}

// Build reads from the files what nobody declares, and tells where a network
// forgets the session.
func TestWhatStandsBeside(t *testing.T) {
	cfg, observed := stockFleet(t, 1, false)
	o := observed[0]
	f := o.Files[plan.ServerConfig]
	f.Bytes = append([]byte("ClientAliveCountMax 7\n"), f.Bytes...)
	o.Files[plan.ServerConfig] = f
	o.Answers = nil
	o.Mute = "nobody is asked in this test"
	cfg.Targets[0].Settings = []schema.Setting{{Keyword: "ClientAliveInterval", Argument: "400"}}
	cfg.Networks = []schema.Network{{Name: "nat", IdleTimeout: 350 * time.Second, Range: schema.Range{Filename: "main.sshform.hcl"}}}
	p, diags := plan.Build(cfg, slices.Values(observed), plan.BuildOptions{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	before, after := p.Hosts[0].Changes()[0].Values()
	if before["ClientAliveCountMax"] != "7" || after["ClientAliveCountMax"] != "7" || after["ClientAliveInterval"] != "400" {
		t.Errorf("got %v and %v, want a count of 7 that nobody declared", before, after)
	}
	warned := slices.ContainsFunc(diags, func(d schema.Diagnostic) bool {
		return d.Severity == schema.Warning && d.Block == `network "nat"` && strings.HasPrefix(d.Detail, "Between OpenSSH's ssh with its defaults and "+cfg.Targets[0].Address.String())
	})
	if !warned {
		t.Errorf("got %v, want a warning about network nat", diags)
	}
}
