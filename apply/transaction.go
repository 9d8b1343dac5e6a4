package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Deadlines of the transaction. Connections have their own for each request.
const (
	stepDeadline  = 60 * time.Second
	restoreLimit  = 20 // seconds for a restore by the controller; then it is the watchdog's
	confirmMargin = 15 * time.Second
)

// A verdictError is an error that decides the outcome.
type verdictError struct {
	outcome Outcome
	err     error
}

func (e *verdictError) Error() string { return e.err.Error() }
func (e *verdictError) Unwrap() error { return e.err }

func staleBecause(format string, values ...any) error {
	return &verdictError{Stale, fmt.Errorf(format, values...)}
}

// errAlreadyDone ends a transaction that has nothing left to do.
var errAlreadyDone = errors.New("the files are as the plan leaves them")

// A transaction changes one host.
type transaction struct {
	plan   *plan.HostPlan
	planID string
	mode   plan.Mode
	run    string
	opts   RunOptions
	tell   func(Event)
	began  time.Time
	action plan.Action // that of the first change, for events
	report HostReport

	lifeline Host
	fsys     fs.FS
	shell    Shell
	machine  machine
	listener listener

	folder string // of the run, on the host
	nonce  string
	files  []fileChange
	wanted wantedValues
	wrote  bool // the folder of the run exists
	armed  time.Time
	// seen are the files of the plan as connect has read them, digests what the
	// host computed under the lock, in the order of digestPaths; "-" is a file
	// that is not there, empty what nothing there can compute.
	seen    map[string]plan.File
	digests []string
	// unfit are the reasons against replacing the files, as the host tells them.
	unfit []saying
	// tree is every file of the plan as check has read it.
	tree map[string]plan.File
	// port is where the listener takes logins, once it has been judged.
	port   Endpoint
	copied bool // judged without a namespace
	mute   bool // sshd takes files and does not say what they mean
	// letsIn says that the sshd of this machine let us in before the change;
	// noLogin is why it did not.
	letsIn  bool
	noLogin error
	// pending says that the host is left to its watchdog.
	pending bool
	// revert names the run whose old bytes are put back, instead of edits.
	revert string
}

// carryOut does everything and returns what became of the host. Its stack lies
// under all that is done for the host, as do those of change and the steps, so
// large values are kept off them: a few hundred hosts wait there at a time.
func (t *transaction) carryOut(ctx context.Context) *HostReport {
	t.begin()
	t.conclude(ctx, t.change(ctx))
	t.end()
	t.leave()
	return &t.report
}

func (t *transaction) begin() {
	t.began, t.action = time.Now(), plan.NoOp
	t.report = HostReport{Host: t.plan.Host, Address: t.plan.Connection().Address, Wave: t.plan.Wave}
	for _, c := range t.plan.Changes() {
		if c.Action == plan.NoOp {
			continue
		}
		if t.report.Addresses == nil {
			t.action = c.Action
		}
		t.report.Addresses = append(t.report.Addresses, c.Address)
	}
	t.emit(Event{Kind: ApplyStarted, Action: t.action})
}

func (t *transaction) end() {
	t.report.Elapsed = time.Since(t.began)
	event := Event{Kind: ApplyCompleted, Action: t.action, Outcome: t.report.Outcome, Err: t.report.Err, Step: t.report.Step}
	if !t.report.Outcome.Succeeded() {
		event.Kind = ApplyErrored
	}
	t.emit(event)
}

// leave ends the lifeline.
func (t *transaction) leave() {
	if t.shell != nil {
		t.shell.Close()
	}
	if t.lifeline != nil {
		t.lifeline.Close()
	}
}

func (t *transaction) emit(e Event) {
	e.Time, e.Host, e.Addresses, e.Elapsed = time.Now(), t.plan.Host, t.report.Addresses, time.Since(t.began)
	t.tell(e)
}

// enter begins a step.
func (t *transaction) enter(step StepName) {
	t.report.Step = step
	t.emit(Event{Kind: ApplyProgressed, Step: step})
}

// steps are the steps in order.
var steps = []struct {
	name StepName
	do   func(*transaction, context.Context) error
}{
	{StepConnect, (*transaction).connect},
	{StepLock, (*transaction).lock},
	{StepCheck, (*transaction).check},
	{StepRecord, (*transaction).prepare},
	{StepStage, (*transaction).stage},
	{StepValidate, (*transaction).validate},
	{StepArm, (*transaction).arm},
	{StepReplace, (*transaction).replace},
	{StepReload, (*transaction).reload},
	{StepConfirm, (*transaction).confirm},
	{StepCommit, (*transaction).commit},
}

// change goes through the steps until one fails.
func (t *transaction) change(ctx context.Context) error {
	for i := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.enter(steps[i].name)
		if err := steps[i].do(t, ctx); err != nil {
			return err
		}
	}
	t.enter(StepUnlock)
	return nil
}

// conclude turns the error into an outcome, and undoes what was done.
func (t *transaction) conclude(ctx context.Context, err error) {
	failedAt := t.report.Step
	var verdict *verdictError
	switch {
	case err == nil:
		t.report.Outcome, t.report.Step = Changed, ""
		return
	case errors.Is(err, errAlreadyDone):
		t.report.Outcome = AlreadyDone
		if err = t.clean(ctx); err == nil {
			t.report.Step = ""
			return
		}
		err = fmt.Errorf("nothing had to be changed, and the lock could not be released: %w", err)
	case errors.As(err, &verdict):
		t.report.Outcome = verdict.outcome
	default:
		t.report.Outcome = Failed
	}
	t.report.Err = fmt.Errorf("%s: %w", failedAt, err)
	switch {
	case !t.wrote:
	case t.armed.IsZero():
		if cleanErr := t.clean(ctx); cleanErr != nil {
			t.report.Notes = append(t.report.Notes, fmt.Sprintf("what the run left on the host could not be removed, its watchdog does that: %v", cleanErr))
		}
	default:
		t.undo(ctx, failedAt)
	}
	t.report.Step = failedAt
}

func (t *transaction) confirmTimeout() time.Duration {
	return cmp.Or(t.plan.Run().ConfirmTimeout, plan.DefaultConfirmTimeout)
}

// changesServer reports whether a server block has something to do.
func (t *transaction) changesServer() bool { return t.changes(schema.Server) }

// changesClient reports whether a client block has something to do.
func (t *transaction) changesClient() bool { return t.changes(schema.Client) }

func (t *transaction) changes(side schema.Side) bool {
	return slices.ContainsFunc(t.plan.Changes(), func(c plan.Change) bool {
		return c.Address.Side() == side && c.Action != plan.NoOp
	})
}

// do runs a step over the lifeline.
func (t *transaction) do(ctx context.Context, step Step) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, stepDeadline)
	defer cancel()
	return t.shell.Do(ctx, step)
}

// callScript calls the text that lies on the host since the lock.
const callScript = `run=$1 verb=$2; shift 2; /bin/sh "$run/transact.sh" "$verb" "$run" "$@"`

// verb calls transact.sh with a verb and its words.
func (t *transaction) verb(name string, words ...string) Step {
	return Step{Name: name, Script: callScript, Args: append([]string{t.folder, name}, words...)}
}

// act does a verb over the lifeline; its output may say "stale FILE".
func (t *transaction) act(ctx context.Context, name string) error {
	step := t.verb(name)
	answer, err := t.do(ctx, step)
	if err != nil {
		return err
	}
	if answer.Status == 0 {
		return nil
	}
	for line := range sayings(answer.Stdout) {
		if line.key == "stale" {
			return &verdictError{Stale, fmt.Errorf("%s: somebody changed it at this very moment", line.value)}
		}
	}
	return failure(step, answer)
}

func (t *transaction) arm(ctx context.Context) error {
	// From here on the watchdog restores; count from before it starts to.
	t.armed = time.Now()
	return t.act(ctx, "arm")
}

func (t *transaction) replace(ctx context.Context) error { return t.act(ctx, "swap") }

func (t *transaction) reload(ctx context.Context) error { return t.act(ctx, "reload") }

// commit moves the token over the lifeline; if that is gone, over a new
// connection. If the token is not there, the watchdog was faster.
func (t *transaction) commit(ctx context.Context) error {
	err := t.act(ctx, "commit")
	if err == nil || ctx.Err() != nil {
		return err
	}
	verdict, tokenErr := t.settledElsewhere(ctx)
	if tokenErr == nil && strings.HasPrefix(verdict, "committed") {
		return nil
	}
	return err
}
