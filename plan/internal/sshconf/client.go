package sshconf

import (
	"strconv"

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
	// Brief is as in a ServerQuery.
	Brief bool
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
	c.brief = q.Brief
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
			c.apply(f.frame, &l, good(effect{slot: lower(name), values: []string{value}}))
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
	c.begin()
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
	for l := range c.lines(n, f.frame, []trait{{"host", c.host}}, !c.final || c.doubt == "") {
		c.line(l, f)
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
	c.apply(f.frame, l, o)
}

// ignored asks IgnoreUnknown.
func (c *clientRun) ignored(l *logicalLine) bool {
	list, set := c.now.value("ignoreunknown")
	return set && matchList(l.name, list, true)
}
