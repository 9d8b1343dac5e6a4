package hclfile

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/inventory"
)

func TestVariablePrecedence(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.sshform.hcl"), "variable \"v\" {\n  type = string\n  default = \"default\"\n}\n")
	other := filepath.Join(t.TempDir(), "given.sshvars.hcl")
	write(t, other, `v = "given file"`)
	value := func(opts Options) string {
		t.Helper()
		return string(load(t, dir, opts).Config.Variables[0].JSON)
	}
	opts := Options{}
	expect := func(what, want string) {
		t.Helper()
		if got := value(opts); got != want {
			t.Errorf("with %s: got %s, want %s", what, got, want)
		}
	}
	expect("nothing", `"default"`)
	opts.Environ = []string{"SSHFORM_VAR_v=environment", "SSHFORM_VAR_other=x", "PATH=/bin"}
	expect("the environment", `"environment"`)
	write(t, filepath.Join(dir, "default.sshvars.hcl"), `v = "default file"`)
	expect("a default file", `"default file"`)
	write(t, filepath.Join(dir, "default.sshvars.json"), `{"v": "default json"}`)
	expect("a default JSON file", `"default json"`)
	write(t, filepath.Join(dir, "a.auto.sshvars.json"), `{"v": "a"}`)
	expect("an automatic file", `"a"`)
	write(t, filepath.Join(dir, "b.auto.sshvars.hcl"), `v = "b"`)
	expect("a later automatic file", `"b"`)
	opts.Assignments = []Assignment{{File: other}, {Name: "v", Value: "typed"}}
	expect("-var last", `"typed"`)
	opts.Assignments = []Assignment{{Name: "v", Value: "typed"}, {File: other}}
	expect("-var-file last", `"given file"`)
}

func TestTypesOfVariables(t *testing.T) {
	for name, test := range map[string]struct{ declared, text, want string }{
		"text stays text":      {"type = string", "[1]", `"[1]"`},
		"no type is text":      {"", "[1]", `"[1]"`},
		"number":               {"type = number", "30", `30`},
		"list":                 {"type = list(number)", `["1", 2]`, `[1,2]`},
		"set":                  {"type = set(string)", `["b", "a", "b"]`, `["a","b"]`},
		"map":                  {"type = map(number)", `{ a = 1 }`, `{"a":1}`},
		"tuple":                {"type = tuple([string, bool])", `["x", true]`, `["x",true]`},
		"any":                  {"type = any", `{ a = [1] }`, `{"a":[1]}`},
		"optional":             {"type = object({ a = string, b = optional(number, 3), c = optional(string) })", `{ a = "x" }`, `{"a":"x","b":3,"c":null}`},
		"nested optional":      {"type = map(object({ b = optional(number, 3) }))", `{ x = {}, y = { b = 4 } }`, `{"x":{"b":3},"y":{"b":4}}`},
		"null is null":         {"type = any\n  default = 3", "null", `null`},
		"null is the default":  {"type = any\n  default = 3\n  nullable = false", "null", `3`},
		"ephemeral not stored": {"type = string\n  ephemeral = true", "x", ""},
		"sensitive not stored": {"type = string\n  sensitive = true", "x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "main.sshform.hcl"), "variable \"v\" {\n  "+test.declared+"\n}\n")
			c := load(t, dir, Options{Assignments: []Assignment{{Name: "v", Value: test.text}}})
			if got := string(c.Config.Variables[0].JSON); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestAskingForVariables(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.sshform.hcl"), "variable \"v\" {\n  type = number\n  description = \"How many.\"\n}\n")
	var asked Input
	c := load(t, dir, Options{Ask: func(in Input) (string, error) { asked = in; return "7", nil }})
	if diff := cmp.Diff(Input{Name: "v", Description: "How many.", Type: "number"}, asked); diff != "" || string(c.Config.Variables[0].JSON) != "7" {
		t.Errorf("got %s and question (-want +got):\n%s", c.Config.Variables[0].JSON, diff)
	}
	_, found := Load(context.Background(), dir, Options{Ask: func(Input) (string, error) { return "", errors.New("end of input") }})
	if !found.HasErrors() || !strings.Contains(found[0].Detail, "end of input") {
		t.Errorf("got %v, want the reason", found)
	}
}

const everything = `
sshform {
  plan {
    max_age       = "4h"
    require_saved = true
  }
  history {
    path = "runs"
    keep = 9
  }
}
connection {
  user             = "top"
  port             = 1
  known_hosts_file = "ssh/known_hosts"
  connect_timeout  = "1m"
}
host "a" {
  address = "a.example.net"
  user    = "column"
  port    = 3
  tags    = ["x", "y"]
  vars    = { region = "eu", weight = 3 }
  connection {
    port          = 4
    identity_file = "~/.ssh/key"
  }
}
server "s" {
  host                      = host.a
  client_alive_interval     = "1h30m"
  client_alive_count_max    = null
  unused_connection_timeout = 0
  channel_timeout           = ["session:*=10m", "agent-connection=0"]
  unset                     = ["LoginGraceTime"]
  match_overrides           = "error"
  allow_pending             = true
  reload                    = "none"
  file {
    path    = "/etc/ssh//sshd_config"
    drop_in = "20-x.conf"
    backups = 3
  }
  verify {
    probe           = true
    rehearsal       = false
    confirm_timeout = 90
  }
  connection {
    certificate_file = "keys/a-cert.pub"
  }
}
server "users" {
  for_each              = toset(["backup", "git"])
  host                  = host.a
  match                 = "User  ${each.key}"
  client_alive_interval = server.s.client_alive_interval / 2
  connection {
    certificate_file = "keys/a-cert.pub"
  }
}
client "app" {
  library   = "paramiko"
  keepalive = "30s"
}
network "office" {
  idle_timeout = 350
  between      = [client.app, "server.users[\"g*\"]"]
}
`

func TestEverythingIsDecoded(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.sshform.hcl"), everything)
	c := load(t, dir, Options{}).Config
	want := schema.Target{
		Address: schema.Address{Block: "server", Name: "s"},
		Host:    schema.Host{Name: "a", Tags: []string{"x", "y"}, Vars: map[string]string{"region": "eu", "weight": "3"}},
		Connection: schema.Connection{
			Address: "a.example.net", Port: 4, User: "column", IdentityFile: "~/.ssh/key", CertificateFile: filepath.Join(dir, "keys/a-cert.pub"),
		},
		Fallback: &schema.Connection{User: "top", Port: 1, KnownHostsFile: filepath.Join(dir, "ssh/known_hosts"), ConnectTimeout: time.Minute},
		File:     schema.File{Path: "/etc/ssh/sshd_config", DropIn: "20-x.conf", Backups: 3},
		Settings: []schema.Setting{
			{Keyword: "ClientAliveInterval", Argument: "5400"},
			{Keyword: "ChannelTimeout", Argument: "session:*=600 agent-connection=0"},
			{Keyword: "UnusedConnectionTimeout", Argument: "none"},
		},
		Unset:           []schema.Setting{{Keyword: "LoginGraceTime"}},
		RefuseOverrides: true, AllowPending: true, Reload: "none",
		Verify: schema.Verify{Probe: true, SkipRehearsal: true, ConfirmTimeout: 90 * time.Second},
	}
	places := cmpopts.IgnoreTypes(schema.Range{})
	if diff := cmp.Diff(want, c.Targets[0], places); diff != "" {
		t.Errorf("target differs (-want +got):\n%s", diff)
	}
	if got := c.Targets[1]; got.Scope.Match != "User backup" || got.Settings[0].Argument != "2700" || got.Address.String() != `server.users["backup"]` {
		t.Errorf("got %+v, want the scope of backup with half the interval", got)
	}
	rest := schema.Config{
		Dir: dir, MaxAge: 4 * time.Hour, RequireSaved: true, History: schema.History{Path: filepath.Join(dir, "runs"), Keep: 9},
		Peers:    []schema.Peer{{Name: "app", Library: "paramiko", Keepalive: 30 * time.Second}},
		Networks: []schema.Network{{Name: "office", IdleTimeout: 350 * time.Second, Between: []string{"client.app", `server.users["git"]`}}},
	}
	if diff := cmp.Diff(rest, *c, places, cmpopts.IgnoreFields(schema.Config{}, "Targets", "Sources")); diff != "" {
		t.Errorf("configuration differs (-want +got):\n%s", diff)
	}
}

func TestJSONMeansTheSame(t *testing.T) {
	native, asJSON := t.TempDir(), t.TempDir()
	write(t, filepath.Join(native, "main.sshform.hcl"), `
variable "i" {
  type    = number
  default = 30
}
host "a" {
  address = "a"
}
server "s" {
  for_each              = host
  host                  = each.value
  client_alive_interval = var.i
  file {
    drop_in = "x.conf"
  }
}
rollout "r" {
  targets = server.s
  wave "w" {
    percent = 100
  }
}
`)
	write(t, filepath.Join(asJSON, "main.sshform.json"), `{
  "variable": {"i": {"type": "number", "default": 30}},
  "host": {"a": {"address": "a"}},
  "server": {"s": {"for_each": "${host}", "host": "${each.value}", "client_alive_interval": "${var.i}", "file": {"drop_in": "x.conf"}}},
  "rollout": {"r": {"targets": "server.s", "wave": {"w": {"percent": 100}}}}
}`)
	one, two := load(t, native, Options{}).Config, load(t, asJSON, Options{}).Config
	if len(one.Targets) != 1 {
		t.Fatalf("got %d targets, want 1", len(one.Targets))
	}
	same := cmp.Options{cmpopts.IgnoreTypes(schema.Range{}), cmpopts.IgnoreFields(schema.Config{}, "Dir", "Sources", "History")}
	if diff := cmp.Diff(one, two, same); diff != "" {
		t.Errorf("configurations differ (-native +JSON):\n%s", diff)
	}
}

func TestLivenessInChecks(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.sshform.hcl"), everything+`
check "who" {
  assert {
    condition     = liveness(server.users["git"], client.app).first == "server"
    error_message = "The ${liveness(client.app, server.s).first} is first."
  }
}
output "seconds" {
  value = liveness(server.s, client.app).seconds + 1
}
`)
	c := load(t, dir, Options{})
	var asked []string
	e, found := c.Evaluate(nil, func(server, client schema.Address) ([]byte, error) {
		asked = append(asked, server.String())
		return fmt.Appendf(nil, `{"first": %q, "seconds": 41}`, client.Name), nil
	})
	if len(found) != 1 || found[0].Detail != "The app is first." || e.Checks[0].Status != Failed {
		t.Errorf("got %s and %v, want one failed check", render(found, c), e.Checks)
	}
	if got := e.Outputs[0]; string(got.JSON) != "42" || got.Raw != "42" || string(got.Type) != `"number"` {
		t.Errorf("got output %+v, want 42", got)
	}
	if len(asked) == 0 {
		t.Error("got no question about liveness, want some")
	}
}

func TestInventoryProgramsNeedLeave(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.sshform.hcl"), `
inventory "cloud" {
  source "external" {
    program = ["./list", "-all"]
    query   = { region = "eu" }
  }
}
server "s" {
  for_each              = inventory.cloud.hosts
  host                  = each.value
  client_alive_interval = each.value.vars.seconds
}
`)
	var got inventory.Call
	run := func(_ context.Context, call inventory.Call) ([]byte, error) {
		got = call
		return []byte(`{"format_version":"1.0","hosts":{"a":{"address":"10.0.0.1","vars":{"seconds":15}}}}`), nil
	}
	c := load(t, dir, Options{Run: run})
	if diff := cmp.Diff(inventory.Call{Program: []string{"./list", "-all"}, Dir: dir, Stdin: []byte(`{"region":"eu"}`)}, got); diff != "" {
		t.Errorf("call differs (-want +got):\n%s", diff)
	}
	if s := c.Config.Targets[0].Settings[0]; s.Argument != "15" {
		t.Errorf("got %s, want 15", s.Argument)
	}
	got = inventory.Call{}
	if _, found := Load(context.Background(), dir, Options{Offline: true, Run: run}); len(found) > 0 || got.Program != nil {
		t.Errorf("got %v and a call of %v, want an offline check to run nothing", found, got.Program)
	}
}
