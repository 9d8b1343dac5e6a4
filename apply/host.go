// Package apply observes hosts, carries out a plan on them and tells what
// became of each. It conducts the transaction, the rollout and the journal; it
// opens no connection and runs no program itself: hosts are given to it
// through the Host seam.
package apply

import (
	"context"
	"io/fs"
	"time"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A Host is a machine that can be read and changed: over SSH (apply/remote) or
// this one (apply/local). Every implementation passes applytest.TestHost.
//
// A Host is used by one transaction. Its methods may be called from several
// goroutines: files travel while the shell works.
type Host interface {
	// Facts tells how the host was reached and what answered.
	Facts() Facts
	// FS reads the host's files. It does not wait until they can be read: the
	// first that is asked for does. Names are absolute paths without the leading
	// slash; the root is ".". It implements fs.StatFS, fs.ReadDirFS and
	// fs.ReadLinkFS. Its FileInfo.Sys is an Owner. If it is an io.Closer, it can
	// be given up before the host is.
	FS(ctx context.Context) (fs.FS, error)
	// Stage creates the files exclusively, owner and mode set while they are
	// empty, writes them, compares the length and syncs. All of them travel
	// together. On an error none is left.
	Stage(ctx context.Context, files []Staged) error
	// Shell opens one POSIX shell, with the privilege that the connection
	// declares. Each call opens another one.
	Shell(ctx context.Context) (Shell, error)
	// Redial reaches the host anew, sharing nothing with this connection but
	// what was learnt about it: same address, credential and host key.
	Redial(ctx context.Context) (Host, error)
	// Close ends everything opened through the host.
	Close() error
}

// Facts are what a connection knows of its host.
type Facts struct {
	Connection plan.Connection
	// Banner is the identification string; of the local program for local hosts.
	Banner  string
	Release schema.Release
	// Expires is when the credential that opened the connection ends; zero is
	// never, or not known.
	Expires time.Time
}

// An Owner is the owner of a file, as fs.FileInfo.Sys returns it.
type Owner struct{ UID, GID int }

// A Staged is a file to create.
type Staged struct {
	Path     string
	Bytes    []byte
	Mode     fs.FileMode // permission bits
	UID, GID int         // -1 leaves the writing user's
}

// A Shell conducts steps on a host, one at a time.
type Shell interface {
	// Do runs one step and waits for its answer. The step's commands read from
	// /dev/null. An error means that the shell is of no use any more; a step
	// that failed is an Answer with its status.
	Do(ctx context.Context, step Step) (Answer, error)
	Close() error
}

// A Step is fixed text for a POSIX sh and the values it works on. Values reach
// the script as "$1", "$2" … and nowhere else: nothing is pasted into the text.
type Step struct {
	Name   string // for events and errors
	Script string
	Args   []string
}

// An Answer is what a step printed and its exit status.
type Answer struct {
	Status int
	Stdout []byte
	Stderr []byte
}

// A Reach says which host to dial and what is declared about it. Pinned is set
// when a plan is applied: it says exactly what the plan was made against.
type Reach struct {
	Host       string
	Connection schema.Connection  // above ssh_alias
	Fallback   *schema.Connection // below ssh_alias; nil is none
	Pinned     *plan.Connection
}

// A Dialer reaches hosts. cmd joins the remote and the local one.
type Dialer interface {
	Dial(ctx context.Context, reach Reach) (Host, error)
}

// A Rehearser is a Host that can log in through a program on the host itself:
// the rehearsal of a login under a configuration that is not yet in force.
type Rehearser interface {
	// Rehearse runs the step with the privilege of Shell. The step ends by
	// becoming an SSH server on its standard streams (`exec sshd -i`), which
	// speaks first; nothing may be written to it before its first byte
	// arrived, since a shell may read ahead of its script. Rehearse does a full
	// login as the user and with the credential that opened the host, opens a
	// session, and ends it. The host key is the one the host proved.
	//
	// A login that fails is a *LoginError; any other error means that the
	// rehearsal could not be held.
	Rehearse(ctx context.Context, step Step) error
}

// A Tunneller is a Host that can log in to its own listener from inside, over
// direct-tcpip. It tells a lock-out from a network that fails.
type Tunneller interface {
	// LoginInside does a full login at address and port as seen from the host.
	// A login that fails is a *LoginError.
	LoginInside(ctx context.Context, address string, port int) error
}

// A Prober is a Host on whose connection the daemon's own keepalive request
// can be awaited.
type Prober interface {
	// AwaitProbe keeps the connection silent until sshd asks for a sign of
	// life and returns how long that took, counted from the last byte sent.
	AwaitProbe(ctx context.Context) (time.Duration, error)
}

// A LoginError says that an SSH server answered and let nobody in.
type LoginError struct {
	Stderr string // what the server printed, if that could be seen
	Err    error
}

func (e *LoginError) Error() string { return "login refused: " + e.Err.Error() }

// Unwrap returns the reason.
func (e *LoginError) Unwrap() error { return e.Err }

// A RealPather is an FS that follows links on the host: every FS of a Host is
// one. RealPath takes and returns names as fs.FS has them, without the leading
// slash; a last component that does not exist is no error.
type RealPather interface {
	RealPath(name string) (string, error)
}
