package hclfile

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
)

// A host is a declared host: what the configuration says of it, and the value
// that stands for it in expressions.
type host struct {
	schema.Host
	// own is the connection of the host block; it ranks above columns. Hosts of
	// an inventory have none.
	own     *schema.Connection
	columns schema.Connection
	value   cty.Value
	at      hcl.Range
}

// local reports whether the host is declared to be this very machine.
func (h *host) local() bool { return h.own != nil && h.own.Type == schema.Local }

// hostType is the type of every host value.
func hostType() cty.Type {
	return cty.Object(map[string]cty.Type{
		"name": cty.String, "address": cty.String, "port": cty.Number, "user": cty.String,
		"ssh_alias": cty.String, "tags": cty.List(cty.String), "vars": cty.Map(cty.String),
	})
}

// hostValue makes the value that stands for a host in expressions.
func hostValue(h *host) cty.Value {
	tags := cty.ListValEmpty(cty.String)
	if len(h.Tags) > 0 {
		values := make([]cty.Value, len(h.Tags))
		for i, tag := range h.Tags {
			values[i] = cty.StringVal(tag)
		}
		tags = cty.ListVal(values)
	}
	vars := cty.MapValEmpty(cty.String)
	if len(h.Vars) > 0 {
		values := make(map[string]cty.Value, len(h.Vars))
		for name, value := range h.Vars {
			values[name] = cty.StringVal(value)
		}
		vars = cty.MapVal(values)
	}
	return cty.ObjectVal(map[string]cty.Value{
		"name": cty.StringVal(h.Name), "address": optional(h.columns.Address), "port": optionalNumber(h.columns.Port),
		"user": optional(h.columns.User), "ssh_alias": optional(h.columns.SSHAlias), "tags": tags, "vars": vars,
	})
}

// declaredHost evaluates a host block.
func (l *loader) declaredHost(name string, d *declared) (cty.Value, bool) {
	before := l.errors()
	a := &args{l: l, b: d.block}
	vars, _ := readArgument(a, "vars", asStringMap)
	own := l.connection(a.nested("connection"))
	h := &host{
		Host: schema.Host{Name: name, Tags: a.list("tags"), Vars: vars},
		own:  &own,
		columns: schema.Connection{
			Address: a.name("address"), SSHAlias: a.name("ssh_alias"), Port: a.port(), User: a.name("user"),
		},
		at: d.block.labelAt,
	}
	l.reachable(h, a)
	h.value = hostValue(h)
	d.host = h
	l.remember(h)
	return h.value, l.errors() == before
}

// reachable reports a host block that does not say, or says twice, where the
// host is.
func (l *loader) reachable(h *host, a *args) {
	local := h.local()
	hasAddress, hasAlias := a.has("address"), a.has("ssh_alias")
	switch {
	case local && (hasAddress || hasAlias):
		l.wrong(a.b.labelAt, "Local host with an address", "The host's connection is local, which is this very machine, so an address or ssh_alias would never be used. Take one of them away.")
	case hasAddress && hasAlias && h.columns.Address != "" && h.columns.SSHAlias != "":
		l.wrong(a.at("ssh_alias"), "Address and ssh_alias", "A host has either an address of its own or an ssh_alias, whose Host entry in ssh_config gives the address. Take one of them away.")
	case !local && !hasAddress && !hasAlias && l.topType() != schema.Local:
		l.wrong(a.b.labelAt, "Host without an address", "The host says neither address nor ssh_alias, so it cannot be reached. Give one of them, or connection { type = \"local\" } for this very machine.")
	}
}

// topType is the type of the top-level connection.
func (l *loader) topType() string { return l.topConnection().Type }

// topConnection is the top-level connection, one for all; empty where there is
// none.
func (l *loader) topConnection() *schema.Connection {
	if l.top == nil {
		l.top = &schema.Connection{}
		if d, ok := l.nodes[node{root: "connection"}]; ok && d.state != failed {
			*l.top = l.connection(&args{l: l, b: d.block})
		}
	}
	return l.top
}

// hostOf finds the declared host that a value stands for. Only a value that
// equals that of a declared host in every attribute is one, so that nothing
// made by hand passes for a host.
func (l *loader) hostOf(value cty.Value) (*host, string) {
	if value.Type() == cty.String {
		name := value.AsString()
		advice := "Write host." + name + " for a host block, or inventory.NAME.hosts[\"" + name + "\"]."
		if _, ok := l.nodes[node{"host", name}]; !ok {
			advice = "Write host.NAME for a host block, or inventory.NAME.hosts[\"NAME\"]."
		}
		return nil, "a string is not a host. " + advice
	}
	if value.Type().IsMapType() && value.Type().ElementType().Equals(hostType()) {
		return nil, "these are all hosts. Write for_each = … with them, and host = each.value."
	}
	const byHand = "only a value from a host or inventory block is a host, such as host.NAME, inventory.NAME.hosts[\"NAME\"], or each.value of a for_each over them; nothing made by hand."
	if !value.Type().IsObjectType() || !value.Type().HasAttribute("name") {
		return nil, byHand
	}
	name := value.GetAttr("name")
	if name.IsNull() || name.Type() != cty.String {
		return nil, byHand
	}
	for _, h := range l.byName[name.AsString()] {
		if value.RawEquals(h.value) {
			return h, ""
		}
	}
	return nil, byHand
}

// thisMachine is the host of client blocks that name none.
func thisMachine() *host {
	h := &host{Host: schema.Host{Name: schema.ThisMachine}, own: &schema.Connection{Type: schema.Local}}
	h.value = hostValue(h)
	return h
}
