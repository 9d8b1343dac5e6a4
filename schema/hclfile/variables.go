package hclfile

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/typeexpr"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	ctyjson "github.com/zclconf/go-cty/cty/json"
)

// An Assignment is one -var or -var-file of the command line. Their order
// decides: the last wins.
type Assignment struct {
	Name, Value string // -var NAME=VALUE
	File        string // -var-file FILE; Name and Value are then empty
}

// An Input is a variable that somebody may be asked for.
type Input struct {
	Name        string
	Description string // may be empty
	Type        string // as in the configuration, such as map(number)
	Sensitive   bool   // do not echo
}

// A given is a value from outside, not yet of the variable's type.
type given struct {
	// text is a value from the environment, the command line or a terminal;
	// it is read by the variable's type.
	text   string
	isText bool
	value  cty.Value
	// from names the source to people: "SSHFORM_VAR_x", "-var", a file.
	from string
	at   hcl.Range // in a variable file
}

// An input is a variable as declared.
type input struct {
	name        string
	kind        cty.Type
	literal     bool // a text is the value itself, not an expression
	defaults    *typeexpr.Defaults
	fallback    *hcl.Attribute // default
	description string
	sensitive   bool
	nullable    bool
	ephemeral   bool
}

const envPrefix = "SSHFORM_VAR_"

// declareInputs reads the variable blocks, all but their rules.
func (l *loader) declareInputs() {
	for _, n := range l.order {
		if n.root == "var" {
			l.inputs[n.name] = l.input(l.nodes[n].block)
		}
	}
}

func (l *loader) input(b *block) *input {
	a := &args{l: l, b: b}
	in := &input{name: b.label, kind: cty.DynamicPseudoType, literal: true, nullable: true, fallback: b.arguments["default"]}
	in.sensitive, _ = l.constant(a, "sensitive")
	in.ephemeral, _ = l.constant(a, "ephemeral")
	if nullable, given := l.constant(a, "nullable"); given {
		in.nullable = nullable
	}
	in.description, _ = readArgument(a, "description", asText)
	if declared := b.arguments["type"]; declared != nil {
		kind, defaults, found := typeexpr.TypeConstraintWithDefaults(declared.Expr)
		l.syntax(found)
		if found.HasErrors() {
			l.nodes[node{"var", b.label}].fail()
			return in
		}
		in.kind, in.defaults = kind, defaults
		in.literal = kind.IsPrimitiveType()
	}
	return in
}

// constant reads a flag that must not depend on anything.
func (l *loader) constant(a *args, name string) (value, given bool) {
	if argument := a.b.arguments[name]; argument != nil && len(argument.Expr.Variables()) > 0 {
		l.wrong(argument.Expr.Range(), "Constant needed", "%s decides how values are treated, so it must be written as true or false.", name)
		return name != "nullable", true
	}
	return a.flag(name)
}

// asText is any text, over several lines too.
func asText(v cty.Value) (string, error) {
	s, err := convert.Convert(v, cty.String)
	if err != nil || s.IsNull() {
		return "", fmt.Errorf("must be a string, not %s", described(v))
	}
	return s.AsString(), nil
}

// gather collects the values from outside, lowest precedence first.
func (l *loader) gather() {
	l.fromEnvironment()
	names, err := autoVariableFiles(l.dir)
	if err != nil {
		l.wrong(hcl.Range{}, "Variable files cannot be read", "%s.", err)
	}
	for _, name := range names {
		l.fromFile(filepath.Join(l.dir, name), name)
	}
	for _, a := range l.opts.Assignments {
		if a.File != "" {
			l.fromFile(a.File, l.relative(a.File))
			continue
		}
		l.fromCommandLine(a)
	}
}

// relative names a file as diagnostics do: within the configuration directory
// relative to it, else as given.
func (l *loader) relative(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if inside, err := filepath.Rel(l.dir, absolute); err == nil && filepath.IsLocal(inside) {
		return inside
	}
	return path
}

func (l *loader) fromEnvironment() {
	for _, pair := range l.opts.Environ {
		name, value, _ := strings.Cut(pair, "=")
		name, ours := strings.CutPrefix(name, envPrefix)
		if !ours || l.inputs[name] == nil {
			continue
		}
		l.given[name] = given{text: value, isText: true, from: envPrefix + name}
	}
}

func (l *loader) fromCommandLine(a Assignment) {
	if l.inputs[a.Name] == nil {
		l.undeclared(hcl.Range{}, a.Name, "-var")
		return
	}
	l.given[a.Name] = given{text: a.Value, isText: true, from: "-var"}
}

func (l *loader) undeclared(at hcl.Range, name, from string) {
	var names []string
	for known := range l.inputs {
		names = append(names, known)
	}
	if guess := didYouMean(name, names); guess != "" {
		l.add(schema.Diagnostic{Severity: schema.Error, Summary: "Undeclared variable",
			Detail: fmt.Sprintf("%s gives a value to %q, but no such variable is declared, so the value would have no effect.%s", from, name, guess)}, at)
		return
	}
	l.add(schema.Diagnostic{Severity: schema.Error, Summary: "Undeclared variable",
		Detail: fmt.Sprintf("%s gives a value to %q, but no such variable is declared, so the value would have no effect. Declare it with variable %q { }, or take the value away; -allow-undeclared lets files be shared.", from, name, name)}, at)
}

func (l *loader) fromFile(path, name string) {
	content, err := read(path)
	if err != nil {
		l.wrong(hcl.Range{}, "Variable file cannot be read", "%s.", err)
		return
	}
	l.variableFiles[name] = content
	file := l.parse(content, name)
	if file == nil {
		return
	}
	arguments, found := file.Body.JustAttributes()
	for _, f := range found {
		if f.Summary == "Unexpected block; Blocks are not allowed here" || strings.HasPrefix(f.Summary, "Unexpected") {
			f.Summary, f.Detail = "Block in a variable file", "A variable file holds only NAME = VALUE. Blocks belong in a file *"+configSuffix+"."
		}
		l.syntax(hcl.Diagnostics{f})
	}
	for _, argument := range sortedArguments(arguments) {
		l.fromArgument(argument, name)
	}
}

func (l *loader) fromArgument(argument *hcl.Attribute, file string) {
	declared := l.inputs[argument.Name]
	if declared == nil {
		if !l.opts.AllowUndeclared {
			l.undeclared(argument.NameRange, argument.Name, "The file")
		}
		return
	}
	value, found := argument.Expr.Value(nil)
	for _, f := range found {
		if f.Summary == "Variables not allowed" || f.Summary == "Function calls not allowed" {
			f.Detail = "A variable file holds only values: no references and no functions. Declare a local in the configuration for what is computed."
		}
		l.translate(f, declared.sensitive)
	}
	if found.HasErrors() {
		l.nodes[node{"var", argument.Name}].fail()
		return
	}
	at := argument.Expr.Range()
	if declared.sensitive {
		at = argument.NameRange
	}
	l.given[argument.Name] = given{value: value, from: file, at: at}
}

func sortedArguments(arguments hcl.Attributes) []*hcl.Attribute {
	return (&block{arguments: arguments}).sorted()
}

// variable evaluates one variable and checks its rules.
func (l *loader) variable(d *declared) (cty.Value, bool) {
	in := l.inputs[d.block.label]
	value, ok := l.inputValue(in, d)
	if !ok {
		return cty.DynamicVal, false
	}
	if in.sensitive {
		value = value.Mark(secret)
	}
	d.value, d.state = value, evaluated // its rules refer to it
	return value, l.rules(in, d)
}

func (l *loader) inputValue(in *input, d *declared) (cty.Value, bool) {
	g, isGiven := l.given[in.name]
	if !isGiven && in.fallback != nil {
		return l.fallback(in)
	}
	if !isGiven && l.opts.Offline {
		return cty.UnknownVal(in.kind), true
	}
	if !isGiven && l.opts.Ask != nil {
		text, err := l.opts.Ask(Input{in.name, in.description, typeexpr.TypeString(in.kind), in.sensitive})
		if err != nil {
			l.wrong(d.at(), "No value for a variable", "The value of %q could not be asked for: %s.", in.name, err)
			return cty.DynamicVal, false
		}
		g, isGiven = given{text: text, isText: true, from: "The answer"}, true
	}
	if !isGiven {
		l.wrong(d.at(), "No value for a variable", "The variable %q has no default and was given no value. Give one with -var %s=VALUE, in a file with -var-file=FILE, "+
			"in default%s or a file *.auto%s, or in the environment as %s%s.", in.name, in.name, varsSuffix, varsSuffix, envPrefix, in.name)
		return cty.DynamicVal, false
	}
	value, err := g.value, error(nil)
	if g.isText {
		value, err = in.parse(g.text)
	}
	at := g.at
	if at.Filename == "" {
		at = d.at()
	}
	if err == nil && value.IsNull() && !in.nullable && in.fallback != nil {
		return l.fallback(in)
	}
	if err == nil {
		value, err = in.convert(value)
	}
	if err != nil {
		l.wrong(at, "Invalid value for a variable", "%s", sentence(in.complaint(g, err)))
		return cty.DynamicVal, false
	}
	return value, true
}

// complaint says what is wrong with a given value, without the value where it
// is sensitive.
func (in *input) complaint(g given, err error) string {
	wanted := "a value of type " + typeexpr.TypeString(in.kind)
	if in.sensitive || in.ephemeral {
		return fmt.Sprintf("%s gives %q a value that is not %s. The value is sensitive and not shown", g.from, in.name, wanted)
	}
	return fmt.Sprintf("%s gives %q a value that is not %s: %s", g.from, in.name, wanted, err)
}

// parse reads a value given as text: itself where the variable is a string,
// a number or a bool, else an expression.
func (in *input) parse(text string) (cty.Value, error) {
	if in.literal {
		return cty.StringVal(text), nil
	}
	if tokens, _ := hclsyntax.LexExpression([]byte(text), "", hcl.InitialPos); len(tokens) > 0 {
		if _, deep := tooDeepTokens(tokens); deep {
			return cty.DynamicVal, fmt.Errorf("it is nested too deeply")
		}
	}
	expr, found := hclsyntax.ParseExpression([]byte(text), "", hcl.InitialPos)
	if found.HasErrors() {
		return cty.DynamicVal, fmt.Errorf("it is no expression: %s", lower(found[0].Detail))
	}
	value, found := expr.Value(nil)
	if found.HasErrors() {
		return cty.DynamicVal, fmt.Errorf("it must be a plain value: %s", lower(found[0].Detail))
	}
	return value, nil
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// convert makes a value of the declared type, with the defaults of optional()
// filled in.
func (in *input) convert(value cty.Value) (cty.Value, error) {
	if in.defaults != nil && !value.IsNull() {
		value = in.defaults.Apply(value)
	}
	converted, err := convert.Convert(value, in.kind)
	if err != nil {
		return cty.DynamicVal, pathError(err)
	}
	if converted.IsNull() && !in.nullable {
		return cty.DynamicVal, fmt.Errorf("it is null, and the variable is declared with nullable = false")
	}
	return converted, nil
}

// pathError names the element within the value that an error is about.
func pathError(err error) error {
	path, ok := err.(cty.PathError)
	if !ok || len(path.Path) == 0 {
		return err
	}
	var b strings.Builder
	for _, step := range path.Path {
		switch step := step.(type) {
		case cty.GetAttrStep:
			b.WriteString("." + step.Name)
		case cty.IndexStep:
			b.WriteString("[" + described(step.Key) + "]")
		}
	}
	return fmt.Errorf("%s: %w", strings.TrimPrefix(b.String(), "."), err)
}

func (l *loader) fallback(in *input) (cty.Value, bool) {
	if len(in.fallback.Expr.Variables()) > 0 {
		l.wrong(in.fallback.Expr.Range(), "Default is not a plain value", "The default of a variable may not refer to anything. Set it to null, and choose the value in a local.")
		return cty.DynamicVal, false
	}
	value, found := in.fallback.Expr.Value(&hcl.EvalContext{Functions: l.functions})
	for _, f := range found {
		l.translate(f, in.sensitive)
	}
	if found.HasErrors() {
		return cty.DynamicVal, false
	}
	if in.sensitive && !value.IsNull() && !(value.Type() == cty.String && value.AsString() == "") {
		l.wrong(in.fallback.NameRange, schema.SecretInConfiguration, "The variable %q is sensitive, but its default stands in the configuration, where everybody who can read the repository reads it. Take the default away, or set it to null.", in.name)
		return cty.DynamicVal, false
	}
	converted, err := in.convert(value)
	if err != nil {
		l.wrong(in.fallback.Expr.Range(), "Invalid default", "The default of %q is not a value of type %s: %s.", in.name, typeexpr.TypeString(in.kind), err)
		return cty.DynamicVal, false
	}
	return converted, true
}

// rules checks the validation blocks of a variable.
func (l *loader) rules(in *input, d *declared) bool {
	well := true
	for _, rule := range d.block.all("validation") {
		outcome := l.judge(&args{l: l, b: rule})
		if outcome.verdict != broken {
			well = well && (outcome.verdict != unsure || l.opts.Offline)
			continue
		}
		well = false
		l.add(schema.Diagnostic{
			Severity: schema.Error, Summary: "Invalid value for a variable", Values: outcome.values,
			Detail: fmt.Sprintf("%s This was checked by the validation rule at %s.", sentence(outcome.message), where(rule.at)),
		}, d.at())
	}
	return well
}

// values returns the variables for the plan: no sensitive value is among them.
func (l *loader) variables() []schema.Variable {
	var all []schema.Variable
	for name, in := range l.inputs {
		v := schema.Variable{Name: name, Sensitive: in.sensitive, Ephemeral: in.ephemeral}
		value, ok := l.valueOf(node{"var", name})
		if ok && !in.sensitive && !in.ephemeral && value.IsWhollyKnown() {
			v.JSON = toJSON(value)
		}
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b schema.Variable) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// toJSON encodes a value; null where JSON cannot hold it.
func toJSON(value cty.Value) []byte {
	encoded, err := ctyjson.Marshal(value, value.Type())
	if err != nil || !json.Valid(encoded) {
		return []byte("null")
	}
	return encoded
}
