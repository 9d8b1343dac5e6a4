//go:build linux

package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/fleet"
	"github.com/sshform/sshform/apply/applytest/lab"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// TestSimulatedHostAnswersAsARealOne holds what a simulated host says to each
// script against what the script itself says on a Debian 12: the same steps are
// asked for, and their answers have the same words and frames in the same order.
func TestSimulatedHostAnswersAsARealOne(t *testing.T) {
	t.Parallel()
	l := lab.Open(t)
	h := l.Start("root")[0]
	real := &listener{heard: map[string][]heard{}, dialer: accessTo(l).dialer(h)}
	defer real.close()
	settings := []schema.Setting{interval("30"), {Keyword: "ClientAliveCountMax", Argument: "2"}}
	check(t, everyAnswer(t.Context(), real, target(accessTo(l), h, settings...)))

	f := fleet.New(1)
	defer f.Close()
	dir := t.TempDir()
	key, known, err := f.Write(dir, false, 0)
	check(t, err)
	simulated := &listener{heard: map[string][]heard{}, dialer: dialer{Dialer: &remote.Dialer{User: "root", Home: dir, KnownHosts: []string{known}, DialTCP: f.Dial}}}
	defer simulated.close()
	check(t, everyAnswer(t.Context(), simulated, f.Targets(1, 30, key)[0]))

	if diff := cmp.Diff(real.heard, simulated.heard); diff != "" {
		t.Errorf("answers, by what was done and by step (-real +simulated):\n%s", diff)
	}
	// What is compared above is all that there is to say.
	for _, step := range []string{"change: lock", "change: judge", "change, and once more: lock"} {
		if len(real.heard[step]) == 0 {
			t.Errorf("got no answer to %q, only to %v", step, slices.Sorted(maps.Keys(real.heard)))
		}
	}
}

// everyAnswer has a host asked all that a simulated one can answer: the change
// is given up before it began, put back, made while somebody else tries the
// same, and found made.
func everyAnswer(ctx context.Context, l *listener, wanted schema.Target) error {
	change := func(doing string, want apply.Outcome, at func(*plan.Plan, apply.StepName) error) error {
		l.doing = doing
		p, _, err := planFor(ctx, l, wanted)
		if err != nil {
			return fmt.Errorf("%s: plan: %w", doing, err)
		}
		var struck error
		report, err := runPlan(ctx, l, p, apply.RunOptions{Events: func(e apply.Event) {
			if e.Kind == apply.ApplyProgressed {
				struck = errors.Join(struck, at(p, e.Step))
			}
		}})
		if err := errors.Join(struck, outcome(report, err, want, "")); err != nil {
			return fmt.Errorf("%s: apply: %w", doing, err)
		}
		return nil
	}
	err := change("given up", apply.Failed, func(_ *plan.Plan, step apply.StepName) error {
		l.failStage = step == apply.StepStage
		return nil
	})
	if err != nil {
		return err
	}
	err = change("put back", apply.Restored, func(_ *plan.Plan, step apply.StepName) error {
		l.failShell = step == apply.StepConfirm
		return nil
	})
	if err != nil {
		return err
	}
	var made *plan.Plan
	err = change("change", apply.Changed, func(p *plan.Plan, step apply.StepName) error {
		made = p
		if step != apply.StepArm {
			return nil
		}
		l.doing = "change, and once more"
		report, err := runPlan(ctx, l, p, apply.RunOptions{})
		l.doing = "change"
		return outcome(report, err, apply.Locked, "e2e")
	})
	if err != nil {
		return err
	}
	l.doing = "again"
	report, err := runPlan(ctx, l, made, apply.RunOptions{})
	if err := outcome(report, err, apply.AlreadyDone, ""); err != nil {
		return err
	}
	p, _, err := planFor(ctx, l, wanted)
	if err == nil && p.Hosts[0].Changed() {
		err = errors.New("the second plan has changes, want none")
	}
	return err
}

// A listener is a dialer that writes down what hosts answer, and fails on
// demand.
type listener struct {
	dialer
	failStage, failShell bool

	mu    sync.Mutex
	doing string
	// heard is by what is done and by step: some steps of a plan are asked for
	// at the same time.
	heard map[string][]heard
}

func (l *listener) close() { l.dialer.Dialer.Close() }

// A heard is an answer to a step, without what differs from host to host.
type heard struct {
	Status         int
	Stdout, Stderr []string
}

func (l *listener) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	h, err := l.dialer.Dial(ctx, reach)
	if err != nil {
		return nil, err
	}
	return &listenedHost{h, l}, nil
}

// A listenedHost is a host whose answers are written down.
type listenedHost struct {
	apply.Host
	l *listener
}

func (h *listenedHost) Stage(ctx context.Context, files []apply.Staged) error {
	if h.l.failStage {
		return errors.New("not staged, on purpose")
	}
	return h.Host.Stage(ctx, files)
}

func (h *listenedHost) Redial(ctx context.Context) (apply.Host, error) {
	again, err := h.Host.Redial(ctx)
	if err != nil {
		return nil, err
	}
	return &listenedHost{again, h.l}, nil
}

func (h *listenedHost) Rehearse(ctx context.Context, step apply.Step) error {
	return h.Host.(apply.Rehearser).Rehearse(ctx, step)
}

func (h *listenedHost) Shell(ctx context.Context) (apply.Shell, error) {
	if h.l.failShell {
		return nil, errors.New("no shell, on purpose")
	}
	shell, err := h.Host.Shell(ctx)
	if err != nil {
		return nil, err
	}
	return &listenedShell{shell, h.l}, nil
}

type listenedShell struct {
	apply.Shell
	l *listener
}

func (s *listenedShell) Do(ctx context.Context, step apply.Step) (apply.Answer, error) {
	answer, err := s.Shell.Do(ctx, step)
	if err == nil {
		s.l.mu.Lock()
		defer s.l.mu.Unlock()
		what := s.l.doing + ": " + step.Name
		s.l.heard[what] = append(s.l.heard[what], heard{answer.Status, shape(answer.Stdout), shape(answer.Stderr)})
	}
	return answer, err
}

// What differs from host to host, and from run to run.
var (
	mark        = regexp.MustCompile(`[A-Z2-7]{26}`)
	hexadecimal = regexp.MustCompile(`[0-9a-f]{16,}`)
	number      = regexp.MustCompile(`[0-9]+(\.[0-9]+)*`)
	run         = regexp.MustCompile(`[0-9]{8}T[0-9]{6}Z-[0-9a-z]+`)
	ownValue    = regexp.MustCompile(`^(kernel|hostname|boot|locked boot) .+`)
)

// shape is what all hosts of this kind say in the same way: lines, of which
// numbers and what is the host's own are left out. Of sshd's debug messages only
// those that are read count.
func shape(text []byte) []string {
	var lines []string
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "debug") && !strings.HasPrefix(line, "debug2: load_server_config: filename ") {
			continue
		}
		line = ownValue.ReplaceAllString(line, "$1 …")
		line = run.ReplaceAllString(mark.ReplaceAllString(line, "MARK"), "RUN")
		lines = append(lines, number.ReplaceAllString(hexadecimal.ReplaceAllString(line, "HEX"), "#"))
	}
	return lines
}
