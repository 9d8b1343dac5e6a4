package sshconf

import (
	"sort"
	"strings"
)

// includeDepth is how deep Include may nest below the main file.
const includeDepth = 16

// mostInclusions bounds the work for trees in which files include each other
// many times over. OpenSSH has no such bound and would not come to an end.
const mostInclusions = 20000

// A run is the state of one resolution: what sshd and ssh have in common.
type run struct {
	d     *dialect
	v     *view
	res   *Result
	uses  []use
	now   slots // of the pass under way
	pass  int
	stop  bool
	known map[*File][]logicalLine

	blocks     int // blocks met in this pass
	inclusions int // inclusions met in this pass
	lineOf     map[lineKey]int
}

// A lineKey tells the lines of a file that is included twice apart.
type lineKey struct{ inclusion, line int }

// A frame is one file being read.
type frame struct {
	path      string
	inclusion int
	depth     int
	top       Place  // the Include line of the outermost file; zero in that file
	within    *Block // the block around the Include line
	block     *Block // the block under way
	active    Standing
	// never: nothing in this file can match (SSHCFG_NEVERMATCH).
	never bool
	// matchOnly: sshd's second pass outside of any Match block.
	matchOnly bool
	bad       int
}

// topOf returns the line of the outermost file that leads to a line of f.
func (f *frame) topOf(p Place) Place {
	if f.depth == 0 {
		return p
	}
	return f.top
}

func newRun(t *Tree, side Side, d dialect) *run {
	return &run{
		d: &d, v: newView(t), now: slots{}, known: map[*File][]logicalLine{}, lineOf: map[lineKey]int{},
		res: &Result{side: side, effective: map[string]Effective{}},
	}
}

// lines returns the lines of a file, read once.
func (r *run) lines(f *File) []logicalLine {
	lines, ok := r.known[f]
	if !ok {
		lines = r.d.read(f)
		r.known[f] = lines
	}
	return lines
}

// fatal notes an error that ends the program.
func (r *run) fatal(p Place, exit int, text string) {
	if r.stop {
		return
	}
	r.res.Errors = append(r.res.Errors, Problem{p, text})
	r.res.Exit = exit
	r.stop = true
}

// complain notes an error that counts at the end of the file.
func (r *run) complain(f *frame, p Place, text string) {
	r.res.Errors = append(r.res.Errors, Problem{p, text})
	f.bad++
}

func (r *run) notice(p Place, text string) {
	if r.pass == 1 {
		r.res.Notices = append(r.res.Notices, Problem{p, text})
	}
}

func (r *run) undecided(p Place, text string) {
	for _, known := range r.res.Undecided {
		if known.Place == p && known.Text == text {
			return
		}
	}
	r.res.Undecided = append(r.res.Undecided, Problem{p, text})
}

// open begins a Match or Host block. In a later pass it finds the block of
// the first one again.
func (r *run) open(f *frame, fresh Block) *Block {
	r.close(f, fresh.Line-1)
	if r.blocks < len(r.res.Blocks) && r.res.Blocks[r.blocks].Place == fresh.Place {
		b := r.res.Blocks[r.blocks]
		b.Standing = fresh.Standing
		r.blocks++
		f.block = b
		return b
	}
	b := &fresh
	b.Within, b.Top = f.within, f.topOf(fresh.Place)
	r.res.Blocks = append(r.res.Blocks, b)
	r.blocks = len(r.res.Blocks)
	f.block = b
	return b
}

// close ends the block under way with its last line.
func (r *run) close(f *frame, last int) {
	if f.block != nil && f.block != f.within {
		f.block.Last = last
	}
}

// apply lets the effects of a line happen.
func (r *run) apply(f *frame, l *logicalLine, effects []effect) {
	for i := range effects {
		e := &effects[i]
		standing := f.active
		if e.anyway {
			standing = In
		}
		r.uses = append(r.uses, use{
			slot: e.slot, row: l.row, written: l.keyword, place: Place{f.path, l.number}, block: f.block,
			values: e.values, standing: standing, unset: e.unset, pass: r.pass,
		})
		n := len(r.uses) - 1
		r.now.put(n, &r.uses[n], e.how)
		r.remember(f, l, n)
	}
}

// remember makes one directive of all uses of a line.
func (r *run) remember(f *frame, l *logicalLine, n int) {
	key := lineKey{f.inclusion, l.number}
	at, ok := r.lineOf[key]
	if !ok {
		at = len(r.res.Directives)
		r.lineOf[key] = at
		name := l.row.name
		if l.row.slot != "" {
			name = l.row.slot
		}
		r.res.Directives = append(r.res.Directives, Directive{
			Place: Place{f.path, l.number}, Keyword: name, Written: l.keyword, Block: f.block,
			Top: f.topOf(Place{f.path, l.number}),
		})
	}
	d := &r.res.Directives[at]
	d.uses = append(d.uses, n)
	if r.pass == d.firstPass || d.firstPass == 0 {
		d.firstPass = r.pass
		d.values = append(d.values, r.uses[n].values...)
	}
}

// include pulls in the files of one pattern.
func (r *run) include(f *frame, l *logicalLine, pattern string, open func(path string, n Node, child *frame)) {
	for _, path := range r.v.glob(pattern) {
		if r.stop {
			return
		}
		n, known := r.v.node(path)
		if !known {
			continue
		}
		r.inclusions++
		if r.inclusions > mostInclusions {
			r.undecided(Place{f.path, l.number}, "files include each other too often to follow")
			r.stop = true
			return
		}
		if r.pass == 1 {
			r.res.Includes = append(r.res.Includes, Inclusion{
				Place: Place{f.path, l.number}, Path: path, Depth: f.depth + 1, Block: f.block,
				Top: f.topOf(Place{f.path, l.number}),
			})
		}
		child := &frame{
			path: path, inclusion: r.inclusions, depth: f.depth + 1, within: f.block, block: f.block,
			active: f.active, never: f.active == Out, top: f.topOf(Place{f.path, l.number}),
		}
		open(path, n, child)
	}
}

// finish fills in what was read and wanted.
func (r *run) finish() *Result {
	r.res.Wants = r.v.wants
	r.res.Files = keys(r.v.read)
	r.res.Folders = keys(r.v.listed)
	for i := range r.res.Directives {
		d := &r.res.Directives[i]
		d.Value = strings.Join(d.values, " ")
	}
	return r.res
}

func keys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}

// settle computes the effective values from the slots: global ones, and those
// that replace them.
func (r *run) settle(global, over slots) {
	merged := merge(global, over)
	for name, rows := range tableOf(r.res.side) {
		for _, row := range rows {
			if !row.holds(r.d.release) {
				continue
			}
			if row.slot != "" {
				continue
			}
			if r.plain(row.kind) {
				r.res.effective[name] = r.effective(row, merged)
			}
			break
		}
	}
	for name, rows := range tableOf(r.res.side) {
		for _, row := range rows {
			if row.holds(r.d.release) && row.slot != "" {
				if e, ok := r.res.effective[row.key()]; ok {
					r.res.effective[name] = e
				}
				break
			}
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
	for _, part := range parts(key, s) {
		found := s[part]
		if found == nil {
			continue
		}
		if found.set && !found.implied {
			e.Default = false
			for _, n := range found.from {
				e.From = addPlace(e.From, r.uses[n].place)
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

func addPlace(places []Place, p Place) []Place {
	for _, known := range places {
		if known == p {
			return places
		}
	}
	return append(places, p)
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
