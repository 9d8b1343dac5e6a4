//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
)

// refused are the kinds on which nothing may be changed, and a word of the
// reason that a person is told.
var refused = map[string]string{
	"no-sudo":       "sudo",
	"requiretty":    "terminal",
	"force-command": "ForceCommand",
	"chroot":        "shell",
	"dropbear":      "dropbear",
}

// together is how many hosts are up at a time: more only wait for each other.
const together = 8

// TestEveryKind plans, applies, plans again and puts back, on every kind of
// host.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	// The bastion is not among those that are up together with the host behind
	// it: while a bastion reads its files anew, nobody gets through.
	names := []string{"bastion"}
	for _, k := range lab.Kinds() {
		if k.Name != "sid" && k.Name != "bastion" { // sid has its own test, since it may not be had
			names = append(names, k.Name)
		}
	}
	var lines []string
	begun := time.Now()
	for batch := range slices.Chunk(names, together) {
		t.Run(batch[0], func(t *testing.T) { lines = append(lines, someKinds(t, batch)...) })
	}
	artifact(t, "kinds.txt", fmt.Sprintf("plan, apply, plan, restore on %d kinds of host in %.0f s\n\n%s",
		len(names), time.Since(begun).Seconds(), strings.Join(lines, "")))
}

func someKinds(t *testing.T, names []string) []string {
	l := lab.Open(t)
	hosts := l.Start(names...)
	a := accessTo(l)
	lines := make([]string, len(hosts))
	var wait sync.WaitGroup
	for i, h := range hosts {
		wait.Go(func() {
			proof, took, err := everything(t.Context(), a, h)
			verdict := "ok"
			if err != nil {
				verdict = "FAIL " + strings.ReplaceAll(err.Error(), "\n", " ")
				t.Errorf("%s: %v", h.Name, err)
			}
			lines[i] = fmt.Sprintf("%-14s %-46s %-8s %6.1fs  %s\n", h.Name, h.Kind.About, proof, took.Seconds(), verdict)
		})
	}
	wait.Wait()
	return lines
}

func TestNewestRelease(t *testing.T) {
	t.Parallel()
	l := lab.Open(t)
	h := l.Start("sid")[0]
	if _, _, err := everything(t.Context(), accessTo(l), h); err != nil {
		t.Error(err)
	}
}

// everything is the life of a change. It returns the proof of the first apply
// and how long that took.
func everything(ctx context.Context, a access, h *lab.Host) (apply.Proof, time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	d := a.dialer(h)
	defer d.Close()
	word, mayNot := refused[h.Kind.Name]
	var before []byte
	if !mayNot {
		var err error
		if before, err = h.ReadFile(mainFile); err != nil {
			return "", 0, err
		}
	}

	p, seen, err := planFor(ctx, d, target(a, h, interval("45")))
	if mayNot {
		if err == nil || !strings.Contains(err.Error(), word) {
			return "", 0, fmt.Errorf("plan: got %v, want a refusal that speaks of %q", err, word)
		}
		return "refused", 0, nothingLeft(ctx, h, aMoment)
	}
	if err != nil {
		return "", 0, fmt.Errorf("plan: %w", err)
	}
	if fresh := seen.Listener.Fresh; fresh == "stale" {
		return "", 0, fmt.Errorf("plan: the listener of an untouched host is reported stale because of %s", seen.Listener.Pending)
	}
	began := time.Now()
	report, err := runPlan(ctx, d, p, apply.RunOptions{})
	took := time.Since(began)
	if err != nil {
		return "", took, fmt.Errorf("apply: %w", err)
	}
	if report.Outcome != apply.Changed {
		return report.Proof, took, fmt.Errorf("apply: got %s at %s: %v, want changed", report.Outcome, report.Step, report.Err)
	}
	if got, err := inForce(ctx, h, "ClientAliveInterval"); err != nil || got != "45" {
		return report.Proof, took, fmt.Errorf("after apply: got ClientAliveInterval %q (%v), want 45", got, err)
	}
	if err := nothingLeft(ctx, h, aMoment); err != nil {
		return report.Proof, took, err
	}

	if again, err := runPlan(ctx, d, p, apply.RunOptions{}); err != nil || again.Outcome != apply.AlreadyDone {
		return report.Proof, took, fmt.Errorf("apply of the same plan: got %s at %s (%v, %v), want already_done", again.Outcome, again.Step, again.Err, err)
	}
	p2, seen, err := planFor(ctx, d, target(a, h, interval("45")))
	if err != nil {
		return report.Proof, took, fmt.Errorf("second plan: %w", err)
	}
	if p2.Hosts[0].Changed() {
		return report.Proof, took, fmt.Errorf("second plan: got changes %+v (listener %+v), want none", p2.Hosts[0].Changes(), seen.Listener)
	}

	p3, err := restorePlan(ctx, d, a, h, p.Hosts[0].Connection())
	if err != nil {
		return report.Proof, took, fmt.Errorf("plan of restore: %w", err)
	}
	back, err := runPlan(ctx, d, p3, apply.RunOptions{})
	if err != nil || back.Outcome != apply.Changed {
		return report.Proof, took, fmt.Errorf("restore: got %s at %s (%v, %v), want changed", back.Outcome, back.Step, back.Err, err)
	}
	after, err := h.ReadFile(mainFile)
	if err != nil || !bytes.Equal(before, after) {
		return report.Proof, took, fmt.Errorf("restore: the file differs from what stood there (%v)", err)
	}
	return report.Proof, took, nothingLeft(ctx, h, aMoment)
}

// nothingLeft waits until nothing of a run is left on the host: a watchdog
// looks once a second whether it is still needed.
func nothingLeft(ctx context.Context, h *lab.Host, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	seen := fmt.Errorf("locked for %v", within)
	for {
		left, err := []string(nil), error(nil)
		// To look for all that may be left is work, and the lock goes last.
		locked := h.Exists("/var/lib/sshform/lock")
		if !locked {
			left, err = h.Leftovers(ctx)
		}
		switch {
		case locked:
		case err == nil && len(left) == 0:
			return nil
		case err == nil:
			seen = fmt.Errorf("left behind after %v: %s", within, strings.Join(left, ", "))
		case ctx.Err() == nil:
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(seen, err)
		}
	}
}

// aMoment is how long a watchdog may take to see that it is not needed: a second
// or two, and many times as long on a busy machine.
const aMoment = 90 * time.Second
