// Package plan turns what is declared and what was observed into a Plan: the
// exact edits that bring every host to the declared settings, and everything
// apply needs to carry them out or refuse.
//
// It is pure: it never dials, runs, opens or asks the time. The same inputs
// give the same bytes.
package plan

import (
	"slices"
	"time"

	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// A Digest is the SHA-256 of a file's bytes in hex. The empty Digest stands
// for a file that does not exist.
type Digest string

// A Mode says what made a plan.
type Mode string

// The modes of a plan.
const (
	Normal  Mode = "normal"
	Restore Mode = "restore"
)

// A Plan is a decision for a fleet: data, without credentials.
type Plan struct {
	Tool Tool
	// CreatedAt and ValidUntil are stamped by the caller; they take no part
	// in ID.
	CreatedAt, ValidUntil time.Time
	Mode                  Mode
	Config                ConfigDigest
	Inventory             Inventory
	Variables             []schema.Variable
	Options               Options
	Rollout               Rollout
	// Hosts are in the order in which they are shown: by name.
	Hosts []HostPlan
	// Unreachable are the hosts that could not be read, by name.
	Unreachable []Unreachable
	// Errored says that the plan must not be applied.
	Errored bool
	// Part is nil for the plan of a whole fleet.
	Part *Part
	// Checks, Outputs and Drift are told to people and programs; nothing is
	// decided by them, and they take no part in ID.
	Checks  []Check
	Outputs []Output
	Drift   []Drift
	// Contents are the files of the hosts that change, with BuildOptions.Contents
	// only; they take no part in ID either.
	Contents Contents
}

// A Check is a check block and what became of it with the planned values.
type Check struct {
	Name   string `json:"name"`
	Status string `json:"status"` // "pass", "fail" or "error"
	// Messages are those of the assertions that failed.
	Messages []string `json:"messages,omitempty"`
}

// An Output is an output block's value with the planned values.
type Output struct {
	Name      string
	Sensitive bool
	// JSON is the value and Type its type, both as JSON; empty where Sensitive.
	JSON, Type []byte
}

// A Drift is a target that is no longer as this machine's last run left it.
type Drift struct {
	Address schema.Address
	Run     string // that run
	// Recorded are the arguments that the run made effective, by keyword. What
	// is in force now stands in the target's Change.
	Recorded map[schema.Keyword]schema.Argument
}

// A Tool is the program that made a plan.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	// Commit takes no part in a plan's ID.
	Commit string `json:"commit,omitempty"`
}

// A ConfigDigest says which configuration a plan was made from.
type ConfigDigest struct {
	Digest Digest
	Files  []FileDigest
	// Commit takes no part in a plan's ID: the same files are the same
	// configuration, before a merge and after it.
	Commit Commit
}

// A Commit is where in version control a configuration comes from, as far as
// the machine that planned could tell. Digests bind a plan, not the commit,
// which is for people who look for the change behind it. The zero Commit is
// none.
type Commit struct {
	ID string // in hex
	// ToldBy is "git", which was asked in the folder of the configuration, or
	// the variable of a pipeline, such as GITHUB_SHA, that was believed.
	ToldBy string
	State  CommitState
}

// A CommitState says whether files are what the commit holds.
type CommitState string

// The states. Dirty means that the bytes of a configuration file that was read
// are not those that the commit has at its path, or that a configuration file
// of the commit is gone. No other files count: the values of variables and the
// digests of inventories stand in the plan itself.
const (
	NotCompared CommitState = ""
	Clean       CommitState = "clean"
	Dirty       CommitState = "dirty"
)

// A FileDigest is one file of the configuration.
type FileDigest struct {
	Path   string
	SHA256 Digest
}

// An Inventory says which list of hosts a plan was made for.
type Inventory struct {
	Digest  Digest
	Hosts   int
	Sources []schema.InventorySource
}

// Options are what the plan was asked to do.
type Options struct {
	Targets          []string
	Excludes         []string
	AllowUnreachable string // "2" or "5%"; empty is none
	// ShardBy is the variable of hosts whose values shards keep apart; empty
	// splits by the hash of names alone.
	ShardBy string
}

// A Rollout is the resolved order: numbers, no expressions.
type Rollout struct {
	Waves     []Wave
	OnFailure string
	SpreadBy  string
}

// A Wave is the hosts that change together.
type Wave struct {
	Name               string
	Hosts              int
	Parallelism        int // 0 is the command's
	MaxFailures        int
	MaxFailuresPercent float64
	Strict             bool
	Soak               time.Duration
	Window             string
	// OnFailure is "stop", "restore" or "continue".
	OnFailure string
}

// A HostPlan is one transaction: everything that happens on one host.
//
// Its fields are the host's own. How it is reached and what happens there, its
// Connection and its Decision, are kept once for all hosts that are equal, so
// that a further one costs little: Via and With say them, and methods tell them
// in the host's own words.
type HostPlan struct {
	Host string
	Wave string
	// Turn orders the hosts of a wave, from 0.
	Turn int
	// Group is the host's value of Options.ShardBy.
	Group string
	// Place is where a host of a part stands in the declared orders; nil in a
	// whole plan, and for hosts in no rollout.
	Place *Place

	address, hostKey string          // of the connection
	way              *Connection     // without them, and shared; nil is none
	shared           *sharedDecision // nil is nothing
	keys             []string        // of the addresses of the changes
}

// A Decision is what happens on a host and what it rests on.
type Decision struct {
	Run   Run
	Files []FileEdit
	// DependsOn is every other file and folder that was read to reach the
	// decision.
	DependsOn []Dependency
	Facts     Facts
	Changes   []Change
}

// A Connection is how a host was reached and how apply must reach it.
type Connection struct {
	Type            string // schema.OverSSH or schema.Local
	Address         string
	Port            int
	User            string
	Jump            []Hop
	HostKey         string // "SHA256:…" of the key the host proved; empty for local
	Become          string
	IdentityFile    string
	CertificateFile string
	KnownHostsFile  string
	// HostKeyAlias is the name under which known_hosts is asked, if the
	// person's ssh configuration gives another than Address.
	HostKeyAlias    string
	HostKeyChecking string
	ConnectTimeout  time.Duration
	// Machine binds a local plan to the machine and user it was made for.
	Machine Machine
}

// A Hop is a bastion on the way, nearest first.
type Hop struct {
	User    string `json:"user"`
	Address string `json:"address"`
	Port    int    `json:"port"`
}

// A Machine is this machine and the user who runs sshform; zero over SSH.
type Machine struct {
	Hostname string `json:"hostname"`
	UID      int    `json:"uid"`
	Home     string `json:"home"`
}

// Run is how the transaction is carried out.
type Run struct {
	ConfirmTimeout time.Duration
	Probe          bool
	Rehearsal      bool
	AllowPending   bool
	Backups        int
	// Reload is "auto", "none" or a name from the apply side's policy.
	Reload string
}

// A Role says what a file is to OpenSSH.
type Role string

// The roles of files.
const (
	MainFile   Role = "main"
	DropIn     Role = "drop-in"
	ClientFile Role = "client"
)

// A FileEdit is one file and all the edits that a host's targets make to it.
type FileEdit struct {
	Path     string `json:"path"`
	RealPath string `json:"realpath"` // what Path leads to; equal to Path without links
	Role     Role   `json:"role"`
	// Before is empty when the file is created, After when it is removed.
	Before     Digest `json:"before_sha256"`
	BeforeSize int64  `json:"before_size"`
	Mode       uint32 `json:"mode"` // permission bits
	UID        int    `json:"uid"`
	GID        int    `json:"gid"`
	After      Digest `json:"after_sha256"`
	Edits      []Edit `json:"edits"`
}

// An Op is what an edit does to a line.
type Op string

// The operations. Insert puts New before line Line of the old text; Line may
// be one more than the number of lines.
const (
	Insert  Op = "insert"
	Replace Op = "replace"
	Delete  Op = "delete"
)

// An Edit changes one line. All edits of a file count lines in the old text
// and stand in ascending order.
type Edit struct {
	Op   Op  `json:"op"`
	Line int `json:"line"`
	// Old is the exact text expected there, with its line end; empty for Insert.
	Old string `json:"old,omitempty"`
	// New is the exact text written, with its line end; empty for Delete.
	New string `json:"new,omitempty"`
	// Address is the target the edit serves.
	Address string `json:"address"`
}

// A Dependency is a file or a folder's listing that the decision rests on.
type Dependency struct {
	Path string `json:"path"`
	// Before is the digest of the bytes; of the sorted names, one a line, for
	// a folder; empty when it did not exist.
	Before Digest `json:"before_sha256"`
	Folder bool   `json:"folder,omitempty"`
}

// Facts are what was learnt about the host, as far as apply must check it.
type Facts struct {
	OpenSSH string // "9.2p1"
	OS      string
	// Listener is the sshd that shall take the change; zero for client files.
	Listener Listener
}

// An Action is what happens to an instance: one host in one block.
type Action string

// The actions. A file that did not exist is created; one is edited; one of our
// own is deleted; Reload means that the files are right and the daemon has not
// read them.
const (
	NoOp   Action = "no-op"
	Create Action = "create"
	Update Action = "update"
	Remove Action = "delete"
	Reload Action = "reload"
)

// A Change is what a plan does for one target.
type Change struct {
	Address schema.Address
	Host    string
	Action  Action
	// File is the file whose edits carry the change, as declared.
	File  string
	Scope schema.Scope
	// Settings has every declared keyword in table order, changed or not.
	Settings []Difference
	// Beside are the other keywords of the table that a line sets for the same
	// login, without sources and reasons. The block does not manage them, and
	// what becomes of connections depends on them too.
	Beside []Difference
	// Notes are what the reader should know: narrower blocks that keep another
	// value, lines that are overruled, scopes that could not be asked.
	Notes []string
	// Expect is what the host's own program must say after the change.
	Expect []Expectation
}

// Values are all arguments of the table that are in force before and after the
// change; what is absent has OpenSSH's default.
func (c Change) Values() (before, after liveness.Values) {
	before, after = liveness.Values{}, liveness.Values{}
	for _, d := range slices.Concat(c.Settings, c.Beside) {
		if d.Before != "" {
			before[d.Keyword] = d.Before
		}
		if d.After != "" {
			after[d.Keyword] = d.After
		}
	}
	return before, after
}

// A Difference is one setting before and after.
type Difference struct {
	Keyword schema.Keyword
	Before  schema.Argument
	// BeforeDefault says that no line sets Before.
	BeforeDefault bool
	BeforeSource  Source
	// After is the argument in force after the change.
	After        schema.Argument
	AfterDefault bool
	AfterSource  Source
	// Reason says why the line goes where it goes, for a person; empty when
	// nothing changes.
	Reason string
}

// Changed reports whether the setting's effective argument or its line moves.
func (d Difference) Changed() bool { return d.Reason != "" }

// A Source is a line of a file on the host. The zero Source is none.
type Source struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

// An Expectation is what `sshd -T -C login` or `ssh -G login` must print.
type Expectation struct {
	Login  Login
	Values map[schema.Keyword]schema.Argument
}

// Unreachable is a host that could not be read.
type Unreachable struct {
	Host      string
	Group     string // its value of Options.ShardBy
	Addresses []schema.Address
	Step      string
	Err       string
}
