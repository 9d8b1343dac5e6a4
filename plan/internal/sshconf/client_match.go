package sshconf

import (
	"strings"
)

// hostLine evaluates a Host line.
func (c *clientRun) hostLine(l *logicalLine, f *clientFile) {
	at := Place{f.path, l.number}
	if f.path == CommandLine {
		c.complain(f.frame, at, "Host cannot be given with -o")
		return
	}
	if l.blank {
		c.complain(f.frame, at, "Host has an empty argument")
		return
	}
	standing := Out
	if !f.never {
		standing = c.patterns(l.patterns)
	}
	standing = c.inside(standing, f)
	f.active = standing
	c.open(f.frame, Block{Place: at, Keyword: "Host", Patterns: l.patterns, Text: l.raw.s, Standing: standing})
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
	list := l.criteria
	if l.complaint != "" {
		c.complain(f.frame, at, l.complaint)
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
