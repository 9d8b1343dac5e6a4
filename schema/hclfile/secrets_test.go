package hclfile

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSensitiveValuesStayInside puts a canary into a sensitive variable, by
// every way in, uses it in random expressions at random places, and looks for
// it in everything that comes out.
func TestSensitiveValuesStayInside(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		const canary = "c4n4ry"
		given := rapid.SampledFrom([]string{canary, "7" + canary, canary + "\n", canary + " x", "-" + canary}).Draw(t, "value")
		expression := sensitiveExpression(t, 3)
		places := rapid.SliceOfN(rapid.SampledFrom(sinks()), 1, 4).Draw(t, "places")
		kind := rapid.SampledFrom([]string{"type = string", "", "type = any", "type = number", "type = list(string)"}).Draw(t, "type")
		var source strings.Builder
		fmt.Fprintf(&source, "variable \"secret\" {\n  %s\n  sensitive = true\n  validation {\n    condition = %s\n    error_message = \"it is ${var.secret}\"\n  }\n}\n",
			kind, rapid.SampledFrom([]string{"true", "var.secret == 1", "length(var.secret) > 100"}).Draw(t, "rule"))
		source.WriteString("host \"a\" {\n  address = \"a.example.net\"\n}\n")
		for i, place := range places {
			source.WriteString(strings.ReplaceAll(fmt.Sprintf(place, i, expression), "\t", "  "))
		}
		if err := os.WriteFile(filepath.Join(dir, "main.sshform.hcl"), []byte(source.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		opts := Options{}
		os.Remove(filepath.Join(dir, "x.auto.sshvars.hcl"))
		switch rapid.SampledFrom([]string{"-var", "environment", "file", "ask"}).Draw(t, "way") {
		case "-var":
			opts.Assignments = []Assignment{{Name: "secret", Value: given}}
		case "environment":
			opts.Environ = []string{"SSHFORM_VAR_secret=" + given}
		case "file":
			encoded, _ := json.Marshal(given)
			if err := os.WriteFile(filepath.Join(dir, "x.auto.sshvars.hcl"), fmt.Appendf(nil, "secret = %s\n", encoded), 0o600); err != nil {
				t.Fatal(err)
			}
		case "ask":
			opts.Ask = func(Input) (string, error) { return given, nil }
		}
		c, found := Load(context.Background(), dir, opts)
		var out strings.Builder
		fmt.Fprintf(&out, "%+v %+v %s", *c.Config, found, render(found, c))
		for _, d := range found {
			if d.Subject != nil {
				text, _ := c.Source(d.Subject.Filename)
				out.Write(text)
			}
		}
		if !found.HasErrors() {
			e, late := c.Evaluate(nil, nil)
			fmt.Fprintf(&out, "%+v %s", e, render(late, c))
			for _, o := range e.Outputs {
				out.Write(o.JSON)
			}
		}
		shown, more := c.Console(expression)
		fmt.Fprintf(&out, "%s %s", shown, render(more, c))
		encoded, _ := json.Marshal(c.Config)
		out.Write(encoded)
		if i := strings.Index(strings.ToLower(out.String()), canary); i >= 0 {
			t.Fatalf("got the sensitive value in %q, with\n%s", out.String()[max(0, i-200):i+20], source.String())
		}
		if strings.Contains(out.String(), "yr4n4c") {
			t.Fatalf("got the sensitive value reversed, with\n%s", source.String())
		}
	})
}

// sinks are places that an expression can reach, with a number and the
// expression to fill in.
func sinks() []string {
	return []string{
		"host \"h%d\" {\n\taddress = %s\n}\n",
		"host \"h%d\" {\n\tssh_alias = %s\n}\n",
		"host \"h%d\" {\n\taddress = \"x\"\n\ttags = [%s]\n}\n",
		"host \"h%d\" {\n\taddress = \"x\"\n\tvars = { a = %s }\n}\n",
		"server \"s%d\" {\n\thost = host.a\n\tclient_alive_interval = %s\n}\n",
		"server \"s%d\" {\n\thost = %s\n\tclient_alive_interval = 1\n}\n",
		"server \"s%d\" {\n\tfor_each = toset([%s])\n\thost = host.a\n\tclient_alive_interval = 1\n}\n",
		"server \"s%d\" {\n\tfor_each = { (%s) = 1 }\n\thost = host.a\n\tclient_alive_interval = 1\n}\n",
		"server \"s%d\" {\n\tfor_each = { a = %s }\n\thost = host.a\n\tclient_alive_interval = each.value\n}\n",
		"server \"s%d\" {\n\thost = host.a\n\tclient_alive_count_max = 1\n\tmatch = %s\n}\n",
		"server \"s%d\" {\n\thost = host.a\n\tlogin_grace_time = 1\n\tfile {\n\t\tpath = %s\n\t}\n}\n",
		"server \"s%d\" {\n\thost = host.a\n\tlogin_grace_time = 1\n\tprecondition {\n\t\tcondition = false\n\t\terror_message = %s\n\t}\n}\n",
		"server \"s%d\" {\n\thost = host.a\n\tlogin_grace_time = 1\n\tprecondition {\n\t\tcondition = %s\n\t\terror_message = \"no\"\n\t}\n}\n",
		"server \"s%d\" {\n\thost = host.a\n\tunset = [%s]\n}\n",
		"client \"c%d\" {\n\tserver_alive_interval = 1\n\thost_pattern = %s\n}\n",
		"inventory \"i%d\" {\n\tsource \"csv\" {\n\t\tpath = %s\n\t}\n}\n",
		"inventory \"i%d\" {\n\tsource \"external\" {\n\t\tprogram = [%s]\n\t}\n}\n",
		"locals {\n\tl%d = %s\n}\n",
		"output \"o%d\" {\n\tvalue = %s\n}\n",
		"output \"o%d\" {\n\tsensitive = true\n\tvalue = %s\n}\n",
		"check \"c%d\" {\n\tassert {\n\t\tcondition = %s\n\t\terror_message = \"it is ${var.secret}\"\n\t}\n}\n",
		"check \"c%d\" {\n\tassert {\n\t\tcondition = false\n\t\terror_message = %s\n\t}\n}\n",
		"network \"n%d\" {\n\tidle_timeout = %s\n}\n",
		"rollout \"r%d\" {\n\ttargets = client.x\n\twave \"w\" {\n\t\thosts = [%s]\n\t}\n}\n",
	}
}

// sensitiveExpression draws an expression over the secret.
func sensitiveExpression(t *rapid.T, depth int) string {
	if depth == 0 {
		return "var.secret"
	}
	inner := sensitiveExpression(t, depth-1)
	return fmt.Sprintf(rapid.SampledFrom([]string{
		"%s", `"a${%s}"`, "upper(%s)", "strrev(tostring(%s))", "tonumber(%s)", "seconds(%s)", "parseint(%s, 10)", "{ a = %s }.a", "[%s][0]", "{ (%s) = 1 }",
		"{ a = 1 }[%s]", "[1, 2][%s]", "host[%s]", "true ? %s : \"x\"", "%s == 1", "%s + 1", "[for x in [%s] : x.y]", "[for x in [%s] : upper(x)]", "{ for x in [\"a\", %s] : x => x }",
		"{ for x in [1, 2] : %s => x }", "jsonencode(%s)", "jsondecode(%s)", "keys({ (%s) = 1 })", "try(%s, 1)", "can(%s)", "try(tonumber(%s))", "try(jsondecode(%s))", "file(%s)", "fileexists(%s)", "regex(%s, \"x\")", "regex(\"(\", %s)", "lookup({ a = 1 }, %s)",
		"merge({ a = 1 }, %s)", "toset([%s, %[1]s])", "one([%s, %[1]s])", "index([\"x\"], %s)", "element([], %s)", "format(%s)", "format(\"%%d\", %s)", "where(host, { name = %s })", "group_by(host, %s)", "yamldecode(%s)", "csvdecode(%s)", "sum([%s])", "join(%s, [1])", "range(%s)", "coalesce(%s)", "zipmap([%s], [1, 2])",
		"%s.attribute", "%s[0]", "%s()", "[for k, v in %s : v]", "!%s", "alltrue([%s])", "tobool(%s)", "setproduct(%s)", "flatten(%s)", "title(%s)", "replace(%s, \"/(/\", \"\")", "chunklist([1], %s)", "slice([1], 0, %s)", "substr(%s, 5, -7)", "indent(%s, \"x\")",
	}).Draw(t, "around"), inner)
}
