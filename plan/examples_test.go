package plan_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

// TestExamples plans every configuration in examples/ for hosts that stand as
// Debian ships them, carries the plan out and plans again.
func TestExamples(t *testing.T) {
	variables := map[string][]string{
		"fleet":      {"SSHFORM_VAR_environment=prod"},
		"quickstart": {"SSHFORM_VAR_port=22", "SSHFORM_VAR_user=me", "SSHFORM_VAR_key=~/.ssh/id", "SSHFORM_VAR_known_hosts=~/.ssh/known_hosts", "SSHFORM_VAR_config=/etc/ssh/sshd_config"},
	}
	examples, err := filepath.Glob("../examples/*/*.sshform.hcl")
	if err != nil || len(examples) < 3 {
		t.Fatalf("found %q, %v, want three examples or more", examples, err)
	}
	for _, file := range examples {
		dir := filepath.Dir(file)
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			c, diags := hclfile.Load(context.Background(), dir, hclfile.Options{Version: "1.0.0", Environ: variables[name]})
			if diags.HasErrors() {
				t.Fatalf("load: %+v", diags)
			}
			w := &world{cfg: c.Config, files: map[string]map[string][]byte{}, releases: map[string]schema.Release{}}
			stock := debianFiles(t)
			for _, target := range c.Config.Targets {
				w.files[target.Host.Name] = map[string][]byte{}
				for path, content := range stock {
					w.files[target.Host.Name][path] = content
				}
			}
			p, diags := w.build()
			if diags.HasErrors() {
				t.Fatalf("plan: %+v", diags)
			}
			changed := 0
			for _, h := range p.Hosts {
				if h.Changed() {
					changed++
				}
			}
			if changed != len(w.files) {
				t.Errorf("%d of %d hosts change, want all", changed, len(w.files))
			}
			w.carryOut(t, p)
			again, _ := w.build()
			for _, h := range again.Hosts {
				if h.Changed() {
					t.Fatalf("a second plan changes %s: %+v", h.Host, h.Changes())
				}
			}
		})
	}
}

// debianFiles are the files under /etc/ssh as Debian 12 ships them.
func debianFiles(t *testing.T) map[string][]byte {
	t.Helper()
	const root = "internal/sshconf/testdata/golden/debian-12"
	files := map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if in, found := strings.CutPrefix(path, root); found && strings.HasPrefix(in, "/etc/ssh/") {
			files[in] = content
		}
		return err
	})
	if err != nil || files[plan.ServerConfig] == nil {
		t.Fatalf("no stock files: %v", err)
	}
	return files
}
