package plan

import (
	"bytes"
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
		return tree == s.tree || s.sameBut(before, after, w.keyword)
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
func (s *scene) sameBut(before, after *sshconf.Result, keywords ...schema.Keyword) bool {
	if before == after {
		return true
	}
	return before.Same(after, func(keyword string) bool {
		return slices.ContainsFunc(keywords, func(k schema.Keyword) bool { return strings.EqualFold(keyword, string(k)) })
	})
}

// mustHold judges what the edits make of the files, read back as apply will
// write them: the declared values must be in force and every other keyword
// unchanged. Anything else is a mistake in this package.
func (s *scene) mustHold() {
	if len(s.drafts) == 0 {
		return
	}
	s.mustReplay()
	managed := slices.Clone(s.settled)
	for _, t := range s.targets {
		login, _ := s.witness(t.Scope)
		for _, setting := range t.Settings {
			managed = append(managed, setting.Keyword)
			is := canonical(s.define(setting.Keyword), s.now(login).Keyword(string(setting.Keyword)).Values)
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
		if !s.sameBut(s.before(login), s.now(login), managed...) {
			panic(fmt.Sprintf("plan: the edits on %s change more than they should%s", s.o.Host, login.forWhom()))
		}
	}
}

// mustReplay replays the edits as apply does and compares the texts with the
// tree of which the last proof was made.
func (s *scene) mustReplay() {
	for name, d := range s.drafts {
		edits := d.edits()
		text, err := Replay(s.o.Files[name].Bytes, edits)
		proved, gone := s.tree.File(name), s.gone[name]
		switch {
		case err != nil, len(edits) > 0 && gone != (proved == nil), !gone && proved != nil && !bytes.Equal(text, proved.Bytes()):
			panic(fmt.Sprintf("plan: the edits of %s on %s do not make the text they were made for: %v", name, s.o.Host, err))
		}
	}
}
