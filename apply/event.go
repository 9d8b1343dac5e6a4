package apply

import (
	"time"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A StepName names a step of the transaction, in events, errors and reports.
type StepName string

// The steps in their order; the set is closed. StepRestore and StepUnlock end
// a transaction that did not commit.
const (
	StepConnect  StepName = "connect"
	StepLock     StepName = "lock"
	StepCheck    StepName = "check"
	StepRecord   StepName = "record"
	StepStage    StepName = "stage"
	StepValidate StepName = "validate"
	StepArm      StepName = "arm"
	StepReplace  StepName = "replace"
	StepReload   StepName = "reload"
	StepConfirm  StepName = "confirm"
	StepCommit   StepName = "commit"
	StepRestore  StepName = "restore"
	StepUnlock   StepName = "unlock"
)

// An Outcome is what became of a host. Every host of a plan has exactly one.
type Outcome string

// The outcomes; the set is closed.
const (
	Changed     Outcome = "changed"      // the change is in force and proved
	Unchanged   Outcome = "unchanged"    // the plan has nothing to do there
	AlreadyDone Outcome = "already_done" // the files are as the plan leaves them
	Restored    Outcome = "restored"     // it failed and the old state is back
	Failed      Outcome = "failed"       // it failed; the error says in what state
	Unreachable Outcome = "unreachable"  // no connection; nothing was done
	Stale       Outcome = "stale"        // files moved on since the plan was made; nothing was done
	Locked      Outcome = "locked"       // another run holds the host; nothing was done
	Skipped     Outcome = "skipped"      // not started
)

// Outcomes returns all outcomes in the order in which they are shown.
func Outcomes() []Outcome {
	return []Outcome{Changed, Unchanged, AlreadyDone, Restored, Failed, Unreachable, Stale, Locked, Skipped}
}

// Succeeded reports whether the host is as the plan wants it.
func (o Outcome) Succeeded() bool {
	return o == Changed || o == Unchanged || o == AlreadyDone
}

// Spends reports whether the outcome counts against a wave's failure budget.
func (o Outcome) Spends() bool {
	switch o {
	case Unreachable, Failed, Restored, Stale, Locked:
		return true
	}
	return false
}

// An EventKind says what an Event tells.
type EventKind string

// The kinds of events, spelled as in the JSON stream.
const (
	WaveStarted      EventKind = "wave_start"
	WaveSoaks        EventKind = "wave_soak"
	WaveCompleted    EventKind = "wave_complete"
	ApplyStarted     EventKind = "apply_start"
	ApplyProgressed  EventKind = "apply_progress" // a host begins Step
	ApplyCompleted   EventKind = "apply_complete"
	ApplyErrored     EventKind = "apply_errored"
	RolloutStopped   EventKind = "rollout_stopped"
	FleetProgressed  EventKind = "fleet_progress"
	RefreshStarted   EventKind = "refresh_start"
	RefreshCompleted EventKind = "refresh_complete"
	RefreshErrored   EventKind = "refresh_errored"
	// DialTriedAgain tells that a host was busy, by Err, and is dialled once
	// more; while a change is confirmed, that it refuses us for a while, and is
	// dialled until that is over or the time of confirm is.
	DialTriedAgain EventKind = "dial_again"
	// LockAwaited tells that a host is locked, by Err, and waited for.
	LockAwaited EventKind = "lock_wait"
)

// An Event is something that happened during Observe or Run. Which fields are
// set depends on Kind: host events have Host, Addresses and Elapsed, wave
// events have Wave, and so on.
type Event struct {
	Kind EventKind
	Time time.Time

	Host      string
	Addresses []schema.Address
	Action    plan.Action
	TakesBack bool // the host's change is undone, since its wave failed
	Step      StepName
	Elapsed   time.Duration // since the host was started
	Outcome   Outcome       // ApplyCompleted, ApplyErrored
	Err       error         // ApplyErrored, RefreshErrored, DialTriedAgain, LockAwaited

	Wave     *WaveReport // wave events
	Stopped  *Stopped    // RolloutStopped
	Progress *Progress   // FleetProgressed
}

// Stopped says why a rollout started no further host.
type Stopped struct {
	Kind   string // "budget", "window", "interrupt" or "journal"
	Wave   string
	Failed int
	Limit  int
	// Opens is when the wave's window opens next, for Kind "window".
	Opens time.Time
}

// Progress counts hosts that have something to do.
type Progress struct {
	Done, Total, Failed, Unreachable int
	Remaining                        time.Duration // an estimate; 0 is unknown
}
