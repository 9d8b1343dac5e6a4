package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// look answers what a query asks, round by round, from files in memory.
func look(t *testing.T, files map[string]string, release string, asks func(plan.Query, *plan.Observed) plan.Asking, q plan.Query) *plan.Observed {
	t.Helper()
	r, err := schema.ParseRelease(release)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{files: map[string]map[string][]byte{"h": {}}}
	for name, text := range files {
		w.files["h"][name] = []byte(text)
	}
	o := &plan.Observed{
		Release: r, Home: "/home/me", User: "me", Files: map[string]plan.File{}, Folders: map[string]plan.Folder{},
	}
	for range 20 {
		asking := asks(q, o)
		if asking.Empty() {
			return o
		}
		for _, name := range asking.Files {
			o.Files[name] = w.file("h", name, 0)
		}
		for _, name := range asking.Folders {
			o.Folders[name] = w.folder("h", name)
		}
	}
	t.Fatal("the query never has enough")
	return nil
}

func lint(t *testing.T, side schema.Side, release string, files map[string]string) []plan.Finding {
	t.Helper()
	q := plan.Query{Side: side}
	found, err := plan.Lint(t.Context(), q, look(t, files, release, plan.LintAsks, q))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func listed(findings []plan.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s %s:%d\n", f.Severity, f.ID, f.File, f.Line)
	}
	return b.String()
}

// TestLint runs testdata/lint.txtar: configurations and what is found in each.
// A case is a group of files "NAME/PATH"; NAME/case holds side and release,
// NAME/want the findings.
func TestLint(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/lint.txtar")
	if err != nil {
		t.Fatal(err)
	}
	type one struct {
		files map[string]string
		head  string
		want  string
	}
	cases := map[string]*one{}
	var names []string
	for _, f := range archive.Files {
		name, file, _ := strings.Cut(f.Name, "/")
		if cases[name] == nil {
			cases[name] = &one{files: map[string]string{}}
			names = append(names, name)
		}
		text := strings.NewReplacer("<NUL>", "\x00", "<BOM>", "\xef\xbb\xbf").Replace(string(f.Data))
		switch file {
		case "case":
			cases[name].head = strings.TrimSpace(text)
		case "want":
			cases[name].want = text
		default:
			cases[name].files["/"+file] = text
		}
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			side, release, _ := strings.Cut(cases[name].head, " ")
			found := lint(t, schema.Side(side), release, cases[name].files)
			if diff := cmp.Diff(cases[name].want, listed(found)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, f := range found {
				if f.Summary == "" || !strings.HasSuffix(f.Detail, ".") {
					t.Errorf("%s: got detail %q, want sentences", f.ID, f.Detail)
				}
			}
		})
	}
}
