package sshconf

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A ClientQuery asks what ssh makes of its configuration for one target.
type ClientQuery struct {
	Release schema.Release
	// UserFile is ~/.ssh/config or the file of -F; SystemFile is
	// /etc/ssh/ssh_config. An empty one is not read; with -F only the user
	// file is.
	UserFile, SystemFile string
	// Given says that UserFile was given with -F: then it must exist, and who
	// owns it does not matter.
	Given bool
	// Options are those of -o, in order. They come after User and Port.
	Options []string
	// Host is the name to connect to, as typed.
	Host string
	// User and Port are given on the command line; empty and 0 are not.
	User string
	Port int
	// Command is the remote command; empty is a shell.
	Command string
	// LocalUser runs ssh. Home is the home of that user in the password
	// database, HomeVariable is $HOME, which Include follows; empty is Home.
	LocalUser, Home, HomeVariable string
	// UID is the number of LocalUser, Hostname the name of this machine. They
	// are needed for Include paths with tokens only (since 9.9).
	UID      int
	Hostname string
	// Environment are the variables that Include paths may use (since 9.9).
	Environment map[string]string
	// ConfigDir is where relative Include paths of the system file start;
	// empty is /etc/ssh.
	ConfigDir string
}

// A clientRun reads ssh_config as readconf.c does.
type clientRun struct {
	*run
	q ClientQuery
	// final: the second pass, for Match final and canonical host names.
	final bool
	// wantFinal: something asked for it.
	wantFinal bool
	// host is the name to connect to as known so far.
	host string
	// doubt says why host is not certain in the second pass.
	doubt string
}

// A clientFile is a frame with the flags of its file.
type clientFile struct {
	*frame
	user     bool // a user's file: ~ is allowed
	included bool
}

// ResolveClient says what ssh makes of the configuration in the tree. If the
// result has Wants, add them to the tree and ask again. No command of a Match
// exec line is ever run: such blocks are undecided.
func ResolveClient(t *Tree, q ClientQuery) *Result {
	if q.ConfigDir == "" {
		q.ConfigDir = "/etc/ssh"
	}
	if q.HomeVariable == "" {
		q.HomeVariable = q.Home
	}
	c := &clientRun{run: newRun(t, Client, dialectOf(Client, q.Release)), q: q, host: q.Host}
	c.resolve()
	return c.finish()
}

func (c *clientRun) resolve() {
	c.pass = 1
	c.options()
	if !c.stop {
		c.files()
	}
	if !c.stop {
		c.again()
	}
	if !c.stop {
		c.sensible()
	}
	c.batch()
	c.clear()
	c.settle(c.now, nil)
}

// options applies the command line: user and port first, then -o.
func (c *clientRun) options() {
	f := &clientFile{frame: &frame{path: CommandLine, inclusion: -1, active: In}, user: true}
	given := func(name, value string) {
		if l, ok := c.d.line(name+" "+value, 0); ok && value != "" {
			c.apply(f.frame, &l, []effect{{slot: lower(name), values: []string{value}}})
		}
		f.frame = &frame{path: CommandLine, inclusion: f.inclusion - 1, active: In}
	}
	given("User", c.q.User)
	if c.q.Port != 0 {
		given("Port", strconv.Itoa(c.q.Port))
	}
	for _, text := range c.q.Options {
		f.frame = &frame{path: CommandLine, inclusion: f.inclusion - 1, active: In}
		l, ok := c.d.line(text, 0)
		if !ok {
			continue
		}
		c.line(&l, f)
		if f.bad > 0 {
			c.res.Exit, c.stop = 255, true
		}
		if c.stop {
			return
		}
	}
	if kind, _ := c.now.value("sessiontype"); kind == "subsystem" && c.q.Command == "" {
		c.fatal(Place{File: CommandLine}, 255, "SessionType subsystem needs the name of one")
	}
}

// files reads the user's file and then the system's.
func (c *clientRun) files() {
	c.blocks, c.inclusions = 0, 0
	if c.q.UserFile != "" {
		c.top(c.q.UserFile, true)
	}
	if c.q.SystemFile != "" && !c.stop {
		c.top(c.q.SystemFile, false)
	}
}

// top reads a file that is not included. One that cannot be opened is no
// error unless it was given with -F.
func (c *clientRun) top(path string, user bool) {
	n, known := c.v.node(path)
	if !known {
		return
	}
	if n.State == Missing || n.State == Dangling || n.State == Unreadable {
		if user && c.q.Given {
			c.fatal(Place{File: path}, 255, "cannot be opened")
		}
		return
	}
	if n.Foreign && user && !c.q.Given {
		c.fatal(Place{File: path}, 255, "bad owner or permissions")
		return
	}
	c.inclusions++
	c.file(n, &clientFile{frame: &frame{path: path, inclusion: c.inclusions, active: In}, user: user})
}

// file reads one file.
func (c *clientRun) file(n Node, f *clientFile) {
	if f.depth > includeDepth {
		c.fatal(Place{File: f.path}, 255, "Include is nested more than 16 levels deep")
		return
	}
	if n.Foreign && f.included {
		c.fatal(Place{File: f.path}, 255, "bad owner or permissions: ssh refuses to include it")
		return
	}
	if n.File == nil {
		return
	}
	lines := c.lines(n.File)
	for i := range lines {
		c.line(&lines[i], f)
		if c.stop {
			return
		}
	}
	c.close(f.frame, n.File.Len())
	if f.bad > 0 {
		c.fatal(Place{File: f.path}, 255, strconv.Itoa(f.bad)+" bad lines")
	}
}

// line does what process_config_line does.
func (c *clientRun) line(l *logicalLine, f *clientFile) {
	at := Place{f.path, l.number}
	if l.bare() && c.d.split {
		c.complain(f.frame, at, "no argument after keyword "+l.keyword)
		return
	}
	if l.row == nil && !c.ignored(l) {
		c.complain(f.frame, at, "bad configuration option: "+l.name)
		return
	}
	if l.badQuotes {
		c.complain(f.frame, at, "a quote is not closed")
		return
	}
	if l.row == nil {
		return
	}
	switch l.row.kind {
	case kindHost:
		c.hostLine(l, f)
		return
	case kindMatch:
		c.match(l, f)
		return
	case kindInclude:
		c.includes(l, f)
		return
	case kindUnsupported:
		c.notice(at, l.keyword+" is not supported and does nothing")
	case kindDeprecated:
		c.notice(at, l.keyword+" was removed from OpenSSH and does nothing")
	}
	cur := l.cursor(c.d)
	o := c.d.value(l, cur, c.now, f.active == In)
	if o.complaint == "" && cur.garbage() {
		o = soft("%s has extra arguments at the end of the line", l.keyword)
	}
	if o.complaint != "" {
		if o.hard {
			c.fatal(at, 255, o.complaint)
		} else {
			c.complain(f.frame, at, o.complaint)
		}
		return
	}
	if o.doubt != "" {
		c.undecided(at, o.doubt)
	}
	if l.row.kind == kindRefuse && f.active == Maybe {
		c.undecided(at, "RefuseConnection: whether its block matches is not known")
	}
	c.apply(f.frame, l, o.effects)
}

// ignored asks IgnoreUnknown.
func (c *clientRun) ignored(l *logicalLine) bool {
	list, set := c.now.value("ignoreunknown")
	return set && matchList(l.name, list, true)
}

// hostLine evaluates a Host line.
func (c *clientRun) hostLine(l *logicalLine, f *clientFile) {
	at := Place{f.path, l.number}
	if f.path == CommandLine {
		c.complain(f.frame, at, "Host cannot be given with -o")
		return
	}
	args, blank := l.cursor(c.d).all()
	if blank {
		c.complain(f.frame, at, "Host has an empty argument")
		return
	}
	standing := Out
	if !f.never {
		standing = c.patterns(args)
	}
	standing = c.inside(standing, f)
	f.active = standing
	c.open(f.frame, Block{Place: at, Keyword: "Host", Patterns: args, Text: l.raw.s, Standing: standing})
}

// inside bounds a standing by that of the block around the Include line.
func (c *clientRun) inside(standing Standing, f *clientFile) Standing {
	if f.never {
		return Out
	}
	if f.depth > 0 && f.within != nil {
		return min(standing, f.within.Standing)
	}
	return standing
}

// patterns compares the host name with the patterns of a Host line, with
// case: in the first pass as typed, in the final one as resolved.
func (c *clientRun) patterns(args []string) Standing {
	standing := Out
	for _, pattern := range args {
		negated := strings.HasPrefix(pattern, "!")
		if !matchPattern(c.host, strings.TrimPrefix(pattern, "!")) {
			continue
		}
		if negated {
			standing = Out
			break
		}
		standing = In
	}
	if c.final && c.doubt != "" {
		return Maybe
	}
	return standing
}

func (c *clientRun) match(l *logicalLine, f *clientFile) {
	at := Place{f.path, l.number}
	if f.path == CommandLine {
		c.complain(f.frame, at, "Match cannot be given with -o")
		return
	}
	list, complaint := c.d.criteria(l)
	if complaint != "" {
		c.complain(f.frame, at, complaint)
		return
	}
	standing := In
	for _, criterion := range list {
		one := c.criterion(criterion, standing, at)
		if c.stop {
			return
		}
		if criterion.Negated && one != Maybe {
			one = In - one
		}
		standing = min(standing, one)
	}
	standing = c.inside(standing, f)
	f.active = standing
	c.open(f.frame, Block{Place: at, Keyword: "Match", Criteria: list, Text: l.raw.s, Standing: standing})
}

// criterion says whether one criterion holds; so far is the standing of
// those before it.
func (c *clientRun) criterion(m Criterion, soFar Standing, at Place) Standing {
	switch m.Name {
	case "all":
		return In
	case "canonical", "final":
		if m.Name == "final" && !c.final && (!m.Negated || !c.d.release.AtLeast(10, 1)) {
			c.wantFinal = true
		}
		return standingOf(c.final)
	case "host":
		host, sure := c.matchHost(at)
		if !sure {
			return Maybe
		}
		return standingOf(matchHost(host, m.Argument))
	case "originalhost":
		return standingOf(matchHost(c.q.Host, m.Argument))
	case "user":
		if c.now.doubtful("user") && !c.now.isSet("user") {
			return c.maybe(at, "Match user: the user depends on a block that is not decided")
		}
		user, set := c.now.value("user")
		if !set {
			user = c.q.LocalUser
		}
		return standingOf(matchList(user, m.Argument, false))
	case "localuser":
		return standingOf(matchList(c.q.LocalUser, m.Argument, false))
	case "version":
		return standingOf(matchList(releaseText(c.d.release), m.Argument, false))
	case "tagged":
		if c.now.doubtful("tag") && !c.now.isSet("tag") {
			return c.maybe(at, "Match tagged: the tag depends on a block that is not decided")
		}
		tag, _ := c.now.value("tag")
		return c.word(tag, m.Argument)
	case "command":
		return c.word(c.q.Command, m.Argument)
	case "sessiontype":
		return c.sessionType(m, at)
	case "localnetwork":
		if soFar == Out {
			return Out
		}
		return c.maybe(at, "Match localnetwork depends on the addresses of this machine")
	case "exec":
		if soFar == Out {
			return In // skipped: it changes nothing
		}
		return c.maybe(at, "Match exec depends on a command, which is not run: "+m.Argument)
	}
	return Out
}

func (c *clientRun) maybe(at Place, why string) Standing {
	c.undecided(at, why)
	return Maybe
}

// word compares what may be empty: since 10.0 an empty pattern matches it.
func (c *clientRun) word(s, pattern string) Standing {
	if s == "" && c.d.release.AtLeast(10, 0) {
		return standingOf(pattern == "")
	}
	return standingOf(matchList(s, pattern, false))
}

func (c *clientRun) sessionType(m Criterion, at Place) Standing {
	if c.now.doubtful("sessiontype") && !c.now.isSet("sessiontype") {
		return c.maybe(at, "Match sessiontype depends on a block that is not decided")
	}
	kind, _ := c.now.value("sessiontype")
	switch {
	case kind == "subsystem" || kind == "none":
	case c.q.Command != "":
		kind = "exec"
	default:
		kind = "shell"
	}
	return standingOf(matchList(kind, m.Argument, false))
}

// matchHost returns the name that Match host compares: HostName applied if it
// was set above. sure is false when that is not known.
func (c *clientRun) matchHost(at Place) (host string, sure bool) {
	if c.final {
		if c.doubt != "" {
			c.undecided(at, "Match host: "+c.doubt)
		}
		return c.host, c.doubt == ""
	}
	if c.now.doubtful("hostname") {
		c.undecided(at, "Match host: the host name depends on a block that is not decided")
		return "", false
	}
	name, set := c.now.value("hostname")
	if !set {
		return c.host, true
	}
	host, ok := expandHost(name, c.host)
	if !ok {
		c.fatal(at, 255, "HostName has an unknown token: "+name)
	}
	return host, true
}

// expandHost puts the name as typed for %h.
func expandHost(name, host string) (string, bool) {
	var out strings.Builder
	for i := 0; i < len(name); i++ {
		if name[i] != '%' {
			out.WriteByte(name[i])
			continue
		}
		i++
		switch {
		case i < len(name) && name[i] == '%':
			out.WriteByte('%')
		case i < len(name) && name[i] == 'h':
			out.WriteString(host)
		default:
			return "", false
		}
	}
	return out.String(), true
}

func (c *clientRun) includes(l *logicalLine, f *clientFile) {
	at := Place{f.path, l.number}
	if f.path == CommandLine {
		c.complain(f.frame, at, "Include cannot be given with -o")
		return
	}
	failed := false
	cur := l.cursor(c.d)
	for !c.stop {
		arg, ok := cur.next()
		if !ok || arg == "" && !c.d.split {
			break
		}
		if arg == "" {
			c.complain(f.frame, at, "Include has an empty argument")
			return
		}
		pattern, use := c.pattern(arg, at, f)
		if !use {
			continue
		}
		if pattern == "" {
			c.complain(f.frame, at, "the system's file may not include "+arg)
			return
		}
		c.run.include(f.frame, l, pattern, func(path string, n Node, child *frame) {
			child.never = child.never || f.never
			failed = c.included(n, at, f, child) || failed
		})
	}
	// Up to 8.6 a link that leads nowhere made the line a bad one.
	if failed && !c.d.split && !c.stop {
		c.complain(f.frame, at, "an included file cannot be opened")
	}
}

// included reads an included file; failed says that it is not there.
func (c *clientRun) included(n Node, at Place, f *clientFile, child *frame) (failed bool) {
	switch n.State {
	case Missing, Dangling:
		return true
	case Unreadable:
		c.complain(f.frame, at, child.path+" cannot be opened")
		return true
	}
	c.file(n, &clientFile{frame: child, user: f.user, included: true})
	return false
}

// pattern anchors an Include path. use is false when the path is skipped; an
// empty pattern is one that is refused.
func (c *clientRun) pattern(arg string, at Place, f *clientFile) (pattern string, use bool) {
	if c.d.release.AtLeast(9, 9) {
		expanded, ok := c.expand(arg, at)
		if !ok {
			return "", false
		}
		arg = expanded
	}
	switch {
	case strings.HasPrefix(arg, "/"):
		return arg, true
	case strings.HasPrefix(arg, "~") && !f.user:
		return "", true
	case strings.HasPrefix(arg, "~"):
		return c.home(arg, at)
	case f.user:
		return c.q.HomeVariable + "/.ssh/" + arg, true
	}
	return c.q.ConfigDir + "/" + arg, true
}

// home expands "~" and "~/…". The homes of others are not known here.
func (c *clientRun) home(arg string, at Place) (string, bool) {
	user, left, _ := strings.Cut(arg[1:], "/")
	if len(arg) > 1+len(user) {
		left = "/" + left
	}
	if user == "" {
		return c.q.HomeVariable + left, true
	}
	if user == c.q.LocalUser {
		return c.q.Home + left, true
	}
	c.undecided(at, "Include: the home of "+user+" is not known")
	return "", false
}

// expand replaces tokens and ${variables} in an Include path (since 9.9). ok
// is false when the path is skipped.
func (c *clientRun) expand(arg string, at Place) (out string, ok bool) {
	var b strings.Builder
	missing := false
	for i := 0; i < len(arg); i++ {
		if strings.HasPrefix(arg[i:], "${") {
			end := strings.IndexByte(arg[i:], '}')
			if end < 3 {
				c.fatal(at, 255, "Include has a bad variable: "+arg)
				return "", false
			}
			value, set := c.q.Environment[arg[i+2:i+end]]
			missing = missing || !set
			b.WriteString(value)
			i += end
			continue
		}
		if arg[i] != '%' {
			b.WriteByte(arg[i])
			continue
		}
		i++
		if i == len(arg) {
			c.fatal(at, 255, "Include has a bad token: "+arg)
			return "", false
		}
		value, known, sure := c.token(arg[i], at)
		if !known {
			c.fatal(at, 255, "Include has an unknown token: "+arg)
			return "", false
		}
		if !sure {
			c.undecided(at, "Include: the path depends on something that is not known: "+arg)
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), !missing
}

// token returns what stands for a token; sure is false when it is not known
// here.
func (c *clientRun) token(letter byte, at Place) (value string, known, sure bool) {
	slot := func(key, fallback string) (string, bool, bool) {
		if v, set := c.now.value(key); set {
			return v, true, true
		}
		return fallback, true, !c.now.doubtful(key)
	}
	switch letter {
	case '%':
		return "%", true, true
	case 'C':
		return "", true, false
	case 'L':
		short, _, _ := strings.Cut(c.q.Hostname, ".")
		return short, true, c.q.Hostname != ""
	case 'l':
		return c.q.Hostname, true, c.q.Hostname != ""
	case 'd':
		return c.q.Home, true, true
	case 'h':
		host, sure := c.matchHost(at)
		return host, true, sure
	case 'k':
		host, sure := c.matchHost(at)
		alias, _, certain := slot("hostkeyalias", host)
		return alias, true, sure && certain
	case 'n':
		return c.q.Host, true, true
	case 'p':
		return slot("port", "22")
	case 'r':
		return slot("user", c.q.LocalUser)
	case 'u':
		return c.q.LocalUser, true, true
	case 'i':
		return strconv.Itoa(c.q.UID), true, true
	case 'j':
		return slot("proxyjump", "")
	}
	return "", false, false
}

// again does what follows the first pass: the name is taken over, put in
// lower case, perhaps canonicalised, and the files are read once more if
// something asked for it.
func (c *clientRun) again() {
	if name, set := c.now.value("hostname"); set {
		host, ok := expandHost(name, c.host)
		if !ok {
			c.fatal(c.placeOf("hostname"), 255, "HostName has an unknown token: "+name)
			return
		}
		c.host = host
	}
	if c.now.doubtful("hostname") {
		c.doubt = "the host name depends on a block that is not decided"
	}
	if addr, err := netip.ParseAddr(c.host); err == nil {
		c.host = addr.String()
	} else {
		c.host = lower(c.host)
	}
	canonical, _ := c.now.value("canonicalizehostname")
	if canonical == "true" || canonical == "always" {
		c.wantFinal = true
		c.doubt = "the host name is looked up (CanonicalizeHostname)"
	}
	if cnames, set := c.now.value("canonicalizepermittedcnames"); set && !same(cnames, "none") {
		c.doubt = "the host name is looked up (CanonicalizePermittedCNAMEs)"
	}
	if !c.wantFinal {
		return
	}
	c.early()
	c.pass, c.final = 2, true
	c.files()
}

// early fills in what ssh fills in before the second pass: what that one says
// about these keywords comes too late.
func (c *clientRun) early() {
	for _, key := range []string{"canonicalizehostname", "canonicalizemaxdots", "canonicalizefallbacklocal"} {
		if s := c.now.at(key); !s.set {
			*s = slot{set: true, implied: true, values: c.fallback(clientTable.find(key, c.d.release)), maybe: s.maybe}
		}
	}
}

func (c *clientRun) placeOf(key string) Place {
	found := c.now[key]
	if found == nil || len(found.from) == 0 {
		return Place{}
	}
	return c.uses[found.from[0]].place
}

// sensible does the checks that ssh makes once all files are read.
func (c *clientRun) sensible() {
	if n, set := c.now.value("connectionattempts"); set && n == "0" {
		c.fatal(c.placeOf("connectionattempts"), 255, "ConnectionAttempts must not be 0")
		return
	}
	remote, _ := c.now.value("remotecommand")
	remote = strings.TrimPrefix(remote, "none")
	if c.q.Command != "" && remote != "" {
		c.fatal(c.placeOf("remotecommand"), 255, "RemoteCommand and a command cannot both be given")
		return
	}
	session, _ := c.now.value("sessiontype")
	if fork, _ := c.now.value("forkafterauthentication"); fork == "yes" && c.q.Command == "" && remote == "" && session != "none" {
		c.fatal(c.placeOf("forkafterauthentication"), 255, "ForkAfterAuthentication needs a command")
	}
}

// batch gives ServerAliveInterval the default that Debian and its kin have
// with BatchMode yes.
func (c *clientRun) batch() {
	if !c.d.release.Debian() || c.now.isSet("serveraliveinterval") {
		return
	}
	mode, _ := c.now.value("batchmode")
	if mode != "yes" {
		return
	}
	s := c.now.at("serveraliveinterval")
	s.values, s.implied = []string{"300"}, true
}

// clear does what ClearAllForwardings does to Tunnel.
func (c *clientRun) clear() {
	if v, _ := c.now.value("clearallforwardings"); v == "yes" {
		c.now["tunnel"] = &slot{set: true, implied: true, values: []string{"false"}}
	}
}
