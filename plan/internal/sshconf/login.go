package sshconf

import (
	"strconv"
	"strings"
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
