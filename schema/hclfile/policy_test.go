package hclfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema/hclfile"
)

func TestPolicy(t *testing.T) {
	for _, test := range []struct {
		name, text string
		mode       os.FileMode
		want       map[string][]string
		wrong      string // in the diagnostic
	}{
		{"none", "", 0o644, map[string][]string{}, ""},
		{"two", "reload_command \"hup\" {\n  command = [\"/bin/hup\", \"a b\", \"$(c)\"]\n}\nreload_command \"sv\" {\n  command = [\"/bin/sv\"]\n}\n", 0o600,
			map[string][]string{"hup": {"/bin/hup", "a b", "$(c)"}, "sv": {"/bin/sv"}}, ""},
		{"no path", "reload_command \"hup\" {\n  command = [\"hup\"]\n}\n", 0o644, map[string][]string{}, "absolute path"},
		{"no words", "reload_command \"hup\" {\n  command = []\n}\n", 0o644, map[string][]string{}, "must name a program"},
		{"a line of a shell", "reload_command \"hup\" {\n  command = \"/bin/hup now\"\n}\n", 0o644, map[string][]string{}, "list of strings"},
		{"missing", "reload_command \"hup\" {}\n", 0o644, map[string][]string{}, "command"},
		{"null", "reload_command \"hup\" {\n  command = null\n}\n", 0o644, map[string][]string{}, "list of strings"},
		{"twice", "reload_command \"a\" {\n  command = [\"/a\"]\n}\nreload_command \"a\" {\n  command = [\"/b\"]\n}\n", 0o644,
			map[string][]string{"a": {"/a"}}, "already"},
		{"a variable", "reload_command \"a\" {\n  command = [var.x]\n}\n", 0o644, map[string][]string{}, "ariable"},
		{"a block of a configuration", "host \"web\" {}\n", 0o644, map[string][]string{}, "host"},
		{"no HCL", "reload_command {", 0o644, map[string][]string{}, ""},
		{"of others", "", 0o666, map[string][]string{}, "chmod go-w"},
	} {
		t.Run(test.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "policy.hcl")
			if err := os.WriteFile(name, []byte(test.text), test.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(name, test.mode); err != nil {
				t.Fatal(err)
			}
			got, _, found := hclfile.LoadPolicy(name)
			if diff := cmp.Diff(test.want, got.ReloadCommands); diff != "" {
				t.Errorf("the commands (-want +got):\n%s", diff)
			}
			fails := test.wrong != "" || test.name == "no HCL"
			if found.HasErrors() != fails {
				t.Fatalf("got diagnostics %+v, want errors: %t", found, fails)
			}
			if fails && !strings.Contains(found[0].Detail, test.wrong) {
				t.Errorf("got %q, want it to speak of %q", found[0].Detail, test.wrong)
			}
		})
	}
	if _, _, found := hclfile.LoadPolicy(filepath.Join(t.TempDir(), "gone.hcl")); !found.HasErrors() {
		t.Error("got no error for a policy that is not there, want one")
	}
}
