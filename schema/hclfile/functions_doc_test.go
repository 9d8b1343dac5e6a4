package hclfile

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestFunctionDocs compares the reference with the functions.
func TestFunctionDocs(t *testing.T) {
	var documented []string
	for _, doc := range FunctionDocs() {
		documented = append(documented, doc.Name)
		f, known := functions(".")[doc.Name]
		if !known {
			t.Errorf("%s: documented, but not a function", doc.Name)
			continue
		}
		inside, named := strings.CutPrefix(doc.Signature, doc.Name+"(")
		inside, closed := strings.CutSuffix(inside, ")")
		if !named || !closed || !strings.HasSuffix(doc.Sentence, ".") {
			t.Errorf("%s: got %q, %q, want a call of it and a sentence", doc.Name, doc.Signature, doc.Sentence)
		}
		fixed, variable := 0, false
		for parameter := range strings.SplitSeq(inside, ", ") {
			if strings.ContainsAny(parameter, "[.") {
				variable = true
			} else {
				fixed++
			}
		}
		if doc.Name == "range" {
			fixed = 0 // its first parameter is the optional one
		}
		if got := len(f.Params()); got != fixed || (f.VarParam() != nil) != variable {
			t.Errorf("%s: got %d parameters and a variable one: %v, want %s", doc.Name, got, f.VarParam() != nil, doc.Signature)
		}
	}
	if !slices.IsSorted(documented) {
		t.Errorf("got %q, want them sorted", documented)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(functions("."))), documented); diff != "" {
		t.Errorf("(-functions +documented):\n%s", diff)
	}
}
