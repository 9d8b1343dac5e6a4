package plan

import (
	"fmt"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// take removes every line of a keyword in the target's scope from the files
// that may be edited.
func (s *scene) take(w want, subject schema.Range) (string, *schema.Diagnostic) {
	var removed []string
	for _, name := range s.editable(w.target) {
		for line, found := s.settingLine(w, name); found; line, found = s.settingLine(w, name) {
			removed = append(removed, fmt.Sprintf("%s:%d", s.short(name), s.oldLine(sshconf.Place{File: name, Line: line})))
			d := s.draft(name, s.role(name))
			d.remove(line, w.address())
			s.change(s.tree.With(name, d.bytes()))
			s.dropIfEmpty(name)
		}
	}
	if at, set := s.settingElsewhere(w); set {
		diag := s.refusal(w.target, subject, "Setting cannot be removed", fmt.Sprintf(
			"%s (%s) is also set at %s, in a file that sshform does not own. Remove that line, or declare an explicit value.", w.keyword.HCL(), w.keyword, at))
		return "", &diag
	}
	if len(removed) == 0 {
		return "", nil
	}
	return "removes " + strings.Join(removed, ", "), nil
}

// editable returns the files that a target may edit.
func (s *scene) editable(t schema.Target) []string {
	if name, err := s.dropInPath(t); t.File.DropIn != "" && err == nil {
		return []string{name, s.main}
	}
	return []string{s.main}
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
