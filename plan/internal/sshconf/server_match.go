package sshconf

import (
	"github.com/sshform/sshform/schema"
)

func (s *serverRun) match(l *logicalLine, f *frame) {
	at := Place{f.path, l.number}
	if f.path == CommandLine {
		s.fatal(at, 255, "Match cannot be given with -o")
		return
	}
	list := l.criteria
	if l.complaint != "" {
		s.fatal(at, 255, l.complaint)
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
	// The rest can only complain, about data that is missing or a list that the
	// whole result has complained about.
	enough := s.brief && s.q.Login.Complete()
	var doubts []string
	for _, c := range list {
		one := s.criterion(c, asked, at)
		if s.stop {
			return Out
		}
		if one == Maybe {
			doubts = append(doubts, doubtOf(c))
		}
		standing = min(standing, one)
		if standing == Out && enough {
			break
		}
	}
	if standing == Maybe {
		for _, text := range doubts {
			s.undecided(at, text)
		}
	}
	return standing
}

// doubtOf says why a criterion cannot be decided.
func doubtOf(c Criterion) string {
	if c.Name == "group" {
		return "Match Group: the groups of the user are not known"
	}
	return "Match LocalPort: the name " + c.Argument + " is looked up in the services of the host"
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
		n, _, known := port(c.Argument)
		if !known {
			return Maybe
		}
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
