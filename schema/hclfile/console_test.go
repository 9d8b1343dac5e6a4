package hclfile

import (
	"context"
	"strings"
	"testing"
)

func TestConsole(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/main.sshform.hcl", `
variable "secret" {
  type      = string
  sensitive = true
}
host "a" {
  address = "a.example.net"
  tags    = ["x"]
}
inventory "broken" {
  source "csv" {
    path = "missing.csv"
  }
}
server "s" {
  host                  = host.a
  client_alive_interval = "1m"
}
locals {
  pair = ["shown", var.secret]
}
`)
	c, found := Open(context.Background(), dir, Options{Environ: []string{"SSHFORM_VAR_secret=xyzzy"}})
	if len(found) > 0 {
		t.Fatalf("got %s, want nothing", render(found, c))
	}
	for expression, want := range map[string]string{
		`1 + 2`:                            "3",
		`host.a.tags`:                      "tolist([\n  \"x\",\n])",
		`server.s.client_alive_interval`:   "60",
		`server.s.client_alive_count_max`:  "null",
		`{ a = 1, "b c" = [] }`:            "{\n  a = 1\n  \"b c\" = []\n}",
		`{ "x$${y}" = 1 }`:                 "{\n  \"x$${y}\" = 1\n}",
		`local.pair`:                       "[\n  \"shown\",\n  (sensitive value),\n]",
		`upper(var.secret)`:                "(sensitive value)",
		`tomap({})`:                        "tomap({})",
		`toset(["b", "a"])`:                "toset([\n  \"a\",\n  \"b\",\n])",
		`"${host.a.address}:${1}"`:         `"a.example.net:1"`,
		`[for h in host : h.name if true]`: "[\n  \"a\",\n]",
	} {
		got, found := c.Console(expression)
		if got != want || len(found) > 0 {
			t.Errorf("%s: got %s\n%s, want %s", expression, got, render(found, c), want)
		}
	}
	for expression, want := range map[string]string{
		`inventory.broken.hosts`:        "Inventory not found",
		`group_by(host, "rol")`:         `an attribute "rol".`,
		`host.b`:                        "There is no host.b.",
		`1 +`:                           "Missing expression",
		`uper("x")`:                     `Did you mean "upper"?`,
		`each.key`:                      "only in server and client blocks",
		strings.Repeat("(", 5000) + "1": "Nested too deeply",
	} {
		got, found := c.Console(expression)
		if text := render(found, c); !strings.Contains(text, want) || strings.Contains(text, "..") {
			t.Errorf("%.40s: got %q and %s, want a diagnostic with %q", expression, got, text, want)
		}
	}
}
