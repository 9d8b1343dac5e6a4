package plan

import (
	"slices"
	"strconv"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// A Query asks what one program makes of its configuration, without anything
// being declared. It is answered from an Observed whose Release, and for ssh
// Home, User and UID, are known; InspectAsks and LintAsks say round by round
// which files are still wanted.
type Query struct {
	Side schema.Side
	// File is the main file; empty is what the program itself reads. For ssh
	// the user's own file brings the system's with it; any other file is
	// given with -F.
	File string
	// User is who logs in. Empty is nobody in particular: for sshd, blocks
	// that ask for the user do not match; ssh takes the user who runs it.
	User string
	// Host is the name of the client (sshd), by default its address as with
	// UseDNS no, or the destination as typed (ssh), by default one that no
	// block is made for.
	Host string
	// Address, LocalAddress and LocalPort are of the connection to sshd.
	Address, LocalAddress string
	LocalPort             int
	// Groups are the groups of User, as far as GroupsKnown.
	Groups      []string
	GroupsKnown bool
}

func (q Query) scene(o *Observed) *scene {
	t := schema.Target{Address: schema.Address{Block: string(q.Side)}, File: schema.File{Path: q.File}}
	return newScene(group{side: q.Side, main: MainPath(t, o.Home)}, o)
}

// resolve answers the query from what was observed so far.
func (q Query) resolve(s *scene) *sshconf.Result {
	if s.side == schema.Client {
		login := Login{File: s.main, Client: true, Host: q.Host, User: q.User}
		if login.Host == "" {
			login.Host = s.unknownHost()
		}
		return s.now(login)
	}
	asked := s.serverQuery(Login{File: s.main})
	asked.Login = q.login()
	r := sshconf.ResolveServer(s.tree, asked)
	// sshd -T stops at a Match LocalPort, and up to 8.0 at any Match, that asks
	// for what -C does not give; the daemon always knows, so that this is no
	// mistake of the file.
	for _, fill := range []func(sshconf.Login) sshconf.Login{withPort(s, asked), completed} {
		if r.Valid() || len(r.Wants) > 0 {
			break
		}
		asked.Login = fill(asked.Login)
		r = sshconf.ResolveServer(s.tree, asked)
	}
	return r
}

// withPort fills in a local port that no block names.
func withPort(s *scene, asked sshconf.ServerQuery) func(sshconf.Login) sshconf.Login {
	return func(l sshconf.Login) sshconf.Login {
		if l.LocalPort != 0 {
			return l
		}
		asked.SyntaxOnly = true
		named := map[string]bool{}
		for _, b := range sshconf.ResolveServer(s.tree, asked).Blocks {
			for _, c := range b.Criteria {
				named[c.Argument] = true
			}
		}
		for l.LocalPort = 65535; named[strconv.Itoa(l.LocalPort)] && l.LocalPort > 1; l.LocalPort-- {
		}
		return l
	}
}

// login is what is given, and nothing else: what is not given never matches.
func (q Query) login() sshconf.Login {
	l := sshconf.Login{
		User: q.User, Host: q.Host, Address: q.Address, LocalAddress: q.LocalAddress, LocalPort: q.LocalPort,
		Groups: q.Groups, GroupsKnown: q.GroupsKnown,
	}
	if l.Host == "" {
		l.Host = l.Address
	}
	return l
}

// completed fills in what a login does not give, with data that no block has
// in mind.
func completed(l sshconf.Login) sshconf.Login {
	plain := sshconf.PlainLogin()
	if l.User == "" {
		l.User, l.GroupsKnown = plain.User, true
	}
	for _, f := range []struct {
		field *string
		plain string
	}{{&l.Host, plain.Host}, {&l.Address, plain.Address}, {&l.LocalAddress, plain.LocalAddress}, {&l.RDomain, plain.RDomain}} {
		if *f.field == "" {
			*f.field = f.plain
		}
	}
	l.Given = plain.Given
	return l
}

// asking turns what a resolver misses into an Asking.
func asking(wants []sshconf.Want) Asking {
	var a Asking
	for _, w := range wants {
		if w.Folder {
			a.Folders = append(a.Folders, w.Path)
		} else {
			a.Files = append(a.Files, w.Path)
		}
	}
	slices.Sort(a.Files)
	slices.Sort(a.Folders)
	a.Files, a.Folders = slices.Compact(a.Files), slices.Compact(a.Folders)
	return a
}
