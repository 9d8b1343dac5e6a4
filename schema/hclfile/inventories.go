package hclfile

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/inventory"
	"github.com/zclconf/go-cty/cty"
)

func sourceBlock() blockType {
	path := attribute{name: "path", takes: aString, required: true, doc: "The file, relative to the configuration directory."}
	fields := []attribute{
		{name: "key", takes: aString, doc: `What holds the name of a host; "name" by default.`},
		{name: "address", takes: aString, doc: `What holds the address; "address" by default. Without one, the name is the address.`},
		{name: "port", takes: aString, doc: `What holds the port; "port" by default.`},
		{name: "user", takes: aString, doc: `What holds the login name; "user" by default.`},
		{name: "ssh_alias", takes: aString, doc: `What holds the Host of ssh_config; "ssh_alias" by default.`},
		{name: "tags", takes: aString, doc: `What holds the tags, separated by blanks, commas or semicolons; "tags" by default.`},
	}
	table := append([]attribute{path}, fields...)
	variants := map[string][]attribute{
		string(inventory.CSV):     append(append([]attribute{}, table...), attribute{name: "separator", takes: aString, doc: `What stands between columns; "," by default.`}),
		string(inventory.JSON):    table,
		string(inventory.YAML):    table,
		string(inventory.Ansible): {path},
		string(inventory.SSHConfig): {
			{name: "path", takes: aString, doc: "The file; ~/.ssh/config by default."},
		},
		string(inventory.External): {
			{name: "program", takes: programme, required: true, doc: "The program and its arguments, run in the configuration directory. Needs -allow-external."},
			{name: "query", takes: anyValue, doc: "An object that the program gets as JSON on standard input."},
		},
	}
	var labels []string
	for _, kind := range inventory.Kinds() {
		labels = append(labels, string(kind))
	}
	return blockType{name: "source", label: "KIND", labels: labels, doc: "Where hosts are read from. Several are merged.", variants: variants}
}

// inventory reads the sources of an inventory block. Its value is an object
// with all hosts by name.
func (l *loader) inventory(d *declared) (cty.Value, bool) {
	before := l.errors()
	sources, sound := l.inventorySources(d.block)
	a := &args{l: l, b: d.block}
	least, most := a.number("min_hosts", 0, math.MaxInt32), a.number("max_hosts", 0, math.MaxInt32)
	limited := a.has("max_hosts") && !l.isNull(a, "max_hosts")
	if len(d.block.all("source")) == 0 && !d.block.partial {
		l.wrong(d.block.labelAt, "Inventory without a source", "The inventory has no source block, so it could never hold a host. Add source \"csv\" { path = … } or another kind.")
	}
	if l.opts.Offline {
		return inventoryValue(cty.UnknownVal(cty.Map(hostType()))), l.errors() == before
	}
	if !sound || l.errors() != before {
		return cty.DynamicVal, false
	}
	listings := make([]inventory.Listing, 0, len(sources))
	for i, source := range sources {
		listing, found := inventory.Load(l.ctx, source, l.opts.Run)
		l.fromInventory(found, d.block.all("source")[i])
		if found.HasErrors() {
			sound = false
			continue
		}
		l.inventories = append(l.inventories, schema.InventorySource{
			Type: string(source.Kind), Name: d.block.label, SHA256: listing.SHA256, Hosts: len(listing.Hosts), FetchedAt: l.now(),
		})
		listings = append(listings, listing)
	}
	if !sound {
		return cty.DynamicVal, false
	}
	merged, found := inventory.Merge(listings...)
	l.fromInventory(found, d.block)
	if found.HasErrors() {
		return cty.DynamicVal, false
	}
	d.hosts = l.inventoryHosts(merged, d.block)
	switch n := len(d.hosts); {
	case n < least:
		l.wrong(a.at("min_hosts"), "Inventory too small", "The inventory holds %s, and min_hosts demands at least %d. A truncated inventory would read as \"manage nothing\". If the fleet really shrank, lower min_hosts.", counted(n, "host"), least)
	case limited && n > most:
		l.wrong(a.at("max_hosts"), "Inventory too large", "The inventory holds %s, and max_hosts allows at most %d. If the fleet really grew, raise max_hosts.", counted(n, "host"), most)
	}
	values := make(map[string]cty.Value, len(d.hosts))
	for _, h := range d.hosts {
		values[h.Name] = h.value
	}
	hosts := hostMap(values)
	for _, h := range d.hosts {
		h.value = hosts.Index(cty.StringVal(h.Name)) // which shares the type of all
	}
	return inventoryValue(hosts), l.errors() == before
}

func (l *loader) now() time.Time {
	if l.opts.Now == nil {
		return time.Time{}
	}
	return l.opts.Now().UTC().Truncate(time.Microsecond)
}

func inventoryValue(hosts cty.Value) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"hosts": hosts})
}

// inventorySources reads the source blocks.
func (l *loader) inventorySources(b *block) ([]inventory.Source, bool) {
	before := l.errors()
	var sources []inventory.Source
	for _, inner := range b.all("source") {
		a := &args{l: l, b: inner}
		source := inventory.Source{
			Kind: inventory.Kind(inner.label), Dir: l.dir,
			Fields: inventory.Fields{
				Name: a.text("key"), Address: a.text("address"), Port: a.text("port"),
				User: a.text("user"), SSHAlias: a.text("ssh_alias"), Tags: a.text("tags"),
			},
			Separator: a.separator(), Program: a.list("program"), Query: a.query(),
		}
		if source.Path = a.controllerPath("path"); source.Path != "" {
			source.Filename = l.relative(source.Path)
		}
		sources = append(sources, source)
	}
	return sources, l.errors() == before && l.allKnown(b)
}

// allKnown reports whether all arguments of the sources have a value, so that
// a path whose variable is missing is not taken for no path.
func (l *loader) allKnown(b *block) bool {
	for _, inner := range b.all("source") {
		for _, argument := range inner.kind.arguments(inner.label) {
			if argument.required && inner.arguments[argument.name] == nil {
				return false
			}
		}
		for _, argument := range inner.sorted() {
			if _, ok := l.eval(argument.Expr, nil); !ok {
				return false
			}
		}
	}
	return true
}

func (a *args) separator() rune {
	r, _ := readArgument(a, "separator", func(v cty.Value) (rune, error) {
		if v.Type() != cty.String {
			return 0, fmt.Errorf("must be one character, not %s", described(v))
		}
		s := v.AsString()
		r, size := utf8.DecodeRuneInString(s)
		if size == 0 || size != len(s) || r == utf8.RuneError || strings.ContainsRune("\"\r\n", r) {
			return 0, fmt.Errorf("must be one character such as \";\" or \"\\t\", not %s", described(v))
		}
		return r, nil
	})
	return r
}

func (a *args) query() []byte {
	query, _ := readArgument(a, "query", func(v cty.Value) ([]byte, error) {
		if !v.Type().IsObjectType() && !v.Type().IsMapType() {
			return nil, fmt.Errorf("must be an object, not %s", described(v))
		}
		return toJSON(v), nil
	})
	return query
}

// fromInventory reports what is wrong in an inventory, at its own place where
// it has one, and else at the block.
func (l *loader) fromInventory(found schema.Diagnostics, b *block) {
	for _, d := range found {
		if d.Subject == nil || d.Subject.Start.Line == 0 {
			d.Subject = nil
			l.add(d, b.labelAt)
			continue
		}
		at := hcl.Range{Filename: d.Subject.Filename}
		at.Start = hcl.Pos{Line: d.Subject.Start.Line, Column: max(1, d.Subject.Start.Column), Byte: d.Subject.Start.Byte}
		at.End = at.Start
		l.add(d, at)
	}
}

func (l *loader) inventoryHosts(merged []inventory.Host, b *block) []*host {
	hosts := make([]*host, len(merged))
	for i, found := range merged {
		h := &host{Host: found.Schema(), columns: found.Connection, at: b.labelAt}
		if h.columns.Address == "" && h.columns.SSHAlias == "" && h.columns.Type != schema.Local {
			h.columns.Address = h.Name
		}
		for _, path := range []*string{&h.columns.IdentityFile, &h.columns.CertificateFile, &h.columns.KnownHostsFile} {
			if *path != "" && !strings.HasPrefix(*path, "~") && !filepath.IsAbs(*path) {
				*path = filepath.Join(l.dir, *path)
			}
		}
		h.value = hostValue(h)
		hosts[i] = h
		l.remember(h)
	}
	return hosts
}
