package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

func inspect(t *testing.T, q plan.Query, release string, all bool, files map[string]string) *plan.Inspected {
	t.Helper()
	return plan.Inspect(q, look(t, files, release, plan.InspectAsks, q), all)
}

func valueOf(t *testing.T, i *plan.Inspected, keyword schema.Keyword) plan.InForce {
	t.Helper()
	for _, k := range i.Keywords {
		if k.Keyword == keyword {
			return k
		}
	}
	t.Fatalf("%s is not listed: %+v", keyword, i)
	return plan.InForce{}
}

const layered = `Include /etc/ssh/sshd_config.d/*.conf
ClientAliveInterval 60
Match User backup
    ClientAliveInterval 5
Match Group admins
    ClientAliveInterval 7
Match LocalPort 2222
    ClientAliveInterval 9
`

func TestInspectNamesTheLineThatDecides(t *testing.T) {
	files := map[string]string{
		"/etc/ssh/sshd_config":              layered,
		"/etc/ssh/sshd_config.d/50-a.conf":  "ClientAliveInterval 15\n",
		"/etc/ssh/sshd_config.d/ignored.md": "ClientAliveInterval 1\n",
	}
	const main, dropIn = "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/50-a.conf"
	at := func(file string, line int) plan.Source { return plan.Source{File: file, Line: line} }
	noMatch := func(line int, value string) plan.Shadow {
		return plan.Shadow{Source: at(main, line), Value: value, Reason: "its block does not match", By: at(main, line-1)}
	}
	for _, c := range []struct {
		name  string
		query plan.Query
		want  plan.InForce
	}{
		{"nobody in particular", plan.Query{}, plan.InForce{
			Values: []string{"15"}, Sources: []plan.Source{at(dropIn, 1)},
			Shadowed: []plan.Shadow{
				{Source: at(main, 2), Value: "60", Reason: "an earlier line sets it first", By: at(dropIn, 1)},
				noMatch(4, "5"), noMatch(6, "7"), noMatch(8, "9"),
			},
		}},
		{"a user, whose groups are not known", plan.Query{User: "backup"}, plan.InForce{
			Values: []string{"5"}, Sources: []plan.Source{at(main, 4)},
			Shadowed: []plan.Shadow{
				{Source: at(dropIn, 1), Value: "15", Reason: "a matching Match block replaces it", By: at(main, 4)},
				{Source: at(main, 2), Value: "60", Reason: "a matching Match block replaces it", By: at(main, 4)},
				{Source: at(main, 6), Value: "7", Reason: "whether its block matches is not known", By: at(main, 5)},
				noMatch(8, "9"),
			},
		}},
		{"a member at another port", plan.Query{User: "ann", Groups: []string{"admins"}, GroupsKnown: true, LocalPort: 2222}, plan.InForce{
			Values: []string{"7"}, Sources: []plan.Source{at(main, 6)},
			Shadowed: []plan.Shadow{
				{Source: at(dropIn, 1), Value: "15", Reason: "a matching Match block replaces it", By: at(main, 6)},
				{Source: at(main, 2), Value: "60", Reason: "a matching Match block replaces it", By: at(main, 6)},
				noMatch(4, "5"),
				{Source: at(main, 8), Value: "9", Reason: "an earlier line sets it first", By: at(main, 6)},
			},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.query.Side = schema.Server
			c.want.Keyword = "ClientAliveInterval"
			i := inspect(t, c.query, "9.6p1", false, files)
			if !i.Valid() {
				t.Fatalf("got errors %v, want none", i.Errors)
			}
			if diff := cmp.Diff(c.want, valueOf(t, i, "ClientAliveInterval")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestInspectSaysWhenItCannotKnow(t *testing.T) {
	files := map[string]string{"/etc/ssh/sshd_config": "ClientAliveInterval 60\nMatch Group admins\n    ClientAliveInterval 7\n"}
	i := inspect(t, plan.Query{Side: schema.Server, User: "ann"}, "9.6p1", false, files)
	got := valueOf(t, i, "ClientAliveInterval").Undecided
	if len(got) != 1 || got[0].Line != 3 || got[0].Value != "7" {
		t.Errorf("got %+v, want line 3 undecided", got)
	}
	if len(i.Undecided) != 1 || i.Undecided[0].Line != 2 {
		t.Errorf("got %+v, want the Match line undecided", i.Undecided)
	}
}

func TestInspectPredictsErrors(t *testing.T) {
	for _, c := range []struct {
		name, release, text string
		line                int
	}{
		{"unknown to the release", "9.1p1", "LogLevel INFO\nChannelTimeout *=0\n", 2},
		{"a bad value", "9.6p1", "ClientAliveInterval soon\n", 1},
		{"global only", "9.6p1", "Match User a\n  TCPKeepAlive no\n", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := inspect(t, plan.Query{Side: schema.Server}, c.release, false, map[string]string{"/etc/ssh/sshd_config": c.text})
			if i.Valid() || i.Errors[0].Line != c.line || len(i.Keywords) != 0 {
				t.Errorf("got %+v, want an error at line %d and no values", i, c.line)
			}
		})
	}
	if i := inspect(t, plan.Query{Side: schema.Server}, "9.6p1", false, nil); i.Valid() {
		t.Errorf("got %+v, want an error for a missing file", i)
	}
}

func TestInspectClient(t *testing.T) {
	files := map[string]string{
		"/home/me/.ssh/config": "Host db\n  ServerAliveInterval none\nHost *\n  ServerAliveCountMax 4\n",
		"/etc/ssh/ssh_config":  "ServerAliveInterval 1m\nSendEnv LANG\nSendEnv TERM\n",
	}
	i := inspect(t, plan.Query{Side: schema.Client, Host: "db"}, "9.6p1", true, files)
	got := valueOf(t, i, "ServerAliveInterval")
	want := plan.InForce{
		Keyword: "ServerAliveInterval", Values: []string{"60"}, Sources: []plan.Source{{File: "/etc/ssh/ssh_config", Line: 1}},
		Shadowed: []plan.Shadow{{Source: plan.Source{File: "/home/me/.ssh/config", Line: 2}, Value: "none", Reason: "none leaves the value unset"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := len(valueOf(t, i, "SendEnv").Sources); got != 2 {
		t.Errorf("got %d lines of SendEnv, want both", got)
	}
}
