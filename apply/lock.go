package apply

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/sshform/sshform/plan"
)

// A HeldLock is a lock on a host. Fields that its text does not tell are empty:
// it may be cut short, or no text of ours at all.
type HeldLock struct {
	ID        string // the run that holds it, or UnknownRun
	Who       string
	Operation string
	Version   string
	Created   time.Time // by the clock of the controller that took it
	// Expired says that its holder can no longer be at work: the host was
	// booted since, or its time is over.
	Expired bool
}

// UnknownRun is the id of a lock whose text names no run.
const UnknownRun = "unknown"

// String says what is known: "run R of W, since T (expired)".
func (l HeldLock) String() string {
	var b strings.Builder
	b.WriteString("an unnamed run")
	if l.ID != UnknownRun {
		b.Reset()
		b.WriteString("run " + l.ID)
	}
	if l.Who != "" {
		b.WriteString(" of " + l.Who)
	}
	if !l.Created.IsZero() {
		b.WriteString(" since " + l.Created.UTC().Format(time.RFC3339))
	}
	if l.Expired {
		b.WriteString(" (expired)")
	}
	return b.String()
}

// A LockedError says that another run holds a host.
type LockedError struct{ Held HeldLock }

func (e *LockedError) Error() string { return "locked by " + e.Held.String() }

func lockText(run string, opts RunOptions, created time.Time) string {
	plain := strings.NewReplacer("\n", " ", "\r", " ", "\x00", " ")
	return fmt.Sprintf("id %s\nwho %s\noperation apply\nversion %s\ncreated %s",
		run, plain.Replace(opts.Who), plain.Replace(opts.Version), created.UTC().Format(time.RFC3339))
}

// readLock reads the lines of a lock, each behind prefix. It reports whether
// there is one.
func readLock(output []byte, prefix string) (l HeldLock, held bool) {
	l.ID = UnknownRun
	for line := range strings.Lines(string(output)) {
		line, found := strings.CutPrefix(strings.TrimRight(line, "\n"), prefix)
		if !found {
			continue
		}
		held = true
		key, value, _ := strings.Cut(line, " ")
		switch key {
		case "id":
			if plainRun(value) == nil {
				l.ID = value
			}
		case "who":
			l.Who = value
		case "operation":
			l.Operation = value
		case "version":
			l.Version = value
		case "created":
			l.Created, _ = time.Parse(time.RFC3339, value)
		case "expired":
			l.Expired = value == "yes"
		}
	}
	return l, held
}

// ForceUnlock removes the lock of a run that cannot end by itself. A run that
// was interrupted is settled first: what it replaced is put back. It fails if
// the lock is another run's. UnknownRun removes a lock that names none.
func ForceUnlock(ctx context.Context, host Host, id string) error {
	if err := plainRun(id); err != nil {
		return err
	}
	shell, err := host.Shell(ctx)
	if err != nil {
		return err
	}
	defer shell.Close()
	m, err := lookAround(ctx, shell, "none")
	if err != nil {
		return err
	}
	step := Step{Name: "unlock", Script: unlockScript, Args: []string{m.stateFolder(), id}}
	answer, err := shell.Do(ctx, step)
	if err != nil {
		return err
	}
	if answer.Status != 0 {
		return failure(step, answer)
	}
	return nil
}

// plainRun refuses an id that is no run's: it becomes part of a path.
func plainRun(id string) error {
	if id == "" || strings.HasPrefix(id, ".") || path.Base(id) != id || strings.ContainsAny(id, " \n\x00") {
		return fmt.Errorf("%s is not the id of a run", strconv.Quote(id))
	}
	return nil
}

// lock takes the lock, lays down the run's folder and starts the watchdog, all
// in one trip. The digests of everything the plan depends on come back with
// it, read under the lock.
func (t *transaction) lock(ctx context.Context) error {
	step, err := t.lockStep()
	if err != nil {
		return err
	}
	deadline := time.Now().Add(t.opts.LockTimeout)
	told := false
	for released := 0; ; {
		answer, err := t.do(ctx, step)
		if err != nil {
			return err
		}
		switch answer.Status {
		case 0:
			t.wrote = true
			return t.compareDigests(answer.Stdout)
		case lockedStatus:
			held, still := readLock(answer.Stdout, "locked ")
			if released++; !still && released < lockTries {
				continue // whoever held it released it while we asked who it is
			}
			left := time.Until(deadline)
			if left <= 0 {
				return &verdictError{Locked, &LockedError{Held: held}}
			}
			if !told {
				told = true
				t.tell(Event{Kind: LockAwaited, Time: time.Now(), Host: t.plan.Host, Err: &LockedError{Held: held}})
			}
			if err := wait(ctx, min(lockRetryEvery, left)); err != nil {
				return err
			}
		default:
			return failure(step, answer)
		}
	}
}

func (t *transaction) lockStep() (Step, error) {
	text, err := manifest{
		id: t.run, nonce: t.nonce, state: t.machine.stateFolder(), timeout: t.confirmTimeout(),
		backups: cmp.Or(t.plan.Run().Backups, plan.DefaultBackups), listener: t.listener,
		program: t.listener.Path, tree: t.candidateTree(), files: t.files,
		namespaces: t.machine.namespaces, treeFolders: t.treeFolders(),
		command: t.opts.ReloadCommands[t.plan.Run().Reload],
	}.text()
	if err != nil {
		return Step{}, err
	}
	lock := ""
	if !t.opts.NoLock {
		lock = lockText(t.run, t.opts, t.began)
	}
	goodFor := 2*t.confirmTimeout() + lockOutlives
	return Step{Name: "lock", Script: beginScript, Args: append([]string{
		t.machine.stateFolder(), t.run, t.nonce, lock, strconv.Itoa(int(goodFor / time.Second)), text, transactScript,
	}, t.digestPaths()...)}, nil
}

const (
	// lockedStatus is begin.sh's exit status when somebody else holds the lock.
	lockedStatus   = 4
	lockRetryEvery = 2 * time.Second
	// lockOutlives is how long a lock holds beyond what the change may take.
	lockOutlives = 15 * time.Minute
	// lockTries bounds how often a lock is tried again that was just released.
	lockTries = 5
)

// wait waits, or returns early with the context's error.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
