package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/sshform/sshform"

// The arrows of the house: which of our packages each one may import, and
// which libraries it may reach, through whatever it imports. A package that
// is not in the table fails the test, so that a new room gets its row.
var house = map[string]struct {
	ours      []string
	libraries []string
	// pure packages hold no clock and reach no file, network or program.
	pure bool
}{
	"schema":                {pure: true},
	"schema/inventory":      {ours: []string{"schema"}, libraries: []string{"go.yaml.in/yaml/v3"}},
	"schema/hclfile":        {ours: []string{"schema", "schema/inventory"}, libraries: []string{"go.yaml.in/yaml/v3", "github.com/hashicorp/hcl/v2/...", "github.com/zclconf/go-cty/...", "github.com/zclconf/go-cty-yaml", "github.com/hashicorp/go-version", "github.com/agext/levenshtein"}},
	"plan":                  {ours: []string{"schema", "plan/internal/sshconf", "plan/liveness"}, pure: true},
	"plan/internal/sshconf": {ours: []string{"schema"}, pure: true},
	"plan/liveness":         {ours: []string{"schema"}, pure: true},
	"plan/seal":             {ours: []string{"plan", "schema"}, libraries: []string{"github.com/hiddeco/sshsig"}},
	"apply":                 {ours: []string{"schema", "plan", "plan/liveness"}, libraries: []string{"golang.org/x/sync/...", "golang.org/x/time/rate", "github.com/cenkalti/backoff/v5"}},
	"apply/remote":          {ours: []string{"schema", "plan", "apply"}, libraries: []string{"golang.org/x/crypto/ssh/...", "github.com/pkg/sftp", "github.com/skeema/knownhosts", "al.essio.dev/pkg/shellescape", "golang.org/x/sync/...", "golang.org/x/time/rate", "github.com/cenkalti/backoff/v5"}},
	"apply/local":           {ours: []string{"schema", "plan", "apply"}, libraries: []string{"github.com/google/renameio/v2", "github.com/gofrs/flock", "golang.org/x/sync/...", "golang.org/x/time/rate", "github.com/cenkalti/backoff/v5"}},
}

// tests are rooms that only tests enter; the program must not reach them.
var tests = []string{"schema/testenv", "apply/applytest", "apply/applytest/lab", "apply/applytest/e2e", "apply/applytest/fleet", "apply/applytest/fleet/bench", "apply/remote/labtest"}

type listed struct {
	ImportPath string
	Imports    []string
	Deps       []string
	Standard   bool
}

func list(t *testing.T, patterns ...string) []listed {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-e", "-json=ImportPath,Imports,Deps,Standard"}, patterns...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", patterns, err)
	}
	var all []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestArrowsPointOneWay(t *testing.T) {
	packages := list(t, module+"/...")
	standard := map[string]bool{}
	for _, p := range list(t, "-deps", module+"/...") {
		standard[p.ImportPath] = p.Standard
	}
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		if slices.Contains(tests, name) || strings.HasPrefix(name, "cmd/") {
			continue
		}
		row, known := house[name]
		if !known {
			t.Errorf("%s stands in no row of the house", name)
			continue
		}
		for _, dep := range p.Imports {
			if ours, found := strings.CutPrefix(dep, module+"/"); found && !slices.Contains(row.ours, ours) {
				t.Errorf("%s imports %s, which its row does not allow", name, ours)
			}
			if row.pure && slices.Contains([]string{"os", "os/exec", "net", "syscall", "path/filepath"}, dep) {
				t.Errorf("%s is pure and imports %s", name, dep)
			}
			if dep == "os/exec" && name != "apply/local" {
				t.Errorf("%s imports os/exec; only apply/local and cmd run programs", name)
			}
		}
		reachable := closure(t, row.libraries)
		for _, dep := range p.Deps {
			if !standard[dep] && !strings.HasPrefix(dep, module) && !reachable[dep] {
				t.Errorf("%s reaches %s past its door", name, dep)
			}
		}
	}
}

func TestOnlyTestsEnterTestRooms(t *testing.T) {
	for _, p := range list(t, module+"/cmd/...") {
		for _, room := range tests {
			if slices.Contains(p.Deps, module+"/"+room) {
				t.Errorf("%s reaches %s", p.ImportPath, room)
			}
		}
	}
}

// closure is everything that the libraries bring with them.
func closure(t *testing.T, libraries []string) map[string]bool {
	t.Helper()
	reachable := map[string]bool{}
	if len(libraries) == 0 {
		return reachable
	}
	for _, p := range list(t, append([]string{"-deps"}, libraries...)...) {
		reachable[p.ImportPath] = true
	}
	return reachable
}
