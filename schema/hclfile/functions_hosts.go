package hclfile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/ext/customdecode"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"
	"github.com/zclconf/go-cty/cty/function"
)

// varsAttribute is the attribute of host values that holds variables.
const varsAttribute = "vars"

// whereFunction is where: those of some hosts that have the wanted values.
//
// A comprehension says the same more slowly: it evaluates an expression in a
// new scope for each host, which counts with a whole fleet.
func whereFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "hosts", Type: customdecode.ExpressionClosureType},
			{Name: "having", Type: cty.DynamicPseudoType, AllowMarked: true, AllowUnknown: true},
		},
		Type: function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s := newSelection()
			hosts, err := s.evaluate(args[0])
			if err != nil {
				return cty.NilVal, err
			}
			having := s.bare(args[1])
			if t := having.Type(); !t.IsObjectType() && !t.IsMapType() {
				return cty.NilVal, s.quietly(function.NewArgErrorf(1, "must be an object such as { role = \"db\" }, not %s", t.FriendlyName()))
			}
			want := hosts.Type()
			if !want.IsCollectionType() {
				want = cty.DynamicPseudoType // an object or a tuple with fewer members
			}
			if !hosts.IsKnown() || !having.IsKnown() {
				return cty.UnknownVal(want).WithMarks(s.marks), nil
			}
			wanted, known, err := s.wants(having)
			if err != nil {
				return cty.NilVal, s.quietly(err)
			}
			if !known {
				return cty.UnknownVal(want).WithMarks(s.marks), nil
			}
			chosen, err := s.where(hosts, wanted, want)
			return chosen, s.quietly(err)
		},
	})
}

// groupByFunction is group_by: hosts by the value of a variable.
func groupByFunction() function.Function {
	return function.New(&function.Spec{
		Params: []function.Parameter{
			{Name: "hosts", Type: customdecode.ExpressionClosureType},
			{Name: "variable", Type: cty.String, AllowMarked: true},
		},
		Type: function.StaticReturnType(cty.DynamicPseudoType),
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) {
			s := newSelection()
			hosts, err := s.evaluate(args[0])
			if err != nil {
				return cty.NilVal, err
			}
			want := cty.DynamicPseudoType
			if hosts.Type().IsCollectionType() {
				want = cty.Map(hosts.Type())
			}
			name := s.bare(args[1])
			if !hosts.IsKnown() {
				return cty.UnknownVal(want).WithMarks(s.marks), nil
			}
			groups, err := s.groupBy(hosts, name.AsString(), want)
			return groups, s.quietly(err)
		},
	})
}

// evaluate evaluates the argument with the hosts. It comes as an expression:
// go-cty walks through all of every value that it hands to a function, in
// search of marks, and for a whole fleet that takes longer than the function.
func (s *selection) evaluate(closure cty.Value) (cty.Value, error) {
	hosts, diags := customdecode.ExpressionClosureFromVal(closure).Value()
	if diags.HasErrors() {
		for _, diag := range diags {
			if diag.Severity == hcl.DiagError {
				return cty.NilVal, function.NewArgErrorf(0, "%s: %s", strings.ToLower(diag.Summary), strings.TrimSuffix(diag.Detail, "."))
			}
		}
	}
	hosts = s.bare(hosts)
	switch {
	case hosts.IsNull():
		return cty.NilVal, function.NewArgErrorf(0, "must not be null")
	case hosts.Type() == cty.DynamicPseudoType:
		return cty.DynamicVal, nil
	}
	return hosts, s.quietly(checkHosts(hosts.Type()))
}

// quietly is an error that says nothing about what is sensitive.
func (s *selection) quietly(err error) error {
	if err == nil || len(s.marks) == 0 {
		return err
	}
	return quiet(err)
}

// checkHosts refuses what cannot hold hosts.
func checkHosts(t cty.Type) error {
	ok := t.IsObjectType() || t.IsTupleType()
	if t.IsCollectionType() {
		ok = t.ElementType().IsObjectType() || t.ElementType() == cty.DynamicPseudoType
	}
	if !ok {
		return function.NewArgErrorf(0, "must be hosts: a map or a list of them, not %s", t.FriendlyName())
	}
	return nil
}

// A selection gathers the marks of everything that it looks at: what was
// chosen by a sensitive value is sensitive as a whole.
type selection struct {
	marks cty.ValueMarks
}

func newSelection() *selection { return &selection{marks: cty.ValueMarks{}} }

// bare returns v without the marks on its outside, which the result will have.
func (s *selection) bare(v cty.Value) cty.Value {
	if !v.IsMarked() {
		return v
	}
	bare, marks := v.Unmark()
	maps.Copy(s.marks, marks)
	return bare
}

// A wanted is a variable and the texts that it may have.
type wanted struct {
	name  string
	texts map[string]bool
	null  bool // hosts without the variable are wanted
}

// wants reads what a host shall have, and reports whether all of it is known.
func (s *selection) wants(having cty.Value) ([]wanted, bool, error) {
	var all []wanted
	for name, v := range having.AsValueMap() {
		w := wanted{name: name, texts: map[string]bool{}}
		values, known, err := s.texts(v)
		if !known {
			return nil, false, nil
		}
		if err != nil {
			return nil, true, function.NewArgErrorf(1, "%s must be a string, a number, a boolean, null, or a list of strings", name)
		}
		for _, text := range values {
			w.texts[text] = true
		}
		w.null = s.bare(v).IsNull()
		all = append(all, w)
	}
	slices.SortFunc(all, func(a, b wanted) int { return cmp.Compare(a.name, b.name) })
	return all, true, nil
}

// texts returns what a value says: a text for a string, a number or a boolean,
// several for a list, none for null.
func (s *selection) texts(v cty.Value) (texts []string, known bool, err error) {
	v = s.bare(v)
	t := v.Type()
	switch {
	case !v.IsKnown():
		return nil, false, nil
	case v.IsNull():
		return nil, true, nil
	case t == cty.String:
		return []string{v.AsString()}, true, nil
	case t.IsListType(), t.IsSetType(), t.IsTupleType():
		for _, item := range v.AsValueSlice() {
			text, known, err := s.text(item)
			if !known || err != nil {
				return nil, known, err
			}
			texts = append(texts, text)
		}
		return texts, true, nil
	}
	text, known, err := s.text(v)
	return []string{text}, known, err
}

func (s *selection) text(v cty.Value) (text string, known bool, err error) {
	v = s.bare(v)
	if !v.IsKnown() {
		return "", false, nil
	}
	v, err = convert.Convert(v, cty.String)
	if err != nil || v.IsNull() {
		return "", true, function.NewArgErrorf(0, "is not a string")
	}
	return v.AsString(), true, nil
}

// of returns an attribute of a host, or else a variable of that name. An
// absent one is null.
func (s *selection) of(host cty.Value, name string) cty.Value {
	if t := host.Type(); name != varsAttribute && t.HasAttribute(name) {
		return host.GetAttr(name)
	} else if !t.HasAttribute(varsAttribute) {
		return cty.NullVal(cty.String)
	}
	vars := s.bare(host.GetAttr(varsAttribute))
	switch t := vars.Type(); {
	case !vars.IsKnown():
		return cty.DynamicVal
	case vars.IsNull():
	case t.IsObjectType() && t.HasAttribute(name):
		return vars.GetAttr(name)
	case t.IsMapType():
		if key := cty.StringVal(name); vars.HasIndex(key).True() {
			return vars.Index(key)
		}
	}
	return cty.NullVal(cty.String)
}

// hosts calls each with every host and its key, in the order of HCL, until it
// reports false.
func (s *selection) hosts(all cty.Value, each func(key, host, bare cty.Value) (bool, error)) error {
	for it := all.ElementIterator(); it.Next(); {
		key, host := it.Element()
		bare := s.bare(host)
		if !bare.Type().IsObjectType() || bare.IsNull() {
			return function.NewArgErrorf(0, "must hold hosts only, and holds %s", bare.Type().FriendlyName())
		}
		if on, err := each(key, host, bare); !on || err != nil {
			return err
		}
	}
	return nil
}

func (s *selection) where(all cty.Value, having []wanted, want cty.Type) (cty.Value, error) {
	chosen := newSubset(all.Type())
	seen := make([]bool, len(having)) // a host has something under this name
	count, unknown := 0, false
	err := s.hosts(all, func(key, host, bare cty.Value) (bool, error) {
		count++
		if !bare.IsKnown() {
			unknown = true
			return false, nil
		}
		matches := true
		for i, w := range having {
			texts, known, err := s.texts(s.of(bare, w.name))
			if !known {
				unknown = true
				return false, nil
			}
			if err != nil {
				return false, function.NewArgErrorf(1, "%s is an object in a host, which cannot be compared", w.name)
			}
			seen[i] = seen[i] || len(texts) > 0
			matches = matches && (w.null && texts == nil || slices.ContainsFunc(texts, func(t string) bool { return w.texts[t] }))
		}
		if matches {
			chosen.add(key, host)
		}
		return true, nil
	})
	if err != nil {
		return cty.NilVal, err
	}
	if unknown {
		return cty.UnknownVal(want).WithMarks(s.marks), nil
	}
	for i, w := range having {
		if count > 0 && !seen[i] && !w.null {
			return cty.NilVal, s.noSuch(all, 1, w.name)
		}
	}
	return chosen.value().WithMarks(s.marks), nil
}

func (s *selection) groupBy(all cty.Value, name string, want cty.Type) (cty.Value, error) {
	groups := map[string]*subset{}
	count, seen, unknown := 0, false, false
	put := func(text string, key, host cty.Value) {
		if groups[text] == nil {
			groups[text] = newSubset(all.Type())
		}
		groups[text].add(key, host)
	}
	err := s.hosts(all, func(key, host, bare cty.Value) (bool, error) {
		count++
		unknown = !bare.IsKnown()
		if unknown {
			return false, nil
		}
		texts, known, err := s.texts(s.of(bare, name))
		if unknown = !known; unknown {
			return false, nil
		}
		if err != nil {
			return false, function.NewArgErrorf(1, "%s is an object in a host, by which hosts cannot be grouped", name)
		}
		seen = seen || texts != nil
		if len(texts) == 0 {
			put("", key, host)
		}
		slices.Sort(texts)
		for _, text := range slices.Compact(texts) {
			put(text, key, host)
		}
		return true, nil
	})
	switch {
	case err != nil:
		return cty.NilVal, err
	case unknown:
		return cty.UnknownVal(want).WithMarks(s.marks), nil
	case count > 0 && !seen:
		return cty.NilVal, s.noSuch(all, 1, name)
	}
	values := make(map[string]cty.Value, len(groups))
	for text, group := range groups {
		values[text] = group.value()
	}
	switch {
	case !want.IsMapType():
		return cty.ObjectVal(values).WithMarks(s.marks), nil
	case len(values) == 0:
		return cty.MapValEmpty(want.ElementType()).WithMarks(s.marks), nil
	}
	return cty.MapVal(values).WithMarks(s.marks), nil
}

// noSuch is the error for a variable that no host has: more likely a slip of
// the pen than a wish for nothing, and an empty wave would go unnoticed.
func (s *selection) noSuch(all cty.Value, arg int, name string) error {
	names := map[string]bool{}
	looked := 0
	_ = s.hosts(all, func(_, _, bare cty.Value) (bool, error) {
		for attribute := range bare.Type().AttributeTypes() {
			names[attribute] = attribute != varsAttribute
		}
		if bare.Type().HasAttribute(varsAttribute) {
			vars := s.bare(bare.GetAttr(varsAttribute))
			if t := vars.Type(); vars.IsKnown() && !vars.IsNull() && (t.IsObjectType() || t.IsMapType()) {
				for name := range vars.AsValueMap() {
					names[name] = true
				}
			}
		}
		looked++
		return looked < 1000, nil
	})
	delete(names, varsAttribute)
	missing := fmt.Sprintf("no host has a variable or an attribute %q.%s", name, didYouMean(name, slices.Collect(maps.Keys(names))))
	return function.NewArgErrorf(arg, "%s", strings.TrimSuffix(missing, ".")) // HCL ends the sentence
}

// A subset collects members of a collection in one of the same kind.
type subset struct {
	of      cty.Type
	keyed   map[string]cty.Value
	ordered []cty.Value
}

func newSubset(of cty.Type) *subset { return &subset{of: of, keyed: map[string]cty.Value{}} }

func (s *subset) add(key, host cty.Value) {
	if s.of.IsMapType() || s.of.IsObjectType() {
		s.keyed[key.AsString()] = host
		return
	}
	s.ordered = append(s.ordered, host)
}

func (s *subset) value() cty.Value {
	empty := len(s.keyed) == 0 && len(s.ordered) == 0
	switch t := s.of; {
	case t.IsObjectType():
		return cty.ObjectVal(s.keyed)
	case t.IsTupleType():
		return cty.TupleVal(s.ordered)
	case t.IsMapType() && empty:
		return cty.MapValEmpty(t.ElementType())
	case t.IsMapType():
		return cty.MapVal(s.keyed)
	case t.IsListType() && empty:
		return cty.ListValEmpty(t.ElementType())
	case t.IsListType():
		return cty.ListVal(s.ordered)
	case empty:
		return cty.SetValEmpty(t.ElementType())
	}
	return cty.SetVal(s.ordered)
}
