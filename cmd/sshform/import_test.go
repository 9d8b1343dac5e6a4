package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

// TestImportFoldsEqualHosts writes the configuration of three hosts and reads
// it back: each host has exactly its own values, equal hosts share a block,
// and what differs is said.
func TestImportFoldsEqualHosts(t *testing.T) {
	host := func(name, path string, settings ...schema.Setting) importedHost {
		return importedHost{
			schema.Target{
				Host: schema.Host{Name: name}, File: schema.File{Path: path},
				Connection: schema.Connection{Address: "192.0.2.7", Port: 2200, User: `o"${x}ps`},
			},
			plan.Import{Settings: settings},
		}
	}
	set := func(keyword schema.Keyword, argument schema.Argument) schema.Setting {
		return schema.Setting{Keyword: keyword, Argument: argument}
	}
	hosts := []importedHost{
		host("a", "/odd/sshd_config", set("ClientAliveInterval", "15"), set("TCPKeepAlive", "no")),
		host("b", "", set("ClientAliveInterval", "30"), set("ChannelTimeout", "session:*=60 agent-connection=0"), set("UnusedConnectionTimeout", "none")),
		host("c", "", set("ClientAliveInterval", "30"), set("ChannelTimeout", "session:*=60 agent-connection=0"), set("UnusedConnectionTimeout", "none")),
	}
	var targets []schema.Target
	for _, h := range hosts {
		targets = append(targets, h.target)
	}
	groups := foldHosts(hosts)
	if len(groups) != 2 || len(groups[0].hosts) != 2 {
		t.Fatalf("got %d groups, want the two equal hosts and the other: %+v", len(groups), groups)
	}
	o := importing{connection: schema.Connection{Become: "sudo"}}
	text := o.configuration(targets, groups)
	want := "# Differs from server.imported: client_alive_interval is 15, not 30, tcp_keep_alive is set, " +
		"channel_timeout is not set, unused_connection_timeout is not set, sshd reads another file.\n"
	if !strings.Contains(text, want) {
		t.Errorf("got no line %q in:\n%s", want, text)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "fleet.sshform.hcl"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	read, found := hclfile.Load(context.Background(), dir, hclfile.Options{})
	if len(found) > 0 {
		t.Fatalf("the configuration does not read back: %+v\n%s", found, text)
	}
	got := map[string][]string{}
	for _, target := range read.Config.Targets {
		lines := []string{target.Address.String(), target.File.Path, target.Connection.User, target.Connection.Address}
		for _, s := range target.Settings {
			lines = append(lines, string(s.Keyword)+" "+string(s.Argument))
		}
		got[target.Host.Name] = lines
	}
	equal := []string{"ClientAliveInterval 30", "ChannelTimeout session:*=60 agent-connection=0", "UnusedConnectionTimeout none"}
	wanted := map[string][]string{
		"a": {"server.imported_2", "/odd/sshd_config", `o"${x}ps`, "192.0.2.7", "ClientAliveInterval 15", "TCPKeepAlive no"},
		"b": append([]string{`server.imported["b"]`, "", `o"${x}ps`, "192.0.2.7"}, equal...),
		"c": append([]string{`server.imported["c"]`, "", `o"${x}ps`, "192.0.2.7"}, equal...),
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Errorf("read back (-want +got):\n%s\n%s", diff, text)
	}
}

func TestReachOf(t *testing.T) {
	for arg, want := range map[string]schema.Connection{
		"web":                {SSHAlias: "web"},
		"web:2222":           {Address: "web", Port: 2222},
		"root@192.0.2.7":     {Address: "192.0.2.7", User: "root"},
		"root@2001:db8::7":   {Address: "2001:db8::7", User: "root"},
		"root@[::1]":         {Address: "::1", User: "root"},
		"root@[::1]:2222":    {Address: "::1", Port: 2222, User: "root"},
		"[fe80::1%eth0]:222": {Address: "fe80::1%eth0", Port: 222},
	} {
		if got, err := reachOf(arg); err != nil || got != want {
			t.Errorf("%s: got %+v, %v, want %+v", arg, got, err, want)
		}
	}
	for _, arg := range []string{"", "@web", "root@", "web:", "web:0", "web:65536", "[::1]2222", "[::1]:", "[]:22", "a b"} {
		if got, err := reachOf(arg); err == nil {
			t.Errorf("%q: got %+v, want an error", arg, got)
		}
	}
}
