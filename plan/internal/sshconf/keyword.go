package sshconf

import "github.com/sshform/sshform/schema"

// A Side tells the two kinds of file apart.
type Side int

// The sides.
const (
	Server Side = iota + 1 // sshd_config(5)
	Client                 // ssh_config(5)
)

// String returns the program that reads the file: "sshd" or "ssh".
func (s Side) String() string {
	if s == Client {
		return "ssh"
	}
	return "sshd"
}

// A kind is the grammar of a keyword's arguments and how values of several
// lines come together.
type kind int

const (
	kindAny           kind = iota // any arguments; OpenSSH alone judges them
	kindFlag                      // yes or no
	kindEnum                      // one of some words
	kindInt                       // 0 to 2147483647
	kindTime                      // seconds
	kindUnused                    // time, or none, which overwrites
	kindWord                      // one argument
	kindPath                      // one argument, a path or none
	kindRaw                       // the rest of the line as it is
	kindVersion                   // the rest of the line, without CR
	kindCommand                   // the rest of the line, a path or none
	kindList                      // arguments; none alone; first line wins
	kindFiles                     // arguments; first line wins
	kindUsers                     // patterns that add up
	kindAcceptEnv                 // names that add up
	kindSendEnv                   // names that add up, and -name
	kindSetEnv                    // NAME=value; first line wins
	kindPort                      // port that adds up
	kindClientPort                // port
	kindListen                    // address that adds up
	kindHostKey                   // path that adds up
	kindMaxStartups               // start:rate:full
	kindNetBlock                  // prefix lengths
	kindPerSource                 // count or none
	kindPenalties                 // PerSourcePenalties
	kindExempt                    // list of addresses
	kindIPQoS                     // one or two classes
	kindRekey                     // volume and time
	kindChannels                  // ChannelTimeout
	kindSubsystem                 // name and command
	kindForwards                  // PermitOpen, PermitListen
	kindMethods                   // AuthenticationMethods
	kindMask                      // octal mode
	kindHash                      // FingerprintHash
	kindLevel                     // LogLevel
	kindFacility                  // SyslogFacility
	kindPubkeyOptions             // PubkeyAuthOptions
	kindUserEnv                   // PermitUserEnvironment
	kindTunnel                    // PermitTunnel
	kindRDomain                   // RDomain: OpenBSD only
	kindAgentPath                 // AgentSocketPath
	kindPersist                   // ControlPersist
	kindKeystrokes                // ObscureKeystrokeTiming
	kindRefuse                    // RefuseConnection of ssh
	kindIdentity                  // IdentityFile, CertificateFile
	kindJump                      // ProxyJump
	kindProxy                     // ProxyCommand
	kindInclude
	kindMatch
	kindHost
	kindDeprecated  // removed: a notice, no effect
	kindIgnored     // removed: silent
	kindUnsupported // not built in: a notice, no effect
)

// A version is a release as major*100+minor; 0 is before or after all.
type version int

func (v version) atLeast(r schema.Release) bool {
	return version(r.Major*100+r.Minor) >= v
}

// A row is one name in OpenSSH's table of keywords, for a range of releases.
type row struct {
	name string // as the manual spells it
	kind kind
	// inMatch says that it may stand in a Match block.
	inMatch bool
	// slot is the keyword whose value it sets; empty is its own.
	slot string
	// since is the first release that has the row, until the first that has
	// it no more; 0 is open.
	since, until version
	// words are the words of kindEnum: what may be written, and what is
	// printed for it.
	words []word
	// fallback is what is printed when nothing sets it; "" prints no line
	// or is not known.
	fallback string
	// vendor says who has it: 0 everyone, debianOnly, or someBuilds, which
	// may or may not have it and do not tell.
	vendor vendor
	// debian replaces fallback on Debian.
	debian string
	// silent: the program never prints it.
	silent bool
}

type word struct{ written, printed string }

type vendor int

const (
	everyone vendor = iota
	debianOnly
	// someBuilds: upstream leaves it to the build (PAM, Kerberos), or many
	// distributions patch it in, and the banner does not tell.
	someBuilds
	// withPAM: as someBuilds, but Debian always has it.
	withPAM
	// redHat: RHEL, Fedora and their kin, whose banner says nothing at all.
	redHat
)

// holds reports whether the release's table has the row.
func (r *row) holds(release schema.Release) bool {
	if r.since != 0 && !r.since.atLeast(release) || r.until != 0 && r.until.atLeast(release) {
		return false
	}
	switch r.vendor {
	case debianOnly:
		return release.Debian()
	case redHat:
		return release.Vendor == ""
	}
	return true
}

// built reports whether the release has the row for certain. Debian dropped
// GSSAPI and Kerberos in 10.4p1-5 and offers another package with them.
func (r *row) built(release schema.Release) bool {
	switch r.vendor {
	case withPAM:
		return release.Debian()
	case someBuilds:
		return release.Debian() && !release.AtLeast(10, 5)
	case redHat:
		return false
	}
	return true
}

// key is the name of the slot in lower case.
func (r *row) key() string {
	if r.slot != "" {
		return lower(r.slot)
	}
	return lower(r.name)
}

// A table finds rows by name in lower case.
type table map[string][]*row

func index(rows []row) table {
	t := make(table, len(rows))
	for i := range rows {
		name := lower(rows[i].name)
		t[name] = append(t[name], &rows[i])
	}
	return t
}

// find returns the row of a name, which is in lower case; nil is unknown.
func (t table) find(name string, release schema.Release) *row {
	for _, r := range t[name] {
		if r.holds(release) {
			return r
		}
	}
	return nil
}

// tables are made once from the rows below and never changed.
var (
	serverTable = index(serverRows())
	clientTable = index(clientRows())
)

func tableOf(side Side) table {
	if side == Client {
		return clientTable
	}
	return serverTable
}

// A Keyword is what is known about a keyword on one release.
type Keyword struct {
	// Name is as the manual spells it.
	Name string
	// Slot is the keyword whose value it sets; its own Name unless it is an
	// old name for another.
	Slot string
	// InMatch says that it may stand in a Match block of sshd_config. In
	// ssh_config every keyword may.
	InMatch bool
	// Gone says that OpenSSH reads the line and does nothing.
	Gone bool
}

// Lookup finds a keyword by name, whatever its case. found is false where
// OpenSSH would say "Bad configuration option".
func Lookup(side Side, name string, release schema.Release) (k Keyword, found bool) {
	r := tableOf(side).find(lower(name), release)
	if r == nil {
		return Keyword{}, false
	}
	slot := r.name
	if r.slot != "" {
		slot = r.slot
	}
	return Keyword{
		Name: r.name, Slot: slot, InMatch: side == Client || r.inMatch,
		Gone: r.kind == kindDeprecated || r.kind == kindIgnored || r.kind == kindUnsupported,
	}, true
}

// Canonical spells a keyword as the manual does; an unknown one stays as it is.
func Canonical(side Side, name string) string {
	for _, r := range tableOf(side)[lower(name)] {
		return r.name
	}
	return name
}

func words(pairs ...string) []word {
	out := make([]word, 0, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, word{pairs[i], pairs[i+1]})
	}
	return out
}
