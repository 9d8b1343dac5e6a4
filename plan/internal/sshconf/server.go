package sshconf

import (
	"strconv"
	"strings"

	"github.com/sshform/sshform/schema"
)

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
	// Brief leaves out of the Result what stands in blocks that do not match:
	// the blocks, their directives and what is wrong with them. The others come
	// in no particular order. Everything else is as without it if the tree is
	// whole and valid, in a fraction of the time: many logins can be judged.
	Brief bool
}

// A serverRun reads sshd_config as servconf.c does.
type serverRun struct {
	*run
	q      ServerQuery
	global slots
	// testing: the second pass, where Match blocks are evaluated.
	testing bool
	// cache has the files found for each pattern.
	cache map[string][]string
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
	s := &serverRun{run: newRun(t, Server, d), q: q, cache: map[string][]string{}}
	s.brief = q.Brief
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
		s.subsystems(over)
	}
	s.settle(s.global, over)
}

// matches is the second pass: only Match blocks count, and what they give
// replaces the global values.
func (s *serverRun) matches(main Node) slots {
	s.pass, s.now, s.testing = 2, slots{}, true
	s.begin()
	s.file(main, &frame{path: s.q.Main, active: Out, matchOnly: s.d.release.AtLeast(8, 4)})
	// What sshd forgot to copy from the block.
	if !s.d.release.AtLeast(8, 5) {
		delete(s.now, "setenv")
	}
	if s.d.release.AtLeast(10, 4) && !s.d.release.AtLeast(10, 6) && !s.d.release.Debian() {
		delete(s.now, "pamservicename")
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
	for l := range s.lines(n, f, s.traits(), true) {
		s.line(l, f)
		if s.stop {
			return
		}
	}
	s.close(f, n.File.Len())
	if f.bad > 0 {
		s.fatal(Place{File: f.path}, 255, strconv.Itoa(f.bad)+" bad lines")
	}
}

// traits are what Match compares with patterns of the login.
func (s *serverRun) traits() []trait {
	login := s.q.Login
	traits := []trait{
		{"user", login.User}, {"host", lower(login.Host)}, {"address", login.Address},
		{"localaddress", login.LocalAddress}, {"rdomain", login.RDomain},
	}
	if !login.GroupsKnown {
		return append(traits, trait{"group", unknown})
	}
	for _, group := range login.Groups {
		traits = append(traits, trait{"group", group})
	}
	return traits
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
	s.apply(f, l, o)
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
		s.selected(f, l, s.pattern(arg, l))
	}
	if !some {
		s.fatal(at, 255, "Include has no path")
		return
	}
	if c.garbage() {
		s.fatal(at, 255, "Include has extra arguments")
	}
}

// selected reads the files of a pattern. sshd remembers the files of each
// pattern, one after it was read: a file that includes the pattern it was
// found by sees those before it only. So sshd -t accepts a loop that the
// second pass, with all of them remembered, cannot leave.
func (s *serverRun) selected(f *frame, l *logicalLine, pattern string) {
	open := func(n Node, child *frame) { s.included(n, f, child) }
	if _, found := s.cache[pattern]; found {
		for i := 0; i < len(s.cache[pattern]) && !s.stop; i++ {
			s.run.include(f, l, s.cache[pattern][i], open)
		}
		return
	}
	paths := s.v.glob(pattern)
	if len(paths) == 0 {
		s.cache[pattern] = nil
	}
	for _, path := range paths {
		if s.stop {
			return
		}
		s.run.include(f, l, path, open)
		s.cache[pattern] = append(s.cache[pattern], path)
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
