package hclfile

import (
	"time"

	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
)

// networks reads the network blocks.
func (l *loader) networks() []schema.Network {
	var all []schema.Network
	for _, b := range l.all("network") {
		a := &args{l: l, b: b}
		n := schema.Network{Name: b.label, IdleTimeout: a.time("idle_timeout"), Range: span(b.at)}
		patterns, _ := l.addressPatterns(a, "between")
		for _, p := range patterns {
			n.Between = append(n.Between, p.text)
		}
		all = append(all, n)
	}
	return all
}

// networkValue is what network.NAME is in expressions.
func (l *loader) networkValue(d *declared) (cty.Value, bool) {
	before := l.errors()
	a := &args{l: l, b: d.block}
	idle := cty.NullVal(cty.Number)
	if a.has("idle_timeout") {
		idle = cty.NumberIntVal(int64(a.time("idle_timeout") / time.Second))
	}
	return cty.ObjectVal(map[string]cty.Value{"idle_timeout": idle}), l.errors() == before
}
