package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// take removes every line of a keyword in the target's scope from the files
// that may be edited.
func (s *scene) take(w *want) (string, *schema.Diagnostic) {
	var removed []string
	for _, name := range s.editable(*w) {
		for line, found := s.settingLine(*w, name); found; line, found = s.settingLine(*w, name) {
			d := s.draft(name, s.role(name))
			at := sshconf.Place{File: name, Line: s.oldLine(sshconf.Place{File: name, Line: line})}
			removed = append(removed, fmt.Sprintf("%s:%d", s.short(name), at.Line))
			if why := s.withoutLine(*w, d, name, line); why != "" {
				return "", s.stuck(*w, fmt.Sprintf("%s cannot be taken out: %s", at, why))
			}
			w.file = name
			s.dropIfEmpty(name)
		}
	}
	if at, set := s.settingElsewhere(*w); set {
		return "", s.stuck(*w, fmt.Sprintf("it is also set at %s, in a file that sshform does not own", at))
	}
	if len(removed) == 0 {
		return "", nil
	}
	return "removes " + strings.Join(removed, ", ") + s.emptied(*w), nil
}

// emptied names a block of the target's scope in which nothing is left. Its
// first line stays: it takes nothing from anybody, and a plan that could remove
// first lines of blocks could give to everybody what follows them (see
// verifyEdit).
func (s *scene) emptied(w want) string {
	if !narrow(w.target.Scope) {
		return ""
	}
	r := s.now(w.login)
	holds := map[*sshconf.Block]bool{}
	for _, d := range r.Directives {
		holds[d.Block] = true
	}
	for _, in := range r.Includes {
		holds[in.Block] = true
	}
	for _, b := range r.Blocks {
		if s.owned(b.File) && s.sameScope(b, w.target.Scope) && !holds[b] {
			return "; " + s.header(b.Place, header(b)) + s.of(b.File) + " stays, and sets nothing"
		}
	}
	return ""
}

// withoutLine removes a line, unless that changes anything but the keyword.
func (s *scene) withoutLine(w want, d *draft, name string, line int) (why string) {
	before := map[Login]*sshconf.Result{}
	for _, login := range s.judges() {
		before[login] = s.now(login)
	}
	if err := verifyEdit(Edit{Op: Delete, Line: line, Old: d.lines[line-1].text, Address: w.address()}, s.side); err != nil {
		return err.Error()
	}
	d.remove(line, w.address())
	s.change(s.edited(name, d.bytes()))
	for login, was := range before {
		if is := s.now(login); !is.Valid() && was.Valid() || !s.sameBut(was, is, w.keyword) {
			return "OpenSSH reads it together with another line"
		}
	}
	return ""
}

// stuck says why a setting cannot be removed.
func (s *scene) stuck(w want, why string) *schema.Diagnostic {
	diag := s.refusal(w.target, w.subject, "Setting cannot be removed", fmt.Sprintf(
		"%s (%s): %s. Remove that line by hand, or declare an explicit value.", w.keyword.HCL(), w.keyword, why))
	return &diag
}

// editable returns the files that a target may edit: those of our own that
// are read, and the main file.
func (s *scene) editable(w want) []string {
	var names []string
	for _, in := range s.now(w.login).Includes {
		if in.Path != s.main && s.owned(in.Path) && !slices.Contains(names, in.Path) {
			names = append(names, in.Path)
		}
	}
	return append(names, s.main)
}

// settingLine finds a line of the keyword in a file, in the target's scope.
func (s *scene) settingLine(w want, name string) (int, bool) {
	for _, d := range s.now(w.login).Of(string(w.keyword)) {
		if d.File == name && s.inScope(d, w.target.Scope) {
			return d.Line, true
		}
	}
	return 0, false
}

// settingElsewhere finds a line of the keyword in the target's scope that
// still counts.
func (s *scene) settingElsewhere(w want) (sshconf.Place, bool) {
	for _, d := range s.now(w.login).Of(string(w.keyword)) {
		if d.Counts && s.inScope(d, w.target.Scope) {
			return d.Place, true
		}
	}
	return sshconf.Place{}, false
}

// inScope reports whether a directive stands in exactly the scope.
func (s *scene) inScope(d sshconf.Directive, scope schema.Scope) bool {
	if !narrow(scope) {
		return catchAll(d.Block)
	}
	return d.Block != nil && s.sameScope(d.Block, scope)
}

// dropIfEmpty removes a file of our own in which nothing is left.
func (s *scene) dropIfEmpty(name string) {
	if s.role(name) != DropIn {
		return
	}
	for _, line := range s.file(name).Lines() {
		if !line.Keyword.Empty() && !line.Is("Match") {
			return
		}
	}
	s.gone[name] = true
	s.change(s.tree.Without(name))
}
