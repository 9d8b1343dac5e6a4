package hclfile

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/sshform/sshform/schema"
)

// load reads a configuration that must be without mistakes.
func load(t testing.TB, dir string, opts Options) *Configuration {
	t.Helper()
	c, found := Load(context.Background(), dir, opts)
	if len(found) > 0 {
		t.Fatalf("got diagnostics for %s, want none:\n%s", dir, render(found, c))
	}
	return c
}

func TestLaptop(t *testing.T) {
	c := load(t, "../../examples/laptop", Options{Version: "1.0.0"})
	var got []string
	for _, target := range c.Config.Targets {
		line := fmt.Sprintf("%s %s", target.Host.Name, target.Address)
		for _, s := range target.Settings {
			line += fmt.Sprintf(" %s=%s", s.Keyword, s.Argument)
		}
		got = append(got, line)
	}
	want := []string{
		`backup server.home["backup"] ClientAliveInterval=30 ClientAliveCountMax=10`,
		`db server.home["db"] ClientAliveInterval=30 ClientAliveCountMax=3`,
		`localhost client.laptop ServerAliveInterval=30 ServerAliveCountMax=4`,
		`web server.home["web"] ClientAliveInterval=30 ClientAliveCountMax=3`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("targets differ (-want +got):\n%s", diff)
	}
	backup, laptop := c.Config.Targets[0], c.Config.Targets[2]
	if backup.Connection.SSHAlias != "backup" || backup.Connection.User != "" || backup.Fallback.User != "ops" {
		t.Errorf("got connection %+v over %+v, want ssh_alias above the user of the top level", backup.Connection, backup.Fallback)
	}
	if laptop.Connection.Type != schema.Local || laptop.Fallback != nil {
		t.Errorf("got connection %+v over %+v, want this machine, and sudo only for servers", laptop.Connection, laptop.Fallback)
	}
}

func TestChecksSeeThePlan(t *testing.T) {
	c := load(t, "../../examples/laptop", Options{})
	e, found := c.Evaluate(nil, nil)
	if len(found) > 0 || e.Checks[0].Status != Passed {
		t.Fatalf("got %v and %v, want the check passed", e.Checks, found)
	}
	late := func(a schema.Address, k schema.Keyword) (schema.Argument, bool) {
		return "60", k == "ServerAliveInterval"
	}
	e, found = c.Evaluate(late, nil)
	if e.Checks[0].Status != Failed || len(found) != 1 || found[0].Severity != schema.Warning {
		t.Fatalf("got %v and %v, want the check failed with a warning", e.Checks, found)
	}
	want := []schema.Known{
		{Traversal: "client.laptop.server_alive_interval", Statement: "is 60"},
		{Traversal: `server.home["web"].client_alive_interval`, Statement: "is 30"},
	}
	if diff := cmp.Diff(want, found[0].Values); diff != "" {
		t.Errorf("values differ (-want +got):\n%s", diff)
	}
}

func TestFleet(t *testing.T) {
	c := load(t, "../../examples/fleet", Options{
		Version: "1.2.3", Assignments: []Assignment{{File: "../../examples/fleet/prod.sshvars.hcl"}},
	})
	if got, want := len(c.Config.Targets), 4900; got != want {
		t.Errorf("got %d targets, want %d: all but those tagged frozen", got, want)
	}
	var dropIns, jumps int
	intervals := map[schema.Argument]int{}
	for _, target := range c.Config.Targets {
		intervals[target.Settings[0].Argument]++
		if target.File.DropIn != "" {
			dropIns++
		}
		if target.Connection.ProxyJump != "" {
			jumps++
		}
	}
	if diff := cmp.Diff(map[schema.Argument]int{"15": 50, "20": 693, "60": 4157}, intervals); diff != "" {
		t.Errorf("intervals differ (-want +got):\n%s", diff)
	}
	if dropIns == 0 || jumps != 4850 {
		t.Errorf("got %d drop-ins and %d hosts behind a bastion, want some and 4850", dropIns, jumps)
	}
	rollout := c.Config.Rollouts[0]
	if len(rollout.Targets) != 4900 || len(rollout.Waves[0].Hosts) != 10 || rollout.Waves[2].Window == "" {
		t.Errorf("got a rollout of %d targets with %d canaries, want 4900 and 10", len(rollout.Targets), len(rollout.Waves[0].Hosts))
	}
	if got := c.Config.Inventories[0]; got.Hosts != 5000 || len(got.SHA256) != 64 {
		t.Errorf("got inventory %+v, want 5000 hosts and a digest", got)
	}
	e, found := c.Evaluate(nil, nil)
	if len(found) > 0 || e.Checks[0].Status != Passed || e.Checks[1].Status != Passed {
		t.Errorf("got checks %v and %s, want all passed", e.Checks, render(found, c))
	}
	if got, want := string(e.Outputs[0].JSON), `{"bastion":50,"db":693,"web":4157}`; got != want {
		t.Errorf("got output %s, want %s", got, want)
	}
}

func TestFleetOffline(t *testing.T) {
	c, found := Load(context.Background(), "../../examples/fleet", Options{Offline: true})
	if len(found) > 0 || len(c.Config.Targets) != 0 {
		t.Errorf("got %d targets and %s, want none of both", len(c.Config.Targets), render(found, c))
	}
}

// fleetOf writes the fleet example with n hosts.
func fleetOf(b testing.TB, n int) string {
	dir := b.TempDir()
	source, err := os.ReadFile("../../examples/fleet/main.sshform.hcl")
	if err != nil {
		b.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("name,mgmt_ip,role,region,canary,tags\n")
	roles, regions := []string{"web", "db", "web", "web", "bastion"}, []string{"eu1", "us1"}
	for i := range n {
		fmt.Fprintf(&table, "host-%06d,10.%d.%d.%d,%s,%s,no,drop-in\n", i, i>>16, i>>8&255, i&255, roles[i%5], regions[i%2])
	}
	write(b, filepath.Join(dir, "main.sshform.hcl"), string(source))
	write(b, filepath.Join(dir, "inventory/prod.csv"), table.String())
	return dir
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{5_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := fleetOf(b, n)
			opts := Options{Assignments: []Assignment{{Name: "environment", Value: "prod"}}}
			b.ReportAllocs()
			for b.Loop() {
				if c, found := Load(context.Background(), dir, opts); found.HasErrors() {
					b.Fatal(render(found, c))
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/host")
		})
	}
}
