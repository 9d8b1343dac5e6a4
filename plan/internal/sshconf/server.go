package sshconf

import (
	"strconv"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A Login is what sshd knows about a connection when it evaluates Match: the
// data of -C. A field that is not given never matches.
type Login struct {
	// User is the name that logs in.
	User string
	// Host is the name of the peer, which with UseDNS no is its address.
	Host string
	// Address is the address of the peer, LocalAddress the one it connected to.
	Address, LocalAddress string
	// LocalPort is the port it connected to, from 1; 0 is not given, and then
	// any Match LocalPort line is an error to sshd.
	LocalPort int
	// RDomain is the routing domain it arrived on.
	RDomain string
	// InvalidUser says that no such user exists (since 9.9).
	InvalidUser bool
	// Given are fields that are given although they are empty.
	Given Fields
	// Groups are the names of all groups of User. They count only if
	// GroupsKnown; else Match Group cannot be decided.
	Groups      []string
	GroupsKnown bool
}

// Fields is a set of fields of a Login.
type Fields uint8

// The fields.
const (
	GivenUser Fields = 1 << iota
	GivenHost
	GivenAddress
	GivenLocalAddress
	GivenRDomain
)

// has reports whether a field is given.
func (l Login) has(f Fields, value string) bool { return value != "" || l.Given&f != 0 }

// Complete reports whether every field that sshd may ask for is given.
func (l Login) Complete() bool {
	return l.has(GivenUser, l.User) && l.has(GivenHost, l.Host) && l.has(GivenAddress, l.Address) &&
		l.has(GivenLocalAddress, l.LocalAddress) && l.LocalPort > 0 && l.has(GivenRDomain, l.RDomain)
}

// String spells the login as the argument of sshd -C; empty for a login of
// which nothing is given.
func (l Login) String() string {
	var out []string
	add := func(name, value string, f Fields) {
		if l.has(f, value) {
			out = append(out, name+"="+value)
		}
	}
	add("user", l.User, GivenUser)
	add("host", l.Host, GivenHost)
	add("addr", l.Address, GivenAddress)
	add("laddr", l.LocalAddress, GivenLocalAddress)
	if l.LocalPort != 0 {
		out = append(out, "lport="+strconv.Itoa(l.LocalPort))
	}
	add("rdomain", l.RDomain, GivenRDomain)
	if l.InvalidUser {
		out = append(out, "invalid-user")
	}
	return strings.Join(out, ",")
}

// A ServerQuery asks what sshd makes of its configuration.
type ServerQuery struct {
	Release schema.Release
	// Main is the main file, usually /etc/ssh/sshd_config.
	Main string
	// Options are those of -o, in order.
	Options []string
	// Login is who logs in; the zero Login is sshd -T without -C.
	Login Login
	// SyntaxOnly is sshd -t: Match blocks are checked and not applied.
	SyntaxOnly bool
	// ConfigDir is where relative Include paths start; empty is /etc/ssh.
	ConfigDir string
	// WorkDir is where sshd was started: other relative paths start there,
	// and "~/…" in Include, which sshd takes literally. Empty is /.
	WorkDir string
}

// A serverRun reads sshd_config as servconf.c does.
type serverRun struct {
	*run
	q      ServerQuery
	global slots
	// testing: the second pass, where Match blocks are evaluated.
	testing bool
}

// ResolveServer says what sshd makes of the configuration in the tree. If
// the result has Wants, add them to the tree and ask again.
func ResolveServer(t *Tree, q ServerQuery) *Result {
	if q.ConfigDir == "" {
		q.ConfigDir = "/etc/ssh"
	}
	if q.WorkDir == "" {
		q.WorkDir = "/"
	}
	d := dialectOf(Server, q.Release)
	d.workDir = q.WorkDir
	s := &serverRun{run: newRun(t, Server, d), q: q}
	s.resolve()
	return s.finish()
}

func (s *serverRun) resolve() {
	s.pass = 1
	s.options()
	if s.stop {
		return
	}
	main, known := s.v.node(s.q.Main)
	if !known {
		return
	}
	if main.State == Missing || main.State == Dangling || main.State == Unreadable {
		s.fatal(Place{File: s.q.Main}, 1, "cannot be opened")
		return
	}
	s.file(main, &frame{path: s.q.Main, active: In})
	s.global = s.now
	s.challenge()
	s.sensible()
	var over slots
	if !s.stop && !s.q.SyntaxOnly {
		over = s.matches(main)
	}
	s.settle(s.global, over)
}

// challenge does what sshd did up to 8.6: ChallengeResponseAuthentication yes,
// its default, switches KbdInteractiveAuthentication on.
func (s *serverRun) challenge() {
	if s.d.release.AtLeast(8, 7) {
		return
	}
	if v, set := s.global.value("challengeresponseauthentication"); set && v == "no" {
		return
	}
	to := s.global.at("kbdinteractiveauthentication")
	*to = slot{values: []string{"yes"}, implied: true}
}

// matches is the second pass: only Match blocks count, and what they give
// replaces the global values.
func (s *serverRun) matches(main Node) slots {
	s.pass, s.now, s.testing = 2, slots{}, true
	s.blocks, s.inclusions = 0, 0
	s.file(main, &frame{path: s.q.Main, active: Out, matchOnly: s.d.release.AtLeast(8, 4)})
	if !s.d.release.AtLeast(8, 5) {
		delete(s.now, "setenv") // sshd forgot to copy it
	}
	return s.now
}

// options applies -o. They come before the file; a soft error is exit 1.
func (s *serverRun) options() {
	for i, text := range s.q.Options {
		f := &frame{path: CommandLine, inclusion: -1 - i, active: In}
		l, ok := s.d.line(text, 0)
		if !ok {
			continue
		}
		s.line(&l, f)
		if f.bad > 0 {
			s.res.Exit, s.stop = 1, true
		}
		if s.stop {
			return
		}
	}
}

// file reads one file.
func (s *serverRun) file(n Node, f *frame) {
	if f.depth > includeDepth {
		s.fatal(Place{File: f.path}, 255, "Include is nested more than 16 levels deep")
		return
	}
	if n.File == nil {
		return
	}
	lines := s.lines(n.File)
	for i := range lines {
		s.line(&lines[i], f)
		if s.stop {
			return
		}
	}
	s.close(f, n.File.Len())
	if f.bad > 0 {
		s.fatal(Place{File: f.path}, 255, strconv.Itoa(f.bad)+" bad lines")
	}
}

// line does what process_server_config_line does.
func (s *serverRun) line(l *logicalLine, f *frame) {
	at := Place{f.path, l.number}
	if l.bare() && s.d.split {
		s.complain(f, at, "no argument after keyword "+l.keyword)
		return
	}
	if l.row == nil {
		s.complain(f, at, "bad configuration option: "+l.keyword)
		if f.active == Out && !l.badQuotes {
			s.fatal(at, 255, l.keyword+" is not allowed within a Match block")
		}
		return
	}
	if l.badQuotes {
		s.complain(f, at, "a quote is not closed")
		return
	}
	if f.active == Out && !l.row.inMatch {
		if s.pass == 1 {
			s.fatal(at, 255, l.row.name+" is not allowed within a Match block")
		}
		return
	}
	switch l.row.kind {
	case kindMatch:
		s.match(l, f)
		return
	case kindInclude:
		s.includes(l, f)
		return
	case kindDeprecated:
		s.notice(at, l.keyword+" was removed from OpenSSH and does nothing")
	case kindUnsupported:
		s.notice(at, l.keyword+" is not supported and does nothing")
	}
	c := l.cursor(s.d)
	o := s.d.value(l, c, s.now, f.active != Out)
	if o.complaint == "" && c.garbage() {
		o = soft("%s has extra arguments at the end of the line", l.keyword)
		o.hard = !s.d.split
	}
	if o.complaint != "" {
		if o.hard {
			s.fatal(at, 255, o.complaint)
		} else {
			s.complain(f, at, o.complaint)
		}
		return
	}
	if o.doubt != "" {
		s.undecided(at, o.doubt)
	}
	if s.testing && (!l.row.inMatch || f.block == nil) {
		return // the first pass took it
	}
	s.apply(f, l, o.effects)
}

func (s *serverRun) includes(l *logicalLine, f *frame) {
	at := Place{f.path, l.number}
	if f.path == CommandLine {
		s.fatal(at, 255, "Include cannot be given with -o")
		return
	}
	c := l.cursor(s.d)
	some := false
	for !s.stop {
		arg, ok := c.next()
		if !ok || arg == "" && !s.d.split {
			break
		}
		if arg == "" {
			s.complain(f, at, "Include has an empty argument")
			return
		}
		some = true
		s.run.include(f, l, s.pattern(arg, l), func(path string, n Node, child *frame) {
			s.included(n, f, child)
		})
	}
	if !some {
		s.fatal(at, 255, "Include has no path")
		return
	}
	if c.garbage() {
		s.fatal(at, 255, "Include has extra arguments")
	}
}

// pattern anchors an Include path. "~" is not expanded.
func (s *serverRun) pattern(arg string, l *logicalLine) string {
	switch {
	case strings.HasPrefix(arg, "/"):
		return arg
	case strings.HasPrefix(arg, "~"):
		return strings.TrimSuffix(s.q.WorkDir, "/") + "/" + arg
	case !s.d.release.AtLeast(8, 3):
		// 8.2 anchored the keyword instead of the path.
		return s.q.ConfigDir + "/" + l.keyword
	}
	return s.q.ConfigDir + "/" + arg
}

func (s *serverRun) included(n Node, f, child *frame) {
	if n.State == Dangling || n.State == Unreadable || n.State == Missing {
		s.fatal(Place{File: child.path}, 1, "cannot be opened")
		return
	}
	if f.matchOnly {
		child.matchOnly, child.never = true, false
	}
	s.file(n, child)
}

func (s *serverRun) match(l *logicalLine, f *frame) {
	at := Place{f.path, l.number}
	if f.path == CommandLine {
		s.fatal(at, 255, "Match cannot be given with -o")
		return
	}
	list, complaint := s.d.criteria(l)
	if complaint != "" {
		s.fatal(at, 255, complaint)
		return
	}
	asked := s.testing && (!f.never || !s.d.release.AtLeast(8, 4))
	standing := s.evaluate(list, asked, at)
	if s.stop {
		return
	}
	if f.never {
		standing = Out
	}
	if f.depth > 0 && f.within != nil && standing > f.within.Standing && !f.matchOnly {
		standing = f.within.Standing
	}
	f.matchOnly = false
	f.active = standing
	s.open(f, Block{Place: at, Keyword: "Match", Criteria: list, Text: l.raw.s, Standing: standing})
}

// evaluate says whether the criteria hold. asked is false where sshd checks
// the syntax only.
func (s *serverRun) evaluate(list []Criterion, asked bool, at Place) Standing {
	standing := In
	for _, c := range list {
		standing = min(standing, s.criterion(c, asked, at))
		if s.stop {
			return Out
		}
	}
	if standing == Maybe {
		s.undecided(at, "Match Group: the groups of the user are not known")
	}
	return standing
}

func (s *serverRun) criterion(c Criterion, asked bool, at Place) Standing {
	login := s.q.Login
	// missing handles data that was not given: it does not match, or up to
	// 8.0 ends sshd.
	missing := func(what string) Standing {
		if asked && !s.d.release.AtLeast(8, 1) {
			s.fatal(at, 255, "Match needs "+what+" in the connection test specification (-C)")
		}
		return Out
	}
	switch c.Name {
	case "all":
		return In
	case "invalid-user":
		if !asked {
			// 9.9p1 forgot to say no here.
			return standingOf(s.d.release.Compare(schema.Release{Major: 9, Minor: 9, Patch: 2}) < 0)
		}
		return standingOf(login.InvalidUser)
	case "version":
		return standingOf(matchList(releaseText(s.d.release), c.Argument, false))
	case "user":
		if !asked || !login.has(GivenUser, login.User) {
			return missing("user")
		}
		return standingOf(matchList(login.User, c.Argument, false))
	case "group":
		if !asked || !login.has(GivenUser, login.User) {
			return missing("user")
		}
		return groupStanding(login, c.Argument)
	case "host":
		if !asked || !login.has(GivenHost, login.Host) {
			return missing("host")
		}
		return standingOf(matchHost(login.Host, c.Argument))
	case "address":
		return s.address(c, asked, login.Address, login.has(GivenAddress, login.Address), at, missing)
	case "localaddress":
		return s.address(c, asked, login.LocalAddress, login.has(GivenLocalAddress, login.LocalAddress), at, missing)
	case "localport":
		if !asked {
			return Out
		}
		if login.LocalPort == 0 {
			s.fatal(at, 255, "Match LocalPort needs lport in the connection test specification (-C)")
			return Out
		}
		n, _, _ := port(c.Argument)
		return standingOf(int(n) == login.LocalPort)
	case "rdomain":
		if !asked || !login.has(GivenRDomain, login.RDomain) {
			return Out
		}
		return standingOf(matchList(login.RDomain, c.Argument, false))
	}
	return Out
}

func (s *serverRun) address(c Criterion, asked bool, address string, given bool, at Place, missing func(string) Standing) Standing {
	if !asked || !given {
		if _, bad := addressList("", c.Argument, true); bad && s.d.release.AtLeast(8, 4) {
			s.fatal(at, 255, "Match has an invalid address list: "+c.Argument)
			return Out
		}
		return missing(c.Name)
	}
	matched, bad := addressList(address, c.Argument, false)
	if bad {
		s.fatal(at, 255, "Match has an invalid address list: "+c.Argument)
		return Out
	}
	return standingOf(matched)
}

// groupStanding looks for a group that matches; one that is refused by a
// negated pattern decides against it.
func groupStanding(login Login, list string) Standing {
	if !login.GroupsKnown {
		return Maybe
	}
	found := false
	for _, g := range login.Groups {
		matched, refused := matchListEach(g, list, false)
		if refused {
			return Out
		}
		found = found || matched
	}
	return standingOf(found)
}

func standingOf(yes bool) Standing {
	if yes {
		return In
	}
	return Out
}

// sensible does the checks that sshd makes once all files are read.
func (s *serverRun) sensible() {
	if s.stop {
		return
	}
	for _, pair := range [][2]string{
		{"authorizedkeyscommand", "authorizedkeyscommanduser"},
		{"authorizedprincipalscommand", "authorizedprincipalscommanduser"},
	} {
		command, set := s.global.value(pair[0])
		if set && !same(command, "none") && !s.global.isSet(pair[1]) {
			s.fatal(s.placeOf(pair[0]), 255, Canonical(Server, pair[0])+" is set without "+Canonical(Server, pair[1]))
			return
		}
	}
	s.satisfiable()
}

func (s *serverRun) placeOf(key string) Place {
	found := s.global[key]
	if found == nil || len(found.from) == 0 {
		return Place{File: s.q.Main}
	}
	return s.uses[found.from[0]].place
}

// satisfiable checks that some list of AuthenticationMethods has no method
// that is switched off.
func (s *serverRun) satisfiable() {
	lists, set := s.global.value("authenticationmethods")
	if !set || same(lists, "any") {
		return
	}
	for _, list := range strings.Fields(lists) {
		if s.enabled(list) {
			return
		}
	}
	s.fatal(s.placeOf("authenticationmethods"), 255, "AuthenticationMethods cannot be satisfied by the enabled methods")
}

// enabled reports whether every method of a list is switched on. Kerberos
// methods depend on the build and pass if they are not switched off.
func (s *serverRun) enabled(list string) bool {
	switches := map[string]string{
		"publickey": "pubkeyauthentication", "password": "passwordauthentication",
		"keyboard-interactive": "kbdinteractiveauthentication", "hostbased": "hostbasedauthentication",
		"gssapi-with-mic": "gssapiauthentication", "gssapi-keyex": "gssapikeyexchange",
	}
	for method := range strings.SplitSeq(list, ",") {
		name, _, _ := strings.Cut(method, ":")
		key, known := switches[name]
		if !known {
			continue
		}
		value, set := s.global.value(key)
		if !set {
			if row := serverTable.find(key, s.d.release); row != nil {
				value = strings.Join(s.fallback(row), "")
			}
		}
		if name == "keyboard-interactive" && !s.d.release.AtLeast(8, 7) {
			continue
		}
		if same(value, "no") {
			return false
		}
	}
	return true
}
