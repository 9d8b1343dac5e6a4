package apply

import (
	"time"

	"github.com/sshform/sshform/plan"
)

// A Record is what a run left on a host: enough to tell and to undo it.
type Record struct {
	Run     string          `json:"run"`
	PlanID  string          `json:"plan_id"`
	Who     string          `json:"who"`
	Version string          `json:"version"`
	Created time.Time       `json:"created"`
	Host    string          `json:"host"` // its name in the configuration
	Mode    plan.Mode       `json:"mode"`
	Files   []plan.FileEdit `json:"files"`
	// Verdict is what the host itself wrote at the end: "committed",
	// "restored", "cleaned" or, while it is open, the name of the token.
	Verdict string `json:"-"`
	// Old has the bytes that stood at each real path; absent where none did.
	Old map[string][]byte `json:"-"`
	// Original says that this is the state before sshform's first change.
	Original bool `json:"-"`
}

// A HeldLock is a lock on a host.
type HeldLock struct {
	ID        string // the run that holds it
	Who       string
	Operation string
	Version   string
	Created   time.Time
	// Expired says that its holder can no longer be at work: the host was
	// booted since, or its time is over.
	Expired bool
}

// Records are what a host keeps about runs.
type Records struct {
	Runs []Record // oldest first, the original not among them
	// Original is what stood there before the first run; nil if there was none.
	Original *Record
	Lock     *HeldLock // nil when it is free
}
