package apply_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema/testenv"
)

// dropIn makes a plan create a drop-in instead of editing the main file.
func (p *private) dropIn(made *plan.Plan, name, line string) string {
	path := filepath.Join(p.dir, "conf.d", name)
	text := plan.DropInMark + "\n" + line
	address := p.target().Address.String()
	decide(&made.Hosts[0], func(d *plan.Decision) {
		d.Files = []plan.FileEdit{{
			Path: path, RealPath: path, Role: plan.DropIn, Mode: 0o644, UID: -1, GID: -1, After: plan.Sum([]byte(text)),
			Edits: []plan.Edit{
				{Op: plan.Insert, Line: 1, New: plan.DropInMark + "\n", Address: address},
				{Op: plan.Insert, Line: 1, New: line, Address: address},
			},
		}}
	})
	return path
}

func sh(t *testing.T, words ...string) {
	t.Helper()
	if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(words, " "), err, out)
	}
}

// What cannot be replaced is refused at check, before anything is written
// beside it, and the reason is told.
func TestRule04WhatCannotBeReplacedIsRefusedEarly(t *testing.T) {
	t.Parallel()
	testenv.Root(t)
	testenv.Program(t, "chattr")
	p := startPrivate(t)
	folder := filepath.Join(p.dir, "conf.d")
	for _, test := range []struct {
		name   string
		create bool // a drop-in, else the main file is edited
		do     [][]string
		undo   [][]string
		want   string
	}{
		{"mount point", false, [][]string{{"mount", "--bind", p.config, p.config}}, [][]string{{"umount", p.config}}, p.config + " is a mount point"},
		{"read-only", true, [][]string{{"mount", "--bind", folder, folder}, {"mount", "-o", "remount,bind,ro", folder}}, [][]string{{"umount", folder}}, "20-ours.conf lies on a file system that is mounted read-only"},
		{"immutable", false, [][]string{{"chattr", "+i", p.config}}, [][]string{{"chattr", "-i", p.config}}, p.config + " is marked immutable"},
		{"append-only folder", true, [][]string{{"chattr", "+a", folder}}, [][]string{{"chattr", "-a", folder}}, folder + " is marked immutable or append-only"},
		{"everybody's folder", false, [][]string{{"chmod", "777", p.dir}}, [][]string{{"chmod", "755", p.dir}}, p.dir + " can be written by others"},
		{"another's folder", false, [][]string{{"chown", "12345", p.dir}}, [][]string{{"chown", "0", p.dir}}, p.dir + " can be written by others"},
		{"a group's folder", true, [][]string{{"chgrp", "12345", folder}, {"chmod", "775", folder}}, [][]string{{"chgrp", "0", folder}, {"chmod", "755", folder}}, folder + " can be written by others"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.do[0][0] == "chattr" {
				out, err := exec.Command("chattr", "+i", p.config).CombinedOutput()
				testenv.Need(t, err == nil, "the file system has no such flags: "+string(out))
				sh(t, "chattr", "-i", p.config)
			}
			d := p.dialer()
			made, old := p.plan(d, "41"), p.read()
			if test.create {
				p.dropIn(made, "20-ours.conf", "ClientAliveInterval 41\n")
			}
			decide(&made.Hosts[0], func(d *plan.Decision) { d.Run.AllowPending, d.Run.Rehearsal = true, false })
			var staged atomic.Bool
			d.before = func(step string) {
				if step == "stage" {
					staged.Store(true)
				}
			}
			for _, words := range test.do {
				sh(t, words...)
			}
			report := p.run(d, made, nil)
			for _, words := range test.undo {
				sh(t, words...)
			}
			if report.Outcome != apply.Failed || report.Step != apply.StepCheck || !strings.Contains(report.Err.Error(), test.want) {
				t.Errorf("got %s at %s: %v; want it refused at check: %s", report.Outcome, report.Step, report.Err, test.want)
			}
			if staged.Load() || p.read() != old {
				t.Error("something was written beside the target, want nothing")
			}
			p.clean()
		})
	}
}

// A mode of the whole path that is fine is no reason.
func TestRule04TheStickyBitProtects(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	must(t, os.Chmod(p.dir, 0o777|os.ModeSticky))
	if report := p.run(p.dialer(), p.plan(p.dialer(), "41"), nil); report.Outcome != apply.Changed {
		t.Errorf("got %s, %v; want changed", report.Outcome, report.Err)
	}
	p.clean()
}

// expiring is a host that was opened by a certificate.
type expiring struct {
	apply.Dialer
	ends time.Time
}

func (d expiring) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	h, err := d.Dialer.Dial(ctx, reach)
	return expiringHost{h, d.ends}, err
}

type expiringHost struct {
	apply.Host
	ends time.Time
}

func (h expiringHost) Facts() apply.Facts {
	f := h.Host.Facts()
	f.Expires = h.ends
	return f
}

func TestRule05ACertificateThatExpiresTooSoonIsRefused(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made, old := p.plan(p.dialer(), "41"), p.read()
	report := p.run(expiring{p.dialer(), time.Now().Add(time.Minute)}, made, nil)
	if report.Outcome != apply.Failed || report.Step != apply.StepCheck || !strings.Contains(report.Err.Error(), "certificate") || p.read() != old {
		t.Errorf("got %s at %s: %v; want it refused at check for the certificate", report.Outcome, report.Step, report.Err)
	}
	p.clean()
	if report := p.run(expiring{p.dialer(), time.Now().Add(time.Hour)}, made, nil); report.Outcome != apply.Changed {
		t.Errorf("got %s, %v; want a certificate that lasts to do", report.Outcome, report.Err)
	}
	p.clean()
}

// After replace, the lifeline opens nothing: with MaxSessions 1 sshd would
// refuse it.
func TestRule05TheWayBackIsOpenBeforeReplace(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"", "reload"} {
		p := startPrivate(t)
		made := p.plan(p.dialer(), "41")
		d := p.dialer()
		d.step, d.how = fault, "fail"
		d.times.Store(1)
		swapped := false
		d.before = func(step string) {
			switch {
			case step == "swap":
				swapped = true
			case swapped && strings.HasPrefix(step, "open "):
				t.Errorf("after replace, the lifeline is asked to %s", step)
			}
		}
		want := map[string]apply.Outcome{"": apply.Changed, "reload": apply.Restored}[fault]
		if report := p.run(d, made, nil); report.Outcome != want {
			t.Errorf("got %s, %v; want %s", report.Outcome, report.Err, want)
		}
		if !swapped {
			t.Error("got no swap, want one")
		}
		p.clean()
	}
}
