package plan

import (
	"time"

	"github.com/sshform/sshform/schema"
)

// Observed is all that a decision about one host needs, as it was found. It
// is filled by rounds: Asks names what is still wanted.
type Observed struct {
	Host string
	// Step and Err say where and why the host could not be read; both are
	// empty when it was.
	Step, Err  string
	Connection Connection
	// Release is from the banner; of the local programs for a local host.
	Release schema.Release
	// OS is the system as uname and os-release tell it, for people.
	OS string
	// Home is the home folder of the login user in the user database.
	Home string
	// User is the login user's name, UID the number that writes files there
	// (0 with become = "sudo").
	User string
	UID  int
	// Files has what stands at each path asked, by the path as asked.
	Files map[string]File
	// Folders has the listing of each folder asked.
	Folders map[string]Folder
	// Listener is the running sshd; its zero value means none was found.
	Listener Listener
	// Answers has what `sshd -T` or `ssh -G` said for each login asked.
	Answers map[Login]Answer
	// Mute says why sshd -T cannot be asked on this host; empty if it can.
	Mute string
}

// A State says what stands at a path.
type State int

// The states of a path.
const (
	Regular State = iota
	Missing
	Dangling   // a symbolic link to nothing
	Directory  // a folder where a file was expected
	Unreadable // it is there, and Err says why it cannot be read
	Null       // NullDevice, or a link to it: nothing is read, and nothing may be written
)

// NullDevice is where people link drop-ins to that shall not count.
const NullDevice = "/dev/null"

// A File is a file on a host as it was read.
type File struct {
	State State
	// RealPath is where the chain of links ends; the path itself without one.
	RealPath string
	Bytes    []byte
	Mode     uint32 // permission bits
	UID, GID int
	Err      string // for Unreadable
}

// A Folder is a listing. Names are sorted by byte value, without . and ..;
// nil with Missing true when there is no such folder.
type Folder struct {
	Names   []string
	Missing bool
	Err     string // why it cannot be listed; empty if it can
}

// A Listener is a running sshd and how it takes a new configuration.
type Listener struct {
	// Path is the program, Args its options without the name, ConfigFile what
	// -f says or the compiled-in default.
	Path       string
	Args       []string
	ConfigFile string
	PID        int
	// Reload is the way in, one word of a closed list (see Ways); Unit the
	// service it names, if any.
	Reload Way
	Unit   string
	// Fresh says whether the daemon has read what is on disk.
	Fresh Freshness
	// Pending is the newest file that the daemon has not read, if Fresh is Stale.
	Pending string
}

// A Way is how a daemon is told to read its files again.
type Way string

// The ways in. Platform knowledge about each lives in package apply.
const (
	NoListener   Way = ""               // no sshd runs
	SystemdUnit  Way = "systemd"        // systemctl reload UNIT
	SocketUnit   Way = "systemd-socket" // socket activation, Accept=no: try-restart the service
	PerLogin     Way = "per-login"      // a new sshd reads the files at each login
	SysVInit     Way = "sysvinit"       // service UNIT reload
	OpenRC       Way = "openrc"         // rc-service UNIT reload
	Runit        Way = "runit"          // sv hup UNIT
	LaunchdWay   Way = "launchd"        // as PerLogin
	BSDRC        Way = "bsd-rc"         // service UNIT reload
	PlainSIGHUP  Way = "sighup"         // a signal to the found process
	ReloadByHand Way = "none"           // reload = "none"
)

// Freshness says whether a daemon runs what is on disk.
type Freshness string

// The three answers: no evidence is Unknown, never Stale.
const (
	Unknown Freshness = ""
	Fresh   Freshness = "fresh"
	Stale   Freshness = "stale"
)

// A Login is for whom a program is asked: sshd's -C, or ssh's destination. A
// Login of nothing but a File asks `sshd -T -f File` without -C.
type Login struct {
	User  string
	Host  string // sshd: the client's name; ssh: the destination as typed
	Addr  string
	LAddr string
	LPort int
	// RDomain is the routing domain, usually empty.
	RDomain string
	// Group is a group that the login is a member of. Such a login is resolved
	// only: the host cannot be asked for a member that may not exist.
	Group string
	// Client asks `ssh -G Host` (with -l User if set) instead of sshd.
	Client bool
	// File is the configuration file that is asked about, as declared: the
	// main file of a listener, or the client file. Never empty.
	File string
}

// An Answer is what the program said.
type Answer struct {
	// Exit is its status; 0 is good.
	Exit int
	// Values are its lines by keyword in lower case, arguments as printed;
	// lists as their lines in order.
	Values map[string][]string
	Stderr string
}

// Asking is what is still wanted to decide about a host. All of it can be
// fetched together; then Asks is called again, until it is empty.
type Asking struct {
	Files   []string
	Folders []string
	Logins  []Login
}

// Empty reports whether nothing is wanted.
func (a Asking) Empty() bool {
	return len(a.Files)+len(a.Folders)+len(a.Logins) == 0
}

// DefaultConfirmTimeout is how long a change may stay unproved before the
// watchdog on the host puts the old files back.
const DefaultConfirmTimeout = 60 * time.Second

// DefaultBackups is how many runs a host keeps records of.
const DefaultBackups = 5
