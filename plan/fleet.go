package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A fleet remembers what was decided during one Build, since most hosts of a
// fleet are equal. Two hosts share a decision if everything that it rests on
// is equal: observations and targets but for their keys. Errors are not
// shared: they name their host.
type fleet struct {
	verdicts map[[sha256.Size]byte]verdict
	buf      fingerprint
}

// A verdict is a decision, what there is to warn of, and the addresses of the
// first host's targets, in their order.
type verdict struct {
	decision  *sharedDecision
	warnings  schema.Diagnostics
	addresses []string
}

func newFleet() *fleet { return &fleet{verdicts: map[[sha256.Size]byte]verdict{}} }

// decide returns what is to be done on a host.
func (f *fleet) decide(targets []schema.Target, o *Observed) (HostPlan, schema.Diagnostics) {
	order := byAddress(targets)
	key := f.key(targets, order, o)
	if known, found := f.verdicts[key]; found {
		return known.on(targets, order, o)
	}
	h, diags := buildHost(targets, o)
	if !diags.HasErrors() {
		f.verdicts[key] = verdict{h.shared, diags, addressStrings(targets)}
	}
	return h, diags
}

func addressStrings(targets []schema.Target) []string {
	all := make([]string, len(targets))
	for i, t := range targets {
		all[i] = t.Address.String()
	}
	return all
}

// on is the verdict for another host: only names differ.
func (v verdict) on(targets []schema.Target, order []int, o *Observed) (HostPlan, schema.Diagnostics) {
	h := HostPlan{Host: o.Host, shared: v.decision, keys: make([]string, len(order))}.Via(o.Connection)
	for i, at := range order {
		h.keys[i] = targets[at].Address.Key
	}
	warnings := slices.Clone(v.warnings)
	for i := range warnings {
		w := &warnings[i]
		if at := slices.Index(v.addresses, w.Address); at >= 0 {
			w.Address = targets[at].Address.String()
		}
		where := *w.Where
		where.Host, where.Address = o.Host, o.Connection.Address
		w.Where = &where
	}
	return h, warnings
}

// byAddress lists targets in the order of their addresses, which is that of a
// host's changes.
func byAddress(targets []schema.Target) []int {
	order := make([]int, len(targets))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return strings.Compare(targets[a].Address.String(), targets[b].Address.String())
	})
	return order
}

// key is equal for hosts about which the same is decided.
func (f *fleet) key(targets []schema.Target, order []int, o *Observed) [sha256.Size]byte {
	b := &f.buf
	b.spelled = b.spelled[:0]
	b.host(o)
	b.number(len(targets))
	for _, t := range targets {
		b.target(t)
	}
	for _, at := range order {
		b.number(at)
	}
	return sha256.Sum256(b.spelled)
}

// A fingerprint spells data so that different data have different spellings:
// every text and list begins with its length.
type fingerprint struct {
	spelled []byte
	managed map[schema.Side][]string // keywords in lower case, listed once
	names   []string                 // of what is being spelled, used again
	logins  []Login                  // the same
}

// sorted lists the keys of a map in names.
func sorted[V any](names []string, of map[string]V) []string {
	names = slices.AppendSeq(names[:0], maps.Keys(of))
	slices.Sort(names)
	return names
}

func (b *fingerprint) number(n int) { b.spelled = binary.AppendVarint(b.spelled, int64(n)) }

func (b *fingerprint) text(all ...string) {
	for _, s := range all {
		b.number(len(s))
		b.spelled = append(b.spelled, s...)
	}
}

func (b *fingerprint) texts(list []string) {
	b.number(len(list))
	b.text(list...)
}

func (b *fingerprint) flag(flags ...bool) {
	for _, set := range flags {
		if set {
			b.number(1)
		} else {
			b.number(0)
		}
	}
}

func (b *fingerprint) host(o *Observed) {
	b.number(o.Release.Major)
	b.number(o.Release.Minor)
	b.number(o.Release.Patch)
	b.text(o.Release.Vendor, o.OS, o.Home, o.User, o.Mute)
	b.number(o.UID)
	b.number(len(o.Files))
	b.names = sorted(b.names, o.Files)
	for _, name := range b.names {
		f := o.Files[name]
		b.text(name, f.RealPath, f.Err)
		b.number(len(f.Bytes))
		b.spelled = append(b.spelled, f.Bytes...)
		b.number(int(f.State))
		b.number(int(f.Mode))
		b.number(f.UID)
		b.number(f.GID)
	}
	b.number(len(o.Folders))
	b.names = sorted(b.names, o.Folders)
	for _, name := range b.names {
		f := o.Folders[name]
		b.text(name, f.Err)
		b.texts(f.Names)
		b.flag(f.Missing)
	}
	l := o.Listener
	b.text(l.Path, l.ConfigFile, string(l.Reload), l.Unit, string(l.Fresh), l.Pending)
	b.texts(l.Args)
	b.flag(l.PID == 1)
	b.number(len(o.Answers))
	b.logins = slices.AppendSeq(b.logins[:0], maps.Keys(o.Answers))
	slices.SortFunc(b.logins, compareLogins)
	for _, login := range b.logins {
		b.answer(login, o.Answers[login])
	}
}

// answer takes the managed keywords only: nothing else of a dump is looked at.
func (b *fingerprint) answer(login Login, a Answer) {
	b.text(login.File, login.User, login.Host, login.Addr, login.LAddr, login.RDomain, login.Group, a.Stderr)
	b.number(login.LPort)
	b.number(a.Exit)
	b.flag(login.Client)
	side := schema.Server
	if login.Client {
		side = schema.Client
	}
	for _, keyword := range b.keywords(side) {
		values, printed := a.Values[keyword]
		b.flag(printed)
		b.texts(values)
	}
}

func (b *fingerprint) keywords(side schema.Side) []string {
	if b.managed == nil {
		b.managed = map[schema.Side][]string{}
	}
	if b.managed[side] == nil {
		for _, d := range schema.Definitions(side) {
			b.managed[side] = append(b.managed[side], d.Keyword.Lower())
		}
	}
	return b.managed[side]
}

// target leaves out the host and its key. Warnings name the block and point at
// its lines, which all instances of a block share.
func (b *fingerprint) target(t schema.Target) {
	b.text(t.Address.Block, t.Address.Name, t.File.Path, t.File.DropIn, t.Scope.Match, t.Scope.Patterns, t.Reload)
	b.number(t.File.Backups)
	b.flag(t.Address.HasKey, t.RefuseOverrides, t.AllowPending, t.Verify.Probe, t.Verify.SkipRehearsal)
	b.number(int(t.Verify.ConfirmTimeout))
	b.lines(t.Range)
	for _, settings := range [][]schema.Setting{t.Settings, t.Unset} {
		b.number(len(settings))
		for _, s := range settings {
			b.text(string(s.Keyword), string(s.Argument))
			b.lines(s.Range)
		}
	}
}

func (b *fingerprint) lines(r schema.Range) {
	b.text(r.Filename)
	b.number(r.Start.Line)
	b.number(r.Start.Column)
	b.number(r.End.Line)
	b.number(r.End.Column)
}

// sortChanges puts changes in the order of their addresses.
func sortChanges(changes []Change) {
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Address.String(), b.Address.String()) })
}

func compareLogins(a, b Login) int {
	return cmp.Or(
		strings.Compare(a.File, b.File), strings.Compare(a.Host, b.Host), strings.Compare(a.User, b.User),
		strings.Compare(a.Group, b.Group), strings.Compare(a.Addr, b.Addr), strings.Compare(a.LAddr, b.LAddr),
		cmp.Compare(a.LPort, b.LPort), strings.Compare(a.RDomain, b.RDomain), order(a.Client, b.Client),
	)
}

// order puts false before true.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
