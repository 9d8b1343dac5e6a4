package hclfile

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// A verdict is what became of a condition.
type verdict int

const (
	holds verdict = iota
	broken
	unsure // it cannot be known, or a mistake was told
)

// An outcome is a verdict and, where the condition is broken, the message.
type outcome struct {
	verdict verdict
	message string
	values  []schema.Known
	at      hcl.Range // the condition
}

// judge evaluates the condition of a rule, and its message if it is broken.
func (l *loader) judge(a *args) outcome {
	out := outcome{verdict: unsure, at: a.at("condition")}
	condition := a.b.arguments["condition"]
	if condition == nil {
		return out
	}
	value, ok := a.truth(condition)
	if !ok || value == cty.NilVal {
		return out
	}
	value, _ = value.UnmarkDeep()
	if !value.IsKnown() {
		l.notYet(condition.Expr.Range())
		return out
	}
	truth, err := convert.Convert(value, cty.Bool)
	if err != nil || truth.IsNull() {
		l.wrong(condition.Expr.Range(), "Invalid condition", "A condition must be true or false, not %s.", value.Type().FriendlyName())
		return out
	}
	if truth.True() {
		out.verdict = holds
		return out
	}
	if l.rehearsal {
		return out
	}
	out.verdict, out.message = broken, l.message(a)
	if ctx, ok := l.contextIn(condition.Expr, a.each); ok {
		out.values = knownValues(condition.Expr, ctx)
	}
	return out
}

// truth evaluates a condition, for all instances together where it does not
// depend on each.
func (a *args) truth(condition *hcl.Attribute) (cty.Value, bool) {
	shared := a.each != nil && !a.l.differs(condition.Expr)
	if known, ok := a.b.settled[condition.Name]; shared && ok {
		return known.value.(cty.Value), known.ok
	}
	value, ok := a.l.eval(condition.Expr, a.each)
	if shared {
		a.b.settled[condition.Name] = settled{value, ok}
	}
	return value, ok
}

// message evaluates the error message of a broken rule.
func (l *loader) message(a *args) string {
	const none = "The condition does not hold."
	argument := a.b.arguments["error_message"]
	if argument == nil {
		return none
	}
	value, ok := l.eval(argument.Expr, a.each)
	if !ok {
		return none
	}
	if isSensitive(value) {
		return "The condition does not hold. Its message uses a sensitive value and is not shown."
	}
	text, err := asText(value)
	if err != nil || !value.IsKnown() {
		return none
	}
	return text
}

// contextIn is context with each inside an instance.
func (l *loader) contextIn(expr hcl.Expression, each *each) (*hcl.EvalContext, bool) {
	ctx, ok := l.context(expr)
	if each != nil {
		ctx = ctx.NewChild()
		ctx.Variables = map[string]cty.Value{"each": each.value}
	}
	return ctx, ok
}
