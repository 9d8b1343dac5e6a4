package hclfile

import (
	"maps"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// A declared is a node with what declares it and, once evaluated, its value.
type declared struct {
	block *block         // nil for locals
	local *hcl.Attribute // nil for all else
	state state
	value cty.Value
	// found is what the node became besides its value.
	host      *host
	hosts     []*host
	instances []*instance
}

type state int

const (
	untouched state = iota
	evaluated
	failed
)

func (d *declared) fail() { d.state, d.value = failed, cty.DynamicVal }

// expressions are those that must be known before the node is.
func (d *declared) expressions() []hcl.Expression {
	if d.local != nil {
		return []hcl.Expression{d.local.Expr}
	}
	return d.block.expressions()
}

// at is the place of the declaration.
func (d *declared) at() hcl.Range {
	if d.local != nil {
		return d.local.NameRange
	}
	return d.block.labelAt
}

// valueOf returns the value of a node. It reports false where a mistake was
// told already, so that nothing that depends on it is told again.
func (l *loader) valueOf(n node) (cty.Value, bool) {
	d := l.settle(n)
	if d.state == failed {
		return cty.DynamicVal, false
	}
	if d.value == cty.NilVal {
		d.value = l.blockValue(d)
	}
	return d.value, true
}

// settle evaluates a node, once.
func (l *loader) settle(n node) *declared {
	d := l.nodes[n]
	if d.state == untouched {
		value, ok := l.evaluateNode(n, d)
		if d.state = evaluated; !ok {
			d.state = failed
		}
		d.value = value
	}
	return d
}

func (l *loader) evaluateNode(n node, d *declared) (cty.Value, bool) {
	switch n.root {
	case "var":
		return l.variable(d)
	case "local":
		return l.eval(d.local.Expr, nil)
	case "host":
		return l.declaredHost(n.name, d)
	case "inventory":
		return l.inventory(d)
	case "server", "client":
		return l.declaredBlock(n, d)
	case "network":
		return l.networkValue(d)
	}
	return l.connectionValue()
}

// eval evaluates an expression, with each inside an instance. It reports
// false where it cannot be known because of a mistake, which is then told.
func (l *loader) eval(expr hcl.Expression, each *each) (cty.Value, bool) {
	if l.unsound[expr] {
		return cty.DynamicVal, false
	}
	ctx, ok := l.contextIn(expr, each)
	value, found := expr.Value(ctx)
	if found.HasErrors() && !ok {
		return cty.DynamicVal, false
	}
	if len(found) > 0 {
		sensitive := usesSensitive(expr, ctx)
		for _, d := range found {
			l.translate(d, sensitive)
		}
		if found.HasErrors() {
			return cty.DynamicVal, false
		}
	}
	return value, ok
}

// context returns what an expression can see: only what it refers to.
func (l *loader) context(expr hcl.Expression) (*hcl.EvalContext, bool) {
	if known, ok := l.contexts[expr]; ok {
		return known.ctx, known.ok
	}
	sound := true
	values := map[string]map[string]cty.Value{}
	variables := map[string]cty.Value{}
	for _, n := range l.needs(expr) {
		value, ok := l.valueOf(n)
		sound = sound && ok
		if n.name == "" {
			variables[n.root] = value
			continue
		}
		if values[n.root] == nil {
			values[n.root] = map[string]cty.Value{}
		}
		values[n.root][n.name] = value
	}
	for root, of := range values {
		variables[root] = object(of)
	}
	if wantsAllHosts(expr) {
		variables["host"] = l.allHosts(sound)
	}
	ctx := &hcl.EvalContext{Variables: variables, Functions: l.functions}
	l.contexts[expr] = seen{ctx, sound}
	return ctx, sound
}

// A seen is the context of one expression, kept for all its instances.
type seen struct {
	ctx *hcl.EvalContext
	ok  bool
}

// allHosts is the value of the word host: all host blocks by name.
func (l *loader) allHosts(sound bool) cty.Value {
	if !sound {
		return cty.DynamicVal
	}
	if l.hostsValue == cty.NilVal {
		values := make(map[string]cty.Value, len(l.hosts))
		for _, name := range l.hosts {
			value, ok := l.valueOf(node{"host", name})
			if !ok {
				return cty.DynamicVal
			}
			values[name] = value
		}
		l.hostsValue = hostMap(values)
	}
	return l.hostsValue
}

func hostMap(values map[string]cty.Value) cty.Value {
	if len(values) == 0 {
		return cty.MapValEmpty(hostType())
	}
	return cty.MapVal(values)
}

// withFunctions returns the functions and one more.
func withFunctions(table map[string]function.Function, name string, f function.Function) map[string]function.Function {
	all := maps.Clone(table)
	all[name] = f
	return all
}
