package sshconf

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden answers")

// render writes a result for people to read and compare.
func render(r *Result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "exit %d\n", r.Exit)
	for _, p := range r.Errors {
		fmt.Fprintf(&b, "error %v\n", p)
	}
	for _, p := range r.Notices {
		fmt.Fprintf(&b, "notice %v\n", p)
	}
	for _, p := range r.Undecided {
		fmt.Fprintf(&b, "undecided %v\n", p)
	}
	for _, in := range r.Includes {
		fmt.Fprintf(&b, "include %v %s (depth %d, through %v)\n", in.Place, in.Path, in.Depth, in.Top)
	}
	for _, block := range r.Blocks {
		fmt.Fprintf(&b, "block %v-%d %s %s: %s\n", block.Place, block.Last, block.Keyword, block.Text,
			[]string{"out", "maybe", "in"}[block.Standing])
	}
	for _, e := range r.Keywords() {
		if e.Default {
			continue
		}
		fmt.Fprintf(&b, "%s = %s", e.Keyword, e.Value())
		for _, p := range e.From {
			fmt.Fprintf(&b, " [%v]", p)
		}
		b.WriteString("\n")
		for _, d := range e.Undecided {
			fmt.Fprintf(&b, "    perhaps %s [%v]\n", d.Value, d.Place)
		}
		for _, d := range r.Shadowed(e.Keyword) {
			fmt.Fprintf(&b, "    not %s [%v]: %s", d.Value, d.Place, d.Why)
			if d.By != (Place{}) {
				fmt.Fprintf(&b, " [%v]", d.By)
			}
			b.WriteString("\n")
		}
	}
	fmt.Fprintf(&b, "files %s\nfolders %s\n", strings.Join(r.Files, " "), strings.Join(r.Folders, " "))
	return b.String()
}

// under is a disk of the files below a folder.
type under string

func (u under) node(path string) Node {
	n := folder{}.node(string(u) + path)
	n.Foreign = false // the mode of a checkout means nothing
	return n
}

func (u under) names(path string) []string { return folder{}.names(string(u) + path) }

// TestGolden resolves whole systems as distributions ship them.
func TestGolden(t *testing.T) {
	admin := Login{
		User: "admin", Host: "203.0.113.9", Address: "203.0.113.9", LocalAddress: "10.0.0.5", LocalPort: 22, RDomain: "none",
		Groups: []string{"admin", "sudo"}, GroupsKnown: true,
	}
	cases := []struct {
		name    string
		release string
		login   *Login
		host    string // for ssh
	}{
		{name: "debian-12", release: "9.2p1 Debian-2+deb12u10", login: &admin},
		{name: "debian-12", release: "9.2p1 Debian-2+deb12u10", host: "db.example.net"},
		{name: "ubuntu-cloud-init", release: "9.6p1 Ubuntu-3ubuntu13.5", login: &admin},
		{name: "fedora", release: "9.8p1", login: &admin},
		{name: "fedora", release: "9.8p1", host: "db.example.net"},
		{name: "windows", release: "9.5p1 Windows", login: &admin},
		{name: "laptop", release: "9.2p1 Debian-2+deb12u10", host: "bastion"},
		{name: "laptop", release: "9.2p1 Debian-2+deb12u10", host: "web3.prod.example.net"},
		{name: "laptop", release: "10.6p1", host: "elsewhere.example.org"},
	}
	for _, c := range cases {
		label := "sshd"
		if c.login == nil {
			label = "ssh-" + c.host
		}
		t.Run(c.name+"/"+label, func(t *testing.T) {
			root := under("testdata/golden/" + c.name)
			release := mustRelease(c.release)
			var got *Result
			if c.login != nil {
				got, _ = answer(root, func(tree *Tree) *Result {
					return ResolveServer(tree, ServerQuery{Release: release, Main: "/etc/ssh/sshd_config", Login: *c.login})
				})
			} else {
				got, _ = answer(root, func(tree *Tree) *Result {
					return ResolveClient(tree, ClientQuery{
						Release: release, UserFile: "/home/me/.ssh/config", SystemFile: "/etc/ssh/ssh_config", Host: c.host,
						LocalUser: "me", Home: "/home/me",
					})
				})
			}
			path := filepath.Join("testdata", "golden", c.name, label+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(render(got)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), render(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
