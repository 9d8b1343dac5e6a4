package hclfile

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/sshform/sshform/schema"
)

// Console evaluates one expression, as check blocks are, and returns its value
// as an expression. Only what the expression refers to is evaluated, so that
// an inventory is read when it is asked for; Open is enough for that.
// Sensitive values are not shown.
func (c *Configuration) Console(expression string) (string, schema.Diagnostics) {
	const name = "console"
	found := newReporter()
	found.files = map[string]*hcl.File{name: {Bytes: []byte(expression)}}
	for file, parsed := range c.l.files {
		found.files[file] = parsed
	}
	tokens, _ := hclsyntax.LexExpression([]byte(expression), name, hcl.InitialPos)
	if at, deep := tooDeepTokens(tokens); deep {
		found.wrong(at, "Nested too deeply", "More than %d brackets stand within each other here, or as many operators in a row.", maxDepth)
		return "", found.diagnostics()
	}
	expr, diags := hclsyntax.ParseExpression([]byte(expression), name, hcl.InitialPos)
	found.syntax(diags)
	if diags.HasErrors() {
		return "", found.diagnostics()
	}
	// What was told once about the configuration is told again for each
	// expression that needs it, since each is a question of its own.
	l := c.l.asked(found)
	if !l.check(expr, surroundings{}) {
		return "", found.diagnostics()
	}
	value, ok := l.eval(expr, nil)
	if !ok {
		if found.errors() == 0 {
			found.wrong(expr.Range(), "No value", "The expression needs something in the configuration that is wrong; sshform validate tells what.")
		}
		return "", found.diagnostics()
	}
	return formatValue(value, 0), found.diagnostics()
}

// asked returns the loader with another reporter. What was evaluated stays.
func (l *loader) asked(found *reporter) *loader {
	again := *l
	again.reporter = found
	return &again
}
