package hclfile

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// Planned returns the argument that will be in force for a keyword at an
// address once the plan is applied; false where that is not known.
type Planned func(schema.Address, schema.Keyword) (schema.Argument, bool)

// Liveness returns what the values of a server and a client mean for each
// other, as a JSON object. It is the function liveness of the language.
type Liveness func(server, client schema.Address) ([]byte, error)

// A Status is what became of a check.
type Status string

// The statuses.
const (
	Passed  Status = "pass"
	Failed  Status = "fail"
	Errored Status = "error" // it could not be evaluated
)

// A Check is a check block and what became of it.
type Check struct {
	Name     string
	Status   Status
	Messages []string // of the assertions that failed
	Range    schema.Range
}

// An Output is an output block and its value.
type Output struct {
	Name        string
	Description string
	Sensitive   bool
	// Unknown says that only a plan can tell the value.
	Unknown bool
	// JSON is the value, Type its type in JSON, and Text the value as an
	// expression. All are empty where the output is sensitive or unknown.
	JSON, Type []byte
	Text       string
	// Raw is the value where it is a string, a number or a bool; else HasRaw is
	// false.
	Raw    string
	HasRaw bool
	Range  schema.Range
}

// An Evaluation is what check and output blocks came to.
type Evaluation struct {
	Checks  []Check
	Outputs []Output
}

// Evaluate evaluates check and output blocks with the values of a plan. Either
// function may be nil: then the declared values count, and liveness is not
// known. The configuration must have been loaded without errors.
func (c *Configuration) Evaluate(planned Planned, liveness Liveness) (Evaluation, schema.Diagnostics) {
	l := c.l.replanned(planned, liveness)
	var e Evaluation
	for _, b := range l.all("check") {
		e.Checks = append(e.Checks, l.evaluateCheck(b))
	}
	e.Outputs = l.outputs()
	return e, l.diagnostics()
}

// Outputs evaluates output blocks with the declared values. What only a plan
// can tell is Unknown.
func (c *Configuration) Outputs() ([]Output, schema.Diagnostics) {
	l := c.l.replanned(nil, nil)
	l.opts.Offline = true
	return l.outputs(), l.diagnostics()
}

func (l *loader) outputs() []Output {
	var all []Output
	for _, b := range l.all("output") {
		if output, ok := l.evaluateOutput(b); ok {
			all = append(all, output)
		}
	}
	return all
}

// mostRehearsed is for how many targets check and output blocks are looked
// through before there is a plan. With more it costs a third of the loading,
// and mistakes are told with the plan.
const mostRehearsed = 1000

// rehearse looks for mistakes in check and output blocks with the declared
// values, so that they are told before any host is read.
func (l *loader) rehearse() {
	if l.errors() > 0 {
		return
	}
	again := l.replanned(nil, nil)
	again.reporter, again.opts.Offline, again.rehearsal = l.reporter, true, true
	for _, b := range again.all("check") {
		again.evaluateCheck(b)
	}
	again.outputs()
}

// Pending are the blocks that Evaluate evaluates, such as check.soon, in the
// order of their declaration, checks first.
func (c *Configuration) Pending() []string {
	var names []string
	for _, kind := range []string{"check", "output"} {
		for _, b := range c.l.all(kind) {
			names = append(names, kind+"."+b.label)
		}
	}
	return names
}

// replanned returns a loader in which server and client blocks have the values
// of a plan, and all that refers to them is evaluated anew.
func (l *loader) replanned(planned Planned, liveness Liveness) *loader {
	again := *l
	again.reporter = newReporter()
	again.files = l.files
	again.planned = planned
	again.contexts = map[hcl.Expression]seen{}
	again.nodes = make(map[node]*declared, len(l.nodes))
	moved := map[node]bool{}
	for n, d := range l.nodes {
		copied := *d
		if l.moves(n, moved) && d.state == evaluated {
			copied.state = untouched
		}
		again.nodes[n] = &copied
	}
	if liveness != nil {
		again.functions = withFunctions(l.functions, "liveness", again.livenessFunction(liveness))
	}
	return &again
}

// moves reports whether the value of a node changes with the plan.
func (l *loader) moves(n node, known map[node]bool) bool {
	if moved, ok := known[n]; ok {
		return moved
	}
	known[n] = n.root == "server" || n.root == "client"
	if n.root == "local" && !known[n] {
		for _, need := range l.needsOf(n) {
			known[n] = known[n] || l.moves(need.node, known)
		}
	}
	return known[n]
}

// forget lets go of all values but those that check and output blocks ask for
// after planning: as values, the hosts of a fleet take more memory than its
// targets. Whoever asks for another one all the same has it evaluated again.
func (l *loader) forget() {
	if l.errors() > 0 {
		return // what failed shall not be told again
	}
	kept := map[node]bool{}
	var keep func(node)
	keep = func(n node) {
		if kept[n] {
			return
		}
		kept[n] = true
		for _, need := range l.needsOf(n) {
			keep(need.node)
		}
	}
	for _, b := range slices.Concat(l.all("check"), l.all("output")) {
		for _, expr := range b.expressions() {
			for _, n := range l.needs(expr) {
				keep(n)
			}
		}
	}
	l.contexts, l.byName = map[hcl.Expression]seen{}, map[string][]*host{}
	for n, d := range l.nodes {
		switch n.root {
		case "inventory", "local", "server", "client":
			if !kept[n] {
				*d = declared{block: d.block, local: d.local}
			}
		}
		if d.host != nil {
			l.remember(d.host)
		}
		for _, h := range d.hosts {
			l.remember(h)
		}
	}
}

func (l *loader) remember(h *host) { l.byName[h.Name] = append(l.byName[h.Name], h) }

func (l *loader) evaluateCheck(b *block) Check {
	c := Check{Name: b.label, Status: Passed, Range: span(b.at)}
	for _, assertion := range b.all("assert") {
		out := l.judge(&args{l: l, b: assertion})
		switch out.verdict {
		case broken:
			c.Status = Failed
			c.Messages = append(c.Messages, out.message)
			l.add(schema.Diagnostic{Severity: schema.Warning, Summary: "Check failed", Detail: sentence(out.message), Values: out.values}, out.at)
		case unsure:
			if c.Status == Passed {
				c.Status = Errored
			}
		}
	}
	return c
}

func (l *loader) evaluateOutput(b *block) (Output, bool) {
	a := &args{l: l, b: b}
	o := Output{Name: b.label, Range: span(b.at)}
	o.Description, _ = readArgument(a, "description", asText)
	o.Sensitive, _ = a.flag("sensitive")
	l.preconditions(a, schema.Address{Block: "output", Name: b.label})
	argument := b.arguments["value"]
	if argument == nil {
		return o, false
	}
	value, ok := l.eval(argument.Expr, nil)
	switch {
	case !ok:
		return o, false
	case isSensitive(value) && !o.Sensitive:
		l.wrong(argument.Expr.Range(), "Sensitive value in an output", "The value is made of a sensitive variable, and outputs are printed. Add sensitive = true to the output, or leave the variable out of it.")
		return o, false
	case o.Sensitive:
		return o, true
	case !value.IsWhollyKnown():
		l.notYet(argument.Expr.Range())
		o.Unknown = true
		return o, l.opts.Offline
	}
	o.JSON, o.Text = toJSON(value), formatValue(value, 0)
	o.Type, _ = ctyjson.MarshalType(value.Type())
	if text, err := asText(value); err == nil && value.Type().IsPrimitiveType() {
		o.Raw, o.HasRaw = text, true
	}
	return o, true
}

// Expression writes a value as an expression of the language, as Output.Text
// does, from its value and type in JSON. What is neither is returned as it is.
func Expression(value, kind []byte) string {
	t, err := ctyjson.UnmarshalType(kind)
	if err != nil {
		return string(value)
	}
	v, err := ctyjson.Unmarshal(value, t)
	if err != nil {
		return string(value)
	}
	return formatValue(v, 0)
}

// unknownLiveness stands for liveness until there is a plan.
func unknownLiveness() function.Function {
	return livenessOf(func(client, server cty.Value) (cty.Value, error) { return cty.DynamicVal, nil })
}

func livenessOf(answer func(client, server cty.Value) (cty.Value, error)) function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "client", Type: cty.DynamicPseudoType}, {Name: "server", Type: cty.DynamicPseudoType},
		},
		Type: func(args []cty.Value) (cty.Type, error) {
			value, err := answer(args[0], args[1])
			return value.Type(), err
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return answer(args[0], args[1]) },
	})
}

// livenessFunction is liveness(client, server) with instances as arguments. It
// is the same pair the other way round, so that order is accepted too.
func (l *loader) livenessFunction(liveness Liveness) function.Function {
	addresses := map[string]schema.Address{}
	for _, d := range l.nodes {
		for _, inst := range d.instances {
			addresses[inst.Address.String()] = inst.Address
		}
	}
	address := func(v cty.Value) schema.Address {
		if v.IsNull() || !v.Type().IsObjectType() || !v.Type().HasAttribute("address") {
			return schema.Address{}
		}
		text := v.GetAttr("address")
		if text.Type() != cty.String || text.IsNull() {
			return schema.Address{}
		}
		return addresses[text.AsString()]
	}
	return livenessOf(func(client, server cty.Value) (cty.Value, error) {
		c, s := address(client), address(server)
		at := 0
		if c.Block == "server" {
			c, s, at = s, c, 1
		}
		for _, one := range []struct {
			got  schema.Address
			want string
			at   int
		}{{c, "client", at}, {s, "server", 1 - at}} {
			if one.got.Block != one.want {
				return cty.DynamicVal, function.NewArgErrorf(one.at, "must be one instance, such as %s.NAME or %[1]s.NAME[\"KEY\"]", one.want)
			}
		}
		encoded, err := liveness(s, c)
		if err != nil {
			return cty.DynamicVal, err
		}
		return fromJSON(encoded)
	})
}

func fromJSON(encoded []byte) (cty.Value, error) {
	if !json.Valid(encoded) {
		return cty.DynamicVal, fmt.Errorf("the answer is not JSON")
	}
	kind, err := ctyjson.ImpliedType(encoded)
	if err != nil {
		return cty.DynamicVal, err
	}
	return ctyjson.Unmarshal(encoded, kind)
}
