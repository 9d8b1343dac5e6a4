package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// How often and how fast a new connection is tried. An address that sshd
// punishes (PerSourcePenalties in sshd_config(5)) is refused for 15 seconds at
// least, by the rules that it has by itself, so then it is tried at leisure.
const (
	redials     = 8
	firstRedial = 200 * time.Millisecond
	bannedPause = 5 * time.Second
)

// confirm proves the change by a new connection that shares nothing with the
// lifeline, within the time that the watchdog leaves (rules 21 and 22).
func (t *transaction) confirm(ctx context.Context) error {
	ctx, cancel := context.WithDeadline(ctx, t.armed.Add(t.confirmBudget()))
	defer cancel()
	if !t.changesServer() || t.listener.Reload == plan.ReloadByHand {
		t.report.Proof = ProofFile
		return t.confirmValues(ctx, t.shell)
	}
	fresh, err := t.redial(ctx)
	if err != nil {
		return t.explain(ctx, err)
	}
	defer fresh.Close()
	shell, err := fresh.Shell(ctx)
	if err != nil {
		return err
	}
	defer shell.Close()
	if err := t.confirmValues(ctx, shell); err != nil {
		return err
	}
	// The reload step has seen the sign of the daemon; where sshd reads its
	// files at each login, the login itself is the sign.
	t.report.Proof = ProofDaemon
	if err := t.confirmHere(ctx); err != nil {
		return err
	}
	return t.confirmProbe(ctx, fresh)
}

// confirmBudget leaves the controller time to restore before the watchdog
// does.
func (t *transaction) confirmBudget() time.Duration {
	timeout := t.confirmTimeout()
	return max(timeout-confirmMargin, timeout/4)
}

// redial reaches the host anew, with a growing pause between the tries.
func (t *transaction) redial(ctx context.Context) (Host, error) {
	told := false
	host, tried, err := tryAgain(ctx, func() (Host, error) {
		host, err := t.lifeline.Redial(ctx)
		if banned(err) && !told {
			told = true
			t.tell(Event{Kind: DialTriedAgain, Time: time.Now(), Host: t.plan.Host, Err: err})
		}
		return host, err
	})
	if err != nil {
		return nil, fmt.Errorf("no new connection in %s: %w", tries(tried), err)
	}
	return host, nil
}

// tryAgain does something that reaches for sshd until it works, with a growing
// pause between the tries. The error is that of the last try.
func tryAgain[T any](ctx context.Context, do func() (T, error)) (got T, tried int, err error) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval = firstRedial
	var last error
	got, err = backoff.Retry(ctx, func() (got T, err error) {
		tried++
		if got, err = do(); ctx.Err() == nil || last == nil {
			last = err // not that the time was over
		}
		if banned(err) {
			return got, &backoff.RetryAfterError{Duration: bannedPause}
		}
		return got, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxTries(redials))
	if err != nil {
		err = cmp.Or(last, err)
	}
	return got, tried, err
}

// banned reports whether an error says that sshd refuses this address for a
// while.
func banned(err error) bool {
	var busy Busy
	return errors.As(err, &busy) && !busy.TryAgain()
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

// explain says more about a new connection that failed: whether the listener
// lets people in from inside.
func (t *transaction) explain(ctx context.Context, err error) error {
	tunneller, able := t.lifeline.(Tunneller)
	if !able {
		return err
	}
	// The deadline of confirm may be over; this is one try and short.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	at := t.port.or(t.plan.Connection().Port)
	inside := tunneller.LoginInside(ctx, at.Address, at.Port)
	var refused *LoginError
	switch {
	case inside == nil:
		return fmt.Errorf("%w (sshd lets us in from the host itself: a network, a firewall or a ban for too many connections)", err)
	case errors.As(inside, &refused):
		return fmt.Errorf("%w (sshd refuses us from the host itself, too: a lock-out)", err)
	}
	return err
}

// confirmValues demands what is wanted from the host's own programs.
func (t *transaction) confirmValues(ctx context.Context, shell Shell) error {
	answers, logins := map[plan.Login]plan.Answer{}, t.answerable()
	for _, q := range questions(logins, &t.machine, &t.listener) {
		if err := q.ask(ctx, shell, t.opts.dumps, answers); err != nil {
			return err
		}
	}
	return t.compareValues(logins, answers)
}

// answerable are the logins about which the host's programs can be asked.
func (t *transaction) answerable() (logins []plan.Login) {
	if t.listener.Path != "" && !t.mute {
		logins = t.wanted.logins(false)
	}
	if t.machine.ssh != "" {
		logins = append(logins, t.wanted.logins(true)...)
	}
	return logins
}

func (t *transaction) compareValues(logins []plan.Login, answers map[plan.Login]plan.Answer) error {
	for _, login := range logins {
		answer := answers[login]
		if answer.Exit != 0 {
			return fmt.Errorf("asked about %s: %s", describeLogin(login), lastLines(answer.Stderr, 2))
		}
		if err := t.wanted.met(login, answer.Values); err != nil {
			return err
		}
	}
	return nil
}

// confirmProbe waits for the daemon's own keepalive request and compares when
// it came.
func (t *transaction) confirmProbe(ctx context.Context, fresh Host) error {
	if !t.plan.Run().Probe {
		return nil
	}
	watch := t.watch(fresh.Facts().Release)
	if watch.Wait() == 0 {
		return nil
	}
	prober, able := fresh.(Prober)
	if deadline, _ := ctx.Deadline(); !able || time.Until(deadline) < watch.Wait() {
		t.note(fmt.Sprintf("the keepalive request was not awaited: it comes after %s, and confirm_timeout leaves %s", watch.Every, t.confirmBudget()))
		return nil
	}
	took, err := prober.AwaitProbe(ctx)
	if err != nil {
		return fmt.Errorf("no keepalive request came from sshd: %w", err)
	}
	if !watch.Explains(took) {
		return errors.New(watch.Verdict(took))
	}
	t.report.Proof = ProofValue
	return nil
}

// watch is when the daemon asks a silent client of our user, by the values that
// the plan wants.
func (t *transaction) watch(release schema.Release) liveness.Watch {
	for _, e := range t.wanted.expect {
		if e.Login.Client || e.Login.User != "" && e.Login.User != t.plan.Connection().User {
			continue
		}
		server, err := liveness.ServerWith(release, e.Values)
		if err == nil && server.Interval != 0 {
			return liveness.WatchFor(server)
		}
	}
	return liveness.Watch{}
}

// clean ends a run that replaced nothing.
func (t *transaction) clean(ctx context.Context) error {
	if !t.wrote {
		return nil
	}
	t.enter(StepUnlock)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := t.act(ctx, "clean"); err == nil {
		return nil
	}
	answer, err := t.elsewhere(ctx, t.verb("clean"))
	if err == nil && answer.Status != 0 {
		err = failure(Step{Name: "clean"}, answer)
	}
	return err
}

// undo restores after a failure: over the lifeline, else by the watchdog. It
// decides the outcome.
func (t *transaction) undo(ctx context.Context, failedAt StepName) {
	if ctx.Err() != nil {
		t.pending = true
		t.report.Outcome = Failed
		t.note("the connection was cut on request; the watchdog on the host puts the old files back")
		return
	}
	t.enter(StepRestore)
	verdict, err := t.restore(ctx)
	if err != nil {
		verdict, err = t.awaitWatchdog(ctx)
	}
	switch {
	case err != nil:
		t.report.Outcome = Failed
		t.report.Err = fmt.Errorf("%w; and then restore: %w", t.report.Err, err)
		return
	case strings.HasPrefix(verdict, "committed"):
		t.report.Outcome, t.report.Err, t.report.Restored = Changed, nil, false
		return
	case strings.HasPrefix(verdict, "cleaned"):
		return // nothing had been replaced
	}
	if strings.Contains(verdict, "put back") {
		t.report.Outcome = Failed
		t.report.Err = fmt.Errorf("%w; and then restore: %s", t.report.Err, verdict)
		return
	}
	var verdictErr *verdictError
	if failedAt == StepReplace && errors.As(t.report.Err, &verdictErr) && verdictErr.outcome == Stale {
		return // what was replaced is back, and nothing was reloaded
	}
	if err := t.confirmOld(ctx); err != nil {
		t.report.Outcome = Failed
		t.report.Err = fmt.Errorf("%w; the old files are back, and the host does not answer: %w", t.report.Err, err)
		return
	}
	t.report.Outcome, t.report.Restored = Restored, true
	if strings.Contains(verdict, "trouble") {
		t.note(verdict)
	}
	t.enter(StepUnlock)
}

// restore puts the old files back over the lifeline, or over a new connection
// if that is gone, through the same token as the watchdog.
func (t *transaction) restore(ctx context.Context) (string, error) {
	step := t.verb("restore", strconv.Itoa(restoreLimit))
	answer, err := t.do(ctx, step)
	if err != nil {
		answer, err = t.elsewhere(ctx, step)
	}
	if err != nil {
		return "", err
	}
	if answer.Status != 0 {
		return "", failure(step, answer)
	}
	return strings.TrimSpace(string(answer.Stdout)), nil
}

// awaitWatchdog waits until the watchdog has settled the run, and reads what
// it wrote.
func (t *transaction) awaitWatchdog(ctx context.Context) (string, error) {
	ctx, cancel := context.WithDeadline(ctx, t.armed.Add(t.confirmTimeout()+90*time.Second))
	defer cancel()
	var last error
	for {
		verdict, err := t.settledElsewhere(ctx)
		if err == nil && verdict != "" {
			return verdict, nil
		}
		if err != nil {
			last = err
		}
		if wait(ctx, 3*time.Second) != nil {
			return "", fmt.Errorf("the host did not tell in time whether its watchdog has restored it: %w", errors.Join(last, ctx.Err()))
		}
	}
}

// settledElsewhere asks over a new connection what became of the run; empty
// while that is open.
func (t *transaction) settledElsewhere(ctx context.Context) (string, error) {
	answer, err := t.elsewhere(ctx, Step{Name: "verdict", Script: verdictScript, Args: []string{t.folder}})
	return strings.TrimSpace(string(answer.Stdout)), err
}

// elsewhere does a step over a connection of its own, when the lifeline is
// gone.
func (t *transaction) elsewhere(ctx context.Context, step Step) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, stepDeadline)
	defer cancel()
	host, err := t.lifeline.Redial(ctx)
	if err != nil {
		return Answer{}, err
	}
	defer host.Close()
	shell, err := host.Shell(ctx)
	if err != nil {
		return Answer{}, err
	}
	defer shell.Close()
	return shell.Do(ctx, step)
}

// verdictScript prints the verdict of a run; "cleaned" when its folder is gone.
const verdictScript = `if [ ! -d "$1" ]; then echo cleaned; else cat "$1/verdict" 2>/dev/null; fi; exit 0`

// confirmOld proves the old state by a new connection.
func (t *transaction) confirmOld(ctx context.Context) error {
	if !t.changesServer() || t.listener.Reload == plan.ReloadByHand {
		return nil
	}
	host, err := t.redial(ctx)
	if err != nil {
		return err
	}
	return host.Close()
}
