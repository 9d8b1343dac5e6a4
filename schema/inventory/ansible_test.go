package inventory_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema/inventory"
)

// TestAnsiblesAnswers reads inventories and compares groups and variables of
// every host with what ansible-inventory said.
func TestAnsiblesAnswers(t *testing.T) {
	answers, err := filepath.Glob("testdata/ansible/*.json")
	if err != nil || len(answers) < 9 {
		t.Fatalf("got %d answers, %v, want 9", len(answers), err)
	}
	for _, file := range answers {
		folder := strings.TrimSuffix(file, ".json")
		t.Run(filepath.Base(folder), func(t *testing.T) {
			want := answer(t, file)
			got := map[string]host{}
			for _, h := range listing(t, folder).Hosts {
				got[h.Name] = host{Groups: append([]string{}, h.Tags...), Vars: plain(t, h.Vars)}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-ansible +ours):\n%s", diff)
			}
		})
	}
}

// listing loads the inventory in a folder: a file, or what a script prints.
func listing(t *testing.T, folder string) inventory.Listing {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "hosts*"))
	if err != nil {
		t.Fatal(err)
	}
	source := inventory.Source{Kind: inventory.Ansible}
	if len(files) == 1 {
		source.Path = files[0]
	} else {
		source = inventory.Source{Kind: inventory.External, Program: []string{"list.sh"}}
	}
	run := func(context.Context, inventory.Call) ([]byte, error) {
		// What the script prints stands in it; no program is needed here.
		text, err := os.ReadFile(filepath.Join(folder, "list.sh"))
		_, after, _ := strings.Cut(string(text), "<<'JSON'\n")
		out, _, _ := strings.Cut(after, "JSON\n")
		return []byte(out), err
	}
	listing, diags := inventory.Load(t.Context(), source, run)
	for _, d := range diags {
		if d.Severity == "error" {
			t.Errorf("got %s, want no error", line(d))
		}
	}
	return listing
}

// A host is what both say of one.
type host struct {
	Groups []string
	Vars   any
}

// answer reads what ansible-inventory --list printed.
func answer(t *testing.T, file string) map[string]host {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var groups map[string]struct{ Hosts, Children []string }
	var meta struct {
		Meta struct {
			Hostvars map[string]map[string]any `json:"hostvars"`
		} `json:"_meta"`
	}
	if err := json.Unmarshal(text, &meta); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &groups); err != nil {
		t.Fatal(err)
	}
	members := map[string][]string{} // groups of each host
	var enter func(name string, path []string)
	enter = func(name string, path []string) {
		if name != "all" && name != "ungrouped" {
			path = append(slices.Clone(path), name)
		}
		for _, h := range groups[name].Hosts {
			members[h] = append(members[h], path...)
		}
		for _, child := range groups[name].Children {
			enter(child, path)
		}
	}
	enter("all", nil)
	for h := range meta.Meta.Hostvars {
		if members[h] == nil {
			members[h] = nil
		}
	}
	answer := map[string]host{}
	for h, in := range members {
		slices.Sort(in)
		vars := meta.Meta.Hostvars[h]
		if vars == nil {
			vars = map[string]any{}
		}
		for name, v := range vars {
			if object, ok := v.(map[string]any); ok {
				if _, vault := object["__ansible_vault"]; vault {
					delete(vars, name)
				} else if text, ok := object["__ansible_unsafe"]; ok {
					vars[name] = text
				}
			}
		}
		answer[h] = host{Groups: append([]string{}, slices.Compact(in)...), Vars: any(vars)}
	}
	return answer
}

// plain turns numbers into those of encoding/json, so that 1 and 1.0 are equal.
func plain(t *testing.T, vars map[string]any) any {
	t.Helper()
	text, err := json.Marshal(vars)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
