package hclfile

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
)

// An instance is one server or client block applied to one element of its
// for_each, or to nothing without it.
type instance struct {
	*schema.Target
	host *host
	// peer is set instead of a target for programs that are not managed.
	peer *schema.Peer
}

// declaredBlock expands a server or client block into its instances. Its value
// is made when something refers to it.
func (l *loader) declaredBlock(n node, d *declared) (cty.Value, bool) {
	if d.instances != nil {
		return cty.NilVal, true // expanded before, now with planned values
	}
	before := l.errors()
	elements, known := l.elements(d.block)
	if !known {
		return cty.DynamicVal, l.opts.Offline && l.errors() == before
	}
	definitions := schema.Definitions(schema.Side(n.root))
	d.instances = make([]*instance, 0, elements.count)
	for e := range elements.all {
		if target := l.instance(n, d.block, e, definitions); target != nil {
			target.shareWith(d.instances)
			d.instances = append(d.instances, target)
		}
	}
	if l.errors() != before {
		return cty.DynamicVal, false
	}
	if len(d.instances) < elements.count {
		return cty.DynamicVal, l.opts.Offline
	}
	return cty.NilVal, true
}

// shareWith takes over what is equal in the instance before: a fleet of equal
// hosts has its settings in memory once.
func (inst *instance) shareWith(before []*instance) {
	if len(before) == 0 {
		return
	}
	last := before[len(before)-1]
	if slices.Equal(inst.Settings, last.Settings) {
		inst.Settings = last.Settings
	}
	if slices.Equal(inst.Unset, last.Unset) {
		inst.Unset = last.Unset
	}
}

// A forEach is the elements of a for_each, made when their turn comes.
type forEach struct {
	count int
	all   iter.Seq[*each]
}

func oneElement(e *each) forEach {
	return forEach{1, func(yield func(*each) bool) { yield(e) }}
}

// elements returns what for_each names; one nil element without for_each. It
// reports false where that is not known.
func (l *loader) elements(b *block) (forEach, bool) {
	argument := b.arguments["for_each"]
	if argument == nil {
		return oneElement(nil), true
	}
	value, ok := l.eval(argument.Expr, nil)
	if !ok {
		return forEach{}, false
	}
	at := argument.Expr.Range()
	if isSensitive(value) {
		l.wrong(at, "Sensitive value in a plan", "The keys of for_each become addresses, which stand in plans and logs, so they cannot be made of a sensitive value.")
		return forEach{}, false
	}
	if l.opts.Offline && (!value.IsKnown() || value.Type() == cty.DynamicPseudoType) {
		// Judge the block once, with an element of which nothing is known.
		return oneElement(unknownElement(value.Type())), true
	}
	if !value.IsWhollyKnown() {
		l.notYet(at)
		return forEach{}, false
	}
	if wrong := wrongForEach(value); wrong != "" {
		l.wrong(at, "Invalid for_each", "%s", wrong)
		return forEach{}, false
	}
	for key := range keyed(value) {
		if bad := wrongKey(key.AsString()); bad != "" {
			l.wrong(at, "Invalid for_each", "The key %q %s, so it cannot stand in an address.", key.AsString(), bad)
			return forEach{}, false
		}
	}
	return forEach{value.LengthInt(), func(yield func(*each) bool) {
		for key, element := range keyed(value) {
			if !yield(newEach(key, element)) {
				return
			}
		}
	}}, true
}

// keyed is a value's elements by key; those of a set are their own keys.
func keyed(value cty.Value) iter.Seq2[cty.Value, cty.Value] {
	set := value.Type().IsSetType()
	return func(yield func(key, element cty.Value) bool) {
		for key, element := range value.Elements() {
			if set {
				key = element
			}
			if !yield(key, element) {
				return
			}
		}
	}
}

func newEach(key, element cty.Value) *each {
	e := &each{value: cty.ObjectVal(map[string]cty.Value{"key": key, "value": element})}
	if e.unknown = !key.IsKnown(); !e.unknown {
		e.key = key.AsString()
	}
	return e
}

func unknownElement(t cty.Type) *each {
	element := cty.DynamicPseudoType
	if t.IsCollectionType() {
		element = t.ElementType()
	}
	return newEach(cty.UnknownVal(cty.String), cty.UnknownVal(element))
}

func wrongForEach(value cty.Value) string {
	const wanted = "for_each takes a map, or a set of strings, "
	t := value.Type()
	switch {
	case value.IsNull():
		return wanted + "and this is null. Write {} for no instances."
	case t.IsTupleType() || t.IsListType():
		return wanted + "and this is a list, whose elements have no names of their own. Write toset(…) around a list of strings, or { for x in list : x.name => x }."
	case t.IsSetType() && t.ElementType() != cty.String && value.LengthInt() > 0:
		return wanted + "and this is a set of " + t.ElementType().FriendlyName() + "."
	case t.IsSetType():
		for it := value.ElementIterator(); it.Next(); {
			if _, element := it.Element(); element.IsNull() {
				return wanted + "and this set holds null."
			}
		}
		return ""
	case t.IsMapType() || t.IsObjectType():
		return ""
	}
	return wanted + "and this is " + described(value) + "."
}

func wrongKey(key string) string {
	switch {
	case key == "":
		return "is empty"
	case len(key) > 1024:
		return "is longer than 1024 bytes"
	case strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' }):
		return "holds a control character"
	}
	return ""
}

// instance evaluates one instance. It returns nil where the host is not known
// or a mistake was told.
func (l *loader) instance(n node, b *block, e *each, definitions []schema.Definition) *instance {
	a := &args{l: l, b: b, each: e}
	before := l.errors()
	t := schema.Target{Address: schema.Address{Block: n.root, Name: n.name}, Range: span(b.at)}
	if e != nil {
		t.Address.Key, t.Address.HasKey = e.key, true
	}
	inst := &instance{Target: &t}
	if n.root == "client" {
		inst.peer = l.peer(a, t)
	}
	h, known := l.targetHost(a)
	inst.host = h
	l.fill(a, inst, definitions)
	l.preconditions(a, inst.Address)
	if !known || l.errors() != before || e != nil && e.unknown {
		return nil
	}
	return inst
}

// targetHost reads the argument host.
func (l *loader) targetHost(a *args) (*host, bool) {
	if !a.has("host") {
		if a.b.kind.name == "client" {
			return l.machine, true
		}
		return nil, false
	}
	h, ok := readArgument(a, "host", func(v cty.Value) (*host, error) {
		h, wrong := l.hostOf(v)
		if h == nil {
			return nil, fmt.Errorf("must be a host, and %s", wrong)
		}
		return h, nil
	})
	if !ok && a.b.kind.name == "client" && l.isNull(a, "host") {
		return l.machine, true
	}
	return h, ok
}

func (l *loader) isNull(a *args, name string) bool {
	value, ok := l.eval(a.b.arguments[name].Expr, a.each)
	return ok && value.IsKnown() && value.IsNull()
}

// fill reads everything of an instance but its host.
func (l *loader) fill(a *args, inst *instance, definitions []schema.Definition) {
	inst.Settings, inst.Unset = l.settings(a, definitions)
	inst.RefuseOverrides = a.word("match_overrides") == "error"
	inst.Connection = l.connection(a.nested("connection"))
	if inst.host != nil {
		inst.Host = inst.host.Host
		inst.Connection = inst.Connection.Or(inst.host.own).Or(&inst.host.columns)
	}
	if inst.Connection.Type != schema.Local {
		// The top level says how to reach hosts; this machine is not reached,
		// and must not be changed as root because servers are.
		inst.Fallback = l.topConnection()
	}
	if inst.Connection.Or(inst.Fallback).Type == schema.Local {
		// Whatever its names, this machine is one host: one transaction.
		inst.Host.Name = schema.ThisMachine
	}
	if inst.Address.Block == "client" {
		inst.File.Path = a.hostPath("path")
		inst.Scope.Patterns = a.patterns("host_pattern")
		return
	}
	if file := a.nested("file"); file != nil {
		inst.File = schema.File{Path: file.hostPath("path"), DropIn: file.dropIn("drop_in"), Backups: file.number("backups", 0, 1000)}
	}
	inst.Scope.Match = a.criteria("match")
	inst.AllowPending, _ = a.flag("allow_pending")
	inst.Reload = a.reload("reload")
	l.settingsInScope(a, inst, definitions)
	if verify := a.nested("verify"); verify != nil {
		rehearsal, given := verify.flag("rehearsal")
		inst.Verify.Probe, _ = verify.flag("probe")
		inst.Verify.SkipRehearsal = given && !rehearsal
		inst.Verify.ConfirmTimeout = verify.time("confirm_timeout")
	}
}

// peer returns the peer that a client block with another library declares; nil
// where the client is OpenSSH's.
func (l *loader) peer(a *args, t schema.Target) *schema.Peer {
	library := a.word("library")
	if library == "" && a.has("library") && !l.isNull(a, "library") {
		return nil // told to be wrong
	}
	if library == "" || library == "openssh" {
		if a.has("keepalive") {
			l.wrong(a.b.arguments["keepalive"].NameRange, "Argument without effect", "keepalive is for clients with another library than \"openssh\". OpenSSH's own keyword is server_alive_interval (ServerAliveInterval).")
		}
		return nil
	}
	for _, argument := range a.b.sorted() {
		_, keyword := schema.Define(schema.Client, argument.Name)
		if keyword || argument.Name == "unset" || argument.Name == "path" || argument.Name == "host_pattern" {
			l.wrong(argument.NameRange, "Argument without effect", "A client with library = %q does not read ssh_config, so %s would do nothing. Take it away, or say with keepalive how often that program sends a keepalive.", library, argument.Name)
		}
	}
	name := t.Address.Name
	if t.Address.HasKey {
		name = fmt.Sprintf("%s[%q]", name, t.Address.Key)
	}
	return &schema.Peer{Name: name, Library: library, Keepalive: a.time("keepalive"), Range: t.Range}
}

func (l *loader) preconditions(a *args, address schema.Address) {
	for _, rule := range a.b.all("precondition") {
		out := l.judge(&args{l, rule, a.each})
		if out.verdict == broken {
			l.add(schema.Diagnostic{Severity: schema.Error, Summary: "Precondition does not hold", Address: address.String(),
				Detail: sentence(out.message) + fmt.Sprintf(" This was checked for %s.", address), Values: out.values}, out.at)
		}
	}
}
