//go:build linux

package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
)

// penalty is what sshd's rules are set to: its own make a few failed logins
// within seconds a ban of as many seconds, and on a busy machine neither comes
// about in time.
const penalty = "authfail:9m min:1s"

// TestPenalties has a real sshd of a release that punishes refuse the
// controller's address: before a plan and an apply, and while a change is
// confirmed, where the refusal ends in time or does not.
func TestPenalties(t *testing.T) {
	t.Parallel()
	l := lab.Open(t)
	hosts := l.Start("refused=trixie", "waited=trixie", "given-up=trixie")
	for i, try := range []func(context.Context, access, *lab.Host) error{refusedByPenalty, confirmedAfterPenalty, restoredByPenalty} {
		t.Run(hosts[i].Name, func(t *testing.T) {
			t.Parallel()
			_, err := sh(t.Context(), hosts[i], "sed -i '1i PerSourcePenalties "+penalty+"' "+mainFile+"; systemctl restart ssh")
			check(t, errors.Join(err, hosts[i].Ready()))
			check(t, try(t.Context(), accessTo(l), hosts[i]))
		})
	}
}

// punish fails to log in until sshd refuses this address.
func punish(ctx context.Context, a access, h *lab.Host) error {
	dir, err := os.MkdirTemp(filepath.Dir(a.Identity), "stranger-")
	if err != nil {
		return err
	}
	key := filepath.Join(dir, "id")
	if out, err := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	var said []byte
	for range 20 {
		cmd := exec.CommandContext(ctx, "ssh", "-v", "-F", "none", "-i", key, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
			"-o", "UserKnownHostsFile="+a.KnownHosts, h.Kind.User+"@"+h.Address, "true")
		said, _ = cmd.CombinedOutput()
		if bytes.Contains(said, []byte("Not allowed at this time")) {
			return nil
		}
		if !bytes.Contains(said, []byte("Permission denied")) {
			break
		}
	}
	return fmt.Errorf("a stranger's logins are not punished: %s", said)
}

// counted counts the connections of a dialer.
func counted(d dialer) *atomic.Int32 {
	var n atomic.Int32
	d.DialTCP = func(ctx context.Context, address string) (net.Conn, error) {
		n.Add(1)
		return new(net.Dialer).DialContext(ctx, "tcp", address)
	}
	return &n
}

// isPenalty demands that an error says what it is, in sshd's own words.
func isPenalty(err error) error {
	for _, word := range []string{"PerSourcePenalties", "Not allowed at this time"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			return fmt.Errorf("got %w, want it to speak of %q", orNone(err), word)
		}
	}
	return nil
}

// refusedByPenalty plans and applies while the address is refused. Each reaches
// out once, says what it is, and changes nothing.
func refusedByPenalty(ctx context.Context, a access, h *lab.Host) error {
	d := a.dialer(h)
	defer d.Close()
	p, _, err := planFor(ctx, d, target(a, h, interval("45")))
	if err != nil {
		return err
	}
	before, err := h.ReadFile(mainFile)
	if err != nil {
		return err
	}
	if err := punish(ctx, a, h); err != nil {
		return err
	}
	dials := counted(d)
	_, _, err = planFor(ctx, d, target(a, h, interval("45")))
	if err := isPenalty(err); err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	report, err := runPlan(ctx, d, p, apply.RunOptions{})
	if err := errors.Join(outcome(report, err, apply.Unreachable, ""), isPenalty(report.Err)); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	if n := dials.Load(); n != 2 {
		return fmt.Errorf("got %d connections, want one for the plan and one for the apply", n)
	}
	if after, err := h.ReadFile(mainFile); err != nil || !bytes.Equal(before, after) {
		return fmt.Errorf("the file changed (%v)", err)
	}
	return nil
}

// confirmedAfterPenalty is refused while it confirms, and waits until sshd has
// forgotten what it punishes: a good change stays.
func confirmedAfterPenalty(ctx context.Context, a access, h *lab.Host) error {
	dials, report, err := punishedAtConfirm(ctx, a, h, patiently, func() error {
		_, err := sh(ctx, h, "systemctl reload ssh")
		return err
	})
	if err := outcome(report, err, apply.Changed, ""); err != nil {
		return err
	}
	if dials < 2 {
		return fmt.Errorf("got %d connections while it was confirmed, want one refused and one more", dials)
	}
	return nothingLeft(ctx, h, aMoment)
}

// restoredByPenalty is refused for longer than a confirm may take: the change is
// put back, with the reason, and the reload for that has sshd forget.
func restoredByPenalty(ctx context.Context, a access, h *lab.Host) error {
	before, err := h.ReadFile(mainFile)
	if err != nil {
		return err
	}
	timeout := confirmTimeout
	for range 3 {
		dials, report, err := punishedAtConfirm(ctx, a, h, timeout, func() error { return nil })
		if err := outcome(report, err, apply.Restored, ""); err != nil {
			return err
		}
		if after, err := h.ReadFile(mainFile); err != nil || !bytes.Equal(before, after) {
			return fmt.Errorf("the old file is not back (%v)", err)
		}
		if err := nothingLeft(ctx, h, timeout+aMoment); err != nil {
			return err
		}
		if errors.Is(report.Err, context.DeadlineExceeded) && isPenalty(report.Err) != nil {
			timeout *= 2 // the machine was so busy that no time was left to try
			continue
		}
		// Five seconds are between two tries, and a confirm ends 15 s before the
		// watchdog, or after a quarter of its time.
		if most := 1 + int32(max(timeout-15*time.Second, timeout/4)/(5*time.Second)); dials > most {
			return fmt.Errorf("got %d connections within %v, want %d at most", dials, timeout, most)
		}
		return isPenalty(report.Err)
	}
	return errors.New("confirm never had the time to try")
}

// punishedAtConfirm applies a change during whose confirm the address comes to
// be refused, and does more when the controller has told that it is. It counts
// the connections of that step.
func punishedAtConfirm(ctx context.Context, a access, h *lab.Host, timeout time.Duration, told func() error) (int32, apply.HostReport, error) {
	d := a.dialer(h)
	defer d.Close()
	wanted := target(a, h, interval("45"))
	wanted.Verify.ConfirmTimeout = timeout
	p, _, err := planFor(ctx, d, wanted)
	if err != nil {
		return 0, apply.HostReport{}, err
	}
	dials := counted(d)
	var began, ended int32
	var struck error
	tellings := 0
	report, err := runPlan(ctx, d, p, apply.RunOptions{Events: func(e apply.Event) {
		switch {
		case e.Kind == apply.ApplyProgressed && e.Step == apply.StepConfirm:
			began = dials.Load()
			struck = punish(ctx, a, h)
		case e.Kind == apply.ApplyProgressed && (e.Step == apply.StepRestore || e.Step == apply.StepCommit):
			ended = dials.Load()
		case e.Kind == apply.DialTriedAgain:
			tellings++
			struck = errors.Join(struck, isPenalty(e.Err), told())
		}
	}})
	if tellings > 1 {
		struck = errors.Join(struck, fmt.Errorf("got it told %d times that the address is refused, want once", tellings))
	}
	return ended - began, report, errors.Join(struck, err)
}
