package sshconf

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// explain renders who decides a keyword and what stands beside it.
func explain(r *Result, keyword string) string {
	e := r.Keyword(keyword)
	var b strings.Builder
	fmt.Fprintf(&b, "%s from %v", e.Value(), e.From)
	for _, d := range e.Undecided {
		fmt.Fprintf(&b, "; perhaps %s at %v", d.Value, d.Place)
	}
	for _, d := range r.Shadowed(keyword) {
		fmt.Fprintf(&b, "; not %s at %v: %s %v", d.Value, d.Place, d.Why, d.By)
	}
	return b.String()
}

func TestExplainServer(t *testing.T) {
	groups := Login{User: "alice", LocalPort: 22}
	for _, c := range []struct {
		name, keyword string
		login         Login
		options       []string
		files         memory
		want          string
	}{
		{
			name: "first wins", keyword: "ClientAliveInterval",
			files: memory{"/main": "ClientAliveInterval 1\nClientAliveInterval 2\n"},
			want:  "1 from [/main:1]; not 2 at /main:2: an earlier line sets it first /main:1",
		},
		{
			name: "last wins", keyword: "MaxStartups",
			files: memory{"/main": "MaxStartups 1:1:1\nMaxStartups 2:2:2\n"},
			want:  "2:2:2 from [/main:2]; not 1:1:1 at /main:1: a later line overwrites it /main:2",
		},
		{
			name: "none overwrites", keyword: "UnusedConnectionTimeout",
			files: memory{"/main": "UnusedConnectionTimeout 5\nUnusedConnectionTimeout none\nUnusedConnectionTimeout 7\n"},
			want: "none from [/main:2]; not 5 at /main:1: a later line overwrites it /main:2; " +
				"not 7 at /main:3: an earlier line sets it first /main:2",
		},
		{
			name: "a block overrules", keyword: "ClientAliveInterval", login: Login{User: "alice"},
			files: memory{"/main": "ClientAliveInterval 1\nMatch User bob\nClientAliveInterval 2\nMatch User alice\nClientAliveInterval 3\n"},
			want: "3 from [/main:5]; not 1 at /main:1: a matching Match block replaces it /main:5; " +
				"not 2 at /main:3: its block does not match /main:2",
		},
		{
			name: "a block overrules the command line", keyword: "ClientAliveInterval", options: []string{"ClientAliveInterval=9"},
			files: memory{"/main": "Match all\nClientAliveInterval 3\n"},
			want:  "3 from [/main:2]; not 9 at command-line: a matching Match block replaces it /main:2",
		},
		{
			name: "the command line comes first", keyword: "TCPKeepAlive", options: []string{"KeepAlive no", "TCPKeepAlive yes"},
			files: memory{"/main": "TCPKeepAlive yes\n"},
			want: "no from [command-line]; not yes at command-line: an earlier line sets it first command-line; " +
				"not yes at /main:1: an earlier line sets it first command-line",
		},
		{
			name: "a drop-in", keyword: "ClientAliveInterval",
			files: memory{"/main": "Include /d/*.conf\nClientAliveInterval 1\n", "/d/9.conf": "ClientAliveInterval 9\n", "/d/10.conf": "ClientAliveInterval 10\n"},
			want: "10 from [/d/10.conf:1]; not 9 at /d/9.conf:1: an earlier line sets it first /d/10.conf:1; " +
				"not 1 at /main:2: an earlier line sets it first /d/10.conf:1",
		},
		{
			name: "swallowed by a block", keyword: "ClientAliveInterval", login: Login{User: "x"},
			files: memory{"/main": "Match User bob\nInclude /d/*.conf\n", "/d/a.conf": "Match all\nClientAliveInterval 1\n"},
			want:  "0 from []; not 1 at /d/a.conf:2: its block does not match /main:1",
		},
		{
			name: "unknown groups", keyword: "ClientAliveInterval", login: groups,
			files: memory{"/main": "ClientAliveInterval 1\nMatch Group wheel\nClientAliveInterval 2\nMatch all\nClientAliveInterval 1\n"},
			want: "1 from [/main:5]; perhaps 2 at /main:3; not 1 at /main:1: a matching Match block replaces it /main:5; " +
				"not 2 at /main:3: whether its block matches is not known /main:2",
		},
		{
			name: "unknown groups that do not matter", keyword: "ClientAliveInterval", login: groups,
			files: memory{"/main": "Match User alice\nClientAliveInterval 1\nMatch Group wheel\nClientAliveInterval 2\nMatch Group x User bob\nClientAliveInterval 3\n"},
			want: "1 from [/main:2]; not 2 at /main:4: whether its block matches is not known /main:3; " +
				"not 3 at /main:6: its block does not match /main:5",
		},
		{
			name: "unknown groups and the default", keyword: "ClientAliveCountMax", login: groups,
			files: memory{"/main": "Match Group wheel\nClientAliveCountMax 3\n"},
			want:  "3 from []; not 3 at /main:2: whether its block matches is not known /main:1",
		},
		{
			name: "two slots", keyword: "RekeyLimit",
			files: memory{"/main": "RekeyLimit 1G none\nRekeyLimit 2G 1h\nRekeyLimit 3G 2h\n"},
			want:  "1073741824 3600 from [/main:1 /main:2]; not 3221225472 7200 at /main:3: an earlier line sets it first /main:1",
		},
		{
			name: "no login", keyword: "ClientAliveInterval",
			files: memory{"/main": "Match User a\nClientAliveInterval 1\n"},
			want:  "0 from []; not 1 at /main:2: its block does not match /main:1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, _ := answer(c.files, func(tree *Tree) *Result {
				return ResolveServer(tree, ServerQuery{Release: recorded, Main: "/main", Login: c.login, Options: c.options})
			})
			for _, p := range r.Undecided {
				if b := r.BlocksIn(p.File); len(b) == 0 || !strings.Contains(c.name, "unknown groups") {
					t.Errorf("got %v undecided", p)
				}
			}
			if c.name == "unknown groups that do not matter" && len(r.Undecided) != 1 {
				t.Errorf("got %v undecided, want the block at line 3 alone: bob's is out", r.Undecided)
			}
			if diff := cmp.Diff(c.want, explain(r, c.keyword)); diff != "" {
				t.Errorf("%v %v (-want +got):\n%s", r.Errors, r.Wants, diff)
			}
		})
	}
}

func TestExplainClient(t *testing.T) {
	const home = "/home/me/.ssh/"
	for _, c := range []struct {
		name, keyword string
		q             ClientQuery
		files         memory
		want          string
	}{
		{
			name: "user file before system file", keyword: "ServerAliveInterval",
			files: memory{home + "config": "Host x\nServerAliveInterval 1\n", "/etc/ssh/ssh_config": "ServerAliveInterval 2\n"},
			want:  "1 from [/home/me/.ssh/config:2]; not 2 at /etc/ssh/ssh_config:1: an earlier line sets it first /home/me/.ssh/config:2",
		},
		{
			name: "system file alone, with its own includes", keyword: "ServerAliveInterval",
			files: memory{"/etc/ssh/ssh_config": "Include d/*\n", "/etc/ssh/d/a": "ServerAliveInterval 2\n"},
			want:  "2 from [/etc/ssh/d/a:1]",
		},
		{
			name: "relative include of the user", keyword: "ServerAliveInterval",
			files: memory{home + "config": "Include d ~/e ~me/.ssh/f\n", home + "d": "ServerAliveInterval none\n", home + "f": "ServerAliveInterval 4\n"},
			want:  "4 from [/home/me/.ssh/f:1]; not none at /home/me/.ssh/d:1: none leaves the value unset []",
		},
		{
			name: "exec", keyword: "ServerAliveInterval",
			files: memory{home + "config": "Match exec true\nServerAliveInterval 1\nMatch host x exec true\nServerAliveInterval 3\nMatch host y exec true\nServerAliveInterval 2\nHost *\nServerAliveInterval 3\n"},
			want: "3 from [/home/me/.ssh/config:8]; perhaps 1 at /home/me/.ssh/config:2; " +
				"not 1 at /home/me/.ssh/config:2: whether its block matches is not known /home/me/.ssh/config:1; " +
				"not 3 at /home/me/.ssh/config:4: whether its block matches is not known /home/me/.ssh/config:3; " +
				"not 2 at /home/me/.ssh/config:6: its block does not match /home/me/.ssh/config:5",
		},
		{
			name: "a host name that hangs on exec", keyword: "ServerAliveInterval",
			files: memory{home + "config": "Match exec true\nHostName y\nMatch host x\nServerAliveInterval 1\n"},
			want: "0 from []; perhaps 1 at /home/me/.ssh/config:4; " +
				"not 1 at /home/me/.ssh/config:4: whether its block matches is not known /home/me/.ssh/config:3",
		},
		{
			name: "canonical names", keyword: "ServerAliveInterval",
			files: memory{home + "config": "CanonicalizeHostname yes\nHost x.example\nServerAliveInterval 1\n"},
			want: "0 from []; perhaps 1 at /home/me/.ssh/config:3; " +
				"not 1 at /home/me/.ssh/config:3: whether its block matches is not known /home/me/.ssh/config:2",
		},
		{
			name: "final", keyword: "ServerAliveInterval",
			files: memory{home + "config": "HostName real\nHost real\nServerAliveInterval 1\nMatch final\nServerAliveInterval 2\n"},
			want:  "1 from [/home/me/.ssh/config:3]; not 2 at /home/me/.ssh/config:5: an earlier line sets it first /home/me/.ssh/config:3",
		},
		{
			name: "Debian's batch mode", keyword: "ServerAliveInterval",
			files: memory{home + "config": "BatchMode yes\nServerAliveInterval none\n"},
			want:  "300 from []; not none at /home/me/.ssh/config:2: none leaves the value unset []",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := c.q
			q.Release, q.Host, q.LocalUser, q.Home = recorded, "x", "me", "/home/me"
			q.UserFile, q.SystemFile = home+"config", "/etc/ssh/ssh_config"
			r, _ := answer(c.files, func(tree *Tree) *Result { return ResolveClient(tree, q) })
			got := strings.ReplaceAll(explain(r, c.keyword), "unset ", "unset []")
			if strings.HasSuffix(got, "unset") {
				got += " []"
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("%v (-want +got):\n%s", r.Errors, diff)
			}
		})
	}
}

// TestWants asks in rounds: all that can be known to be needed comes at once.
func TestWants(t *testing.T) {
	tree := NewTree()
	q := ServerQuery{Release: recorded, Main: "/etc/ssh/sshd_config"}
	rounds := [][]Want{}
	feed := memory{
		"/etc/ssh/sshd_config":              "Include sshd_config.d/*.conf /extra/*.conf /etc/one\nMatch all\nInclude /etc/two\n",
		"/etc/ssh/sshd_config.d/a.conf":     "Include /etc/three\n",
		"/etc/ssh/sshd_config.d/b.conf":     "TCPKeepAlive no\n",
		"/etc/ssh/sshd_config.d/c.conf.old": "nonsense\n",
		"/etc/three":                        "ClientAliveInterval 3\n",
	}
	for {
		r := ResolveServer(tree, q)
		if len(r.Wants) == 0 {
			if got, want := r.Keyword("ClientAliveInterval").Value(), "3"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if diff := cmp.Diff([]string{
				"/etc/one", "/etc/ssh/sshd_config", "/etc/ssh/sshd_config.d/a.conf", "/etc/ssh/sshd_config.d/b.conf", "/etc/three", "/etc/two",
			}, r.Files); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"/etc/ssh/sshd_config.d", "/extra"}, r.Folders); diff != "" {
				t.Errorf("folders (-want +got):\n%s", diff)
			}
			break
		}
		rounds = append(rounds, r.Wants)
		for _, w := range r.Wants {
			if w.Folder {
				tree.AddFolder(w.Path, feed.names(w.Path))
			} else {
				tree.AddNode(w.Path, feed.node(w.Path))
			}
		}
	}
	if diff := cmp.Diff([][]Want{
		{{Path: "/etc/ssh/sshd_config"}},
		{{Path: "/etc/ssh/sshd_config.d", Folder: true}, {Path: "/extra", Folder: true}, {Path: "/etc/one"}, {Path: "/etc/two"}},
		{{Path: "/etc/ssh/sshd_config.d/a.conf"}, {Path: "/etc/ssh/sshd_config.d/b.conf"}},
		{{Path: "/etc/three"}},
	}, rounds); diff != "" {
		t.Errorf("rounds (-want +got):\n%s", diff)
	}
}

// TestTreeWith tries a candidate without touching the tree.
func TestTreeWith(t *testing.T) {
	tree := NewTree()
	tree.Add("/main", []byte("Include /d/*.conf\n"))
	tree.AddFolder("/d", []string{"b.conf"})
	tree.Add("/d/b.conf", []byte("ClientAliveInterval 2\n"))
	value := func(t *Tree) string {
		return ResolveServer(t, ServerQuery{Release: recorded, Main: "/main"}).Keyword("ClientAliveInterval").Value()
	}
	candidate := tree.With("/d/a.conf", []byte("ClientAliveInterval 1\n"))
	for name, c := range map[string]struct {
		tree *Tree
		want string
	}{
		"original": {tree, "2"}, "with a drop-in": {candidate, "1"}, "taken away again": {candidate.Without("/d/a.conf"), "2"},
		"without the file": {tree.Without("/d/b.conf"), "0"}, "other content": {tree.With("/d/b.conf", []byte("ClientAliveInterval 7\n")), "7"},
	} {
		if got := value(c.tree); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}
