package apply_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/schema/testenv"
)

// A lock says what it knows of its holder, however little its text tells, and
// every lock can be removed.
func TestRule06ALockTellsWhatItKnows(t *testing.T) {
	t.Parallel()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	testenv.Need(t, err == nil, "there is no boot id")
	p := startPrivate(t)
	made := p.plan(p.dialer(), "41")
	state := filepath.Join(p.state, ".local/state/sshform")
	must(t, os.MkdirAll(filepath.Join(state, "runs"), 0o700))
	lock := filepath.Join(state, "lock")
	for _, test := range []struct{ text, want, id string }{
		{"", "locked by an unnamed run", apply.UnknownRun},
		{"id r1\nwho me\ncreated 2026-01-02T03:04:05Z\n", "locked by run r1 of me since 2026-01-02T03:04:05Z", "r1"},
		{"id r1\nwho me\ncreated 2026-01-\n", "locked by run r1 of me", "r1"},
		{"id\nwho me\n", "locked by an unnamed run of me", apply.UnknownRun},
		{"id ../../etc\n", "locked by an unnamed run", apply.UnknownRun},
		{"\x00\xff\x1b[2Jid\n\n", "locked by an unnamed run", apply.UnknownRun},
	} {
		// Of this boot, and with no end: nobody takes it over.
		must(t, os.WriteFile(lock, []byte(test.text+"boot "+string(boot)), 0o600))
		report := p.run(p.dialer(), made, nil)
		if report.Outcome != apply.Locked || !strings.HasSuffix(report.Err.Error(), test.want) {
			t.Errorf("%q: got %s, %v; want locked, %q", test.text, report.Outcome, report.Err, test.want)
		}
		host, err := p.dialer().Dial(t.Context(), apply.Reach{})
		must(t, err)
		records, err := apply.ReadRecords(t.Context(), host)
		must(t, err)
		if records.Lock == nil || records.Lock.ID != test.id {
			t.Errorf("%q: got lock %+v, want one of %s", test.text, records.Lock, test.id)
			continue
		}
		must(t, apply.ForceUnlock(t.Context(), host, test.id))
		if _, err := os.Stat(lock); err == nil {
			t.Errorf("%q: the lock is still there", test.text)
		}
	}
}

// Another controller carries out the same plan between our first look and our
// lock: that is no stale plan.
func TestRule06ThePlanWasCarriedOutMeanwhile(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made := p.plan(p.dialer(), "41")
	var other apply.HostReport
	d := p.dialer()
	d.before = func(step string) {
		if step == "lock" {
			other = p.run(p.dialer(), made, nil)
		}
	}
	report := p.run(d, made, nil)
	if other.Outcome != apply.Changed || report.Outcome != apply.AlreadyDone {
		t.Errorf("got %s, %v for the other and %s, %v; want changed, already_done", other.Outcome, other.Err, report.Outcome, report.Err)
	}
	p.clean()
}

// Whoever held the lock released it before it could be read: it is free.
func TestRule06ALockReleasedMeanwhileIsTaken(t *testing.T) {
	t.Parallel()
	p := startPrivate(t)
	made := p.plan(p.dialer(), "41")
	for _, test := range []struct {
		times   int32
		outcome apply.Outcome
	}{{1000, apply.Locked}, {2, apply.Changed}} {
		d := p.dialer()
		d.step, d.how = "lock", "locked"
		d.times.Store(test.times)
		if report := p.run(d, made, nil); report.Outcome != test.outcome {
			t.Errorf("released %d times: got %s, %v; want %s", test.times, report.Outcome, report.Err, test.outcome)
		}
	}
	p.clean()
}
