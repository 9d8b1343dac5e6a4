package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// A spot is one place where a line could be written so that OpenSSH obeys. It
// is a proposal: only a spot that proves itself (see prove) is taken.
type spot struct {
	file   string
	reason string // for the plan: where, and why there
	// write reports whether the line can be written there.
	write func(d *draft) bool
}

// A want is one setting of one target on its way into a file.
type want struct {
	index      int // of the target
	target     schema.Target
	keyword    schema.Keyword
	argument   schema.Argument // as written
	subject    schema.Range
	definition schema.Definition
	login      Login // the witness: for whom the value must be in force
	unset      bool

	// settled and failed say how far it came; reason and file what was done.
	settled, failed bool
	reason, file    string
}

func (w want) address() string { return w.target.Address.String() }

// line is the directive as it is written into a file that has none yet.
func (w want) line() string { return string(w.keyword) + " " + string(w.argument) }

// spots proposes places in the order in which they are preferred: the line
// that decides now; above the Include whose file decides; beside the
// commented default; before the first block; in a block of this scope.
func (s *scene) spots(w want) []spot {
	if w.target.File.DropIn != "" {
		return s.dropInSpots(w)
	}
	if narrow(w.target.Scope) {
		return append(s.blockSpots(w, s.main), s.firstDropInSpot(w)...)
	}
	r := s.now(w.login)
	var spots []spot
	for _, from := range r.Keyword(string(w.keyword)).From {
		if s.owned(from.File) && s.forEverybody(r, from) {
			spots = append(spots, s.replaceSpot(w, from))
		} else if include, found := s.includeInMain(r, from.File); found {
			spots = append(spots, s.aboveSpot(w, include, from))
		}
	}
	if s.side == schema.Client {
		return append(spots, s.defaultBlockSpots(w, r)...)
	}
	return append(spots, s.globalSpots(w)...)
}

// narrow reports whether a scope is less than everybody.
func narrow(scope schema.Scope) bool {
	return scope.Match != "" && !strings.EqualFold(strings.TrimSpace(scope.Match), "all") ||
		scope.Patterns != "" && strings.TrimSpace(scope.Patterns) != "*"
}

// forEverybody reports whether a directive stands in no block, or in one that
// counts for all.
func (s *scene) forEverybody(r *sshconf.Result, at sshconf.Place) bool {
	d, found := directiveAt(r, at)
	return found && catchAll(d.Block)
}

func directiveAt(r *sshconf.Result, at sshconf.Place) (sshconf.Directive, bool) {
	i := slices.IndexFunc(r.Directives, func(d sshconf.Directive) bool { return d.Place == at })
	if i < 0 {
		return sshconf.Directive{}, false
	}
	return r.Directives[i], true
}

// includeInMain climbs from an included file to the Include line of the main
// file that pulled it in.
func (s *scene) includeInMain(r *sshconf.Result, file string) (sshconf.Inclusion, bool) {
	for range 16 {
		include, found := r.IncludeOf(file)
		if !found || include.File == s.main {
			return include, found
		}
		file = include.File
	}
	return sshconf.Inclusion{}, false
}

func (s *scene) replaceSpot(w want, at sshconf.Place) spot {
	reason := "the line just written"
	if line := s.oldLine(at); line != 0 {
		reason = fmt.Sprintf("line %d", line)
	}
	return spot{file: at.File, reason: reason + s.of(at.File), write: func(d *draft) bool {
		before := d.lines[at.Line-1].text
		after := withArgument(d.parse().Line(at.Line), string(w.argument))
		edit := Edit{Op: Replace, Line: at.Line, Old: before, New: after, Address: w.address()}
		if verifyEdit(edit, s.side) != nil {
			return false // OpenSSH and people would not agree about what the line says
		}
		d.replace(at.Line, after, w.address())
		return true
	}}
}

// of names a file that is not the main one, behind what stands in it.
func (s *scene) of(name string) string {
	if name == s.main {
		return ""
	}
	return " of " + path.Base(name)
}

// withArgument returns the line with another argument: indentation, spelling
// of the keyword, separator, comment and line end stay.
func withArgument(line sshconf.Line, argument string) string {
	text := string(line.Text)
	return text[:line.Argument.Start] + argument + text[line.Argument.End:] + line.End
}

func (s *scene) aboveSpot(w want, include sshconf.Inclusion, from sshconf.Place) spot {
	return spot{
		file:   s.main,
		reason: fmt.Sprintf("above Include at line %d, overrules %s", s.oldLine(include.Place), s.pointer(from)),
		write: func(d *draft) bool {
			indent := plainIndent(d.parse().Line(include.Line))
			d.insert(include.Line, indent+w.line()+d.newline(), w.address())
			return true
		},
	}
}

// globalSpots are places for a keyword that no line sets: below its commented
// default, before the first block, at the end, and at the very top.
func (s *scene) globalSpots(w want) []spot {
	file := s.file(s.main)
	first := firstBlock(file)
	var spots []spot
	for _, n := range commentedDefaults(file, w.keyword, 1, first-1) {
		spots = append(spots, s.belowSpot(w, s.main, n, ""))
	}
	if first > file.Len() {
		spots = append(spots, s.insertSpot(w, first, "at the end"))
	} else {
		at := aboveBlank(file, aboveComments(file, first))
		header := s.header(sshconf.Place{File: s.main, Line: first}, file.Line(first).Name())
		spots = append(spots, s.insertSpot(w, at, "before "+header))
	}
	return append(spots, s.insertSpot(w, 1, "at the top"))
}

func (s *scene) insertSpot(w want, line int, reason string) spot {
	return spot{file: s.main, reason: reason, write: func(d *draft) bool {
		d.insert(line, w.line()+d.newline(), w.address())
		return true
	}}
}

// belowSpot writes below the commented default.
func (s *scene) belowSpot(w want, name string, line int, indent string) spot {
	text := quoted(strings.TrimSpace(string(s.file(name).Line(line).Text)))
	return spot{
		file: name, reason: fmt.Sprintf("below line %d%s: %s", s.oldLine(sshconf.Place{File: name, Line: line}), s.of(name), text),
		write: func(d *draft) bool {
			d.insert(line+1, indent+w.line()+d.newline(), w.address())
			return true
		},
	}
}

// firstBlock returns the number of the first Match or Host line, one more
// than the last line if there is none.
func firstBlock(file *sshconf.File) int {
	for _, line := range file.Lines() {
		if line.Is("Match") || line.Is("Host") {
			return line.Number
		}
	}
	return file.Len() + 1
}

// aboveComments moves up over the comments that introduce a block, so that
// they stay with it.
func aboveComments(file *sshconf.File, line int) int {
	for line > 1 {
		above := file.Line(line - 1)
		if above.Comment.Empty() || !above.Keyword.Empty() {
			break
		}
		line--
	}
	return line
}

// aboveBlank moves up over blank lines.
func aboveBlank(file *sshconf.File, line int) int {
	for line > 1 && strings.TrimSpace(string(file.Line(line-1).Text)) == "" {
		line--
	}
	return line
}

// commentedDefaults finds the lines between two, both included, that show the
// keyword's default as distributions do: "#ClientAliveInterval 0".
func commentedDefaults(file *sshconf.File, keyword schema.Keyword, from, to int) []int {
	var found []int
	for n := from; n <= min(to, file.Len()); n++ {
		rest, commented := strings.CutPrefix(strings.TrimSpace(string(file.Line(n).Text)), "#")
		if !commented {
			continue
		}
		if words := strings.Fields(rest); len(words) == 2 && strings.EqualFold(words[0], string(keyword)) {
			found = append(found, n)
		}
	}
	return found
}

// plainIndent is a line's indentation if it is nothing but blanks and tabs.
func plainIndent(line sshconf.Line) string {
	if indent := line.Indent(); strings.Trim(indent, " \t") == "" {
		return indent
	}
	return ""
}

// defaultBlockSpots are places for a client's default: in the last block for
// everybody that counts, or in a new one at the end. An earlier place would
// take the value away from narrower blocks.
func (s *scene) defaultBlockSpots(w want, r *sshconf.Result) []spot {
	var spots []spot
	for _, block := range slices.Backward(r.Blocks) {
		if block.File == s.main && block.Standing == sshconf.In && catchAll(block) {
			spots = append(spots, s.inBlockSpots(w, block)...)
		}
	}
	return append(spots, s.newBlockSpot(w, s.main, 0, "Host *"), s.insertSpot(w, 1, "at the top"))
}

// blockSpots are places for a narrower scope: in its block, or in a new one
// before the first block that would take the value away, or at the end.
func (s *scene) blockSpots(w want, file string) []spot {
	r := s.now(w.login)
	var spots []spot
	for _, block := range r.Blocks {
		if !s.owned(block.File) || !s.sameScope(block, w.target.Scope) {
			continue
		}
		for _, d := range r.In(block, string(w.keyword)) {
			if d.File == block.File {
				spots = append(spots, s.replaceSpot(w, d.Place))
				break
			}
		}
		if block.File == file {
			spots = append(spots, s.inBlockSpots(w, block)...)
		}
	}
	header := "Match " + w.target.Scope.Match
	if s.side == schema.Client {
		header = "Host " + w.target.Scope.Patterns
	}
	for _, block := range r.Blocks {
		if block.File == file && block.Within == nil && block.Standing != sshconf.Out {
			spots = append(spots, s.newBlockSpot(w, file, block.Line, header))
		}
	}
	spots = append(spots, s.newBlockSpot(w, file, 0, header))
	if s.side == schema.Server {
		return s.betterEndFirst(spots, r, w)
	}
	if first := firstBlock(s.file(file)); first <= s.file(file).Len() {
		spots = append(spots, s.newBlockSpot(w, file, first, header))
	}
	return append(spots, s.aboveGlobalSpot(w, header)...)
}

// aboveGlobalSpot writes a block above the line that gives everybody the
// value, and goes on for everybody behind it: ssh obeys the first line.
func (s *scene) aboveGlobalSpot(w want, header string) []spot {
	first := 0
	for _, line := range s.file(s.main).Lines() {
		if !line.Keyword.Empty() {
			first = line.Number
			break
		}
	}
	if first == 0 {
		return nil
	}
	at := aboveComments(s.file(s.main), first)
	reason := newBlock + " above a line just written, which is for everybody"
	if line := s.oldLine(sshconf.Place{File: s.main, Line: first}); line != 0 {
		reason = fmt.Sprintf("%s above line %d, which is for everybody", newBlock, line)
	}
	return []spot{{file: s.main, reason: reason, write: func(d *draft) bool {
		newline := d.newline()
		lines := []string{header + newline, "    " + w.line() + newline, newline, "Host *" + newline}
		for i, text := range lines {
			d.insert(at+i, text, w.address())
		}
		return true
	}}}
}

// betterEndFirst prefers the end of the file for a new block when no block
// there sets the keyword for the scope.
func (s *scene) betterEndFirst(spots []spot, r *sshconf.Result, w want) []spot {
	taken := slices.ContainsFunc(r.Of(string(w.keyword)), func(d sshconf.Directive) bool {
		return d.Block != nil && d.Block.Standing != sshconf.Out
	})
	if taken {
		return spots
	}
	end := slices.IndexFunc(spots, func(p spot) bool { return strings.HasPrefix(p.reason, endOfFile) })
	if end > 0 {
		own := slices.IndexFunc(spots, func(p spot) bool { return strings.HasPrefix(p.reason, newBlock) })
		spots[own], spots[end] = spots[end], spots[own]
	}
	return spots
}

// Wordings that betterEndFirst tells apart.
const (
	newBlock  = "a new block"
	endOfFile = newBlock + " at the end"
)

// sameScope reports whether a block has exactly the criteria or patterns.
func (s *scene) sameScope(b *sshconf.Block, scope schema.Scope) bool {
	if b.Within != nil {
		return false
	}
	if s.side == schema.Client {
		patterns, complaint := sshconf.ParsePatterns(s.dialect(), scope.Patterns)
		return complaint == "" && b.Keyword == "Host" && b.SamePatterns(patterns)
	}
	criteria, complaint := sshconf.ParseCriteria(s.dialect(), scope.Match)
	return complaint == "" && b.Keyword == "Match" && b.SameCriteria(criteria)
}

// inBlockSpots are places in a block: below its commented default, behind its
// last directive, or at its head, indented like its other lines.
func (s *scene) inBlockSpots(w want, block *sshconf.Block) []spot {
	file := s.file(block.File)
	last, indent := block.Line, "    "
	for n := block.Line + 1; n <= min(block.Last, file.Len()); n++ {
		if line := file.Line(n); !line.Keyword.Empty() {
			last, indent = n, plainIndent(line)
		}
	}
	var spots []spot
	for _, n := range commentedDefaults(file, w.keyword, block.Line+1, block.Last) {
		spots = append(spots, s.belowSpot(w, block.File, n, indent))
	}
	name := header(block)
	after := func(line int, reason string) spot {
		return spot{file: block.File, reason: reason + s.header(block.Place, name) + s.of(block.File), write: func(d *draft) bool {
			d.insert(line+1, indent+w.line()+d.newline(), w.address())
			return true
		}}
	}
	spots = append(spots, after(last, "in "))
	if last > block.Line {
		spots = append(spots, after(block.Line, "at the head of "))
	}
	return spots
}

// newBlockSpot writes a block of its own before a line, or at the end (0).
func (s *scene) newBlockSpot(w want, file string, before int, header string) spot {
	reason := endOfFile
	if before > 0 {
		reason = newBlock + " before another new one"
		if line := s.oldLine(sshconf.Place{File: file, Line: before}); line != 0 {
			reason = fmt.Sprintf("%s before line %d", newBlock, line)
		}
	}
	return spot{file: file, reason: reason, write: func(d *draft) bool {
		at := len(d.lines) + 1
		if before > 0 {
			at = aboveComments(d.parse(), before)
		}
		if file != s.main && at == 1 && len(d.lines) > 0 {
			at = 2 // the mark of a file of our own stays its first line
		}
		newline := d.newline()
		var lines []string
		if before == 0 && len(d.lines) > 0 && strings.TrimSpace(d.lines[len(d.lines)-1].text) != "" {
			lines = append(lines, newline)
		}
		lines = append(lines, header+newline, "    "+w.line()+newline)
		if before > 0 {
			lines = append(lines, newline)
		}
		for i, text := range lines {
			d.insert(at+i, text, w.address())
		}
		return true
	}}
}

// dropInSpots are places in a file of our own.
func (s *scene) dropInSpots(w want) []spot {
	name, err := s.dropInPath(w.target)
	if err != nil {
		return nil
	}
	if s.tree.File(name) == nil {
		return []spot{s.newFileSpot(w, name, "in a new "+path.Base(name))}
	}
	if narrow(w.target.Scope) {
		return s.blockSpots(w, name)
	}
	file := s.file(name)
	first := firstBlock(file)
	for _, line := range file.Lines()[:first-1] {
		if line.Is(string(w.keyword)) {
			return []spot{s.replaceSpot(w, sshconf.Place{File: name, Line: line.Number})}
		}
	}
	return []spot{{file: name, reason: "in " + path.Base(name), write: func(d *draft) bool {
		d.insert(first, w.line()+d.newline(), w.address())
		return true
	}}}
}

// newFileSpot writes a file of our own that is not there yet, or one in which
// another target has just left nothing but its mark.
func (s *scene) newFileSpot(w want, name, reason string) spot {
	return spot{file: name, reason: reason, write: func(d *draft) bool {
		if len(d.lines) == 0 {
			d.insert(1, DropInMark+d.newline(), w.address())
		}
		at, lines := 2, []string{w.line()}
		if narrow(w.target.Scope) {
			at, lines = len(d.lines)+1, []string{"Match " + w.target.Scope.Match, "    " + w.line()}
		}
		for i, text := range lines {
			d.insert(at+i, text+d.newline(), w.address())
		}
		return true
	}}
}

// FirstDropIn is the file of our own in which a Match block goes when an
// included file wins over the main one and the block names no drop_in: a name
// that sorts before all that distributions and cloud-init use.
const FirstDropIn = "00-sshform.conf"

// firstDropInSpot writes a Match block into a file of our own that is read
// before the one that wins now.
func (s *scene) firstDropInSpot(w want) []spot {
	from := s.now(w.login).Keyword(string(w.keyword)).From
	if s.side == schema.Client || len(from) == 0 || s.owned(from[0].File) {
		return nil
	}
	name, err := s.includedPath(FirstDropIn)
	if err != nil || !s.known(name) || s.observed(name).State != Missing {
		return nil
	}
	overruled := ", overrules " + s.pointer(from[0])
	if s.tree.File(name) != nil {
		spots := s.blockSpots(w, name)
		for i := range spots {
			spots[i].reason += overruled
		}
		return spots
	}
	return []spot{s.newFileSpot(w, name, "in a new "+FirstDropIn+overruled)}
}

// dropInPath returns where a target's drop-in lies.
func (s *scene) dropInPath(t schema.Target) (string, error) { return s.includedPath(t.File.DropIn) }

// includedPath returns where a file of a name would be read: in a folder of
// which the global section of the main file includes every file named like it.
func (s *scene) includedPath(base string) (string, error) {
	missing := ""
	file := s.file(s.main)
	for _, line := range file.Lines()[:firstBlock(file)-1] {
		if !line.Is("Include") {
			continue
		}
		// Patterns of Include are quoted like those of Host.
		patterns, _ := sshconf.ParsePatterns(s.dialect(), line.Value())
		for _, pattern := range patterns {
			if !path.IsAbs(pattern) {
				pattern = path.Join("/etc/ssh", pattern)
			}
			folder := path.Dir(pattern)
			if matched, err := path.Match(path.Base(pattern), base); err != nil || !matched || strings.ContainsAny(folder, "*?[") {
				continue
			}
			if f, listed := s.o.Folders[folder]; !listed || !f.Missing {
				return path.Join(folder, base), nil
			}
			missing = fmt.Sprintf(" (the folder %s does not exist)", folder)
		}
	}
	return "", fmt.Errorf("no Include line in the global section of %s would read a file called %s%s", s.main, base, missing)
}

// oldLine returns the number that a line has in the file as people see it,
// before any edit; 0 for a line that is new.
func (s *scene) oldLine(at sshconf.Place) int {
	d, begun := s.drafts[at.File]
	if begun && at.Line <= len(d.lines) {
		return d.lines[at.Line-1].old
	}
	return at.Line
}

// header names the first line of a block by its number, or as the new one.
func (s *scene) header(at sshconf.Place, text string) string {
	if line := s.oldLine(at); line != 0 {
		return fmt.Sprintf("%s at line %d", text, line)
	}
	return "the new " + text
}

// pointer is FILE:LINE, or the file alone for a new line.
func (s *scene) pointer(at sshconf.Place) string {
	if line := s.oldLine(at); line != 0 {
		return fmt.Sprintf("%s:%d", s.short(at.File), line)
	}
	return s.short(at.File)
}

// parse returns the draft as a file.
func (d *draft) parse() *sshconf.File { return sshconf.Parse(d.bytes()) }

// newline returns the line end that the file uses.
func (d *draft) newline() string {
	if len(d.lines) > 0 && strings.HasSuffix(d.lines[0].text, "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// file returns a file of the tree, an empty one if there is none.
func (s *scene) file(name string) *sshconf.File {
	if file := s.tree.File(name); file != nil {
		return file
	}
	return sshconf.Parse(nil)
}
