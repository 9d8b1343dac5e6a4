package plan

import (
	"slices"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// Asks names what is still wanted to decide about the targets of one host.
// Everything in one answer can be fetched together. When it is empty, the
// observation is whole.
func Asks(targets []schema.Target, o *Observed) Asking {
	var asking Asking
	for _, g := range byFile(targets, o) {
		s := newScene(g, o)
		wants := s.wants()
		for _, w := range wants {
			if w.Folder {
				asking.Folders = append(asking.Folders, w.Path)
			} else {
				asking.Files = append(asking.Files, w.Path)
			}
		}
		// Whom to ask is known only when all files are.
		if len(wants) == 0 && o.Mute == "" {
			asking.Logins = append(asking.Logins, s.unasked()...)
		}
	}
	slices.Sort(asking.Files)
	slices.Sort(asking.Folders)
	asking.Files = slices.Compact(asking.Files)
	asking.Folders = slices.Compact(asking.Folders)
	return asking
}

// wants returns what the resolver misses for any login of interest, and the
// drop-ins that targets name.
func (s *scene) wants() []sshconf.Want {
	wants := s.now(s.everybody()).Wants
	if len(wants) > 0 {
		return wants
	}
	for _, login := range s.witnesses() {
		wants = append(wants, s.now(login).Wants...)
	}
	for _, t := range s.targets {
		if t.File.DropIn == "" {
			continue
		}
		if name, err := s.dropInPath(t); err == nil {
			if _, known := s.o.Files[name]; !known {
				wants = append(wants, sshconf.Want{Path: name})
			}
		}
	}
	return wants
}

// unasked returns the logins whose answer from the host's own program is
// missing.
func (s *scene) unasked() []Login {
	var logins []Login
	for _, login := range append([]Login{s.everybody()}, s.witnesses()...) {
		if _, answered := s.o.Answers[login]; !answered && login.Group == "" {
			logins = append(logins, login)
		}
	}
	return logins
}
