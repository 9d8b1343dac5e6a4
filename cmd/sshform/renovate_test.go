package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRenovateFindsVersions does with the recipe what Renovate does: files are
// chosen by a pattern, and versions found in them by a named group. Both use
// RE2, which is Go's language of patterns too.
func TestRenovateFindsVersions(t *testing.T) {
	text, err := os.ReadFile("../../examples/renovate/renovate.json")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		CustomManagers []struct {
			ManagerFilePatterns, MatchStrings []string
		}
	}
	if err := json.Unmarshal(text, &config); err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{} // by how the file's name ends
	err = filepath.WalkDir("../../examples", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		for _, manager := range config.CustomManagers {
			if !matchesAny(t, manager.ManagerFilePatterns, path) {
				continue
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, expression := range manager.MatchStrings {
				pattern := regexp.MustCompile(expression)
				for _, match := range pattern.FindAllSubmatch(content, -1) {
					name := filepath.Base(path)
					found[name] = append(found[name], string(match[pattern.SubexpIndex("currentValue")]))
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]string{
		"main.sshform.hcl": {">= 1.0, < 2.0", "~> 1.0"},
		"rollout.yaml":     {"1.0.0", "1.0.0", "1.0.0", "1.0.0"},
		"cronjob.yaml":     {"1.0.0"},
		"indexed-job.yaml": {"1.0.0"},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("versions in the examples (-want +got):\n%s", diff)
	}
}

// matchesAny takes patterns as Renovate writes them, between slashes.
func matchesAny(t *testing.T, patterns []string, path string) bool {
	t.Helper()
	for _, p := range patterns {
		if len(p) < 2 || p[0] != '/' || !strings.HasSuffix(p, "/") {
			t.Fatalf("%s is a glob; this test knows regular expressions", p)
		}
		if regexp.MustCompile(p[1 : len(p)-1]).MatchString(path) {
			return true
		}
	}
	return false
}
