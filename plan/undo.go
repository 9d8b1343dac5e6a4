package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A Done is what one run did on a host, as the record on the host tells it.
type Done struct {
	Run   string
	Files []FileEdit
	// Old has the bytes that stood at each real path before the run.
	Old map[string][]byte
	// AfterPruned says that records of runs before this one, and after the one
	// that stands before it in a list, may be gone. What they did is then seen
	// from the texts.
	AfterPruned bool
}

// A leftover is a line that a run wrote and that somebody changed since. It is
// left as it is.
type leftover struct {
	line int // in the present file; 0 if there is none to name
	text string
}

// inverse takes back in a draft what edits did to before: line by line, where
// the line still is as the run left it. It returns what it had to leave, and
// fails if the edits do not fit their own text.
func inverse(d *draft, before []byte, f FileEdit) ([]leftover, error) {
	if f.After == "" {
		return returnFile(d, before, f), nil
	}
	t, err := takeBack(d, before, f.Edits)
	if err != nil {
		return nil, err
	}
	for i, line := range t.then {
		switch {
		case line.edit == nil:
		case line.edit.Op == Insert:
			t.uninsert(i, *line.edit)
		default:
			t.unreplace(i, *line.edit)
		}
	}
	for _, at := range t.deleted {
		t.undelete(at.before, at.edit)
	}
	t.keepHeaders()
	t.write()
	t.trimEnd(before)
	return t.left, nil
}

// returnFile brings a removed file back, unless another one has its place.
func returnFile(d *draft, before []byte, f FileEdit) []leftover {
	if len(d.lines) > 0 {
		if string(d.bytes()) == string(before) {
			return nil
		}
		return []leftover{{1, "the run removed the file, and there is another one now"}}
	}
	address := ""
	if len(f.Edits) > 0 {
		address = f.Edits[0].Address
	}
	for i, line := range splitLines(before) {
		d.insert(i+1, string(line), address)
	}
	return nil
}

// An undoing is one run's edits on the way out of a draft.
type undoing struct {
	d *draft
	// then are the lines as the run left them, deleted the lines it removed.
	then    []thenLine
	deleted []deletion
	// at says where each line of then stands in the draft; -1 if nowhere.
	at    []int
	taken []bool // lines of the draft that some line of then is
	olds  map[string]bool

	drop    map[int]string // line of the draft to the address of its edit
	change  map[int]draftLine
	restore map[int][]draftLine // before a line of the draft
	left    []leftover
	address string // of the first edit, for what serves all
}

type thenLine struct {
	text string
	edit *Edit // that wrote it; nil for an untouched line
}

type deletion struct {
	before int // index in then
	edit   Edit
}

func takeBack(d *draft, before []byte, edits []Edit) (*undoing, error) {
	after, err := Replay(before, edits)
	if err != nil {
		return nil, err
	}
	t := &undoing{
		d: d, olds: map[string]bool{}, drop: map[int]string{}, change: map[int]draftLine{},
		restore: map[int][]draftLine{}, taken: make([]bool, len(d.lines)),
	}
	if len(edits) > 0 {
		t.address = edits[0].Address
	}
	lines := splitLines(after)
	old := 1 // next line of before
	keep := func(end int) {
		for ; old < end; old++ {
			t.then = append(t.then, thenLine{})
		}
	}
	for i := range edits {
		e := &edits[i]
		keep(e.Line)
		if e.Op == Delete {
			t.deleted = append(t.deleted, deletion{len(t.then), *e})
		} else {
			t.then = append(t.then, thenLine{edit: e})
		}
		if e.Op != Insert {
			old++
			t.olds[lineKey(e.Old)] = true
		}
	}
	keep(len(splitLines(before)) + 1)
	if len(lines) != len(t.then) {
		return nil, fmt.Errorf("an edit of the record is not one line")
	}
	for i := range t.then {
		t.then[i].text = string(lines[i])
	}
	t.at = align(texts(t.then), draftTexts(d))
	for _, j := range t.at {
		if j >= 0 {
			t.taken[j] = true
		}
	}
	return t, nil
}

func texts(lines []thenLine) []string {
	all := make([]string, len(lines))
	for i, line := range lines {
		all[i] = line.text
	}
	return all
}

func draftTexts(d *draft) []string {
	all := make([]string, len(d.lines))
	for i, line := range d.lines {
		all[i] = line.text
	}
	return all
}

// gap returns the lines of the draft between the neighbours of a line of then:
// what somebody wrote there since.
func (t *undoing) gap(i int) (from, to int) {
	to = len(t.d.lines)
	for p := i - 1; p >= 0; p-- {
		if t.at[p] >= 0 {
			from = t.at[p] + 1
			break
		}
	}
	for q := i; q < len(t.at); q++ {
		if t.at[q] >= 0 {
			to = t.at[q]
			break
		}
	}
	return from, to
}

func (t *undoing) uninsert(i int, e Edit) {
	if j := t.at[i]; j >= 0 {
		t.drop[j] = e.Address
		return
	}
	if slotOf(e.New) == "" {
		return // a comment or a blank line that is gone
	}
	if j, rival := t.rival(i, e.New); rival {
		t.leave(j, "it was %q after the run", e.New)
		return
	}
	for j, line := range t.d.lines {
		if !t.taken[j] && lineKey(line.text) == lineKey(e.New) {
			t.leave(j, "somebody moved it")
			return
		}
	}
}

func (t *undoing) unreplace(i int, e Edit) {
	if j := t.at[i]; j >= 0 {
		t.change[j] = draftLine{text: e.Old, address: e.Address}
		return
	}
	if t.isBack(i, e.Old) {
		return
	}
	if j, rival := t.rival(i, e.New); rival {
		t.leave(j, "it was %q after the run", e.New)
		return
	}
	t.left = append(t.left, leftover{0, fmt.Sprintf("the line %q, which the run wrote, is gone, so %q is not put back", strings.TrimSpace(e.New), strings.TrimSpace(e.Old))})
}

func (t *undoing) undelete(i int, e Edit) {
	if t.isBack(i, e.Old) {
		return
	}
	if j, rival := t.rival(i, e.Old); rival {
		t.leave(j, "the run removed %q, and somebody wrote this line since", e.Old)
		return
	}
	from, to := t.gap(i)
	if i < len(t.at) && t.at[i] >= 0 {
		from = to
	}
	t.restore[from] = append(t.restore[from], draftLine{text: e.Old, address: e.Address})
}

// isBack reports whether somebody put an old line back already.
func (t *undoing) isBack(i int, old string) bool {
	from, to := t.gap(i)
	for j := from; j < to; j++ {
		if !t.taken[j] && lineKey(t.d.lines[j].text) == lineKey(old) {
			return true
		}
	}
	return false
}

// rival finds a line that somebody else wrote in the place of one, for the
// same keyword.
func (t *undoing) rival(i int, text string) (int, bool) {
	from, to := t.gap(i)
	for j := from; j < to; j++ {
		line := t.d.lines[j].text
		if !t.taken[j] && slotOf(line) != "" && slotOf(line) == slotOf(text) && !t.olds[lineKey(line)] {
			return j, true
		}
	}
	return 0, false
}

func (t *undoing) leave(j int, format string, old ...any) {
	for i, text := range old {
		old[i] = strings.TrimSpace(text.(string))
	}
	line := t.d.lines[j]
	t.left = append(t.left, leftover{line.old, fmt.Sprintf("%q: "+format, append([]any{strings.TrimSpace(line.text)}, old...)...)})
}

// keepHeaders leaves the first line of a block where without it a line that
// stays would come under another one.
func (t *undoing) keepHeaders() {
	for again := true; again; {
		again = false
		was, is, header := "", "", -1
		for j, line := range t.d.lines {
			_, dropped := t.drop[j]
			switch {
			case isHeader(line.text):
				was, header = blockOf(line.text), j
				if !dropped {
					is = was
				}
			case !dropped && slotOf(line.text) != "" && was != is:
				delete(t.drop, header)
				t.leave(header, "the block has other lines by now")
				is, again = was, true
			}
		}
	}
}

// blockOf is what a Match or Host line says, without its spelling; empty for
// one that everybody passes.
func blockOf(header string) string {
	header = lineKey(header)
	text := strings.ToLower(firstWord(header)) + " " + strings.Join(strings.Fields(header)[1:], " ")
	if text == "host *" || strings.EqualFold(text, "match all") {
		return ""
	}
	return text
}

// write carries everything out in the draft.
func (t *undoing) write() {
	var lines []draftLine
	for j := 0; j <= len(t.d.lines); j++ {
		lines = append(lines, t.restore[j]...)
		if j == len(t.d.lines) {
			break
		}
		line := t.d.lines[j]
		if address, dropped := t.drop[j]; dropped {
			if line.old != 0 {
				t.d.removed[line.old] = address
			}
			continue
		}
		if c, changed := t.change[j]; changed {
			line.text, line.address = c.text, c.address
		}
		lines = append(lines, line)
	}
	for i := range lines[:max(0, len(lines)-1)] {
		if !strings.HasSuffix(lines[i].text, "\n") {
			lines[i].text += "\n"
			lines[i].address = cmp.Or(lines[i].address, t.address)
		}
	}
	t.d.lines = lines
}

// trimEnd takes the line end away that the run gave to the last line so that
// others could follow it.
func (t *undoing) trimEnd(before []byte) {
	old := splitLines(before)
	if len(t.d.lines) == 0 || len(old) == 0 {
		return
	}
	for _, line := range slices.Backward(t.then) {
		if line.edit != nil && line.edit.Op == Insert {
			continue
		}
		last, was := &t.d.lines[len(t.d.lines)-1], string(old[len(old)-1])
		if strings.HasSuffix(line.text, "\n") && last.text == was+"\n" {
			last.text, last.address = was, cmp.Or(last.address, t.address)
		}
		return
	}
}

// slotOf is the keyword of a line, in lower case and under its present name;
// empty for a comment and a blank line.
func slotOf(line string) string {
	word := firstWord(lineKey(line))
	if strings.HasPrefix(word, "#") {
		return ""
	}
	word = strings.ToLower(word)
	if word == "keepalive" {
		return "tcpkeepalive"
	}
	return word
}

// VerifyText refuses an edited text in which a line that is not of a managed
// keyword appeared, went away, or came under another Match or Host line: what
// single edits cannot tell.
func VerifyText(side schema.Side, before, after []byte) error {
	was, is := foreignLines(side, before), foreignLines(side, after)
	if !slices.Equal(was, is) {
		return fmt.Errorf("the edits move lines that sshform does not manage into another block, or change them")
	}
	return nil
}

type foreignLine struct{ block, text string }

func foreignLines(side schema.Side, text []byte) []foreignLine {
	var lines []foreignLine
	block := ""
	for raw := range strings.Lines(string(text)) {
		line := lineKey(raw)
		slot := slotOf(line)
		if slot == "" {
			continue
		}
		if isHeader(line) {
			block = blockOf(line)
			continue
		}
		if _, managed := schema.Define(side, slot); !managed {
			lines = append(lines, foreignLine{block, line})
		}
	}
	return lines
}
