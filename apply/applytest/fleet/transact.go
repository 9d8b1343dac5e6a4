package fleet

import (
	"bufio"
	"bytes"
	"path"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// A run is a transaction on a host, from its lock to its end.
type run struct {
	id, folder string
	files      []replaced
	token      string
	locked     bool
	reloaded   bool
}

// A replaced is a file of a run, as its manifest has it.
type replaced struct{ kind, real, stage, old, saved string }

func readManifest(text string) *run {
	r := &run{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if key == "file" {
			r.files = append(r.files, replaced{kind: value})
		}
		if len(r.files) == 0 {
			continue
		}
		f := &r.files[len(r.files)-1]
		switch key {
		case "real":
			f.real = value
		case "stage":
			f.stage = value
		case "old":
			f.old = value
		case "saved":
			f.saved = value
		}
	}
	return r
}

// transact is transact.sh: the folder of the run, a verb, its words.
func (h *Host) transact(args []string, a *answer) {
	if len(args) < 2 {
		a.fail(2, "words are missing")
		return
	}
	r := h.runOf(args[0])
	if r == nil {
		a.fail(2, "%s/manifest: No such file or directory", args[0])
		return
	}
	for _, verb := range strings.Split(args[1], ",") {
		h.do(r, verb, args[2:], a)
		if a.status != 0 {
			return
		}
	}
}

func (h *Host) runOf(folder string) *run {
	for _, r := range h.runs {
		if r.folder == folder {
			return r
		}
	}
	return nil
}

func (h *Host) do(r *run, verb string, words []string, a *answer) {
	switch verb {
	case "judge":
		h.judgeRun(r, words, a)
	case "arm":
		h.move(r, "preparing", "armed", a)
	case "swap":
		h.swap(r, a)
	case "reload":
		r.reloaded = true
		if !h.reload() {
			a.fail(1, "sshd refuses its files")
		}
	case "commit":
		if h.move(r, "armed", "committed", a) {
			h.finish(r)
		}
	case "clean":
		if h.move(r, "preparing", "cleaned", a) {
			h.sweep(r)
			if h.files[r.folder+"/record.json"] != nil {
				h.settle(r, false)
			}
			h.forget(r)
		}
	case "restore":
		h.restore(r, a)
	default:
		a.fail(2, "a simulated host does not know the verb %s", verb)
	}
}

func (h *Host) move(r *run, from, to string, a *answer) bool {
	if r.token != from {
		a.fail(1, "the run is over: its token says %s", r.token)
		return false
	}
	r.token = to
	return true
}

// judgeRun is what -t and -T say before and after: the words are the mark and
// the logins.
func (h *Host) judgeRun(r *run, words []string, a *answer) {
	if len(words) == 0 {
		a.fail(2, "words are missing")
		return
	}
	mark, logins := words[0], words[1:]
	for _, phase := range []string{"before", "after"} {
		instead := map[string][]byte{}
		if phase == "after" {
			instead = h.candidates(r)
		}
		dump, said, status := h.judge(instead)
		a.say("%s %s check %d\n%s\n%s end", mark, phase, status, strings.TrimRight(said, "\n"), mark)
		for range logins {
			h.dumped(a, mark, dump, complaint(said), status)
		}
	}
}

// candidates are the staged files, by the paths they stand for. New and removed
// files are not known here: this fleet's files are edited.
func (h *Host) candidates(r *run) map[string][]byte {
	instead := map[string][]byte{}
	for _, f := range r.files {
		if staged := h.files[f.stage]; staged != nil {
			instead[f.real] = staged.bytes
		}
	}
	return instead
}

func (h *Host) swap(r *run, a *answer) {
	if r.token != "armed" {
		a.fail(1, "the run is over: its token says %s", r.token)
		return
	}
	for _, f := range r.files {
		real, saved, staged := h.files[f.real], h.files[f.saved], h.files[f.stage]
		if f.kind != "edit" || real == nil || saved == nil || staged == nil || !bytes.Equal(real.bytes, saved.bytes) {
			a.say("stale %s", f.real)
			a.status = 1
			return
		}
		h.files[f.old] = real
		real.changed = h.now()
		h.rename(f.stage, f.real)
	}
}

// restore puts the old files back.
func (h *Host) restore(r *run, a *answer) {
	if r.token == "preparing" {
		h.do(r, "clean", nil, a)
		a.say("cleaned")
		return
	}
	if r.token != "restoring" && !h.move(r, "armed", "restoring", a) {
		return
	}
	for _, f := range slices.Backward(r.files) {
		if h.files[f.old] != nil {
			h.rename(f.old, f.real)
		}
	}
	if r.reloaded {
		h.reload()
	}
	r.token = "restored"
	h.finish(r)
	a.say("restored ")
}

// finish sweeps, remembers and unlocks.
func (h *Host) finish(r *run) {
	h.sweep(r)
	h.settle(r, true)
	h.put(r.folder+"/verdict", []byte(r.token+"\n"), 0o600)
}

// sweep removes what lies beside the files, and unlocks.
func (h *Host) sweep(r *run) {
	for _, f := range r.files {
		h.remove(f.stage)
		h.remove(f.old)
	}
	if r.locked {
		h.lock = ""
	}
}

// settle remembers how the run leaves folders, and with claimed those files that
// are as they were before it.
func (h *Host) settle(r *run, claimed bool) {
	var lines []string
	if before := h.files[stateDir+"/settled"]; before != nil {
		lines = slices.Collect(strings.Lines(string(before.bytes)))
		lines = lines[max(0, len(lines)-settledKept):]
	}
	remember := func(name string) {
		if left := h.files[name]; left != nil {
			lines = append(lines, stamp(left.changed)+" "+name+"\n")
		}
	}
	for _, f := range slices.Backward(r.files) {
		remember(path.Dir(f.real))
		real, saved := h.files[f.real], h.files[f.saved]
		if claimed && real != nil && saved != nil && bytes.Equal(real.bytes, saved.bytes) {
			remember(f.real)
		}
	}
	h.put(stateDir+"/settled", []byte(strings.Join(lines, "")), 0o600)
}

// settledKept is how many lines of earlier runs are kept.
const settledKept = 200

// forget removes a run's folder.
func (h *Host) forget(r *run) {
	for name := range h.files {
		if name == r.folder || strings.HasPrefix(name, r.folder+"/") {
			delete(h.files, name)
		}
	}
	delete(h.runs, r.id)
}

// rehearse becomes an sshd for one login on the channel, if the files that it
// would read are good: the words are the folder of the run, the verb, and which
// tree. It returns the exit status.
func (h *Host) rehearse(in *bufio.Reader, ch ssh.Channel, words []string) int {
	if len(words) != 3 || words[1] != "rehearse" {
		return 2
	}
	if !h.rehearses(words[0], words[2] == "candidate") {
		return 255
	}
	h.serve(&channelConn{in: in, ch: ch})
	return 0
}

func (h *Host) rehearses(folder string, candidate bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.runOf(folder)
	if r == nil {
		return false
	}
	instead := map[string][]byte{}
	if candidate {
		instead = h.candidates(r)
	}
	_, _, status := h.judge(instead)
	return status == 0
}

// A channelConn is a connection over the standard streams of a program.
type channelConn struct {
	place
	in *bufio.Reader
	ch ssh.Channel
}

func (c *channelConn) Read(p []byte) (int, error)  { return c.in.Read(p) }
func (c *channelConn) Write(p []byte) (int, error) { return c.ch.Write(p) }
func (c *channelConn) Close() error                { return c.ch.Close() }
