package sshconf

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema"
)

// TestBriefAgrees compares brief results of generated trees with whole ones,
// for releases of all ages: all that they claim to know must be the same.
func TestBriefAgrees(t *testing.T) {
	releases := []schema.Release{
		{Major: 7, Minor: 9, Patch: 1}, {Major: 8, Minor: 3, Patch: 1}, {Major: 8, Minor: 6, Patch: 1}, recorded,
		{Major: 9, Minor: 9, Patch: 2}, {Major: 10, Minor: 3, Patch: 1},
	}
	valid := 0
	for seed := range uint64(3000) {
		side := []Side{Server, Client}[seed%2]
		release := releases[int(seed/2)%len(releases)]
		g := newGenerator(seed, side, release, "/t")
		main := g.tree()
		disk := memory(g.files)
		for range 4 {
			login, _ := g.login()
			login.GroupsKnown = g.chance(0.7)
			host, user := pick(g, g.hosts...), pick(g, "", "alice")
			ask := func(tree *Tree, brief bool) *Result {
				if side == Server {
					return ResolveServer(tree, ServerQuery{Release: release, Main: main, Login: login, Brief: brief})
				}
				return ResolveClient(tree, ClientQuery{
					Release: release, UserFile: main, Given: true, Host: host, User: user, LocalUser: "root", Home: "/root", Brief: brief,
				})
			}
			whole, tree := answer(disk, func(tree *Tree) *Result { return ask(tree, false) })
			if !whole.Valid() {
				continue
			}
			valid++
			if diff := cmp.Diff(essence(whole), essence(ask(tree, true))); diff != "" {
				t.Fatalf("seed %d, OpenSSH %s, %+v %s (-whole +brief):\n%s\n%s", seed, release, login, host, diff, g.show())
			}
		}
	}
	if valid < 1000 {
		t.Errorf("got %d valid trees, want many", valid)
	}
}

// essence is what a brief result has to know.
func essence(r *Result) []string {
	lines := []string{fmt.Sprint(r.Exit, r.Errors, r.Undecided, r.Includes, r.Files, r.Folders, r.Wants)}
	for _, e := range r.Keywords() {
		lines = append(lines, fmt.Sprint(e.Keyword, e.Values, e.Default, e.From, len(e.Undecided)))
	}
	var parts []string
	for _, d := range r.Directives {
		if d.Why != NoMatch {
			parts = append(parts, fmt.Sprint(d.Place, d.Keyword, d.Value, d.Counts, d.Why, d.By, d.Top))
		}
	}
	for _, b := range r.Blocks {
		if b.Standing != Out {
			parts = append(parts, fmt.Sprint(b.Place, b.Last, b.Standing, b.Top))
		}
	}
	slices.Sort(parts) // a brief run may find some in a later pass
	return append(lines, parts...)
}
