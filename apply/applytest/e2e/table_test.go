//go:build linux

package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
)

// How many hosts of each kind work off the trials. Most of that is waiting for
// watchdogs; each systemd takes a slot of the lab.
const (
	lanes      = 12
	otherLanes = 2
)

// otherKinds are tried with the faults that leave all to the watchdog.
var otherKinds = []string{"socket", "socket-trixie", "socket-each", "sysvinit", "openrc", "runit", "bare", "daemon"}

// TestFaults has every fault strike at every step.
func TestFaults(t *testing.T) {
	t.Parallel()
	l := lab.Open(t)
	var names []string
	for i := range lanes {
		names = append(names, fmt.Sprintf("systemd%d=systemd", i+1))
	}
	for _, kind := range otherKinds {
		for i := range otherLanes {
			names = append(names, fmt.Sprintf("%s%d=%s", kind, i+1, kind))
		}
	}
	hosts := map[string][]*lab.Host{}
	for _, h := range l.Start(names...) {
		hosts[h.Kind.Name] = append(hosts[h.Kind.Name], h)
	}
	trials := map[string][]*trial{}
	for _, f := range faults() {
		at := f.steps
		if at == nil {
			at = steps
		}
		for _, step := range at {
			trials["systemd"] = append(trials["systemd"], &trial{access: accessTo(l), fault: f, step: step})
		}
		if f.name != "controller killed" && f.name != "partition, late" {
			continue
		}
		for _, kind := range otherKinds {
			for _, step := range writing {
				trials[kind] = append(trials[kind], &trial{access: accessTo(l), fault: f, step: step})
			}
		}
	}
	// What takes longest comes first, so that nobody waits for it in the end.
	slices.SortStableFunc(trials["systemd"], func(a, b *trial) int { return b.fault.patience() - a.fault.patience() })
	begun := time.Now()
	rows := workOff(t, hosts, trials)
	report(t, rows, time.Since(begun))
}

func workOff(t *testing.T, hosts map[string][]*lab.Host, trials map[string][]*trial) []row {
	var mu sync.Mutex
	var rows []row
	var wait sync.WaitGroup
	for kind, list := range trials {
		queue := make(chan *trial, len(list))
		for _, one := range list {
			queue <- one
		}
		close(queue)
		for _, h := range hosts[kind] {
			wait.Go(func() {
				for one := range queue {
					one.host = h
					r := one.try(t.Context())
					mu.Lock()
					rows = append(rows, r)
					mu.Unlock()
				}
			})
		}
	}
	wait.Wait()
	return rows
}

func report(t *testing.T, rows []row, took time.Duration) {
	order := map[string]int{}
	for i, f := range faults() {
		order[f.name] = i
	}
	slices.SortFunc(rows, func(a, b row) int {
		if a.kind != b.kind {
			return strings.Compare(a.kind, b.kind)
		}
		if a.fault != b.fault {
			return order[a.fault] - order[b.fault]
		}
		return slices.Index(steps, a.step) - slices.Index(steps, b.step)
	})
	var b strings.Builder
	counts := map[string]int{}
	for _, r := range rows {
		b.WriteString(r.String())
		counts[r.outcome+" "+r.state]++
		if r.err != nil {
			counts["FAIL"]++
			t.Errorf("%s", strings.TrimSpace(r.String()))
		}
	}
	fmt.Fprintf(&b, "\n%d faults at %d steps, %d trials in %.0f s, %d failed\n",
		len(faults()), len(steps), len(rows), took.Seconds(), counts["FAIL"])
	for _, o := range append([]apply.Outcome{"killed"}, apply.Outcomes()...) {
		for _, state := range []string{"old", "new"} {
			if n := counts[string(o)+" "+state]; n > 0 {
				fmt.Fprintf(&b, "%4d %s, the host has the %s file\n", n, o, state)
			}
		}
	}
	artifact(t, "faults.txt", b.String())
}
