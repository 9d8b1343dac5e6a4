package hclfile

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/go-version"
	"github.com/sshform/sshform/schema"
)

// maxAge is how long a saved plan may be applied where nothing is declared.
const maxAge = 24 * time.Hour

// config evaluates everything.
func (l *loader) config() *schema.Config {
	c := &schema.Config{
		Dir: l.dir, Sources: l.texts, MaxAge: maxAge,
		History: schema.History{Path: filepath.Join(l.dir, ".sshform")},
	}
	if l.unreadable {
		return c
	}
	l.settingsOf(c)
	for _, n := range l.order {
		l.settle(n)
	}
	c.Variables = l.variables()
	targets := l.targets(c)
	c.Targets = make([]schema.Target, len(targets))
	for i, t := range targets {
		c.Targets[i] = *t.Target
		t.Target = &c.Targets[i] // not twice in memory
	}
	l.checkOwners(c)
	c.Inventories = l.inventories
	c.Networks = l.networks()
	c.Rollouts = l.rollouts()
	return c
}

// settingsOf reads the sshform blocks.
func (l *loader) settingsOf(c *schema.Config) {
	first := map[string]*block{}
	for _, b := range l.all("sshform") {
		l.requiredVersion(&args{l: l, b: b})
		for _, inner := range b.blocks {
			if other := first[inner.kind.name]; other != nil {
				l.wrong(inner.at, "Duplicate block", "There is already a %s block at %s, and only one can count. Put all its arguments into one block.", inner.kind.name, where(other.at))
				continue
			}
			first[inner.kind.name] = inner
			l.settingsIn(&args{l: l, b: inner}, c)
		}
	}
}

func (l *loader) settingsIn(a *args, c *schema.Config) {
	if a.b.kind.name == "history" {
		if path := a.controllerPath("path"); path != "" {
			c.History.Path = path
		}
		c.History.Keep = a.number("keep", 0, 1<<30)
		return
	}
	c.RequireSaved, _ = a.flag("require_saved")
	age, given := readArgument(a, "max_age", asTime)
	switch {
	case age > 0:
		c.MaxAge = age
	case given:
		l.wrong(a.at("max_age"), "Invalid value for an argument", "max_age must be longer than 0 seconds, since no plan could ever be applied.")
	}
}

func (l *loader) requiredVersion(a *args) {
	wanted := a.text("required_version")
	if wanted == "" {
		return
	}
	constraints, err := version.NewConstraint(wanted)
	if err != nil {
		l.wrong(a.at("required_version"), "Invalid version constraint", "%q is no constraint on versions. Write for example \"~> 1.0\" or \">= 1.2, < 2.0\".", wanted)
		return
	}
	running, err := version.NewVersion(l.opts.Version)
	if err != nil {
		return // a build without a version is not judged
	}
	if !constraints.Check(running.Core()) {
		l.wrong(a.at("required_version"), "Unsupported version of sshform", "This configuration wants sshform %s, and this is %s. Use a release that fits, or change required_version if the configuration really works with this one.", wanted, l.opts.Version)
	}
}

// all returns the top-level blocks of one type.
func (l *loader) all(name string) []*block {
	return (&block{blocks: l.blocks}).all(name)
}

// targets returns what is managed, sorted by host and address, and enters the
// peers into c.
func (l *loader) targets(c *schema.Config) []*instance {
	var targets []*instance
	for _, n := range l.order {
		d := l.nodes[n]
		l.idle(d)
		for _, inst := range d.instances {
			switch {
			case inst.peer != nil:
				c.Peers = append(c.Peers, *inst.peer)
			case len(inst.Settings)+len(inst.Unset) > 0:
				targets = append(targets, inst)
			}
		}
	}
	slices.SortFunc(targets, func(a, b *instance) int {
		return cmp.Or(strings.Compare(a.Host.Name, b.Host.Name), compareAddresses(a.Address, b.Address))
	})
	return targets
}

func compareAddresses(a, b schema.Address) int {
	return cmp.Or(strings.Compare(a.Block, b.Block), strings.Compare(a.Name, b.Name), strings.Compare(a.Key, b.Key))
}

// idle warns of a block that manages no keyword at all.
func (l *loader) idle(d *declared) {
	if l.errors() > 0 {
		return // what it should manage may be misspelled
	}
	if d.block == nil || d.block.kind.name != "server" && d.block.kind.name != "client" || d.block.arguments["library"] != nil {
		return
	}
	for name := range d.block.arguments {
		if _, keyword := schema.Define(schema.Side(d.block.kind.name), name); keyword || name == "unset" {
			return
		}
	}
	l.warn(d.block.labelAt, "Block manages nothing", "The block declares no keyword, so it changes nothing on any host. Add a keyword, such as %s, or remove the block.", schema.Definitions(schema.Side(d.block.kind.name))[0].Keyword.HCL())
}
