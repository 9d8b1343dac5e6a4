package hclfile

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// What does not depend on the host is evaluated once for all hosts, wherever
// it stands; what does, once for each.
func TestSharedExpressionsAreEvaluatedOnce(t *testing.T) {
	const hosts = 40
	for _, test := range []struct {
		block string
		want  int
	}{
		{`client_alive_interval = abs(30)`, 1},
		{`client_alive_interval = each.key == "" ? 1 : abs(30)`, hosts},
		{"client_alive_interval = 1\nfile {\n backups = abs(3)\n}", 1},
		{"client_alive_interval = 1\nconnection {\n port = abs(22)\n}", 1},
		{"client_alive_interval = 1\nverify {\n confirm_timeout = abs(90)\n}", 1},
		{"client_alive_interval = 1\nprecondition {\n condition = abs(1) == 1\n error_message = \"no\"\n}", 1},
		{"client_alive_interval = local.shared", 1},
	} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "main.sshform.hcl"), `
locals {
  shared = abs(30)
}
inventory "fleet" {
  source "csv" {
    path = "hosts.csv"
  }
}
server "s" {
  for_each = inventory.fleet.hosts
  host     = each.value
`+test.block+"\n}\n")
		var csv strings.Builder
		csv.WriteString("name,address\n")
		for i := range hosts {
			fmt.Fprintf(&csv, "web-%d,192.0.2.%d\n", i, i)
		}
		write(t, filepath.Join(dir, "hosts.csv"), csv.String())
		l := open(t.Context(), dir, Options{})
		calls := 0
		abs := l.functions["abs"]
		l.functions["abs"] = function.New(&function.Spec{
			Params: abs.Params(),
			Type:   function.StaticReturnType(cty.Number),
			Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
				calls++
				return abs.Call(args)
			},
		})
		config := l.config()
		if found := l.diagnostics(); found.HasErrors() {
			t.Fatalf("%s: %v", test.block, found)
		}
		if len(config.Targets) != hosts {
			t.Fatalf("got %d targets, want %d", len(config.Targets), hosts)
		}
		want := test.want
		if !strings.Contains(test.block, "local.shared") {
			want++ // the local's own
		}
		if calls != want {
			t.Errorf("%s: got %d evaluations, want %d", test.block, calls, want)
		}
	}
}
