package schema

import (
	"fmt"
	"iter"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A Config is everything the configuration declares, evaluated: no expression
// is left in it. It holds no secret.
type Config struct {
	// Dir is the configuration directory, absolute.
	Dir string
	// Sources are the files of the configuration, sorted by path.
	Sources []Source
	// MaxAge is how long a saved plan may be applied; 24 hours by default.
	MaxAge time.Duration
	// RequireSaved refuses apply without a saved plan.
	RequireSaved bool
	// History says where runs are recorded on the controller.
	History History
	// Variables are the input variables with their values, sorted by name.
	Variables []Variable
	// Inventories are the sources that hosts were read from.
	Inventories []InventorySource
	// Targets are all there is to manage, sorted by host and then by address.
	Targets []Target
	// Rollouts are the declared orders. Targets in none form a last wave.
	Rollouts []Rollout
	// Networks are what lies between clients and servers.
	Networks []Network
	// Peers are client programs that are not managed but talk to the servers.
	Peers []Peer
}

// Hosts yields the targets of each host.
func (c *Config) Hosts() iter.Seq[[]Target] {
	return func(yield func([]Target) bool) {
		for rest := c.Targets; len(rest) > 0; {
			on := sameHost(rest)
			if !yield(on) {
				return
			}
			rest = rest[len(on):]
		}
	}
}

// OnHost returns the targets of a host; none for a host that has none.
func (c *Config) OnHost(name string) []Target {
	from := sort.Search(len(c.Targets), func(i int) bool { return c.Targets[i].Host.Name >= name })
	if from == len(c.Targets) || c.Targets[from].Host.Name != name {
		return nil
	}
	return sameHost(c.Targets[from:])
}

// sameHost returns the targets that have the first one's host.
func sameHost(targets []Target) []Target {
	end := 1
	for end < len(targets) && targets[end].Host.Name == targets[0].Host.Name {
		end++
	}
	return targets[:end:end]
}

// A Source is a file of the configuration.
type Source struct {
	Path    string // relative to Config.Dir where it lies inside
	Content []byte
}

// History says where the journals of runs are kept.
type History struct {
	Path string // directory; .sshform in the configuration directory by default
	Keep int    // runs; 0 keeps all
}

// A Variable is an input variable and its value.
type Variable struct {
	Name string
	// JSON is the value; nil when Sensitive or Ephemeral.
	JSON      []byte
	Sensitive bool
	Ephemeral bool
}

// An InventorySource is where hosts came from.
type InventorySource struct {
	Type, Name string
	SHA256     string // hex, of the bytes read
	Hosts      int
	// FetchedAt is when they were read; the zero time if nobody said.
	FetchedAt time.Time
}

// An Address names a block or one instance of it: server.home["db"].
type Address struct {
	Block  string // "server" or "client"
	Name   string
	Key    string
	HasKey bool // the block has for_each
}

// String returns the address as people type it.
func (a Address) String() string {
	if !a.HasKey {
		return a.Block + "." + a.Name
	}
	return a.Block + "." + a.Name + "[" + strconv.Quote(a.Key) + "]"
}

// Side returns the side that the addressed block declares.
func (a Address) Side() Side { return Side(a.Block) }

// ParseAddress reads an address as String writes it.
func ParseAddress(s string) (Address, error) {
	wrong := fmt.Errorf("%q is not an address; write it like server.web or server.web[\"name\"]", s)
	block, name, dotted := strings.Cut(s, ".")
	a := Address{Block: block, Name: name}
	if open := strings.IndexByte(name, '['); open >= 0 {
		key, err := strconv.Unquote(strings.TrimSuffix(name[open+1:], "]"))
		if err != nil || !strings.HasSuffix(name, "]") {
			return Address{}, wrong
		}
		a.Name, a.Key, a.HasKey = name[:open], key, true
	}
	if !dotted || a.Name == "" || a.Side() != Server && a.Side() != Client {
		return Address{}, wrong
	}
	return a, nil
}

// ThisMachine is the name that every local host has in targets: one machine
// is one transaction, whatever it is called in the configuration.
const ThisMachine = "localhost"

// A Host is a machine and how it is reached.
type Host struct {
	Name string
	// Tags and Vars come from the configuration or an inventory. Vars holds
	// only strings here; it serves waves and reports.
	Tags []string
	Vars map[string]string
}

// The ways to reach a host.
const (
	OverSSH = "ssh"
	Local   = "local"
)

// A Connection is how a host is reached. Empty fields are not declared and
// are filled in from what ranks below: Or merges, the last word has ssh's own
// configuration (ssh_alias) and then the defaults.
type Connection struct {
	Type            string // OverSSH or Local; empty is OverSSH
	Address         string
	Port            int // 0 is not declared
	User            string
	SSHAlias        string // a Host of the person's own ssh_config
	IdentityFile    string // absolute, or beginning with ~/
	CertificateFile string
	ProxyJump       string // comma-separated, as in ssh_config(5); "none" switches it off
	KnownHostsFile  string
	HostKeyChecking string        // "yes" or "accept-new"; empty is "yes"
	ConnectTimeout  time.Duration // 0 is not declared
	Become          string        // "none" or "sudo"; empty is "none"
}

// Or returns the connection with its empty fields taken from other, if there is
// one.
func (c Connection) Or(other *Connection) Connection {
	if other == nil {
		return c
	}
	c.Type = or(c.Type, other.Type)
	c.Address = or(c.Address, other.Address)
	c.Port = or(c.Port, other.Port)
	c.User = or(c.User, other.User)
	c.SSHAlias = or(c.SSHAlias, other.SSHAlias)
	c.IdentityFile = or(c.IdentityFile, other.IdentityFile)
	c.CertificateFile = or(c.CertificateFile, other.CertificateFile)
	c.ProxyJump = or(c.ProxyJump, other.ProxyJump)
	c.KnownHostsFile = or(c.KnownHostsFile, other.KnownHostsFile)
	c.HostKeyChecking = or(c.HostKeyChecking, other.HostKeyChecking)
	c.ConnectTimeout = or(c.ConnectTimeout, other.ConnectTimeout)
	c.Become = or(c.Become, other.Become)
	return c
}

func or[T comparable](a, b T) T {
	var zero T
	if a != zero {
		return a
	}
	return b
}

// A Target is one host and one block: the settings that shall be in force
// there.
type Target struct {
	Address Address
	Host    Host
	// Connection is what the block, its host and the host's own columns
	// declare; it ranks above ssh_alias.
	Connection Connection
	// Fallback is the top-level connection, the same one for all; it ranks
	// below ssh_alias. Nil is none.
	Fallback *Connection
	File     File
	Scope    Scope
	// Settings are the declared keywords in table order, none twice.
	Settings []Setting
	// Unset are keywords whose lines are to be removed.
	Unset []Setting
	// RefuseOverrides is match_overrides = "error": a Match or Host block that
	// gives some logins another value is an error instead of a note.
	RefuseOverrides bool
	// AllowPending allows a reload that also brings somebody else's edits
	// into force.
	AllowPending bool
	// Reload is "auto", "none" or the name of a command in the policy of the
	// apply side; empty is "auto".
	Reload string
	Verify Verify
	// Range is the block in the configuration.
	Range Range
}

// Side returns the side of the target.
func (t Target) Side() Side { return t.Address.Side() }

// A File is where settings are written.
type File struct {
	// Path is the main file. Empty is the default: /etc/ssh/sshd_config for
	// servers, ~/.ssh/config for clients. "~" is the home of the user database.
	Path string
	// DropIn is the name of a file of our own in the included folder; empty
	// writes to the main file.
	DropIn string
	// Backups is how many runs the host keeps records of; 0 is the default, 5.
	Backups int
}

// A Scope is for whom settings count. The zero Scope is everybody.
type Scope struct {
	// Match is the criteria of a Match block (server), "User backup".
	Match string
	// Patterns is the argument of Host (client); "*" or empty is everybody.
	Patterns string
}

// A Setting is a keyword and the argument declared for it. In Target.Unset the
// argument is empty.
type Setting struct {
	Keyword  Keyword
	Argument Argument
	Range    Range
}

// Verify says how a change is proved.
type Verify struct {
	Probe          bool          // wait for a real keepalive request
	SkipRehearsal  bool          // rehearsal = false
	ConfirmTimeout time.Duration // 0 is the default, 60 s
}

// A Rollout is an order of waves over a set of targets.
type Rollout struct {
	Name    string
	Targets []Address
	// SpreadBy is a variable of hosts whose values are interleaved.
	SpreadBy  string
	OnFailure string // "stop", "restore" or "continue"; empty is "stop"
	Waves     []Wave
	Range     Range
}

// A Wave is a part of a rollout. It takes Hosts, or hosts up to a cumulative
// Percent of all in stable order.
type Wave struct {
	Name               string
	Hosts              []string
	Percent            float64 // of all hosts, cumulative; 0 when Hosts is used
	Parallelism        int     // 0 is the command's
	MaxFailures        int
	MaxFailuresPercent float64
	Strict             bool
	Soak               time.Duration
	Window             string
	Range              Range
}

// A Network is what lies between clients and servers.
type Network struct {
	Name string
	// IdleTimeout is after how long it forgets a silent connection; 0 is never.
	IdleTimeout time.Duration
	// Kind is the name of the Middlebox that was written instead of a time.
	Kind string
	// Between are addresses or block names; empty is every pair.
	Between []string
	Range   Range
}

// A Peer is a client program that sshform does not configure.
type Peer struct {
	Name      string
	Library   string        // paramiko, go, putty, dropbear, asyncssh, libssh2
	Keepalive time.Duration // 0 is none
	Range     Range
}
