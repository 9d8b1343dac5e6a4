package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// proves resolves an edited tree for everybody and for each block: the wanted
// value must be in force in the target's scope, narrower blocks keep theirs,
// and no other keyword may have another value.
func (s *scene) proves(tree *sshconf.Tree, w want) bool {
	wanted := canonical(w.definition, []string{string(w.argument)})
	for _, login := range s.judges(w) {
		before, after := s.now(login), s.now(login)
		if tree != s.tree {
			after = s.ask(tree, login)
		}
		if !after.Valid() && s.o.Files[s.main].State == Regular {
			return false
		}
		was := before.Keyword(string(w.keyword))
		is := canonical(w.definition, after.Keyword(string(w.keyword)).Values)
		mayStay := login != w.login && (narrow(w.target.Scope) || s.keepsItsOwn(before, was))
		if is != wanted && !(mayStay && is == canonical(w.definition, was.Values)) {
			return false
		}
		if tree != s.tree && !sameBut(before, after, w.keyword) {
			return false
		}
	}
	return true
}

// judges are the logins that an edit is proved with, the target's own first.
func (s *scene) judges(w want) []Login {
	logins := []Login{w.login}
	for _, l := range append([]Login{s.everybody()}, s.witnesses()...) {
		if !slices.Contains(logins, l) {
			logins = append(logins, l)
		}
	}
	return logins
}

// keepsItsOwn reports whether the value comes from a narrower block, which a
// default does not touch.
func (s *scene) keepsItsOwn(r *sshconf.Result, e sshconf.Effective) bool {
	return slices.ContainsFunc(e.From, func(from sshconf.Place) bool { return !s.forEverybody(r, from) })
}

// sameBut reports whether two results differ in nothing but some keywords.
func sameBut(before, after *sshconf.Result, keywords ...schema.Keyword) bool {
	left := func(r *sshconf.Result) []sshconf.Effective {
		return slices.DeleteFunc(r.Keywords(), func(e sshconf.Effective) bool {
			return slices.ContainsFunc(keywords, func(k schema.Keyword) bool { return strings.EqualFold(e.Keyword, string(k)) })
		})
	}
	return slices.EqualFunc(left(before), left(after), func(a, b sshconf.Effective) bool {
		return a.Keyword == b.Keyword && slices.Equal(a.Values, b.Values)
	})
}

// mustHold resolves what the edits make of the files, read back as apply will
// write them: the declared values must be in force and every other keyword
// unchanged. Anything else is a mistake in this package.
func (s *scene) mustHold() {
	tree := treeOf(s.o, s.side)
	for name, d := range s.drafts {
		text, err := Replay(s.o.Files[name].Bytes, d.edits())
		switch {
		case err != nil || string(text) != string(d.bytes()):
			panic(fmt.Sprintf("plan: the edits of %s on %s do not make the text they were made for: %v", name, s.o.Host, err))
		case s.gone[name]:
			tree = tree.Without(name)
		case len(d.edits()) > 0:
			tree = tree.With(name, text)
		}
	}
	var managed []schema.Keyword
	for _, t := range s.targets {
		login, _ := s.witness(t.Scope)
		after := s.ask(tree, login)
		for _, setting := range t.Settings {
			managed = append(managed, setting.Keyword)
			definition, _ := schema.Define(s.side, string(setting.Keyword))
			is := canonical(definition, after.Keyword(string(setting.Keyword)).Values)
			zero := setting.Argument == "none" && is == "*=0"
			if is != setting.Argument && !zero {
				panic(fmt.Sprintf("plan: after the edits %s is %q on %s, not %q as %s declares", setting.Keyword, is, s.o.Host, setting.Argument, t.Address))
			}
		}
		for _, setting := range t.Unset {
			managed = append(managed, setting.Keyword)
		}
	}
	for _, login := range append([]Login{s.everybody()}, s.witnesses()...) {
		if before, after := s.before(login), s.ask(tree, login); !sameBut(before, after, managed...) {
			panic(fmt.Sprintf("plan: the edits on %s change more than they should%s", s.o.Host, login.forWhom()))
		}
	}
}
