package sshconf

import (
	"iter"
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
	brief bool
	// doubts are those noted before: a line is met in each pass.
	doubts map[Problem]bool

	blocks     int // blocks met in this pass
	inclusions int // inclusions met in this pass
	lineOf     map[lineKey]int
	opened     map[lineKey]*Block // in a brief run
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
		d: &d, v: newView(t), now: slots{}, doubts: map[Problem]bool{}, lineOf: map[lineKey]int{},
		opened: map[lineKey]*Block{},
		res:    &Result{side: side, effective: map[string]Effective{}},
	}
}

// lines yields the lines of a file that matter to the frame. A brief run
// leaves out the lines of blocks that do not match; traits are those by which
// it finds blocks that can, if they are certain.
func (r *run) lines(n Node, f *frame, traits []trait, certain bool) iter.Seq[*logicalLine] {
	return func(yield func(*logicalLine) bool) {
		x := r.v.tree.lexedOf(n.File, r.d)
		var found []int
		if r.brief && certain {
			found = x.find(traits)
		}
		for i := 0; i < len(x.lines); i++ {
			if r.brief && f.active == Out {
				i = r.skip(x, i, found, certain)
			}
			if i == len(x.lines) || !yield(&x.lines[i]) {
				return
			}
		}
	}
}

// longestText is how much of a problem is told, in bytes: most of it quotes a
// file, and a word in it may be as long as the file.
const longestText = 300

// Quoted is a text of a file, or one that quotes a file, cut where it has more
// than most bytes.
func Quoted(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

func problem(p Place, text string) Problem { return Problem{p, Quoted(text, longestText)} }

// fatal notes an error that ends the program.
func (r *run) fatal(p Place, exit int, text string) {
	if r.stop {
		return
	}
	r.res.Errors = append(r.res.Errors, problem(p, text))
	r.res.Exit = exit
	r.stop = true
}

// complain notes an error that counts at the end of the file.
func (r *run) complain(f *frame, p Place, text string) {
	r.res.Errors = append(r.res.Errors, problem(p, text))
	f.bad++
}

func (r *run) notice(p Place, text string) {
	if r.pass == 1 {
		r.res.Notices = append(r.res.Notices, problem(p, text))
	}
}

func (r *run) undecided(p Place, text string) {
	doubt := problem(p, text)
	if r.doubts[doubt] {
		return
	}
	r.doubts[doubt] = true
	r.res.Undecided = append(r.res.Undecided, doubt)
}

// open begins a Match or Host block. In a later pass it finds the block of
// the first one again.
func (r *run) open(f *frame, fresh Block) *Block {
	r.close(f, fresh.Line-1)
	if r.brief {
		f.block = r.openBrief(f, &fresh)
		return f.block
	}
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

// begin starts a pass over the files. A brief run may not meet a block of the
// pass before again: it does not match any more.
func (r *run) begin() {
	r.blocks, r.inclusions = 0, 0
	for _, b := range r.opened {
		b.Standing = Out
	}
}

// openBrief is open in a brief run, which meets other blocks in each pass and
// keeps those that count in some.
func (r *run) openBrief(f *frame, fresh *Block) *Block {
	key := lineKey{f.inclusion, fresh.Line}
	if b, known := r.opened[key]; known {
		b.Standing = fresh.Standing
		return b
	}
	fresh.Within = f.within
	if fresh.Standing != Out {
		fresh.Top = f.topOf(fresh.Place)
		r.opened[key] = fresh
		r.res.Blocks = append(r.res.Blocks, fresh)
	}
	return fresh
}

// close ends the block under way with its last line.
func (r *run) close(f *frame, last int) {
	if f.block != nil && f.block != f.within {
		f.block.Last = last
	}
}

// apply lets the effects of a line happen.
func (r *run) apply(f *frame, l *logicalLine, o outcome) {
	for i := range o.effects {
		e := &o.effects[i]
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
		r.remember(f, l, n, o.text)
	}
}

// remember makes one directive of all uses of a line.
func (r *run) remember(f *frame, l *logicalLine, n int, text string) {
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
			Top: f.topOf(Place{f.path, l.number}), Value: text,
		})
	}
	d := &r.res.Directives[at]
	d.uses = append(d.uses, n)
	if r.pass == d.firstPass || d.firstPass == 0 {
		d.firstPass = r.pass
		d.values = append(d.values, r.uses[n].values...)
	}
}

// include pulls in one file for the Include line l.
func (r *run) include(f *frame, l *logicalLine, path string, open func(n Node, child *frame)) {
	n, known := r.v.node(path)
	if !known {
		return
	}
	at := Place{f.path, l.number}
	if r.inclusions++; r.inclusions > mostInclusions {
		r.undecided(at, "files include each other too often to follow")
		r.stop = true
		return
	}
	if r.pass == 1 {
		r.res.Includes = append(r.res.Includes, Inclusion{
			Place: at, Path: path, Depth: f.depth + 1, Block: f.block, Top: f.topOf(at),
		})
	}
	open(n, &frame{
		path: path, inclusion: r.inclusions, depth: f.depth + 1, within: f.block, block: f.block,
		active: f.active, never: f.active == Out, top: f.topOf(at),
	})
}

// finish fills in what was read and wanted.
func (r *run) finish() *Result {
	r.res.Wants = r.v.wants
	r.res.Files = keys(r.v.read)
	r.res.Folders = keys(r.v.listed)
	for i := range r.res.Directives {
		if d := &r.res.Directives[i]; d.Value == "" {
			d.Value = strings.Join(d.values, " ")
		}
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
