package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// proves reports whether a tree gives what is wanted; see proof.
func (s *scene) proves(tree *sshconf.Tree, w want) bool {
	_, proved := s.proof(tree, w)
	return proved
}

// proof resolves an edited tree for everybody and for each block: the wanted
// value must be in force in the target's scope, narrower blocks keep theirs,
// and no other keyword may have another value. It returns what the tree says
// to each login.
func (s *scene) proof(tree *sshconf.Tree, w want) (results map[Login]*sshconf.Result, proved bool) {
	wanted := canonical(w.definition, []string{string(w.argument)})
	results = map[Login]*sshconf.Result{}
	judge := func(login Login) bool {
		before := s.now(login)
		after := before
		if tree != s.tree {
			after = s.ask(tree, login)
		}
		results[login] = after
		if !after.Valid() && s.o.Files[s.main].State == Regular {
			return false
		}
		was := before.Keyword(string(w.keyword))
		is := canonical(w.definition, after.Keyword(string(w.keyword)).Values)
		mayStay := login != w.login && (narrow(w.target.Scope) || s.keepsItsOwn(before, was))
		if is != wanted && !(mayStay && is == canonical(w.definition, was.Values)) {
			return false
		}
		return tree == s.tree || sameBut(before, after, w.keyword)
	}
	if !judge(w.login) {
		return nil, false
	}
	for _, login := range s.judges() {
		if login != w.login && !judge(login) {
			return nil, false
		}
	}
	return results, true
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
	if len(s.drafts) == 0 {
		return
	}
	tree := s.base
	for name, d := range s.drafts {
		text, err := Replay(s.o.Files[name].Bytes, d.edits())
		switch {
		case err != nil || string(text) != string(d.bytes()):
			panic(fmt.Sprintf("plan: the edits of %s on %s do not make the text they were made for: %v", name, s.o.Host, err))
		case s.gone[name]:
			tree = tree.Without(name)
		case len(d.edits()) > 0:
			tree = s.withEverywhere(tree, name, text)
		}
	}
	results := map[Login]*sshconf.Result{}
	for _, login := range s.judges() {
		results[login] = s.ask(tree, login)
	}
	var managed []schema.Keyword
	for _, t := range s.targets {
		login, _ := s.witness(t.Scope)
		for _, setting := range t.Settings {
			managed = append(managed, setting.Keyword)
			is := canonical(s.define(setting.Keyword), results[login].Keyword(string(setting.Keyword)).Values)
			zero := setting.Argument == "none" && is == "*=0"
			if is != setting.Argument && !zero {
				panic(fmt.Sprintf("plan: after the edits %s is %q on %s, not %q as %s declares", setting.Keyword, is, s.o.Host, setting.Argument, t.Address))
			}
		}
		for _, setting := range t.Unset {
			managed = append(managed, setting.Keyword)
		}
	}
	for _, login := range s.judges() {
		if !sameBut(s.before(login), results[login], managed...) {
			panic(fmt.Sprintf("plan: the edits on %s change more than they should%s", s.o.Host, login.forWhom()))
		}
	}
}
