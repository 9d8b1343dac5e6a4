package plan

import (
	"path"
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
		if len(wants) == 0 && (o.Mute == "" || s.side == schema.Client) {
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
	wants := s.before(s.everybody()).Wants
	if len(wants) > 0 {
		return wants
	}
	for _, login := range s.judges() {
		wants = append(wants, s.before(login).Wants...)
	}
	for _, t := range s.targets {
		if t.File.DropIn == "" {
			continue
		}
		if name, err := s.dropInPath(t); err == nil && !s.known(name) {
			wants = append(wants, sshconf.Want{Path: name})
			if _, listed := s.o.Folders[path.Dir(name)]; !listed {
				wants = append(wants, sshconf.Want{Path: path.Dir(name), Folder: true})
			}
		}
	}
	return wants
}

// unasked returns the logins whose answer from the host's own program is
// missing.
func (s *scene) unasked() []Login {
	var logins []Login
	for _, login := range s.asked() {
		if _, answered := s.o.Answers[login]; !answered {
			logins = append(logins, login)
		}
	}
	return logins
}
