package hclfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sshform/sshform/schema"
)

func TestSelect(t *testing.T) {
	address := func(name, key string) schema.Address {
		return schema.Address{Block: "server", Name: name, Key: key, HasKey: key != ""}
	}
	var config schema.Config
	for _, a := range []schema.Address{
		address("fleet", "web-1"), address("fleet", "web-2"), address("fleet", "db-1"), address("solo", ""), {Block: "client", Name: "laptop"},
	} {
		config.Targets = append(config.Targets, schema.Target{Address: a})
	}
	config.Rollouts = []schema.Rollout{{Targets: []schema.Address{address("fleet", "web-1"), address("fleet", "db-1")}}}
	for name, test := range map[string]struct {
		targets, excludes []string
		want              string // addresses, or a part of the diagnostic
		rollout           int
	}{
		"nothing":        {want: `server.fleet["web-1"] server.fleet["web-2"] server.fleet["db-1"] server.solo client.laptop`, rollout: 2},
		"one":            {targets: []string{`server.fleet["web-1"]`}, want: `server.fleet["web-1"]`, rollout: 1},
		"glob":           {targets: []string{`server.fleet["web-*"]`, "client.laptop"}, want: `server.fleet["web-1"] server.fleet["web-2"] client.laptop`, rollout: 1},
		"question mark":  {targets: []string{`server.fleet["??-1"]`}, want: `server.fleet["db-1"]`, rollout: 1},
		"whole block":    {targets: []string{"server.fleet"}, want: `server.fleet["web-1"] server.fleet["web-2"] server.fleet["db-1"]`, rollout: 2},
		"excluded":       {excludes: []string{`server.fleet["*"]`}, want: `server.solo client.laptop`},
		"both":           {targets: []string{"server.solo"}, excludes: []string{"client.laptop"}, want: "Use one of the two"},
		"unknown key":    {targets: []string{`server.fleet["wep-1"]`}, want: `Did you mean server.fleet["web-1"]?`},
		"unknown block":  {targets: []string{"server.fleat"}, want: "Did you mean server.fleet?"},
		"unknown glob":   {targets: []string{`server.fleet["mail-*"]`}, want: "server.fleet has 3 instances"},
		"no for_each":    {targets: []string{`server.solo["a"]`}, want: "has no for_each: write server.solo"},
		"not an address": {targets: []string{"web-1", `server.fleet[web-1]`, `server.fleet["a]`, "server."}, want: "is not an address"},
	} {
		t.Run(name, func(t *testing.T) {
			selected, found := Select(&config, test.targets, test.excludes)
			if found.HasErrors() {
				if got := found[0].Detail; !strings.Contains(got, test.want) || len(found) == 0 {
					t.Errorf("got %d diagnostics, first %s, want %s", len(found), got, test.want)
				}
				return
			}
			var got []string
			for _, target := range selected.Targets {
				got = append(got, target.Address.String())
			}
			if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("targets differ (-want +got):\n%s", diff)
			}
			if n := len(selected.Rollouts[0].Targets); n != test.rollout {
				t.Errorf("got %d targets in the rollout, want %d", n, test.rollout)
			}
		})
	}
	if len(config.Targets) != 5 || len(config.Rollouts[0].Targets) != 2 {
		t.Error("got the given configuration changed, want a copy")
	}
}
