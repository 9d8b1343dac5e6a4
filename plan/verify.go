package plan

import (
	"cmp"
	"fmt"
	"path"
	"strings"

	"github.com/sshform/sshform/schema"
)

// DropInMark is the first line of a file that is ours.
const DropInMark = "# Written by sshform; edit the HCL instead."

// Limits of a plan file, far above what a plan of this tool holds.
const (
	maxEdits    = 1000
	maxFiles    = 64
	maxLine     = 64 << 10
	maxFileSize = 1 << 20
)

// Verify refuses a plan that would do more than this tool may do, whoever
// wrote it: lines that are not of a managed keyword, files that cannot be
// OpenSSH's, sizes beyond the limits. A forged plan can set a silly interval;
// it cannot write PermitRootLogin. Its errors are *FileError.
func Verify(p *Plan) error {
	seen := map[string]bool{}
	for _, h := range p.Hosts {
		if err := cmp.Or(p.verifyPlace(h), verifyHost(h, h.Decision(), p.Mode)); err != nil {
			return &FileError{Reason: fmt.Sprintf("host %q: %v", h.Host, err)}
		}
		if seen[h.Host] {
			return &FileError{Reason: fmt.Sprintf("host %q stands in it twice", h.Host)}
		}
		seen[h.Host] = true
	}
	return nil
}

func verifyHost(h HostPlan, d Decision, mode Mode) error {
	if h.Host == "" || len(d.Files) > maxFiles {
		return fmt.Errorf("it has no name or too many files")
	}
	if c := h.Connection(); c.Type != schema.OverSSH && c.Type != schema.Local {
		return fmt.Errorf("there is no connection type %q", c.Type)
	}
	if way := d.Facts.Listener.Reload; !knownWay(way) {
		return fmt.Errorf("there is no way to reload called %q", way)
	}
	sides := map[schema.Side]bool{}
	for _, c := range d.Changes {
		if _, known := map[Action]bool{NoOp: true, Create: true, Update: true, Remove: true, Reload: true}[c.Action]; !known {
			return fmt.Errorf("there is no action %q", c.Action)
		}
		sides[c.Address.Side()] = true
	}
	for _, f := range d.Files {
		side := schema.Server
		if f.Role == ClientFile {
			side = schema.Client
		}
		if !sides[side] {
			return fmt.Errorf("%s belongs to no change", f.Path)
		}
		if err := verifyFile(f, side, mode); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return nil
}

func knownWay(w Way) bool {
	switch w {
	case NoListener, SystemdUnit, SocketUnit, PerLogin, SysVInit, OpenRC, Runit, LaunchdWay, BSDRC, PlainSIGHUP, ReloadByHand:
		return true
	}
	return false
}

func verifyFile(f FileEdit, side schema.Side, mode Mode) error {
	for _, p := range []string{f.Path, f.RealPath} {
		if !path.IsAbs(p) || path.Clean(p) != p || strings.ContainsRune(p, 0) {
			return fmt.Errorf("the path %q is not absolute and plain", p)
		}
	}
	switch {
	case f.Role != MainFile && f.Role != DropIn && f.Role != ClientFile:
		return fmt.Errorf("there is no role %q", f.Role)
	case f.Mode&^0o777 != 0 || f.Mode&0o022 != 0 && f.Before == "":
		return fmt.Errorf("a new file may not be writable by others")
	case f.BeforeSize > maxFileSize || len(f.Edits) > maxEdits:
		return fmt.Errorf("it is larger than sshform edits")
	}
	for _, e := range f.Edits {
		verify := verifyEdit
		if mode == Restore {
			verify = verifyReturn
		}
		if err := verify(e, side); err != nil {
			return fmt.Errorf("edit of line %d: %w", e.Line, err)
		}
	}
	return nil
}

func verifyEdit(e Edit, side schema.Side) error {
	if _, err := schema.ParseAddress(e.Address); err != nil {
		return err
	}
	switch e.Op {
	case Insert:
		if e.Old != "" || e.New == "" {
			return fmt.Errorf("an insert has a new line and no old one")
		}
	case Replace:
		if e.Old == "" || e.New == "" {
			return fmt.Errorf("a replace has an old and a new line")
		}
	case Delete:
		if e.Old == "" || e.New != "" {
			return fmt.Errorf("a delete has an old line and no new one")
		}
	default:
		return fmt.Errorf("there is no operation %q", e.Op)
	}
	for _, line := range []string{e.Old, e.New} {
		if line == "" {
			continue
		}
		if err := verifyLine(line, side); err != nil {
			return err
		}
	}
	if isHeader(e.Old) && lineKey(e.New) != lineKey(e.Old) {
		return fmt.Errorf("a block's first line is never removed or changed")
	}
	if e.New != "" && lineKey(e.New) != lineKey(e.Old) {
		return verifyWritten(e.New, side)
	}
	return nil
}

// plainText are the characters besides letters and digits that the arguments of
// managed keywords and the criteria of blocks need. No shell, and no other
// language that a forged plan might aim at, makes anything of them. A form feed
// may end a line that comes back.
const plainText = " \t\f\"'=,.:*?!@/+-_%[]\\"

// verifyWritten accepts a line that is put into a file: only plain text stands
// before its comment, and it runs nothing. Match exec, which ssh runs, is never
// written.
func verifyWritten(line string, side schema.Side) error {
	text := strings.TrimRight(line, "\r\n")
	if strings.HasPrefix(strings.TrimLeft(text, " \t"), "#") {
		return nil
	}
	for at, c := range text {
		if c == '#' && at > 0 && strings.ContainsRune(" \t", rune(text[at-1])) {
			text = text[:at]
			break
		}
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= 0x80
		if !letter && !strings.ContainsRune(plainText, c) {
			return fmt.Errorf("it holds %q, which sshform never writes", c)
		}
	}
	if side == schema.Client && isHeader(text) {
		for _, word := range strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t\"'=!", c) })[1:] {
			if strings.EqualFold(word, "exec") {
				return fmt.Errorf("it is a block that runs a program")
			}
		}
	}
	return nil
}

// verifyReturn accepts what a restore needs beyond other plans: it takes away
// the first line of a block that sshform made, and the line end that it gave to
// the last line of a file. That no other line changes its block is seen from
// the text, by VerifyText.
func verifyReturn(e Edit, side schema.Side) error {
	if e.Op == Replace && lineKey(e.Old) == lineKey(e.New) && len(e.Old) <= maxLine {
		_, err := schema.ParseAddress(e.Address)
		return err
	}
	if e.Op == Delete && e.New == "" && isHeader(e.Old) {
		_, err := schema.ParseAddress(e.Address)
		return cmp.Or(err, verifyLine(e.Old, side))
	}
	return verifyEdit(e, side)
}

// verifyLine accepts one line that this tool may add, change or remove: a
// managed keyword, a block's first line, a comment or a blank one.
func verifyLine(line string, side schema.Side) error {
	text := strings.TrimRight(line, "\r\n")
	if len(line) > maxLine || strings.ContainsAny(text, "\r\n\x00") {
		return fmt.Errorf("it is not one plain line")
	}
	word := firstWord(text)
	if strings.Trim(text, " \t") == "" || strings.HasPrefix(word, "#") || isHeader(text) {
		return nil
	}
	if _, managed := schema.Define(side, word); managed && !strings.Contains(word, "_") {
		return nil
	}
	// The old name of TCPKeepAlive fills the same slot (servconf.c, readconf.c).
	if strings.EqualFold(word, "KeepAlive") {
		return nil
	}
	return fmt.Errorf("%q is not a keyword that sshform manages", word)
}

func isHeader(line string) bool {
	switch strings.ToLower(firstWord(line)) {
	case "match", "host":
		return true
	}
	return false
}

// firstWord returns the keyword as sshd's tokeniser cuts it in all spellings
// that sshform edits; any other spelling yields a word that is no keyword.
func firstWord(line string) string {
	rest := strings.TrimLeft(line, " \t\r")
	if quoted, found := strings.CutPrefix(rest, `"`); found {
		word, _, closed := strings.Cut(quoted, `"`)
		if closed {
			return word
		}
		return rest
	}
	if end := strings.IndexAny(rest, " \t\r\n="); end >= 0 {
		return rest[:end]
	}
	return rest
}
