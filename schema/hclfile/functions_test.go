package hclfile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"
)

// canary must appear in no error.
const canary = "hidden"

// sensitive is what Terraform calls so; the language marks variables instead.
func sensitive() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "value", Type: cty.DynamicPseudoType, AllowNull: true, AllowUnknown: true, AllowDynamicType: true, AllowMarked: true}},
		Type:   func(args []cty.Value) (cty.Type, error) { return args[0].Type(), nil },
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			return args[0].Mark("sensitive"), nil
		},
	})
}

// evaluate evaluates an expression with the functions alone.
func evaluate(t *testing.T, dir, text string, variables map[string]cty.Value) (cty.Value, error) {
	t.Helper()
	expression, diags := hclsyntax.ParseExpression([]byte(text), "test", hcl.InitialPos)
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	table := functions(dir)
	table["sensitive"] = sensitive()
	v, diags := expression.Value(&hcl.EvalContext{Functions: table, Variables: variables})
	if diags.HasErrors() {
		return cty.NilVal, diags
	}
	return v, nil
}

// TestTerraformsAnswers compares with what Terraform 1.11.4 said. The words of
// errors are ours.
func TestTerraformsAnswers(t *testing.T) {
	file, err := os.Open(filepath.Join("testdata", "functions", "answers.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	covered := map[string]bool{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var want struct {
			Expression, Error, Type string
			Sensitive, Unknown      bool
			Value                   json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(want.Expression, "(")
		covered[name] = true
		got, err := evaluate(t, t.TempDir(), want.Expression, nil)
		if text, differs := newer()[want.Expression]; differs {
			if diff := cmp.Diff(text, answerText(t, got, err)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", want.Expression, diff)
			}
			continue
		}
		if (err != nil) != (want.Error != "") {
			t.Errorf("%s\ngot  %#v, %v\nwant %s%s", want.Expression, got, err, want.Value, want.Error)
			continue
		}
		if err != nil {
			if strings.Contains(want.Expression, "sensitive(\""+canary) && strings.Contains(err.Error(), canary) {
				t.Errorf("%s\nthe error shows the sensitive value: %v", want.Expression, err)
			}
			continue
		}
		if got := typeText(got.Type()); got != strings.ReplaceAll(strings.Join(strings.Fields(want.Type), ""), ",)", ")") {
			t.Errorf("%s\ngot type %s, want %s", want.Expression, got, want.Type)
		}
		if got := got.ContainsMarked(); got != want.Sensitive {
			t.Errorf("%s\ngot sensitive %v, want %v", want.Expression, got, want.Sensitive)
		}
		bare, _ := got.UnmarkDeep()
		if known := bare.IsWhollyKnown(); known == want.Unknown {
			t.Errorf("%s\ngot known %v, want %v", want.Expression, known, !want.Unknown)
		} else if known {
			if got := jsonText(t, bare); got != string(want.Value) {
				t.Errorf("%s\ngot  %s\nwant %s", want.Expression, got, want.Value)
			}
		}
	}
	for name := range functions(".") {
		ours := slices.Contains([]string{"where", "group_by", "seconds", "file", "fileexists"}, name)
		if covered[name] == ours {
			t.Errorf("%s: got covered %v, want %v", name, covered[name], !ours)
		}
	}
}

// newer lists the expressions to which the libraries used here have a better
// answer than Terraform 1.11.4, which is built with go-cty 1.16.
func newer() map[string]string {
	return map[string]string{
		`format("%v", null)`:           `"null"`, // Terraform: unknown
		`formatlist("%s", null)`:       "error",  // Terraform: unknown
		`element(["a", "b", "c"], -1)`: `"c"`,    // Terraform: a panic
		`element(["a", "b", "c"], -4)`: `"c"`,    // Terraform: a panic
	}
}

func answerText(t *testing.T, v cty.Value, err error) string {
	t.Helper()
	if err != nil {
		return "error"
	}
	return jsonText(t, v)
}

func jsonText(t *testing.T, v cty.Value) string {
	t.Helper()
	text, err := stdlib.JSONEncode(v)
	if err != nil {
		t.Fatal(err)
	}
	return text.AsString()
}

// typeText writes a type as Terraform's function type does, without spaces.
func typeText(t cty.Type) string {
	var out strings.Builder
	switch {
	case t == cty.DynamicPseudoType:
		return "dynamic"
	case t.IsPrimitiveType():
		return t.FriendlyName()
	case t.IsCollectionType():
		kind, _, _ := strings.Cut(t.FriendlyName(), " ")
		return kind + "(" + typeText(t.ElementType()) + ")"
	case t.IsTupleType():
		if len(t.TupleElementTypes()) == 0 {
			return "tuple([])"
		}
		out.WriteString("tuple([")
		for _, element := range t.TupleElementTypes() {
			out.WriteString(typeText(element) + ",")
		}
		return out.String() + "])"
	}
	if len(t.AttributeTypes()) == 0 {
		return "object({})"
	}
	out.WriteString("object({")
	for _, name := range slices.Sorted(maps.Keys(t.AttributeTypes())) {
		fmt.Fprintf(&out, "%s:%s,", strings.ReplaceAll(name, " ", ""), typeText(t.AttributeType(name)))
	}
	return out.String() + "})"
}
