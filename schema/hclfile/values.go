package hclfile

import (
	"maps"
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
)

// blockValue is what server.NAME or client.NAME is in expressions: an object,
// or with for_each a map of objects. After planning it holds the values that
// will be in force, before that the declared ones.
func (l *loader) blockValue(d *declared) cty.Value {
	side := schema.Side(d.block.kind.name)
	definitions := schema.Definitions(side)
	if !d.block.repeats() {
		return l.instanceValue(d.instances[0], definitions)
	}
	if len(d.instances) == 0 {
		return cty.MapValEmpty(cty.DynamicPseudoType)
	}
	values := make(map[string]cty.Value, len(d.instances))
	for _, inst := range d.instances {
		values[inst.Address.Key] = l.instanceValue(inst, definitions)
	}
	return cty.MapVal(values)
}

// repeats reports whether the block has for_each.
func (b *block) repeats() bool { return b.arguments["for_each"] != nil }

func (l *loader) instanceValue(inst *instance, definitions []schema.Definition) cty.Value {
	attributes := make(map[string]cty.Value, len(definitions)+6)
	for _, d := range definitions {
		argument, known := declaredArgument(inst, d.Keyword)
		if l.planned != nil && inst.peer == nil {
			if planned, ok := l.planned(inst.Address, d.Keyword); ok {
				argument, known = planned, true
			}
		}
		value := keywordValue(d, argument, known)
		if l.rehearsal && !known && isUnset(inst, d.Keyword) {
			value = cty.UnknownVal(value.Type()) // the plan says what is in force then
		}
		attributes[d.Keyword.HCL()] = value
	}
	attributes["address"] = cty.StringVal(inst.Address.String())
	attributes["host"] = inst.host.value
	attributes["path"] = cty.StringVal(mainFile(inst.Target))
	if inst.Side() == schema.Server {
		attributes["match"] = optional(inst.Scope.Match)
		return cty.ObjectVal(attributes)
	}
	attributes["host_pattern"] = cty.StringVal(cmpOr(inst.Scope.Patterns, "*"))
	attributes["library"], attributes["keepalive"] = cty.StringVal("openssh"), cty.NullVal(cty.Number)
	if inst.peer != nil {
		attributes["library"] = cty.StringVal(inst.peer.Library)
		attributes["keepalive"] = cty.NumberIntVal(int64(inst.peer.Keepalive.Seconds()))
	}
	return cty.ObjectVal(attributes)
}

func cmpOr(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func declaredArgument(inst *instance, k schema.Keyword) (schema.Argument, bool) {
	i := slices.IndexFunc(inst.Settings, func(s schema.Setting) bool { return s.Keyword == k })
	if i < 0 {
		return "", false
	}
	return inst.Settings[i].Argument, true
}

func isUnset(inst *instance, k schema.Keyword) bool {
	return slices.ContainsFunc(inst.Unset, func(s schema.Setting) bool { return s.Keyword == k })
}

// keywordValue is the argument of a keyword in expressions: seconds and counts
// are numbers, none is 0, a flag is a bool, and timeouts are a list.
func keywordValue(d schema.Definition, argument schema.Argument, known bool) cty.Value {
	switch d.Kind {
	case schema.Flag:
		if !known {
			return cty.NullVal(cty.Bool)
		}
		return cty.BoolVal(argument == "yes")
	case schema.Timeouts:
		if !known {
			return cty.NullVal(cty.List(cty.String))
		}
		var pairs []cty.Value
		for _, pair := range strings.Fields(string(argument)) {
			if pair != "none" {
				pairs = append(pairs, cty.StringVal(pair))
			}
		}
		if len(pairs) == 0 {
			return cty.ListValEmpty(cty.String)
		}
		return cty.ListVal(pairs)
	}
	if !known {
		return cty.NullVal(cty.Number)
	}
	n, isNumber := argument.Seconds()
	if !isNumber && argument != "none" {
		return cty.NullVal(cty.Number)
	}
	return cty.NumberIntVal(n)
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
