package apply

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/sshform/sshform/plan"
)

// freshness finds out whether the daemon has read what is on disk (rule 3).
func (r *reader) freshness(ctx context.Context) error {
	l := &r.seen.Listener
	if r.compared {
		return nil
	}
	r.compared = true
	switch l.Reload {
	case plan.NoListener, plan.ReloadByHand:
		return nil
	case plan.PerLogin, plan.LaunchdWay:
		l.Fresh = plan.Fresh // each login reads the files
		return nil
	}
	var paths []string
	for _, f := range r.seen.Files {
		if f.RealPath != "" && f.State == plan.Regular {
			paths = append(paths, f.RealPath)
		}
	}
	for name, f := range r.seen.Folders {
		if !f.Missing && f.Err == "" {
			paths = append(paths, name)
		}
	}
	slices.Sort(paths)
	times, err := askTimes(ctx, r.shell, &r.machine, &r.listener, pidFileOf(r.seen.Answers, r.listener), slices.Compact(paths))
	if err != nil {
		return err
	}
	l.Fresh, l.Pending = times.judge()
	return nil
}

// pidFileOf returns the pid file that sshd itself names, else the one that was
// found.
func pidFileOf(answers map[plan.Login]plan.Answer, l listener) string {
	for a := range maps.Values(answers) {
		if values := a.Values["pidfile"]; len(values) == 1 && strings.HasPrefix(values[0], "/") {
			return values[0]
		}
	}
	return l.pidFile
}

// times are in nanoseconds since the epoch; 0 is unknown.
type times struct {
	load, active int64
	settled      map[string]int64
	changed      map[string]int64
	coarse       bool // the host tells whole seconds only
}

func askTimes(ctx context.Context, shell Shell, m *machine, l *listener, pidFile string, paths []string) (times, error) {
	args := []string{strconv.Itoa(l.PID), pidFile, l.Unit, m.stateFolder()}
	if !l.hasSystemd() {
		args[2] = ""
	}
	args = append(append(append(args, l.Path, strconv.Itoa(len(l.Args))), l.Args...), paths...)
	step := Step{Name: "compare times", Script: freshScript, Args: args}
	answer, err := shell.Do(ctx, step)
	if err != nil {
		return times{}, err
	}
	if answer.Status != 0 {
		return times{}, failure(step, answer)
	}
	t := times{settled: map[string]int64{}, changed: map[string]int64{}}
	for line := range sayings(answer.Stdout) {
		switch line.key {
		case "load":
			t.load = t.stamp(line.value)
		case "active":
			t.active = seconds(line.value)
		case "settled":
			when, path, _ := strings.Cut(line.value, " ")
			t.settled[path] = t.stamp(when)
		case "changed":
			index, when, _ := strings.Cut(line.value, " ")
			if i, err := strconv.Atoi(index); err == nil && i >= 0 && i < len(paths) {
				t.changed[paths[i]] = t.stamp(when)
			}
		}
	}
	return t, nil
}

func (l listener) hasSystemd() bool {
	return l.Reload == plan.SystemdUnit || l.Reload == plan.SocketUnit
}

// stamp reads "1700000000.123456789" or whole seconds.
func (t *times) stamp(s string) int64 {
	whole, fraction, fine := strings.Cut(s, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return 0
	}
	t.coarse = t.coarse || !fine
	nanos, _ := strconv.ParseInt((fraction + "000000000")[:9], 10, 64)
	return seconds*1e9 + nanos
}

func seconds(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n * 1e9
}

// judge compares the newest change in the tree with the last load. Without
// evidence, and when both fall into one second that is not divided further,
// the answer is Unknown, never Stale.
func (t times) judge() (plan.Freshness, string) {
	var newest int64
	var path string
	for _, name := range slices.Sorted(maps.Keys(t.changed)) {
		when := t.changed[name]
		if when == 0 {
			return plan.Unknown, ""
		}
		if when > newest && when != t.settled[name] {
			newest, path = when, name
		}
	}
	switch {
	case t.load == 0 && t.active > newest+1e9:
		return plan.Fresh, "" // it was started after the last change
	case t.load == 0:
		return plan.Unknown, ""
	case newest < t.load:
		return plan.Fresh, ""
	case t.coarse && newest/1e9 == t.load/1e9:
		return plan.Unknown, ""
	}
	return plan.Stale, path
}
