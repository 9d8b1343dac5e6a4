package hclfile

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite what the tests want")

// TestDiagnostics loads the configurations of testdata/diagnostics and
// compares what is told about them. The first lines of an archive hold
// options: -offline, -var NAME=VALUE and NAME=VALUE for the environment.
func TestDiagnostics(t *testing.T) {
	archives, err := filepath.Glob("testdata/diagnostics/*.txtar")
	if err != nil || len(archives) < 20 {
		t.Fatalf("got %d archives (%v), want 20 or more", len(archives), err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive := txtar.Parse([]byte(text(t, path)))
			dir, want := unpack(t, archive)
			c, found := Load(context.Background(), dir, optionsIn(string(archive.Comment)))
			got := render(found, c)
			if !found.HasErrors() {
				_, late := c.Evaluate(nil, nil)
				got += render(late, c)
			}
			got = strings.ReplaceAll(got, dir, "DIR")
			if *update {
				rewrite(t, path, archive, got)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("diagnostics differ (-want +got):\n%s", diff)
			}
		})
	}
}

// unpack writes the files of an archive and returns their folder and what the
// test wants.
func unpack(t testing.TB, archive *txtar.Archive) (dir, want string) {
	t.Helper()
	dir = t.TempDir()
	for _, file := range archive.Files {
		if file.Name == "want" {
			want = string(file.Data)
			continue
		}
		write(t, filepath.Join(dir, file.Name), string(file.Data))
	}
	return dir, want
}

func optionsIn(comment string) Options {
	opts := Options{Version: "1.0.0"}
	words := strings.Fields(comment)
	for i := 0; i < len(words); i++ {
		switch words[i] {
		case "-offline":
			opts.Offline = true
		case "-var":
			i++
			name, value, _ := strings.Cut(words[i], "=")
			opts.Assignments = append(opts.Assignments, Assignment{Name: name, Value: value})
		default:
			opts.Environ = append(opts.Environ, words[i])
		}
	}
	return opts
}

func rewrite(t *testing.T, path string, archive *txtar.Archive, got string) {
	t.Helper()
	for i := range archive.Files {
		if archive.Files[i].Name == "want" {
			archive.Files[i].Data = []byte(got)
		}
	}
	content := txtar.Format(archive)
	if bytes.Equal(content, []byte(text(t, path))) {
		return
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
}
