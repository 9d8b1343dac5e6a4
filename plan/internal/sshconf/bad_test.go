package sshconf

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sshform/sshform/schema"
)

// badTrees are inputs that break careless readers. Each is put to the real
// programs, too: neither may disagree.
func badTrees(t *testing.T, dir string, side Side) map[string]map[string]string {
	set := "ClientAliveInterval 15\n"
	if side == Client {
		set = "ServerAliveInterval 15\n"
	}
	chain := func(n int) map[string]string {
		files := map[string]string{"main": fmt.Sprintf("Include %s/n1\n", dir)}
		for i := 1; i <= n; i++ {
			files[fmt.Sprintf("n%d", i)] = fmt.Sprintf("Include %s/n%d\n%s", dir, i+1, set)
		}
		return files
	}
	many := map[string]string{"main": "Include " + dir + "/many/*.conf\n"}
	for i := range 3000 {
		many[fmt.Sprintf("many/%04d.conf", i)] = "# nothing\n"
	}
	many["many/2999.conf"] = set
	trees := map[string]map[string]string{
		"empty":              {"main": ""},
		"nul":                {"main": set + "\x00\n" + "TCPKeepAlive no\x00 junk\n" + "TCPKeepAlive yes\n"},
		"only nul":           {"main": "\x00\x00\x00"},
		"invalid utf-8":      {"main": "VersionAddendum \xff\xfe\n" + set},
		"bom":                {"main": "\ufeff" + set},
		"lone cr":            {"main": strings.ReplaceAll(set+"TCPKeepAlive no\n", "\n", "\r")},
		"cr between":         {"main": "TCPKeepAlive\rno\n"},
		"megabyte comment":   {"main": "# " + strings.Repeat("x", 1<<20) + "\n" + set},
		"megabyte argument":  {"main": "AcceptEnv " + strings.Repeat("x", 1<<20) + "\n" + set},
		"megabyte pattern":   {"main": "Match User " + strings.Repeat("ab,", 1<<18) + "c\n" + set},
		"megabyte of stars":  {"main": "Match User " + strings.Repeat("*a", 400) + "\n" + set},
		"megabyte of quotes": {"main": "AcceptEnv " + strings.Repeat(`"`, 1<<20) + "\n"},
		"many arguments":     {"main": "AcceptEnv " + strings.Repeat("x ", 20000) + "\n" + set},
		"loop":               {"main": "Include " + dir + "/main\n"},
		"two loops":          {"main": "Include " + dir + "/a\n", "a": "Include " + dir + "/main " + dir + "/a\n"},
		"16 levels":          chain(16),
		"17 levels":          chain(17),
		"folder":             {"main": "Include " + dir + "/sub\n" + set, "sub/x": "bad"},
		"folder by pattern":  {"main": "Include " + dir + "/su?\n" + set, "sub/x": "bad"},
		"thousands":          many,
		"long pattern":       {"main": "Include " + dir + "/" + strings.Repeat("x", 5000) + "*\n" + set},
		"deep pattern":       {"main": "Include " + dir + strings.Repeat("/*", 300) + "\n" + set},
		"star pattern":       {"main": "Include " + dir + "/" + strings.Repeat("*a", 100) + "\n" + set, strings.Repeat("a", 200): "x"},
		"form feed":          {"main": "\f\n"},
		"no newline":         {"main": strings.TrimSuffix(set, "\n")},
	}
	return trees
}

func TestBadInput(t *testing.T) {
	sshd, release := program(t, "SSHFORM_DIFF_SSHD", "sshd")
	ssh, _ := program(t, "SSHFORM_DIFF_SSH", "ssh")
	key := hostKey(t)
	privsep(t)
	for _, side := range []Side{Server, Client} {
		for name := range badTrees(t, "", side) {
			t.Run(side.String()+"/"+name, func(t *testing.T) {
				dir := t.TempDir()
				files := badTrees(t, dir, side)[name]
				if side == Client {
					for path, text := range files {
						files[path] = strings.NewReplacer("AcceptEnv", "SendEnv", "VersionAddendum", "HostKeyAlias").Replace(text)
					}
				}
				for path, text := range files {
					path = filepath.Join(dir, path)
					if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				compareReal(t, side, dir, sshd, ssh, key, release)
			})
		}
	}
}

// TestLinksAndPermissions puts what only a real file system has to both.
func TestLinksAndPermissions(t *testing.T) {
	sshd, release := program(t, "SSHFORM_DIFF_SSHD", "sshd")
	ssh, _ := program(t, "SSHFORM_DIFF_SSH", "ssh")
	key := hostKey(t)
	privsep(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	cases := map[string]func(dir string){
		"dangling": func(dir string) { must(os.Symlink("/nonexistent/x", dir+"/d/a.conf")) },
		"link loop": func(dir string) {
			must(os.Symlink("b.conf", dir+"/d/a.conf"))
			must(os.Symlink("a.conf", dir+"/d/b.conf"))
		},
		"link to a file":   func(dir string) { must(os.Symlink("../target", dir+"/d/a.conf")) },
		"link to a folder": func(dir string) { must(os.Symlink("..", dir+"/d/a.conf")) },
		"writable by others": func(dir string) {
			must(os.WriteFile(dir+"/d/a.conf", []byte("TCPKeepAlive no\n"), 0o644))
			must(os.Chmod(dir+"/d/a.conf", 0o666))
		},
		"unreadable": func(dir string) {
			must(os.WriteFile(dir+"/d/a.conf", []byte("TCPKeepAlive no\n"), 0o000))
		},
		"unreadable folder": func(dir string) { must(os.Chmod(dir+"/d", 0o000)) },
	}
	for _, side := range []Side{Server, Client} {
		for name, make := range cases {
			t.Run(side.String()+"/"+name, func(t *testing.T) {
				dir := t.TempDir()
				must(os.Mkdir(dir+"/d", 0o755))
				must(os.WriteFile(dir+"/target", []byte("TCPKeepAlive no\n"), 0o644))
				must(os.WriteFile(dir+"/main", []byte("Include "+dir+"/d/*.conf\n"), 0o644))
				make(dir)
				compareReal(t, side, dir, sshd, ssh, key, release)
				must(os.Chmod(dir+"/d", 0o755))
			})
		}
	}
}

// TestUnreadable predicts what root cannot try: root may read everything.
func TestUnreadable(t *testing.T) {
	tree := NewTree()
	tree.Add("/main", []byte("Include /a /b\nTCPKeepAlive no\n"))
	tree.AddNode("/a", Node{State: Unreadable})
	tree.AddNode("/b", Node{State: Missing})
	server := ResolveServer(tree, ServerQuery{Release: recorded, Main: "/main"})
	if got, want := fmt.Sprint(server.Exit, server.Errors), "1 [/a: cannot be opened]"; got != want {
		t.Errorf("sshd: got %s, want %s", got, want)
	}
	client := ResolveClient(tree, ClientQuery{Release: recorded, UserFile: "/main", Given: true, Host: "x"})
	if got, want := fmt.Sprint(client.Exit, client.Errors), "255 [/main:1: /a cannot be opened /main: 1 bad lines]"; got != want {
		t.Errorf("ssh: got %s, want %s", got, want)
	}
	for _, state := range []State{Missing, Dangling, Unreadable} {
		tree := NewTree()
		tree.AddNode("/main", Node{State: state})
		if got := ResolveServer(tree, ServerQuery{Release: recorded, Main: "/main"}).Exit; got != 1 {
			t.Errorf("sshd with a main file of state %d: got exit %d, want 1", state, got)
		}
		if got := ResolveClient(tree, ClientQuery{Release: recorded, UserFile: "/main", Given: true}).Exit; got != 255 {
			t.Errorf("ssh -F with a file of state %d: got exit %d, want 255", state, got)
		}
		if got := ResolveClient(tree, ClientQuery{Release: recorded, UserFile: "/main"}).Exit; got != 0 {
			t.Errorf("ssh with a file of state %d: got exit %d, want 0", state, got)
		}
	}
}

// TestLoopThatTestModeMisses: sshd -t accepts this loop, sshd -T and every
// login do not.
func TestLoopThatTestModeMisses(t *testing.T) {
	sshd, release := program(t, "SSHFORM_DIFF_SSHD", "sshd")
	key := hostKey(t)
	privsep(t)
	dir := t.TempDir()
	files := map[string]string{
		"main": "Include " + dir + "/*.conf\n", "a.conf": "ClientAliveInterval 5\n", "b.conf": "Include " + dir + "/*.conf\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, mode := range []string{"-t", "-T"} {
		want := ask(dir, sshd, mode, "-f", dir+"/main", "-h", key)
		got, _ := answer(folder{}, func(tree *Tree) *Result {
			return ResolveServer(tree, ServerQuery{Release: release, Main: dir + "/main", SyntaxOnly: mode == "-t"})
		})
		if got.Exit != want.exit {
			t.Errorf("sshd %s: got exit %d (%v), want %d: %s", mode, got.Exit, got.Errors, want.exit, want.stderr)
		}
	}
}

// TestManyInclusions gives up on a tree in which files include each other two
// to the sixteenth times, instead of running for ever.
func TestManyInclusions(t *testing.T) {
	files := memory{"/main": "Include /n1 /n1\n"}
	for i := 1; i <= 16; i++ {
		next := fmt.Sprintf("/n%d", i+1)
		files[fmt.Sprintf("/n%d", i)] = "Include " + next + " " + next + " " + next + "\n"
	}
	files["/n16"] = "TCPKeepAlive no\n"
	r, _ := answer(files, func(tree *Tree) *Result {
		return ResolveServer(tree, ServerQuery{Release: recorded, Main: "/main"})
	})
	if len(r.Undecided) == 0 {
		t.Errorf("got a decision, want it given up")
	}
}

func compareReal(t *testing.T, side Side, dir, sshd, ssh, key string, release schema.Release) {
	t.Helper()
	main := dir + "/main"
	var got *Result
	var want realAnswer
	if side == Server {
		want = ask(dir, sshd, "-T", "-f", main, "-h", key, "-C", "user=alice,lport=22")
		got, _ = answer(folder{}, func(tree *Tree) *Result {
			return ResolveServer(tree, ServerQuery{
				Release: release, Main: main, WorkDir: dir, Login: Login{User: "alice", LocalPort: 22, GroupsKnown: true},
			})
		})
	} else {
		want = ask(dir, ssh, "-G", "-F", main, "-l", "alice", "somewhere")
		got, _ = answer(folder{}, func(tree *Tree) *Result {
			return ResolveClient(tree, ClientQuery{
				Release: release, UserFile: main, Given: true, Host: "somewhere", User: "alice", LocalUser: "root", Home: "/root",
			})
		})
	}
	if d := disagreement(got, want); d != "" {
		t.Error(d)
	}

}

// TestProblemsHaveAnEnd: what a problem quotes may be as long as its file.
func TestProblemsHaveAnEnd(t *testing.T) {
	word := strings.Repeat("ä", 1<<19)
	for _, text := range []string{word, word + " 1", "Match " + word, "Match user a " + word + " b", "Match exec " + word, "Port " + word} {
		for _, side := range []Side{Server, Client} {
			r, _ := answer(memory(map[string]string{"/main": text + "\n"}), func(tree *Tree) *Result {
				if side == Server {
					return ResolveServer(tree, ServerQuery{Release: recorded, Main: "/main"})
				}
				return ResolveClient(tree, ClientQuery{Release: recorded, UserFile: "/main", Given: true, Host: "h"})
			})
			for _, p := range append(r.Errors, r.Undecided...) {
				if len(p.Text) > longestText+len("…") || !utf8.ValidString(p.Text) {
					t.Errorf("%s, %.20s: got a problem of %d bytes", side, text, len(p.Text))
				}
			}
		}
	}
}
