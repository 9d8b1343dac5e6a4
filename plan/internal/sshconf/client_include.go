package sshconf

import (
	"strconv"
	"strings"
)

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
		for _, path := range c.v.glob(pattern) {
			if c.stop {
				return
			}
			c.run.include(f.frame, l, path, func(n Node, child *frame) {
				child.never = child.never || f.never
				failed = c.included(n, at, f, child) || failed
			})
		}
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
