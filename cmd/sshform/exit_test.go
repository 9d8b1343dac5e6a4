package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/schema"
)

func TestExitCodesOfReports(t *testing.T) {
	stop := &apply.Stopped{Kind: "budget"}
	for name, c := range map[string]struct {
		outcomes []apply.Outcome
		stopped  *apply.Stopped
		budgetOK bool
		want     exitCode
	}{
		"nothing to do":               {nil, nil, false, done},
		"all changed":                 {[]apply.Outcome{apply.Changed, apply.AlreadyDone, apply.Unchanged}, nil, false, done},
		"one failed":                  {[]apply.Outcome{apply.Changed, apply.Failed}, nil, false, partial},
		"one failed, which is fine":   {[]apply.Outcome{apply.Changed, apply.Failed}, nil, true, done},
		"one restored":                {[]apply.Outcome{apply.Restored}, nil, false, partial},
		"one unreachable":             {[]apply.Outcome{apply.Changed, apply.Unreachable}, nil, false, partial},
		"budget spent":                {[]apply.Outcome{apply.Failed, apply.Skipped}, stop, true, stopped},
		"only stale":                  {[]apply.Outcome{apply.Stale, apply.Unchanged}, nil, false, refused},
		"only stale, and stopped":     {[]apply.Outcome{apply.Stale, apply.Skipped}, stop, false, refused},
		"stale, and one changed":      {[]apply.Outcome{apply.Stale, apply.Changed}, nil, false, partial},
		"only locked":                 {[]apply.Outcome{apply.Locked}, nil, false, locked},
		"locked and stale":            {[]apply.Outcome{apply.Locked, apply.Stale}, nil, false, partial},
		"stopped before the first":    {[]apply.Outcome{apply.Skipped}, &apply.Stopped{Kind: "window"}, false, stopped},
		"locked after a change, stop": {[]apply.Outcome{apply.Changed, apply.Locked}, stop, false, stopped},
	} {
		r := &apply.Report{Stopped: c.stopped}
		for _, o := range c.outcomes {
			r.Hosts = append(r.Hosts, apply.HostReport{Outcome: o})
		}
		if got := codeFor(r, c.budgetOK); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

// TestJoinedErrorsAreAllTold keeps a failed report from hiding behind the
// exit code of the command.
func TestJoinedErrorsAreAllTold(t *testing.T) {
	err := errors.Join(pending, problem("First", "One."), fmt.Errorf("wrapped: %w", errors.New("disk full")))
	code, told := unfold(err)
	if code != pending {
		t.Errorf("got code %d, want %d", code, pending)
	}
	var got []string
	for _, d := range told {
		got = append(got, d.Summary+": "+d.Detail)
	}
	if want := "[First: One. Command stopped: wrapped: disk full.]"; fmt.Sprint(got) != want {
		t.Errorf("got %v, want %s", got, want)
	}
	// A failure of several parts keeps the text around them.
	_, told = unfold(fmt.Errorf("write the journal: %w", errors.Join(errors.New("disk full"), errors.New("close"))))
	if len(told) != 1 || !strings.HasPrefix(told[0].Detail, "Write the journal: disk full") {
		t.Errorf("got %v, want one diagnostic with all of the text", told)
	}
	if code, _ := unfold(problems(schema.Diagnostics{{Summary: "x"}})); code != failed {
		t.Errorf("got code %d for a problem, want %d", code, failed)
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"disk full":                      "Disk full.",
		"open /etc/x: no such file":      "Open /etc/x: no such file.",
		"/etc/x: no such file":           "/etc/x: no such file.",
		"web-1: connection refused":      "web-1: connection refused.",
		"already a sentence.":            "Already a sentence.",
		"":                               "No reason was given.",
		"größe: zu viel":                 "größe: zu viel.",
		"ends with a question, does it?": "Ends with a question, does it?",
	} {
		if got := sentence(errors.New(text)); got != want {
			t.Errorf("sentence(%q): got %q, want %q", text, got, want)
		}
	}
}

// TestInterruptedCodes: without detailed codes an interrupt is a failure like
// every other.
func TestInterruptedCodes(t *testing.T) {
	for _, c := range []struct {
		signal   os.Signal
		detailed bool
		want     exitCode
	}{
		{os.Interrupt, false, failed},
		{os.Interrupt, true, interrupted},
		{syscall.SIGTERM, true, terminated},
	} {
		p := thisProcess()
		p.caught, p.detailed = c.signal, c.detailed
		if got := p.finish(failed); got != int(c.want) {
			t.Errorf("%v, detailed %t: got %d, want %d", c.signal, c.detailed, got, c.want)
		}
	}
}
