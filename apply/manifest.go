package apply

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sshform/sshform/plan"
)

// A fileChange is one file of a transaction, with the names of everything the
// run puts beside it.
type fileChange struct {
	plan.FileEdit
	before, after []byte
	// mode, uid and gid are those of the file that is replaced, or what the
	// plan says for a new one.
	mode     uint32
	uid, gid int
	// stage and old lie beside the real file, hidden from Include patterns by
	// the leading dot; saved is the copy in the run's folder.
	stage, old, saved string
}

// kind is the word of transact.sh.
func (c fileChange) kind() string {
	switch {
	case c.Before == "":
		return "create"
	case c.After == "":
		return "remove"
	}
	return "edit"
}

func newFileChange(f plan.FileEdit, run, folder string, number int) fileChange {
	dir, name := path.Split(f.RealPath)
	beside := dir + "." + name + ".sshform-" + run
	return fileChange{
		FileEdit: f, stage: beside + ".new", old: beside + ".old",
		saved: path.Join(folder, "old", strconv.Itoa(number)),
	}
}

// swapOrder is the order in which files change: new ones first, main files
// after the drop-ins, removals last. Every tree in between is whole (rule 17).
func swapOrder(files []fileChange) {
	rank := func(c fileChange) int {
		switch {
		case c.kind() == "create":
			return 0
		case c.kind() == "remove":
			return 3
		case c.Role == plan.DropIn:
			return 1
		}
		return 2
	}
	slices.SortStableFunc(files, func(a, b fileChange) int { return rank(a) - rank(b) })
}

// A manifest tells the host's script what to work on, a value a line.
type manifest struct {
	id, nonce, state string
	timeout          time.Duration
	backups          int
	listener         listener
	program          string
	tree             string // main file of a copied tree, where there is no namespace
	namespaces       bool
	treeFolders      []string // below which the copied tree has files
	command          []string // the site's own way to reload; empty is the platform's
	files            []fileChange
}

// text returns the manifest. Values with a line break cannot be told and are
// refused.
func (m manifest) text() (string, error) {
	var b strings.Builder
	var bad error
	line := func(key, value string) {
		if strings.ContainsAny(value, "\n\x00") {
			bad = fmt.Errorf("%s %q has a line break in it", key, value)
		}
		b.WriteString(key + " " + value + "\n")
	}
	line("id", m.id)
	line("nonce", m.nonce)
	line("state", m.state)
	line("timeout", strconv.Itoa(int(m.timeout/time.Second)))
	line("backups", strconv.Itoa(m.backups))
	line("way", string(m.listener.Reload))
	line("unit", m.listener.Unit)
	line("sockets", m.listener.sockets)
	line("program", m.program)
	line("pid", strconv.Itoa(m.listener.PID))
	line("pidfile", m.listener.pidFile)
	line("tree", m.tree)
	for _, option := range m.listener.Args {
		line("option", option)
	}
	line("namespaces", map[bool]string{true: "yes", false: "no"}[m.namespaces])
	for _, folder := range m.treeFolders {
		line("treefolder", folder)
	}
	for _, word := range m.command {
		line("command", word)
	}
	for _, f := range m.files {
		line("file", f.kind())
		line("real", f.RealPath)
		line("stage", f.stage)
		line("old", f.old)
		line("saved", f.saved)
	}
	return b.String(), bad
}

// recordJSON is the record of a run, as it lies on the host.
func recordJSON(r Record) []byte {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("apply: a record that cannot be written: %v", err))
	}
	return append(text, '\n')
}
