package hclfile

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
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
	for _, doc := range FunctionDocs() {
		if covered[doc.Name] == doc.Ours {
			t.Errorf("%s: got covered %v, want %v", doc.Name, covered[doc.Name], !doc.Ours)
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

// fleet is three hosts as an inventory gives them, in an object or in a map.
func fleet() map[string]cty.Value {
	host := func(name, port string, tags []cty.Value, vars map[string]cty.Value) cty.Value {
		return cty.ObjectVal(map[string]cty.Value{
			"name": cty.StringVal(name),
			"port": cty.MustParseNumberVal(port),
			"tags": cty.TupleVal(tags),
			"vars": cty.ObjectVal(vars),
		})
	}
	text := cty.StringVal
	loose := map[string]cty.Value{
		"a": host("a", "22", []cty.Value{text("frozen"), text("eu")}, map[string]cty.Value{"role": text("db"), "canary": text("yes"), "rack": cty.NumberIntVal(1)}),
		"b": host("b", "22", nil, map[string]cty.Value{"role": text("web"), "canary": text("")}),
		"c": host("c", "2222", []cty.Value{text("eu")}, map[string]cty.Value{"role": text("db"), "canary": cty.NullVal(cty.String)}),
	}
	strict := map[string]cty.Value{}
	for name, h := range loose {
		attributes := h.AsValueMap()
		attributes["tags"] = cty.SetValEmpty(cty.String)
		if h.GetAttr("tags").LengthInt() > 0 {
			attributes["tags"] = cty.SetVal(h.GetAttr("tags").AsValueSlice())
		}
		attributes["vars"] = cty.MapVal(map[string]cty.Value{"role": h.GetAttr("vars").GetAttr("role")})
		strict[name] = cty.ObjectVal(attributes)
	}
	secret := maps.Clone(loose)
	secret["a"] = cty.ObjectVal(map[string]cty.Value{"name": text("a"), "vars": cty.ObjectVal(map[string]cty.Value{"role": text(canary).Mark("sensitive")})})
	return map[string]cty.Value{
		"loose":   cty.ObjectVal(loose),
		"strict":  cty.MapVal(strict),
		"secret":  cty.ObjectVal(secret),
		"none":    cty.EmptyObjectVal,
		"unknown": cty.UnknownVal(cty.Map(cty.Object(map[string]cty.Type{"name": cty.String}))),
		"partly":  cty.ObjectVal(map[string]cty.Value{"a": loose["a"], "z": cty.ObjectVal(map[string]cty.Value{"vars": cty.UnknownVal(cty.Map(cty.String))})}),
	}
}

func TestHostFunctions(t *testing.T) {
	for _, test := range []struct{ expression, want string }{
		{`keys(where(loose, {role = "db"}))`, `["a","c"]`},
		{`keys(where(strict, {role = "db"}))`, `["a","c"]`},
		{`keys(where(loose, {role = "db", canary = "yes"}))`, `["a"]`},
		{`keys(where(loose, {role = ["db", "web"]}))`, `["a","b","c"]`},
		{`keys(where(loose, {tags = "eu"}))`, `["a","c"]`},
		{`keys(where(strict, {tags = ["frozen", "x"]}))`, `["a"]`},
		{`keys(where(loose, {port = 2222}))`, `["c"]`},
		{`keys(where(loose, {port = "22"}))`, `["a","b"]`},
		{`keys(where(loose, {rack = 1}))`, `["a"]`},
		{`keys(where(loose, {canary = ""}))`, `["b"]`},
		{`keys(where(loose, {canary = null}))`, `["c"]`},
		{`keys(where(loose, {rack = null}))`, `["b","c"]`},
		{`keys(where(loose, {nobody = null}))`, `["a","b","c"]`},
		{`keys(where(loose, {}))`, `["a","b","c"]`},
		{`keys(where(loose, {role = "mail"}))`, `[]`},
		{`keys(where(strict, {role = "mail"}))`, `[]`},
		{`length(where(none, {role = "db"}))`, `0`},
		{`where(values(loose), {role = "web"})[0].name`, `"b"`},
		{`where(values(strict), {role = "web"})[0].name`, `"b"`},
		{`length(where(toset(values(strict)), {role = "db"}))`, `2`},
		{`keys(where(where(loose, {role = "db"}), {canary = "yes"}))`, `["a"]`},
		{`[for k, g in group_by(loose, "role") : "${k}=${join("+", keys(g))}"]`, `["db=a+c","web=b"]`},
		{`[for k, g in group_by(strict, "role") : "${k}=${join("+", keys(g))}"]`, `["db=a+c","web=b"]`},
		{`[for k, g in group_by(loose, "canary") : "${k}=${join("+", keys(g))}"]`, `["=b+c","yes=a"]`},
		{`[for k, g in group_by(loose, "tags") : "${k}=${join("+", keys(g))}"]`, `["=b","eu=a+c","frozen=a"]`},
		{`[for k, g in group_by(loose, "port") : "${k}=${join("+", keys(g))}"]`, `["22=a+b","2222=c"]`},
		{`group_by(none, "role")`, `{}`},
		{`length(group_by(where(strict, {role = "x"}), "role"))`, `0`},
		{`keys(group_by(values(loose), "role"))`, `["db","web"]`},

		{`where(loose, {rol = "db"})`, `no host has a variable or an attribute "rol". Did you mean "role"?`},
		{`where(loose, {vars = "x"})`, `no host has a variable or an attribute "vars".`},
		{`where(loose, {role = {a = 1}})`, `role must be a string, a number, a boolean, null, or a list of strings`},
		{`where(loose, "role")`, `must be an object such as { role = "db" }, not string`},
		{`where("x", {})`, `must be hosts: a map or a list of them, not string`},
		{`where(["x"], {})`, `must hold hosts only, and holds string`},
		{`where(tomap({a = "x"}), {})`, `must be hosts: a map or a list of them, not map of string`},
		{`where(null, {})`, `must not be null`},
		{`group_by(loose, "rakc")`, `no host has a variable or an attribute "rakc". Did you mean "rack"?`},
		{`group_by("x", "role")`, `must be hosts: a map or a list of them, not string`},
		{`group_by(loose, null)`, `must not be null`},

		{`seconds("1h30m")`, `5400`},
		{`seconds(90)`, `90`},
		{`seconds("1m")`, `60`},
		{`seconds("1.5m")`, `"1.5m" is not a time; write seconds, or a form like 1m30s`},
		{`seconds("")`, `is not a time`},
		{`seconds(-1)`, `is not a time`},
		{`seconds("2147483648")`, `more than 2147483647 seconds`},
		{`seconds(null)`, `must not be null`},
		{`seconds(sensitive("` + canary + `"))`, `the reason is not shown, because an argument is sensitive`},
		{`where(secret, sensitive({` + canary + ` = 1}))`, `the reason is not shown`},
		{`file(sensitive("` + canary + `"))`, `the reason is not shown`},
		{`try(file(sensitive("` + canary + `")))`, `the reason is not shown`},
	} {
		got, err := evaluate(t, t.TempDir(), test.expression, fleet())
		switch {
		case err != nil && !strings.Contains(err.Error(), test.want):
			t.Errorf("%s: got %v, want %s", test.expression, err, test.want)
		case err != nil && strings.Contains(err.Error(), canary):
			t.Errorf("%s: the error shows the sensitive value: %v", test.expression, err)
		case err == nil && jsonText(t, got) != test.want:
			t.Errorf("%s: got %s, want %s", test.expression, jsonText(t, got), test.want)
		}
	}
}

// TestHostFunctionsMark looks for marks: hosts that were chosen by a sensitive
// value are sensitive, others are not.
func TestHostFunctionsMark(t *testing.T) {
	for expression, want := range map[string]bool{
		`keys(where(secret, {role = "db"}))`:                  true,
		`keys(where(secret, {name = "b"}))`:                   false,
		`keys(where(loose, {role = sensitive("db")}))`:        true,
		`keys(where(loose, sensitive({role = "db"})))`:        true,
		`keys(where(sensitive(loose), {role = "db"}))`:        true,
		`keys(where(loose, {role = ["db", sensitive("x")]}))`: true,
		`keys(group_by(secret, "role"))`:                      true,
		`keys(group_by(secret, "name"))`:                      false,
		`keys(group_by(loose, sensitive("role")))`:            true,
		`seconds(sensitive("1m"))`:                            true,
	} {
		got, err := evaluate(t, t.TempDir(), expression, fleet())
		if err != nil {
			t.Errorf("%s: %v", expression, err)
		} else if got := got.ContainsMarked(); got != want {
			t.Errorf("%s: got sensitive %v, want %v", expression, got, want)
		}
	}
}

func TestHostFunctionsOfUnknownHosts(t *testing.T) {
	for _, expression := range []string{
		`where(unknown, {name = "a"})`,
		`where(partly, {role = "db"})`,
		`group_by(unknown, "name")`,
		`group_by(partly, "role")`,
	} {
		got, err := evaluate(t, t.TempDir(), expression, fleet())
		if err != nil || got.IsKnown() {
			t.Errorf("%s: got %#v, %v, want something unknown", expression, got, err)
		}
	}
}

func TestFileStaysInTheDirectory(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "configuration")
	for name, content := range map[string]string{
		"secret":                 canary,
		"configuration/a.txt":    "text\n",
		"configuration/sub/b":    "b",
		"configuration/latin1":   "\xe9",
		"configuration/big":      strings.Repeat("x", maxFile+1),
		"configuration/with nul": "a\x00",
	} {
		path := filepath.Join(outside, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	socket, err := net.Listen("unix", filepath.Join(dir, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	for name, target := range map[string]string{
		"inside": "sub/b", "up": "../secret", "far": filepath.Join(outside, "secret"),
		"folder": "..", "loop": "loop", "dangling": "nothing", "self": "../configuration/a.txt",
	} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Skip("this system has no symbolic links: ", err)
		}
	}
	for _, test := range []struct{ expression, want string }{
		{`file("a.txt")`, `"text\n"`},
		{`file("./sub/../a.txt")`, `"text\n"`},
		{`file("sub/b")`, `"b"`},
		{`file("inside")`, `"b"`},
		{`fileexists("a.txt")`, `true`},
		{`fileexists("inside")`, `true`},
		{`fileexists("nothing")`, `false`},
		{`fileexists("sub/nothing")`, `false`},
		{`fileexists("dangling")`, `false`},
		{`file("nothing")`, `does not exist`},
		{`file("dangling")`, `does not exist`},
		{`file("sub")`, `is a directory`},
		{`fileexists("sub")`, `is a directory`},
		{`fileexists(".")`, `is a directory`},
		{`file("socket")`, `is not a regular file`},
		{`fileexists("socket")`, `is not a regular file`},
		{`file("latin1")`, `is not UTF-8`},
		{`file("with nul")`, `is not UTF-8`},
		{`file("big")`, `is larger than`},
		{`file("a.txt/x")`, `not a directory`},
		{`file("loop")`, `cannot be read inside`},
		{`file("")`, `not inside the configuration directory`},
		{`file("../secret")`, `not inside the configuration directory`},
		{`file("sub/../../secret")`, `not inside the configuration directory`},
		{`fileexists("../secret")`, `not inside the configuration directory`},
		{`file("` + outside + `/secret")`, `not inside the configuration directory`},
		{`fileexists("` + outside + `/secret")`, `not inside the configuration directory`},
		{`file("up")`, `cannot be read inside the configuration directory`},
		{`fileexists("up")`, `cannot be read inside the configuration directory`},
		{`file("far")`, `cannot be read inside the configuration directory`},
		{`file("folder/secret")`, `cannot be read inside the configuration directory`},
		{`fileexists("folder/secret")`, `cannot be read inside the configuration directory`},
		{`file("self")`, `cannot be read inside the configuration directory`},
		{`file("/dev/zero")`, `not inside the configuration directory`},
	} {
		got, err := evaluate(t, dir, test.expression, nil)
		switch {
		case err != nil && (!strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), canary)):
			t.Errorf("%s: got %v, want %s", test.expression, err, test.want)
		case err == nil && jsonText(t, got) != test.want:
			t.Errorf("%s: got %s, want %s", test.expression, jsonText(t, got), test.want)
		}
	}
}
