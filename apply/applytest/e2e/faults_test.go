//go:build linux

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
	"github.com/sshform/sshform/schema"
)

// steps are where faults strike: as the step begins, which is between it and
// the one before.
var steps = []apply.StepName{
	apply.StepConnect, apply.StepLock, apply.StepCheck, apply.StepRecord, apply.StepStage, apply.StepValidate,
	apply.StepArm, apply.StepReplace, apply.StepReload, apply.StepConfirm, apply.StepCommit, apply.StepUnlock,
}

// writing are the steps where it matters most, for the kinds that are tried
// there only.
var writing = []apply.StepName{apply.StepReplace, apply.StepReload, apply.StepConfirm, apply.StepCommit}

// A fault is something that goes wrong on the way.
type fault struct {
	name string
	// before is done to the untouched host, strike when the step begins, mend
	// when the controller has ended.
	before, strike, mend func(context.Context, *lab.Host) error
	// kill ends the controller by SIGKILL: it is a process of its own.
	kill bool
	// second has another controller carry out the same plan meanwhile.
	second bool
	// foreign is what somebody else appends to the file.
	foreign string
	// jump is how far the controller's clock is set.
	jump time.Duration
	// mute says that the host falls silent: the controller waits for seconds.
	mute bool
	// late heals a partition when the watchdog has settled the host.
	late bool
	// timeout is the watchdog's; 0 is confirmTimeout.
	timeout time.Duration
	// want is the only outcome that will do; empty allows every one that tells
	// the truth.
	want  apply.Outcome
	steps []apply.StepName // nil is all
}

// patience orders faults by how long they are waited for.
func (f fault) patience() int {
	switch {
	case f.mute && f.mend == nil && !f.late:
		return 2
	case f.late, f.kill:
		return 1
	}
	return 0
}

func faults() []fault {
	return []fault{
		{name: "controller killed", kill: true},
		{name: "connection cut", strike: func(_ context.Context, h *lab.Host) error {
			_, err := h.KillSessions()
			return err
		}},
		{name: "partition for good", mute: true, strike: func(_ context.Context, h *lab.Host) error { return h.Partition() }},
		{name: "partition, late", mute: true, late: true},
		{name: "partition, healed", mute: true, strike: func(_ context.Context, h *lab.Host) error {
			time.AfterFunc(3*time.Second, func() { h.Heal() })
			return h.Partition()
		}, mend: heal},
		{name: "sshd killed", strike: func(_ context.Context, h *lab.Host) error {
			_, err := h.KillListener()
			return err
		}},
		{name: "disk full", before: confine, strike: func(ctx context.Context, h *lab.Host) error {
			return errors.Join(h.Fill(ctx, "/etc/ssh"), h.Fill(ctx, "/var/lib/sshform"))
		}, mend: func(ctx context.Context, h *lab.Host) error {
			return errors.Join(h.Drain(ctx, "/etc/ssh"), h.Drain(ctx, "/var/lib/sshform"))
		}},
		{name: "/etc/ssh read-only", before: confine, strike: func(ctx context.Context, h *lab.Host) error {
			return h.ReadOnly(ctx, "/etc/ssh", true)
		}, mend: func(ctx context.Context, h *lab.Host) error {
			return h.ReadOnly(ctx, "/etc/ssh", false)
		}},
		{name: "/etc read-only", before: confineEtc, strike: func(ctx context.Context, h *lab.Host) error {
			_, err := h.Exec(ctx, "mount", "-o", "remount,bind,ro", "/etc")
			return err
		}, mend: func(ctx context.Context, h *lab.Host) error {
			_, err := h.Exec(ctx, "umount", "-l", "/etc")
			return err
		}, steps: []apply.StepName{
			apply.StepStage, apply.StepReplace, apply.StepReload, apply.StepConfirm, apply.StepCommit,
		}},
		{name: "sudo refused", strike: func(ctx context.Context, h *lab.Host) error {
			_, err := h.Exec(ctx, "mv", "/etc/sudoers.d/lab", "/root/sudoers")
			return err
		}, mend: func(ctx context.Context, h *lab.Host) error {
			_, err := h.Exec(ctx, "mv", "/root/sudoers", "/etc/sudoers.d/lab")
			return err
		}},
		{name: "clock ahead", jump: 26 * time.Hour, timeout: patiently, want: apply.Changed},
		{name: "clock back", jump: -26 * time.Hour, timeout: patiently, want: apply.Changed},
		{name: "two controllers", second: true},
		{name: "foreign edit", foreign: "# somebody else was here\n"},
		{name: "reload does nothing", before: reloadBy("/bin/true"), mend: noDropIn, timeout: time.Minute, want: apply.Changed, steps: []apply.StepName{apply.StepReload}},
		{name: "reload fails", before: reloadBy("/bin/false"), mend: noDropIn, timeout: time.Minute, want: apply.Changed, steps: []apply.StepName{apply.StepReload}},
		{name: "reload kills sshd", before: reloadBy("/bin/kill -KILL $MAINPID"), mend: noDropIn, steps: []apply.StepName{apply.StepReload}},
	}
}

func heal(_ context.Context, h *lab.Host) error { return h.Heal() }

func confine(ctx context.Context, h *lab.Host) error {
	if _, err := h.Exec(ctx, "mkdir", "-p", "-m", "700", "/var/lib/sshform"); err != nil {
		return err
	}
	if err := errors.Join(h.Confine(ctx, "/etc/ssh"), h.Confine(ctx, "/var/lib/sshform")); err != nil {
		return err
	}
	// The copies are newer than the daemon, which would count as an edit.
	_, err := h.Exec(ctx, "systemctl", "restart", "ssh")
	return errors.Join(err, h.Ready())
}

// confineEtc makes /etc a mount of its own, with the same files.
func confineEtc(ctx context.Context, h *lab.Host) error {
	_, err := h.Exec(ctx, "mount", "--bind", "/etc", "/etc")
	return err
}

const reloadDropIn = "/etc/systemd/system/ssh.service.d/reload.conf"

func reloadBy(command string) func(context.Context, *lab.Host) error {
	return func(ctx context.Context, h *lab.Host) error {
		if _, err := h.Exec(ctx, "mkdir", "-p", "/etc/systemd/system/ssh.service.d"); err != nil {
			return err
		}
		text := "[Service]\nExecReload=\nExecReload=" + command + "\n"
		if err := h.WriteFile(reloadDropIn, []byte(text), 0o644); err != nil {
			return err
		}
		_, err := h.Exec(ctx, "systemctl", "daemon-reload")
		return err
	}
}

func noDropIn(ctx context.Context, h *lab.Host) error {
	_, err := h.Exec(ctx, "sh", "-c", "rm -f "+reloadDropIn+"; systemctl daemon-reload")
	return err
}

// A row is what became of one fault at one step.
type row struct {
	kind, fault string
	step        apply.StepName
	outcome     string // as the controller told it
	state       string // old or new
	took        time.Duration
	err         error
}

func (r row) String() string {
	verdict := "ok"
	if r.err != nil {
		verdict = "FAIL " + strings.ReplaceAll(r.err.Error(), "\n", " ")
	}
	return fmt.Sprintf("%-13s %-20s %-9s %-12s %-4s %5.1fs  %s\n", r.kind, r.fault, r.step, r.outcome, r.state, r.took.Seconds(), verdict)
}

// A trial is one fault at one step on one host.
type trial struct {
	access access
	host   *lab.Host
	fault  fault
	step   apply.StepName
	// reach changes how the host is reached; nil leaves it.
	reach func(*schema.Connection)

	old, new []byte
	ago      time.Time
	timeout  time.Duration // of the watchdog
	struck   atomic.Bool
	hitErr   error
	other    *apply.HostReport // of the second controller
	healing  sync.WaitGroup
}
