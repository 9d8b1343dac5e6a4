//go:build linux

package e2e_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
	"github.com/sshform/sshform/apply/local"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A work is what a controller in a process of its own is to do.
type work struct {
	Access access
	Kind   string // of the host
	Plan   string // path of the plan file
	Step   apply.StepName
	// Local changes the machine that the controller runs on.
	Local bool
}

// controller applies a plan and kills itself at a step.
func controller(text string) int {
	var w work
	if err := json.Unmarshal([]byte(text), &w); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	if w.Local {
		timeout := confirmTimeout
		if w.Step == "" {
			timeout = patiently
		}
		p, err := planHere(context.Background(), &local.Dialer{}, timeout)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 2
		}
		return conduct(&local.Dialer{}, p, w.Step)
	}
	file, err := os.Open(w.Plan)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	defer file.Close()
	p, err := plan.Read(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	var h lab.Host
	for _, h.Kind = range lab.Kinds() {
		if h.Kind.Name == w.Kind {
			break
		}
	}
	d := w.Access.dialer(&h)
	defer d.Close()
	return conduct(d, p, w.Step)
}

// conduct applies a plan and kills this process at a step.
func conduct(d apply.Dialer, p *plan.Plan, step apply.StepName) int {
	report, err := runPlan(context.Background(), d, p, apply.RunOptions{Events: func(e apply.Event) {
		if e.Kind == apply.ApplyProgressed && e.Step == step {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
	}})
	fmt.Println(report.Outcome, report.Step, report.Err, err)
	return 0
}

// try carries out the trial, and again where a busy machine had its watchdog act
// before the fault could strike. The host is as its Reset leaves it, but for
// what the row complains of.
func (t *trial) try(ctx context.Context) row {
	t.ago = time.Now()
	r := row{kind: t.host.Kind.Name, fault: t.fault.name, step: t.step}
	t.timeout = cmp.Or(t.fault.timeout, confirmTimeout)
	for range 3 {
		r.outcome, r.state, r.err = t.once(ctx)
		if !errors.Is(r.err, errNeverBegan) {
			break
		}
		t.timeout *= 2
	}
	r.took = time.Since(t.ago)
	return r
}

// errNeverBegan says that the transaction ended before the fault's step.
var errNeverBegan = errors.New("the step never began")

func (t *trial) once(ctx context.Context) (outcome, state string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	t.struck.Store(false)
	t.hitErr, t.other = nil, nil
	return t.all(ctx)
}

func (t *trial) all(ctx context.Context) (outcome, state string, err error) {
	if err := t.host.Reset(ctx); err != nil {
		return "", "", fmt.Errorf("reset: %w", err)
	}
	if t.fault.before != nil {
		if err := t.fault.before(ctx, t.host); err != nil {
			return "", "", fmt.Errorf("prepare: %w", err)
		}
	}
	if t.old, err = t.host.ReadFile(mainFile); err != nil {
		return "", "", err
	}
	d := t.access.dialer(t.host)
	defer d.Close()
	p, _, err := planFor(ctx, d, t.target())
	if err != nil {
		return "", "", fmt.Errorf("plan: %w", err)
	}
	if len(p.Hosts) != 1 || len(p.Hosts[0].Files()) != 1 || p.Hosts[0].Files()[0].Path != mainFile {
		return "", "", fmt.Errorf("plan: got %+v, want one file of one host", p.Hosts)
	}
	if t.new, err = plan.Replay(t.old, p.Hosts[0].Files()[0].Edits); err != nil {
		return "", "", err
	}
	if t.fault.mute {
		c := p.Hosts[0].Connection()
		c.ConnectTimeout = 5 * time.Second
		p.Hosts[0] = p.Hosts[0].Via(c)
	}
	report, err := t.control(ctx, p)
	t.healing.Wait()
	if err != nil {
		return "", "", err
	}
	if t.hitErr != nil {
		return "", "", fmt.Errorf("strike: %w", t.hitErr)
	}
	outcome = string(report.Outcome)
	if !t.fault.kill && !t.struck.Load() {
		return outcome, "", fmt.Errorf("%w: %w", errNeverBegan, orNone(report.Err))
	}
	if t.fault.mend != nil {
		if err := t.fault.mend(ctx, t.host); err != nil {
			return outcome, "", fmt.Errorf("mend: %w", err)
		}
	}
	state, err = t.judge(ctx, report)
	if err != nil && report.Err != nil {
		err = fmt.Errorf("%w (told: %v at %s)", err, report.Err, report.Step)
	}
	return outcome, state, err
}

// target is what the trial declares.
func (t *trial) target() schema.Target {
	wanted := target(t.access, t.host, interval("45"))
	wanted.Verify.ConfirmTimeout = t.timeout
	if t.reach != nil {
		t.reach(&wanted.Connection)
	}
	return wanted
}

func orNone(err error) error {
	if err == nil {
		return errors.New("no error was told")
	}
	return err
}

// control runs the controller and has the fault strike on its way.
func (t *trial) control(ctx context.Context, p *plan.Plan) (apply.HostReport, error) {
	if t.fault.kill {
		return apply.HostReport{Outcome: "killed"}, t.kill(ctx, p)
	}
	d := t.access.dialer(t.host)
	defer d.Close()
	if t.fault.mute {
		d.hurry()
	}
	opts := apply.RunOptions{Events: func(e apply.Event) {
		if e.Kind == apply.ApplyProgressed && e.Step == t.step && t.struck.CompareAndSwap(false, true) {
			t.hitErr = t.hit(ctx, p)
		}
	}}
	if t.fault.jump != 0 {
		opts.Now = func() time.Time {
			if t.struck.Load() {
				return time.Now().Add(t.fault.jump)
			}
			return time.Now()
		}
	}
	return runPlan(ctx, d, p, opts)
}

func (t *trial) hit(ctx context.Context, p *plan.Plan) error {
	switch {
	case t.fault.strike != nil:
		return t.fault.strike(ctx, t.host)
	case t.fault.late:
		t.healing.Go(func() { t.hitErr = errors.Join(t.settled(ctx), t.host.Heal()) })
		return t.host.Partition()
	case t.fault.foreign != "":
		_, err := t.host.Exec(ctx, "sh", "-c", `printf %s "$1" >> `+mainFile, "sh", t.fault.foreign)
		return err
	case t.fault.second:
		d := t.access.dialer(t.host)
		defer d.Close()
		report, err := runPlan(ctx, d, p, apply.RunOptions{})
		t.other = &report
		return err
	}
	return nil
}

// kill runs the controller as a process that dies at the step.
func (t *trial) kill(ctx context.Context, p *plan.Plan) error {
	dir, err := os.MkdirTemp("", "e2e")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "plan")
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	_, err = plan.Write(file, p, false)
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	text, err := json.Marshal(work{Access: t.access, Kind: t.host.Kind.Name, Plan: path, Step: t.step})
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), controllerVar+"="+string(text))
	out, err := cmd.CombinedOutput()
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("%w: %w: %s", errNeverBegan, orNone(err), out)
	}
	return nil
}

// judge waits until the host is settled and sees whether it is whole, in one
// of the two states, reachable, clean, and as the controller said.
func (t *trial) judge(ctx context.Context, report apply.HostReport) (state string, err error) {
	if err := t.settled(ctx); err != nil {
		return "", err
	}
	// A partition that is for good ends here, to see whether the host can be
	// reached; nothing of the lost connection may arrive any more.
	if _, err := t.host.KillSessions(); err != nil {
		return "", err
	}
	if err := t.host.Heal(); err != nil {
		return "", err
	}
	if err := t.settled(ctx); err != nil {
		return "", err
	}
	content, err := t.host.ReadFile(mainFile)
	if err != nil {
		return "", err
	}
	foreign := []byte(t.fault.foreign)
	body, kept := bytes.CutSuffix(content, foreign)
	switch {
	case bytes.Equal(body, t.old):
		state = "old"
	case bytes.Equal(body, t.new):
		state = "new"
	default:
		return "", fmt.Errorf("the file is neither old nor new:\n%s", content)
	}
	if !kept {
		return state, errors.New("somebody else's edit is lost")
	}
	if err := t.truth(state, report); err != nil {
		return state, err
	}
	return state, t.whole(ctx, state)
}

// settled waits until the watchdog has ended what the controller left.
func (t *trial) settled(ctx context.Context) error {
	return nothingLeft(ctx, t.host, t.timeout+aMoment)
}

// truth compares what was told with what is.
func (t *trial) truth(state string, report apply.HostReport) error {
	if t.fault.want != "" && report.Outcome != t.fault.want {
		return fmt.Errorf("got %s, want %s", report.Outcome, t.fault.want)
	}
	want := "old"
	switch report.Outcome {
	case "killed":
		return nil
	case apply.Changed, apply.AlreadyDone:
		want = "new"
	}
	if t.other != nil && t.other.Outcome == apply.Changed {
		want = "new"
	}
	if t.other != nil {
		switch t.other.Outcome {
		case apply.Changed, apply.AlreadyDone, apply.Locked:
		default:
			return fmt.Errorf("the second controller: got %s: %v", t.other.Outcome, t.other.Err)
		}
	}
	if state != want {
		return fmt.Errorf("it was told %s, but the host has the %s file", report.Outcome, state)
	}
	return nil
}

// whole sees whether the host works, with a new login and its daemon on the
// file that lies there.
func (t *trial) whole(ctx context.Context, state string) error {
	if out, err := ownSSHD(ctx, t.host, "-t"); err != nil || strings.TrimSpace(out) != "" {
		return fmt.Errorf("sshd -t: %s %w", out, err)
	}
	if err := t.host.Ready(); err != nil {
		return err
	}
	d := t.access.dialer(t.host)
	defer d.Close()
	p, seen, err := planFor(ctx, d, t.target())
	if err != nil {
		return fmt.Errorf("a new plan: %w", err)
	}
	if seen.Listener.Fresh == plan.Stale && t.fault.foreign == "" {
		return fmt.Errorf("sshd has not read %s", seen.Listener.Pending)
	}
	if changed := p.Hosts[0].Changed(); changed != (state == "old") && t.fault.foreign == "" {
		return fmt.Errorf("a new plan has changes: got %v in the %s state", changed, state)
	}
	return nil
}
