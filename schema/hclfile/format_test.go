package hclfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFormat compares with what terraform fmt made of the same files;
// testdata/format/regenerate.sh asks it again.
func TestFormat(t *testing.T) {
	inputs, err := filepath.Glob("testdata/format/*.in")
	if err != nil || len(inputs) < 10 {
		t.Fatalf("got %d inputs (%v), want 10 or more", len(inputs), err)
	}
	for _, input := range inputs {
		name := strings.TrimSuffix(filepath.Base(input), ".in")
		t.Run(name, func(t *testing.T) {
			source, want := text(t, input), text(t, strings.TrimSuffix(input, ".in")+".golden")
			got, found := Format([]byte(source), "x.sshform.hcl")
			if len(found) > 0 {
				t.Fatalf("got diagnostics %v, want none", found)
			}
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Errorf("terraform fmt (-) and Format (+) differ:\n%s", diff)
			}
		})
	}
}

func TestFormatKeepsWhatItCannotRead(t *testing.T) {
	for name, source := range map[string]string{
		"x.sshform.hcl":  "server \"a\" {\n  x   =\n}\n",
		"x.sshform.json": `{"server": `,
	} {
		got, found := Format([]byte(source), name)
		if !found.HasErrors() || string(got) != source {
			t.Errorf("Format(%s): got %q and %d diagnostics, want the text unchanged and an error", name, got, len(found))
		}
	}
	const json = `{"server":   {}}`
	if got, found := Format([]byte(json), "x.sshform.json"); len(found) > 0 || string(got) != json {
		t.Errorf("got %q and %v, want JSON unchanged", got, found)
	}
	// Where unwrapping would move a comment onto the rest of its line, only the
	// spacing changes.
	awkward := "locals {\n  a   = \"${\n  # why\n  var.x}\"\n}\n"
	if got, _ := Format([]byte(awkward), "x.sshform.hcl"); !strings.Contains(string(got), `a = "${`) {
		t.Errorf("got %q, want the template kept", got)
	}
}

func text(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
