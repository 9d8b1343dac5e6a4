package hclfile

import (
	"fmt"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// BenchmarkWhere compares where with the comprehension that says the same.
func BenchmarkWhere(b *testing.B) {
	const n = 100_000
	hosts := make(map[string]cty.Value, n)
	for i := range n {
		name := fmt.Sprintf("web-%06d", i)
		hosts[name] = cty.ObjectVal(map[string]cty.Value{
			"name":    cty.StringVal(name),
			"address": cty.StringVal("10.0.0.1"),
			"vars": cty.MapVal(map[string]cty.Value{
				"role":   cty.StringVal([]string{"web", "db", "bastion"}[i%3]),
				"region": cty.StringVal("eu"),
			}),
		})
	}
	scope := &hcl.EvalContext{Functions: functions("."), Variables: map[string]cty.Value{
		"map": cty.MapVal(hosts), "object": cty.ObjectVal(hosts),
	}}
	for _, text := range []string{
		`where(map, {role = "db"})`,
		`where(object, {role = "db"})`,
		`{for k, h in map : k => h if h.vars.role == "db"}`,
		`group_by(map, "role")`,
	} {
		expression, diags := hclsyntax.ParseExpression([]byte(text), "test", hcl.InitialPos)
		if diags.HasErrors() {
			b.Fatal(diags)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, diags := expression.Value(scope); diags.HasErrors() {
					b.Fatal(diags)
				}
			}
		})
	}
}
