package hclfile

import (
	"fmt"
	"slices"
	"time"

	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
)

// networks reads the network blocks.
func (l *loader) networks() []schema.Network {
	var all []schema.Network
	for _, b := range l.all("network") {
		a := &args{l: l, b: b}
		n := schema.Network{Name: b.label, Range: span(b.at)}
		n.IdleTimeout, n.Kind = a.forgets("idle_timeout")
		n.Between = l.between(a)
		all = append(all, n)
	}
	return all
}

// between reads the blocks and instances that a network lies between. A key is
// spelled out, since it may hold * and ?.
func (l *loader) between(a *args) []string {
	patterns, _ := l.addressPatterns(a, "between")
	var all []string
	for _, p := range patterns {
		d := l.nodes[node{p.Block, p.Name}]
		if !p.HasKey || d == nil || d.state != evaluated {
			all = append(all, p.text)
			continue
		}
		known := instanceAddresses(d)
		chosen := slices.DeleteFunc(slices.Clone(known), func(address schema.Address) bool { return !p.matches(address) })
		if len(chosen) == 0 && !l.opts.Offline {
			l.wrong(a.at("between"), "Unknown address", "%s", unknownAddress(p, known))
		}
		for _, address := range chosen {
			all = append(all, address.String())
		}
	}
	return all
}

// forgets reads after how long a network forgets: a time, or the name of a kind
// of network.
func (a *args) forgets(name string) (idle time.Duration, kind string) {
	box, _ := readArgument(a, name, func(v cty.Value) (schema.Middlebox, error) {
		d, err := asTime(v)
		if err == nil || v.Type() != cty.String {
			return schema.Middlebox{IdleTimeout: d}, err
		}
		for _, m := range schema.Middleboxes() {
			if m.Name == v.AsString() {
				return m, nil
			}
		}
		return schema.Middlebox{}, fmt.Errorf("must be a time such as \"350s\", or %s, not %s.%s",
			orList(middleboxes()), shortened(v.AsString()), didYouMean(v.AsString(), middleboxes()))
	})
	return box.IdleTimeout, box.Name
}

// networkValue is what network.NAME is in expressions.
func (l *loader) networkValue(d *declared) (cty.Value, bool) {
	before := l.errors()
	a := &args{l: l, b: d.block}
	idle := cty.NullVal(cty.Number)
	if a.has("idle_timeout") {
		forgotten, _ := a.forgets("idle_timeout")
		idle = cty.NumberIntVal(int64(forgotten / time.Second))
	}
	return cty.ObjectVal(map[string]cty.Value{"idle_timeout": idle}), l.errors() == before
}
