package sshconf

import (
	"sort"
	"strings"
)

// settle computes the effective values from the slots: global ones, and those
// that replace them.
func (r *run) settle(global, over slots) {
	merged := merge(global, over)
	u := r.v.tree.unsetOf(r)
	r.res.unset = u
	for slot := range merged {
		key, _, _ := strings.Cut(slot, "/")
		if _, done := r.res.effective[key]; done || u.rows[key] == nil {
			continue
		}
		e := r.effective(u.rows[key], merged)
		r.res.effective[key] = e
		for _, alias := range u.aliases[key] {
			r.res.effective[alias] = e
		}
	}
	r.explain(merged)
}

// plain leaves out the keywords that have no value.
func (r *run) plain(k kind) bool {
	switch k {
	case kindInclude, kindMatch, kindHost, kindDeprecated, kindIgnored, kindUnsupported:
		return false
	}
	return true
}

// merge lets the values of matching Match blocks replace the global ones.
func merge(global, over slots) slots {
	if over == nil {
		return global
	}
	out := make(slots, len(global)+len(over))
	for k, s := range global {
		out[k] = s
	}
	for k, s := range over {
		switch {
		case s.set:
			out[k] = s
		case len(s.maybe) > 0:
			c := slot{maybe: s.maybe}
			if g := global[k]; g != nil {
				c = *g
				c.maybe = append(append([]int(nil), s.maybe...), g.maybe...)
			}
			out[k] = &c
		}
	}
	return out
}

// parts lists the slots of a keyword; one for most.
func parts(key string, s slots) []string {
	switch key {
	case "rekeylimit":
		return []string{key + "/volume", key + "/time"}
	case "maxstartups":
		return []string{key + "/begin", key + "/rate", key + "/full"}
	case "persourcepenalties", "subsystem":
		var out []string
		for k := range s {
			if strings.HasPrefix(k, key+"/") {
				out = append(out, k)
			}
		}
		sort.Slice(out, func(i, j int) bool { return earliest(s[out[i]]) < earliest(s[out[j]]) })
		return out
	}
	return []string{key}
}

func earliest(s *slot) int {
	if len(s.from) == 0 {
		return 0
	}
	return s.from[0]
}

// effective puts the value of a keyword together.
func (r *run) effective(row *row, s slots) Effective {
	key := row.key()
	e := Effective{Keyword: row.name, Default: true}
	changed := map[int]bool{}
	seen := map[Place]bool{}
	for _, part := range parts(key, s) {
		found := s[part]
		if found == nil {
			continue
		}
		if found.set && !found.implied {
			e.Default = false
			for _, n := range found.from {
				if p := r.uses[n].place; !seen[p] {
					seen[p] = true
					e.From = append(e.From, p)
				}
			}
		}
		for _, n := range found.maybe {
			if r.matters(found, n, row) {
				changed[n] = true
			}
		}
	}
	e.Values = r.printed(row, key, s)
	for _, n := range sortedInts(changed) {
		u := &r.uses[n]
		e.Undecided = append(e.Undecided, Directive{
			Place: u.place, Keyword: row.name, Written: u.written, Value: strings.Join(u.values, " "),
			Block: u.block, Why: Unknown, By: u.block.Place,
		})
	}
	return e
}

// matters reports whether an undecided use would change the slot's value.
func (r *run) matters(s *slot, n int, row *row) bool {
	values := s.values
	if !s.set && !s.implied && row.kind != kindRekey && row.kind != kindMaxStartups {
		values = r.fallback(row)
	}
	return strings.Join(values, "\n") != strings.Join(r.uses[n].values, "\n")
}

func sortedInts(m map[int]bool) []int {
	out := make([]int, 0, len(m))
	for n := range m {
		out = append(out, n)
	}
	sort.Ints(out)
	return out
}

// printed returns the lines that the program prints for a keyword.
func (r *run) printed(row *row, key string, s slots) []string {
	or := func(part, fallback string) string {
		if v, ok := s.value(key + "/" + part); ok {
			return v
		}
		return fallback
	}
	switch key {
	case "rekeylimit":
		return []string{or("volume", "0") + " " + or("time", "0")}
	case "maxstartups":
		return []string{or("begin", "10") + ":" + or("rate", "30") + ":" + or("full", "100")}
	case "persourcepenalties":
		return []string{r.d.penaltyText(s)}
	case "subsystem":
		var out []string
		for _, part := range parts(key, s) {
			out = append(out, s[part].values...)
		}
		return out
	}
	if row.silent || r.d.release.Debian() && !row.built(r.d.release) {
		return nil
	}
	if !s.isSet(key) {
		if s[key] != nil && s[key].implied {
			return s[key].values
		}
		return r.fallback(row)
	}
	return r.d.shown(row, s[key], r.uses)
}

// shown adjusts a value to what is printed.
func (d *dialect) shown(row *row, s *slot, uses []use) []string {
	switch row.kind {
	case kindChannels:
		// A lone none is cleared, but sshd clears only the global value, and
		// up to 9.2 prints no line for an empty list.
		if len(s.values) == 1 && same(s.values[0], "none") {
			if d.side == Server && uses[s.from[0]].pass > 1 {
				return s.values
			}
			return d.channelsDefault()
		}
	case kindFiles:
		if same(s.values[0], "none") && d.release.AtLeast(10, 3) && uses[s.from[0]].pass == 1 {
			return nil
		}
	case kindRaw, kindProxy, kindVersion:
		if d.side == Client && same(s.values[0], "none") {
			return d.clearedText(row)
		}
	case kindMethods:
		if len(s.values) == 1 && same(s.values[0], "any") {
			return []string{"any"}
		}
	}
	return s.values
}

// clearedText is what ssh prints for a command that none switches off:
// nothing; VersionAddendum becomes an empty text instead.
func (d *dialect) clearedText(row *row) []string {
	if row.kind == kindVersion {
		return []string{""}
	}
	return nil
}

func (d *dialect) channelsDefault() []string {
	if d.side == Server && !d.release.AtLeast(9, 3) {
		return nil
	}
	return []string{"none"}
}

// fallback is what is printed for a keyword that nothing sets.
func (r *run) fallback(row *row) []string {
	text := row.fallback
	switch {
	case row.kind == kindIPQoS:
		text = r.d.qosDefault()
	case row.kind == kindChannels:
		return r.d.channelsDefault()
	case row.debian != "" && r.d.release.Debian() && row.built(r.d.release):
		text = row.debian
	}
	if text == "" {
		return nil
	}
	return []string{text}
}

// explain says of each directive whether it counts, and why not.
func (r *run) explain(merged slots) {
	counts := map[int]bool{}
	for _, s := range merged {
		if s.set {
			for _, n := range s.from {
				counts[n] = true
			}
		}
	}
	for i := range r.res.Directives {
		d := &r.res.Directives[i]
		for _, n := range d.uses {
			if counts[n] {
				d.Counts = true
			}
		}
		if !d.Counts {
			d.Why, d.By = r.why(d, merged)
		}
	}
}

// why says why none of a directive's uses counts.
func (r *run) why(d *Directive, merged slots) (Why, Place) {
	at := d.uses[0]
	for _, n := range d.uses {
		if r.uses[n].standing > r.uses[at].standing {
			at = n
		}
	}
	best := &r.uses[at]
	switch best.standing {
	case Out:
		return NoMatch, outermost(d.Block)
	case Maybe:
		return Unknown, outermost(d.Block)
	}
	if best.unset {
		return NoValue, Place{}
	}
	winner := merged[best.slot]
	if winner == nil || !winner.set {
		return NoMatch, outermost(d.Block)
	}
	if winner.implied {
		return Later, Place{}
	}
	last := winner.from[len(winner.from)-1]
	by := r.uses[last].place
	switch {
	case r.uses[last].pass > best.pass && r.d.side == Server:
		return Overruled, by
	case last > at:
		return Earlier, by
	}
	return Later, by
}

// outermost returns the outermost block that keeps a directive from counting.
func outermost(b *Block) Place {
	if b == nil {
		return Place{}
	}
	at := b
	for w := b.Within; w != nil; w = w.Within {
		if w.Standing != In {
			at = w
		}
	}
	return at.Place
}
