package plan_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aymanbagabas/go-udiff"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

var update = flag.Bool("update", false, "rewrite the wanted plans")

// TestBuild plans each archive of testdata/build: the configuration, a folder
// for each host with the files that stand there, and the wanted plan as text.
// The comment's lines "release HOST 9.2p1 Debian-2" set a host's release. Every
// plan is carried out and planned again, and then nothing may be left to do.
func TestBuild(t *testing.T) {
	archives, err := filepath.Glob("testdata/build/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, name := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, archive)
			p, diags := w.build()
			got := render(p, diags, w)
			if !diags.HasErrors() {
				w.carryOut(t, p)
				again, diags := w.build()
				for _, h := range again.Hosts {
					if h.Changed() || len(h.Files()) > 0 {
						t.Errorf("a second plan is not empty:\n%s", render(again, diags, w))
					}
				}
			}
			w.compare(t, name, archive, got)
		})
	}
}

// A world is a configuration and the files of its hosts, in memory.
type world struct {
	cfg      *schema.Config
	files    map[string]map[string][]byte // host, path
	releases map[string]schema.Release
}

func newWorld(t *testing.T, archive *txtar.Archive) *world {
	t.Helper()
	w := &world{files: map[string]map[string][]byte{}, releases: map[string]schema.Release{}}
	dir := t.TempDir()
	for _, f := range archive.Files {
		host, name, below := strings.Cut(f.Name, "/")
		switch {
		case f.Name == "want":
		case !below:
			if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		default:
			if w.files[host] == nil {
				w.files[host] = map[string][]byte{}
			}
			text := strings.NewReplacer("\\r\n", "\r\n", "\\z\n", "").Replace(string(f.Data))
			w.files[host]["/"+name] = []byte(text)
		}
	}
	for line := range strings.Lines(string(archive.Comment)) {
		if words := strings.SplitN(strings.TrimSpace(line), " ", 3); len(words) == 3 && words[0] == "release" {
			r, err := schema.ParseRelease(words[2])
			if err != nil {
				t.Fatal(err)
			}
			w.releases[words[1]] = r
		}
	}
	c, diags := hclfile.Load(context.Background(), dir, hclfile.Options{Version: "1.0.0"})
	if diags.HasErrors() {
		t.Fatalf("the configuration: %+v", diags)
	}
	w.cfg = c.Config
	return w
}

// observe answers what plan asks, round by round.
func (w *world) observe(targets []schema.Target) *plan.Observed {
	host := targets[0].Host.Name
	release, given := w.releases[host]
	if !given {
		release = schema.Release{Major: 9, Minor: 2, Patch: 1, Vendor: "Debian-2"}
	}
	o := &plan.Observed{
		Host: host, Release: release, Home: "/home/me", User: "me", Mute: "",
		Connection: plan.Connection{Type: schema.OverSSH, Address: host + ".invalid", Port: 22, HostKey: "SHA256:" + host},
		Files:      map[string]plan.File{}, Folders: map[string]plan.Folder{}, Answers: map[plan.Login]plan.Answer{},
	}
	if host == schema.ThisMachine {
		o.UID = 1000
	}
	for {
		asking := plan.Asks(targets, o)
		if asking.Empty() || len(asking.Files)+len(asking.Folders) == 0 {
			return o
		}
		for _, name := range asking.Files {
			o.Files[name] = w.file(host, name, o.UID)
		}
		for _, name := range asking.Folders {
			o.Folders[name] = w.folder(host, name)
		}
	}
}

func (w *world) file(host, name string, uid int) plan.File {
	text, exists := w.files[host][name]
	switch {
	case exists:
		return plan.File{RealPath: name, Bytes: text, Mode: 0o644, UID: uid}
	case len(w.folder(host, name).Names) > 0:
		return plan.File{State: plan.Directory}
	}
	return plan.File{State: plan.Missing}
}

func (w *world) folder(host, name string) plan.Folder {
	var f plan.Folder
	for file := range w.files[host] {
		if rest, below := strings.CutPrefix(file, strings.TrimSuffix(name, "/")+"/"); below {
			first, _, _ := strings.Cut(rest, "/")
			if !slices.Contains(f.Names, first) {
				f.Names = append(f.Names, first)
			}
		}
	}
	slices.Sort(f.Names)
	f.Missing = len(f.Names) == 0
	return f
}

func (w *world) build() (*plan.Plan, schema.Diagnostics) {
	return plan.Build(w.cfg, func(yield func(*plan.Observed) bool) {
		for start := 0; start < len(w.cfg.Targets); {
			end := start
			for end < len(w.cfg.Targets) && w.cfg.Targets[end].Host.Name == w.cfg.Targets[start].Host.Name {
				end++
			}
			if !yield(w.observe(w.cfg.Targets[start:end])) {
				return
			}
			start = end
		}
	}, plan.BuildOptions{Tool: plan.Tool{Name: "sshform", Version: "1.0.0"}})
}

// carryOut replays the edits through a written plan file, as apply does.
func (w *world) carryOut(t *testing.T, p *plan.Plan) {
	t.Helper()
	var file bytes.Buffer
	if _, err := plan.Write(&file, p, false); err != nil {
		t.Fatal(err)
	}
	p, err := plan.Read(&file)
	if err != nil {
		t.Fatalf("the plan does not read back: %v", err)
	}
	for _, h := range p.Hosts {
		for _, f := range h.Files() {
			text, err := plan.Replay(w.files[h.Host][f.Path], f.Edits)
			switch {
			case err != nil:
				t.Fatal(err)
			case f.After == "":
				delete(w.files[h.Host], f.Path)
				continue
			case plan.Sum(text) != f.After:
				t.Errorf("%s: the digest after the edits is not the plan's", f.Path)
			}
			if w.files[h.Host] == nil {
				w.files[h.Host] = map[string][]byte{}
			}
			w.files[h.Host][f.Path] = text
		}
	}
}

func render(p *plan.Plan, diags schema.Diagnostics, w *world) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "%s: %s\n%s\n", d.Severity, d.Summary, d.Detail)
	}
	for _, h := range p.Hosts {
		for _, c := range h.Changes() {
			fmt.Fprintf(&b, "%s %s %s\n", c.Address, c.Action, path.Base(c.File))
			for _, d := range c.Settings {
				fmt.Fprintf(&b, "  %s %s -> %s (%s)\n", d.Keyword, d.Before, d.After, d.Reason)
			}
			for _, note := range c.Notes {
				fmt.Fprintf(&b, "  note: %s\n", note)
			}
		}
		for _, f := range h.Files() {
			before := w.files[h.Host][f.Path]
			after, err := plan.Replay(before, f.Edits)
			if err != nil {
				fmt.Fprintf(&b, "error: %v\n", err)
			}
			fmt.Fprintf(&b, "%s %s %o\n%s", f.Role, f.Path, f.Mode, udiff.Unified("a", "b", string(before), string(after)))
		}
	}
	return strings.ReplaceAll(b.String(), "\r", "\\r")
}

func (w *world) compare(t *testing.T, name string, archive *txtar.Archive, got string) {
	t.Helper()
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want" })
	if *update {
		if i < 0 {
			archive.Files = append(archive.Files, txtar.File{Name: "want"})
			i = len(archive.Files) - 1
		}
		archive.Files[i].Data = []byte(got)
		if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want := ""
	if i >= 0 {
		want = string(archive.Files[i].Data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}
