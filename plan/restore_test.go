package plan_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A past is a host in memory and what runs did to it.
type past struct {
	*world
	g    *generator
	done []plan.Done
}

const pastHost = "h"

func newPast(seed uint64, side schema.Side) *past {
	g := newGenerator(seed, side, schema.Release{Major: 9, Minor: 2, Patch: 1}, "/etc/x")
	files := map[string][]byte{}
	for name, text := range g.files {
		files[name] = []byte(text)
	}
	return &past{g: g, world: &world{cfg: &schema.Config{}, files: map[string]map[string][]byte{pastHost: files}}}
}

// run plans targets, carries the plan out and keeps its record. It tells
// whether anything changed.
func (p *past) run(t rapid.TB, targets []schema.Target) bool {
	if len(targets) == 0 {
		return false
	}
	p.cfg.Targets = targets
	made, diags := p.build()
	if diags.HasErrors() || len(made.Hosts[0].Files()) == 0 {
		return false
	}
	record := plan.Done{Run: fmt.Sprintf("run%d", len(p.done)), Files: made.Hosts[0].Files(), Old: map[string][]byte{}}
	for _, f := range record.Files {
		if f.Before != "" {
			record.Old[f.RealPath] = bytes.Clone(p.files[pastHost][f.Path])
		}
	}
	p.apply(t, made)
	p.done = append(p.done, record)
	return true
}

// apply carries a plan out by way of a plan file.
func (p *past) apply(t rapid.TB, made *plan.Plan) {
	var file bytes.Buffer
	if _, err := plan.Write(&file, made, false); err != nil {
		t.Fatal(err)
	}
	read, err := plan.Read(&file)
	if err != nil {
		t.Fatalf("the plan does not read back: %v", err)
	}
	for _, f := range read.Hosts[0].Files() {
		before := p.files[pastHost][f.Path]
		text, err := plan.Replay(before, f.Edits)
		if err != nil {
			t.Fatal(err)
		}
		side := schema.Server
		if f.Role == plan.ClientFile {
			side = schema.Client
		}
		if f.After == "" {
			text = nil
		}
		if err := plan.VerifyText(side, before, text); err != nil {
			t.Fatalf("%s: %v\n%s\nbecomes\n%s", f.Path, err, before, text)
		}
		if f.After == "" {
			delete(p.files[pastHost], f.Path)
			continue
		}
		p.files[pastHost][f.Path] = text
	}
}

func (p *past) restore(t rapid.TB, done ...plan.Done) (*plan.Plan, schema.Diagnostics) {
	all := map[string][]plan.Done{pastHost: done}
	cfg := &schema.Config{Targets: plan.RestoreTargets(p.cfg, all)}
	o := p.observeWith(cfg.Targets, func(targets []schema.Target, o *plan.Observed) plan.Asking {
		return plan.RestoreAsks(targets, done, o)
	})
	made, diags := plan.BuildRestore(cfg, slices.Values([]*plan.Observed{o}), all, plan.BuildOptions{})
	return made, diags
}

func (p *past) observeWith(targets []schema.Target, asks func([]schema.Target, *plan.Observed) plan.Asking) *plan.Observed {
	o := p.observe(targets)
	for _, name := range asks(targets, o).Files {
		o.Files[name] = p.file(pastHost, name, o.UID)
	}
	return o
}

func (p *past) texts() map[string]string {
	all := map[string]string{}
	for name, text := range p.files[pastHost] {
		all[name] = string(text)
	}
	return all
}

func drawSide(t *rapid.T) schema.Side {
	return rapid.SampledFrom([]schema.Side{schema.Server, schema.Client}).Draw(t, "side")
}

// TestRestoreGivesTheOriginalBytes: whatever runs wrote, taking all of them
// back gives what stood there before, byte for byte, and then there is nothing
// left to take back.
func TestRestoreGivesTheOriginalBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPast(rapid.Uint64().Draw(t, "seed"), drawSide(t))
		before := []map[string]string{p.texts()}
		for range rapid.IntRange(1, 3).Draw(t, "runs") {
			if p.run(t, p.g.targets()) {
				before = append(before, p.texts())
			}
		}
		if len(p.done) == 0 {
			return
		}
		mustRestore := func(want map[string]string, done ...plan.Done) {
			made, diags := p.restore(t, done...)
			if len(diags) > 0 {
				t.Fatalf("taking back %v: %+v\nbefore:\n%s", done, diags, show(p.texts()))
			}
			p.apply(t, made)
			if diff := cmp.Diff(want, p.texts()); diff != "" {
				t.Fatalf("got, wanted the bytes before the run (-want +got):\n%s", diff)
			}
			again, diags := p.restore(t, done...)
			if len(again.Hosts[0].Files()) > 0 || again.Hosts[0].Changed() || len(diags) > 0 {
				t.Fatalf("a second restore is not empty: %s", tell(again, diags))
			}
		}
		after := maps.Clone(p.files[pastHost])
		mustRestore(before[len(p.done)-1], p.done[len(p.done)-1])
		p.files[pastHost] = after
		mustRestore(before[0], p.done...)
	})
}

// TestRestoreBringsBack lines that only the random hosts of the other tests had,
// and rarely.
func TestRestoreBringsBack(t *testing.T) {
	for name, c := range map[string]struct {
		files  map[string]string
		target schema.Target
	}{
		// At which sshd -T stops without -C: there was none while the tree was
		// read, so that nobody in particular was asked for.
		"Match LocalPort": {
			files: map[string]string{
				"/etc/x/main":          "Include /etc/x/d/*.conf\n",
				"/etc/x/d/20-own.conf": "# Written by sshform; edit the HCL instead.\nClientAliveInterval 600\n\nMatch User * LocalPort 2222\n",
			},
			target: schema.Target{
				Address: schema.Address{Block: "server", Name: "own"}, File: schema.File{Path: "/etc/x/main", DropIn: "20-own.conf"},
				Unset: []schema.Setting{{Keyword: "ClientAliveInterval"}},
			},
		},
		"a form feed": {
			files: map[string]string{"/etc/x/main": "TCPKeepAlive no \f\r\n"},
			target: schema.Target{
				Address: schema.Address{Block: "client", Name: "own"}, File: schema.File{Path: "/etc/x/main"},
				Unset: []schema.Setting{{Keyword: "TCPKeepAlive"}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &past{world: &world{cfg: &schema.Config{}, files: map[string]map[string][]byte{pastHost: {}}}}
			for name, text := range c.files {
				p.files[pastHost][name] = []byte(text)
			}
			c.target.Host.Name, c.target.Reload = pastHost, "none"
			if !p.run(t, []schema.Target{c.target}) || cmp.Equal(c.files, p.texts()) {
				t.Fatalf("the run changed nothing:\n%s", show(p.texts()))
			}
			made, diags := p.restore(t, p.done...)
			if len(diags) > 0 {
				t.Fatal(diags)
			}
			p.apply(t, made)
			if diff := cmp.Diff(c.files, p.texts()); diff != "" {
				t.Errorf("got, wanted the original bytes (-want +got):\n%s", diff)
			}
		})
	}
}

// TestRestoreBridgesPrunedRecords: with the first and the last record only,
// the original bytes come back all the same.
func TestRestoreBridgesPrunedRecords(t *testing.T) {
	bridged := 0
	rapid.Check(t, func(t *rapid.T) {
		p := newPast(rapid.Uint64().Draw(t, "seed"), drawSide(t))
		p.g.links, p.g.scopes = nil, nil
		before := p.texts()
		targets := p.g.targets()
		for _, argument := range []schema.Argument{"15", "30", "60", "420"} {
			for i := range targets {
				targets[i].File.DropIn = ""
				for j := range targets[i].Settings {
					s := &targets[i].Settings[j]
					if d, _ := schema.Define(p.g.side, string(s.Keyword)); d.Kind == schema.Time {
						s.Argument = argument
					}
				}
			}
			p.run(t, targets)
		}
		if len(p.done) < 3 {
			return
		}
		last := p.done[len(p.done)-1]
		last.AfterPruned = true
		for _, f := range p.done[0].Files {
			for _, other := range p.done[1:] {
				if len(other.Files) != 1 || other.Files[0].Path != f.Path || len(p.done[0].Files) != 1 {
					return
				}
			}
		}
		made, diags := p.restore(t, p.done[0], last)
		if len(diags) > 0 {
			t.Fatalf("got diagnostics: %+v\n%s", diags, show(p.texts()))
		}
		p.apply(t, made)
		if diff := cmp.Diff(before, p.texts()); diff != "" {
			t.Fatalf("got, wanted the original bytes (-want +got):\n%s", diff)
		}
		bridged++
	})
	if bridged == 0 {
		t.Error("no case had a pruned record")
	}
}

// TestRestoreLeavesForeignLines: comments and directives that somebody wrote
// since stay, and what was there before comes back around them.
func TestRestoreLeavesForeignLines(t *testing.T) {
	restored := 0
	rapid.Check(t, func(t *rapid.T) {
		p := newPast(rapid.Uint64().Draw(t, "seed"), drawSide(t))
		before := p.texts()
		p.run(t, p.g.targets())
		if len(p.done) == 0 {
			return
		}
		foreign := map[string]bool{}
		for i := range rapid.IntRange(1, 3).Draw(t, "foreign") {
			name := rapid.SampledFrom(p.done[0].Files).Draw(t, "file").Path
			text, stands := p.files[pastHost][name]
			if !stands {
				continue
			}
			lines := strings.SplitAfter(strings.TrimSuffix(string(text), "\n")+"\n", "\n")
			line := fmt.Sprintf("# foreign %d\n", i)
			at := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
			p.files[pastHost][name] = []byte(strings.Join(slices.Insert(lines, at, line), ""))
			foreign[line] = true
		}
		made, diags := p.restore(t, p.done...)
		if diags.HasErrors() && diags[0].Summary == "OpenSSH refuses the present configuration" {
			return // the comment ended a line that a NUL byte had joined
		}
		if len(diags) > 0 {
			t.Fatalf("comments are in the way: %+v\n%s", diags, show(p.texts()))
		}
		p.apply(t, made)
		got := p.texts()
		for name, text := range got {
			for line := range foreign {
				text = strings.ReplaceAll(text, line, "")
			}
			got[name] = strings.TrimSuffix(text, "\n")
			if _, was := before[name]; !was && got[name] == "" {
				delete(got, name)
			}
		}
		for name, text := range before {
			before[name] = strings.TrimSuffix(text, "\n")
		}
		if diff := cmp.Diff(before, got); diff != "" {
			t.Fatalf("without the foreign lines (-want +got):\n%s", diff)
		}
		all := strings.Join(slices.Collect(maps.Values(p.texts())), "")
		for line := range foreign {
			if !strings.Contains(all, line) {
				t.Fatalf("%q is gone:\n%s", line, all)
			}
		}
		restored++
	})
	if restored == 0 {
		t.Error("no case got as far as a restore")
	}
}

func show(files map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "--- %s\n%q\n", name, strings.SplitAfter(files[name], "\n"))
	}
	return b.String()
}
