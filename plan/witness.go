package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// everybody is the login outside of every narrower block. sshd is asked
// without -C where that works, ssh for a name that no block is made for.
func (s *scene) everybody() Login {
	if s.everyone.File == "" {
		s.everyone = s.anyone()
	}
	return s.everyone
}

func (s *scene) anyone() Login {
	login := Login{File: s.main}
	if s.side == schema.Client {
		login.Client, login.Host = true, s.unknownHost()
		return login
	}
	r := s.before(login)
	if len(r.Wants) > 0 || r.Valid() && !slices.ContainsFunc(s.targets, s.stopsWithoutLogin) {
		return login
	}
	if plain := s.plain(); s.before(plain).Valid() {
		return plain
	}
	return login
}

// plain is nobody in particular, with all that -C can say.
func (s *scene) plain() Login { return s.login(sshconf.PlainLogin()) }

// stopsWithoutLogin reports whether sshd -T without -C stops at what a target
// declares: up to 8.0 at any Match, at Match LocalPort to this day.
func (s *scene) stopsWithoutLogin(t schema.Target) bool {
	if !narrow(t.Scope) {
		return false
	}
	criteria, _ := sshconf.ParseCriteria(s.dialect(), t.Scope.Match)
	return !s.o.Release.AtLeast(8, 1) || slices.ContainsFunc(criteria, func(c sshconf.Criterion) bool { return c.Name == "localport" })
}

// unknownHost returns a host name that only catch-all patterns match, in the
// file and in what is declared.
func (s *scene) unknownHost() string {
	candidates := []string{"sshform-any-host.invalid", "sshform-any-host", "x--sshform--x"}
	narrowed := func(b *sshconf.Block) bool { return b.Standing == sshconf.In && !catchAll(b) }
	declared := s.declaredBlocks()
	for _, name := range candidates {
		login := Login{File: s.main, Client: true, Host: name}
		if slices.ContainsFunc(s.before(login).Blocks, narrowed) {
			continue
		}
		if declared == nil || !slices.ContainsFunc(s.ask(declared, login).Blocks, narrowed) {
			return name
		}
	}
	return candidates[0]
}

// declaredBlocks is a tree of nothing but the Host lines that targets
// declare; nil if there are none.
func (s *scene) declaredBlocks() *sshconf.Tree {
	var text strings.Builder
	for _, t := range s.targets {
		if narrow(t.Scope) {
			fmt.Fprintf(&text, "Host %s\n", t.Scope.Patterns)
		}
	}
	if text.Len() == 0 {
		return nil
	}
	tree := sshconf.NewTree()
	tree.Add(s.main, []byte(text.String()))
	tree.AddNode(SystemConfig, sshconf.Node{State: sshconf.Missing})
	return tree
}

// login turns a resolver's login into one that can be asked.
func (s *scene) login(l sshconf.Login) Login {
	return Login{
		File: s.main, User: l.User, Host: l.Host, Addr: l.Address, LAddr: l.LocalAddress,
		LPort: l.LocalPort, RDomain: l.RDomain,
	}
}

// Limits for files with very many blocks. Beyond them a plan says how many
// were left out, and lint still judges them all.
const (
	// mostJudged is for how many blocks a login is resolved to prove an edit.
	mostJudged = 2000
	// mostAsked is about how many of them the host's own program is asked,
	// which takes it some milliseconds each, every time.
	mostAsked = 100
)

// judges are the logins that everything is judged for: everybody, one for
// each block of the untouched tree that one can be made for, those first that
// set what is declared, and one for each target's scope.
func (s *scene) judges() []Login {
	if s.standIns != nil {
		return s.standIns
	}
	everybody := s.everybody()
	logins, known := []Login{everybody}, map[Login]bool{everybody: true}
	var ofTargets []Login
	for _, t := range s.targets {
		if login, err := s.witness(t.Scope); err == nil && !known[login] {
			known[login] = true
			ofTargets = append(ofTargets, login)
		}
	}
	s.inBlocks = map[Login]bool{}
	for _, b := range s.concerned(s.before(everybody)) {
		login, err := s.blockWitness(b)
		if err != nil || known[login] || s.inBlocks[login] {
			continue
		}
		if len(s.inBlocks) == mostJudged {
			s.unjudged++
			continue
		}
		s.inBlocks[login] = true
		logins = append(logins, login)
	}
	s.standIns = append(logins, ofTargets...)
	return s.standIns
}

// concerned are the blocks that are not for everybody, those first that set a
// keyword that is declared.
func (s *scene) concerned(r *sshconf.Result) []*sshconf.Block {
	sets := map[*sshconf.Block]bool{}
	for _, d := range r.Directives {
		for b := d.Block; b != nil && s.declares(d.Keyword); b = b.Within {
			sets[b] = true
		}
	}
	var first, others []*sshconf.Block
	for _, b := range r.Blocks {
		switch {
		case catchAll(b):
		case sets[b]:
			first = append(first, b)
		default:
			others = append(others, b)
		}
	}
	return append(first, others...)
}

func (s *scene) declares(keyword string) bool {
	is := func(setting schema.Setting) bool { return strings.EqualFold(string(setting.Keyword), keyword) }
	return slices.ContainsFunc(s.targets, func(t schema.Target) bool {
		return slices.ContainsFunc(t.Settings, is) || slices.ContainsFunc(t.Unset, is)
	})
}

// asked are the judges about whom the host's own program is asked.
func (s *scene) asked() []Login {
	var logins []Login
	blocks := 0
	for _, login := range s.judges() {
		if login.Group != "" {
			continue // nobody can be asked about who is in a group
		}
		if s.inBlocks[login] {
			if blocks++; blocks > mostAsked {
				continue
			}
		}
		logins = append(logins, login)
	}
	return logins
}

// witness returns a login that stands for a scope. The error says why there
// is none.
func (s *scene) witness(scope schema.Scope) (Login, error) {
	if !narrow(scope) {
		return s.everybody(), nil
	}
	w, known := s.witnessed[scope]
	if !known {
		w.login, w.err = s.scopeWitness(scope)
		s.witnessed[scope] = w
	}
	return w.login, w.err
}

func (s *scene) scopeWitness(scope schema.Scope) (Login, error) {
	if s.side == schema.Client {
		patterns, complaint := sshconf.ParsePatterns(s.dialect(), scope.Patterns)
		if complaint != "" {
			return Login{}, fmt.Errorf("the patterns %q: %s", scope.Patterns, complaint)
		}
		apart := append(slices.Clone(patterns), s.otherPatterns(patterns)...)
		if login, err := s.blockWitness(&sshconf.Block{Keyword: "Host", Patterns: apart}); err == nil {
			return login, nil
		}
		return s.blockWitness(&sshconf.Block{Keyword: "Host", Patterns: patterns})
	}
	criteria, complaint := sshconf.ParseCriteria(s.dialect(), scope.Match)
	if complaint != "" {
		return Login{}, fmt.Errorf("the criteria %q: %s", scope.Match, complaint)
	}
	if login, err := s.blockWitness(&sshconf.Block{Keyword: "Match", Criteria: s.apart(criteria)}); err == nil {
		return login, nil
	}
	return s.blockWitness(&sshconf.Block{Keyword: "Match", Criteria: criteria})
}

// otherPatterns excludes the hosts of other targets: a witness shall stand for
// its own target only, where such a host exists.
func (s *scene) otherPatterns(own []string) []string {
	var out []string
	for _, t := range s.targets {
		patterns, complaint := sshconf.ParsePatterns(s.dialect(), t.Scope.Patterns)
		if !narrow(t.Scope) || complaint != "" || slices.Equal(patterns, own) {
			continue
		}
		for _, p := range patterns {
			if !strings.HasPrefix(p, "!") {
				out = append(out, "!"+p)
			}
		}
	}
	return out
}

// apart excludes the logins of other targets that are told by the same one
// criterion.
func (s *scene) apart(own []sshconf.Criterion) []sshconf.Criterion {
	all := slices.Clone(own)
	for _, t := range s.targets {
		criteria, complaint := sshconf.ParseCriteria(s.dialect(), t.Scope.Match)
		if !narrow(t.Scope) || complaint != "" || len(criteria) != 1 || criteria[0].Name == "localport" {
			continue
		}
		i := slices.IndexFunc(own, func(c sshconf.Criterion) bool { return c.Name == criteria[0].Name })
		if i < 0 || own[i] == criteria[0] {
			continue
		}
		for p := range strings.SplitSeq(criteria[0].Argument, ",") {
			if p != "" && !strings.HasPrefix(p, "!") {
				all[i].Argument += ",!" + p
			}
		}
	}
	return all
}

func (s *scene) blockWitness(b *sshconf.Block) (Login, error) {
	if s.side == schema.Client {
		host, why := sshconf.HostWitness(b, s.o.Release)
		if why != "" {
			return Login{}, fmt.Errorf("%s", why)
		}
		return Login{File: s.main, Client: true, Host: host}, nil
	}
	login, why := sshconf.Witness(b, s.o.Release)
	if why == "" && !login.InvalidUser {
		return s.login(login), nil
	}
	return s.memberWitness(b, why)
}

// memberWitness stands for a block with groups: a login that is a member of
// one, for the resolver only.
func (s *scene) memberWitness(b *sshconf.Block, why sshconf.Refusal) (Login, error) {
	var others []sshconf.Criterion
	group := ""
	for _, c := range b.Criteria {
		if c.Name == "group" {
			group = member(c.Argument)
		} else {
			others = append(others, c)
		}
	}
	if group == "" || b.Within != nil {
		return Login{}, fmt.Errorf("%s", why)
	}
	l := sshconf.PlainLogin()
	if len(others) > 0 {
		if l, why = sshconf.Witness(&sshconf.Block{Keyword: "Match", Criteria: others}, s.o.Release); why != "" {
			return Login{}, fmt.Errorf("%s", why)
		}
	}
	login := s.login(l)
	login.Group = group
	return login, nil
}

// member returns a group that a pattern list takes, from its first positive
// pattern.
func member(list string) string {
	for pattern := range strings.SplitSeq(list, ",") {
		if !strings.HasPrefix(pattern, "!") {
			return strings.NewReplacer("*", "x", "?", "x").Replace(pattern)
		}
	}
	return ""
}

func (s *scene) dialect() sshconf.Dialect {
	side := sshconf.Server
	if s.side == schema.Client {
		side = sshconf.Client
	}
	return sshconf.Dialect{Side: side, Release: s.o.Release}
}

func (s *scene) serverQuery(login Login) sshconf.ServerQuery {
	q := sshconf.ServerQuery{Release: s.o.Release, Main: s.main}
	if args := s.o.Listener.Args; s.reloads() {
		for i := 0; i+1 < len(args); i++ {
			if args[i] == "-o" {
				q.Options = append(q.Options, args[i+1])
			}
		}
	}
	if login.Asked() {
		q.Login = sshconf.Login{
			User: login.User, Host: login.Host, Address: login.Addr, LocalAddress: login.LAddr,
			LocalPort: login.LPort, RDomain: login.RDomain,
			Given: sshconf.GivenUser | sshconf.GivenHost | sshconf.GivenAddress | sshconf.GivenLocalAddress | sshconf.GivenRDomain,
			// Nobody else is called like the plain login, and so it has no groups.
			GroupsKnown: login.Group != "" || login.User == sshconf.PlainLogin().User,
		}
		if login.Group != "" {
			q.Login.Groups = []string{login.Group}
		}
	}
	return q
}

func (s *scene) clientQuery(login Login) sshconf.ClientQuery {
	q := sshconf.ClientQuery{
		Release: s.o.Release, Host: login.Host, User: login.User,
		LocalUser: s.o.User, Home: s.o.Home, UID: s.o.UID,
	}
	switch s.main {
	case SystemConfig:
		q.SystemFile = s.main
	case MainPath(schema.Target{Address: schema.Address{Block: string(schema.Client)}}, s.o.Home):
		q.UserFile, q.SystemFile = s.main, SystemConfig
	default:
		q.UserFile, q.Given = s.main, true
	}
	return q
}
