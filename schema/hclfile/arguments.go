package hclfile

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
)

// An each is the element of for_each that an instance stands for.
type each struct {
	key   string
	value cty.Value // the object with key and value
	// unknown says that it stands for elements of which nothing is known, in an
	// offline check.
	unknown bool
}

// An args reads the arguments of a block, or of one instance of it. Reading a
// nil args finds nothing, so that absent blocks need no care.
type args struct {
	l    *loader
	b    *block
	each *each
}

// A settled is an argument that is the same in all instances.
type settled struct {
	value any
	ok    bool
}

// nested returns the arguments of a nested block; nil where there is none.
func (a *args) nested(name string) *args {
	if a == nil {
		return nil
	}
	if b := a.b.one(name); b != nil {
		return &args{a.l, b, a.each}
	}
	return nil
}

// at is the place of an argument's value, or of the block without it.
func (a *args) at(name string) hcl.Range {
	if argument, ok := a.b.arguments[name]; ok {
		return argument.Expr.Range()
	}
	return a.b.at
}

func (a *args) has(name string) bool {
	return a != nil && a.b.arguments[name] != nil
}

// read evaluates and converts one argument. It reports false where the
// argument is absent, null, not known, or wrong, and tells what is wrong. An
// argument that does not depend on each is read once for all instances.
func readArgument[T any](a *args, name string, convert func(cty.Value) (T, error)) (T, bool) {
	var none T
	if !a.has(name) {
		return none, false
	}
	argument := a.b.arguments[name]
	shared := a.each == nil || !a.l.differs(argument.Expr)
	if shared {
		if known, ok := a.b.settled[name]; ok {
			value, _ := known.value.(T)
			return value, known.ok
		}
	}
	value, ok := readOnce(a, argument, convert)
	if shared {
		a.b.settled[name] = settled{value, ok}
	}
	return value, ok
}

func readOnce[T any](a *args, argument *hcl.Attribute, convert func(cty.Value) (T, error)) (T, bool) {
	var none T
	value, ok := a.l.eval(argument.Expr, a.each)
	if !ok {
		return none, false
	}
	if isSensitive(value) {
		a.l.wrong(argument.Expr.Range(), "Sensitive value in a plan",
			"%s would be written into plans, logs and files, so it cannot be made of a sensitive value. Take sensitive = true from the variable if the value is no secret; if it is one, it does not belong here.", argument.Name)
		return none, false
	}
	if !isKnown(value) {
		a.l.notYet(argument.Expr.Range())
		return none, false
	}
	if value.IsNull() {
		if a.b.kind.requires(argument.Name) {
			a.l.wrong(argument.Expr.Range(), "Missing value", "%s is required and must not be null.", argument.Name)
		}
		return none, false
	}
	converted, err := convert(value)
	if err != nil {
		a.l.invalid(a, argument, err)
		return none, false
	}
	return converted, true
}

// notYet reports a value that is only known after planning. Without the hosts
// and values of an offline check, anything may be unknown.
func (l *loader) notYet(at hcl.Range) {
	if !l.opts.Offline && l.errors() == 0 {
		l.wrong(at, "Value not known yet", "This depends on what the plan will find, so it can stand only in check and output blocks.")
	}
}

func (t blockType) requires(name string) bool {
	argument, ok := t.attribute("", name)
	return ok && argument.required
}

// A wrongKeyword is an error about the argument of a keyword. Its text begins
// with the name of both.
type wrongKeyword struct{ error }

// invalid reports a value that an argument does not take. The error continues
// a sentence that begins with the argument's name.
func (l *loader) invalid(a *args, argument *hcl.Attribute, err error) {
	d := schema.Diagnostic{Severity: schema.Error, Summary: "Invalid value for an argument", Detail: sentence(argument.Name + " " + err.Error())}
	if wrong := (wrongKeyword{}); errors.As(err, &wrong) {
		d.Summary, d.Detail = "Invalid value for a keyword", sentence(err.Error())
	}
	if ctx, ok := l.contextIn(argument.Expr, a.each); ok {
		d.Values = knownValues(argument.Expr, ctx)
	}
	l.add(d, argument.Expr.Range())
}

func (a *args) text(name string) string {
	s, _ := readArgument(a, name, asString)
	return s
}

func (a *args) number(name string, least, most int64) int {
	n, _ := readArgument(a, name, func(v cty.Value) (int, error) {
		n, err := asWhole(v, least, most)
		return int(n), err
	})
	return n
}

func (a *args) flag(name string) (value, given bool) { return readArgument(a, name, asBool) }

func (a *args) time(name string) time.Duration {
	d, _ := readArgument(a, name, asTime)
	return d
}

// word reads an argument that takes one of a few words.
func (a *args) word(name string) string {
	s, _ := readArgument(a, name, func(v cty.Value) (string, error) {
		argument, _ := a.b.kind.attribute(a.b.label, name)
		s, err := asString(v)
		if err == nil && !slices.Contains(argument.oneOf, s) {
			err = fmt.Errorf("must be %s, not %s.%s", orList(argument.oneOf), shortened(s), didYouMean(s, argument.oneOf))
		}
		return s, err
	})
	return s
}

// sentence ends a text with a full stop unless it has an end.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

func (a *args) list(name string) []string {
	l, _ := readArgument(a, name, asStrings)
	return l
}

func asString(v cty.Value) (string, error) {
	if v.Type() != cty.String && v.Type() != cty.Number && v.Type() != cty.Bool {
		return "", fmt.Errorf("must be a string, not %s", v.Type().FriendlyName())
	}
	s, err := convert.Convert(v, cty.String)
	if err != nil {
		return "", fmt.Errorf("must be a string: %s", err)
	}
	text := s.AsString()
	for _, r := range text {
		if r < ' ' || r == 0x7f {
			return "", fmt.Errorf("must be one line of text without control characters")
		}
	}
	return text, nil
}

func asBool(v cty.Value) (bool, error) {
	b, err := convert.Convert(v, cty.Bool)
	if err != nil || b.IsNull() {
		return false, fmt.Errorf("must be true or false, not %s", described(v))
	}
	return b.True(), nil
}

func asWhole(v cty.Value, least, most int64) (int64, error) {
	wanted := fmt.Sprintf("must be a whole number from %d to %d", least, most)
	if most == math.MaxInt64 {
		wanted = fmt.Sprintf("must be a whole number, %d or more", least)
	}
	n, err := convert.Convert(v, cty.Number)
	if err != nil || n.IsNull() {
		return 0, fmt.Errorf("%s, not %s", wanted, described(v))
	}
	whole, accuracy := n.AsBigFloat().Int64()
	if accuracy != big.Exact || whole < least || whole > most {
		return 0, fmt.Errorf("%s, not %s", wanted, described(v))
	}
	return whole, nil
}

func asShare(v cty.Value) (float64, error) {
	n, err := convert.Convert(v, cty.Number)
	if err != nil || n.IsNull() {
		return 0, fmt.Errorf("must be a number from 0 to 100, not %s", described(v))
	}
	share, _ := n.AsBigFloat().Float64()
	if share < 0 || share > 100 {
		return 0, fmt.Errorf("must be a number from 0 to 100, not %s", described(v))
	}
	return share, nil
}

// asTime reads seconds or a time in OpenSSH's form.
func asTime(v cty.Value) (time.Duration, error) {
	if v.Type() == cty.String {
		seconds, err := schema.ParseSeconds(v.AsString())
		if err != nil {
			return 0, fmt.Errorf("must be a number of seconds or a time such as \"1m30s\": %w", err)
		}
		return time.Duration(seconds) * time.Second, nil
	}
	if v.Type() != cty.Number {
		return 0, fmt.Errorf("must be a number of seconds or a time such as \"1m30s\", not %s", described(v))
	}
	seconds, err := asWhole(v, 0, schema.Max)
	if err != nil {
		return 0, fmt.Errorf("must be a whole number of seconds from 0 to %d, or a time such as \"1m30s\", not %s", int64(schema.Max), described(v))
	}
	return time.Duration(seconds) * time.Second, nil
}

func asStrings(v cty.Value) ([]string, error) {
	t := v.Type()
	if !t.IsListType() && !t.IsSetType() && !t.IsTupleType() {
		return nil, fmt.Errorf("must be a list of strings, not %s", described(v))
	}
	var all []string
	for it := v.ElementIterator(); it.Next(); {
		_, element := it.Element()
		if element.IsNull() {
			return nil, fmt.Errorf("must be a list of strings, and null is none")
		}
		s, err := asString(element)
		if err != nil {
			return nil, fmt.Errorf("must be a list of strings: an element %w", err)
		}
		all = append(all, s)
	}
	return all, nil
}

func asStringMap(v cty.Value) (map[string]string, error) {
	t := v.Type()
	if !t.IsMapType() && !t.IsObjectType() {
		return nil, fmt.Errorf("must be a map of strings, not %s", described(v))
	}
	all := map[string]string{}
	for it := v.ElementIterator(); it.Next(); {
		key, element := it.Element()
		if element.IsNull() {
			continue
		}
		s, err := asString(element)
		if err != nil {
			return nil, fmt.Errorf("must be a map of strings: %q %w", key.AsString(), err)
		}
		all[key.AsString()] = s
	}
	return all, nil
}

// described is a value in a sentence: what it is, or its type where it is long.
func described(v cty.Value) string {
	switch {
	case v.IsNull():
		return "null"
	case v.Type() == cty.String:
		return shortened(v.AsString())
	case v.Type() == cty.Number:
		return v.AsBigFloat().Text('g', 20)
	case v.Type() == cty.Bool:
		return fmt.Sprint(v.True())
	}
	return v.Type().FriendlyName()
}
