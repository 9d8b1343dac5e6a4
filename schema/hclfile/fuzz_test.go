package hclfile

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// FuzzLoad: whatever stands in a configuration, Load answers and never panics,
// and what it accepts can be formatted, evaluated and loaded again.
func FuzzLoad(f *testing.F) {
	archives, _ := filepath.Glob("testdata/diagnostics/*.txtar")
	for _, path := range archives {
		for _, file := range txtar.Parse([]byte(text(f, path))).Files {
			if IsConfig(file.Name) {
				f.Add(file.Data, strings.HasSuffix(file.Name, ".json"))
			}
		}
	}
	for _, example := range []string{"laptop", "fleet"} {
		f.Add([]byte(text(f, "../../examples/"+example+"/main.sshform.hcl")), false)
	}
	f.Add([]byte(`{"locals": {"a": "${[for x in [1] : x]}"}}`), true)
	f.Add([]byte("\xef\xbb\xbfserver \"x\" {\r\n}\r\n"), false)
	f.Fuzz(func(t *testing.T, content []byte, isJSON bool) {
		dir, name := t.TempDir(), "main"+configSuffix
		if isJSON {
			name = "main" + configJSONSuffix
		}
		write(t, filepath.Join(dir, name), string(content))
		for _, offline := range []bool{false, true} {
			c, found := Load(context.Background(), dir, Options{Version: "1.0.0", Offline: offline})
			if c == nil || c.Config == nil {
				t.Fatal("got no configuration, want one even with errors")
			}
			if !found.HasErrors() && !offline {
				c.Evaluate(nil, nil)
				c.Console("host")
			}
		}
		formatted, found := Format(content, name)
		if found.HasErrors() {
			return
		}
		if _, again := Format(formatted, name); again.HasErrors() {
			t.Errorf("got a syntax error after formatting %q to %q, want none", content, formatted)
		}
	})
}

// TestHugeFiles holds what would take a parser's stack, or time beyond reason.
func TestHugeFiles(t *testing.T) {
	for name, content := range map[string]string{
		"brackets.sshform.hcl":   "locals {\n  a = " + strings.Repeat("(", 1_000_000) + "\n}",
		"operators.sshform.hcl":  "locals {\n  a = " + strings.Repeat("!", 1_000_000) + "true\n}",
		"choices.sshform.hcl":    "locals {\n  a = " + strings.Repeat("1?1:", 100_000) + "1\n}",
		"blocks.sshform.hcl":     strings.Repeat("a {\n}\n", 20_000),
		"templates.sshform.json": `{"locals": {"a": "` + strings.Repeat("${[", 500_000) + `"}}`,
		"objects.sshform.json":   strings.Repeat(`{"a":`, 500_000),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, name), content)
			if _, found := Load(context.Background(), dir, Options{}); !found.HasErrors() {
				t.Errorf("got %v, want errors", found)
			}
		})
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "big"+configSuffix), strings.Repeat("#", maxFileSize+1))
	if err := os.Symlink("nowhere", filepath.Join(dir, "gone"+configSuffix)); err != nil {
		t.Fatal(err)
	}
	c, found := Load(context.Background(), dir, Options{})
	if got := render(found, c); !strings.Contains(got, "larger than") || !strings.Contains(got, "no such file") {
		t.Errorf("got %s, want both files told to be unreadable", got)
	}
}
