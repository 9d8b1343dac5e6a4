package sshconf

import (
	"net/netip"
	"strings"
)

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
