//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/fleet"
)

// held tells who holds what for each host, when many hosts stand still in the
// middle of their work: the floor's lean read when the file was read, a plan
// when sshd -T was answered, an apply when the new connection is about to be
// dialled.
func (o options) held(port int, dir string, t *table) error {
	const hosts = 100
	for i, work := range []string{"read", "plan", "apply"} {
		r, err := trial{Work: work, Port: port, Hosts: hosts, Parallel: hosts, Interval: 500 + i, Held: true, Dir: filepath.Join(dir, "held")}.run()
		if err != nil {
			return err
		}
		what := map[string]string{"read": "floor: lean SFTP read", "plan": "plan", "apply": "apply"}[work] + ", a host that stands still: "
		for _, owner := range fleet.Owners() {
			t.add(what+"heap of "+string(owner), float64(r.Each.Heap[owner])/1024, "KiB", 0)
		}
		t.add(what+"stacks", float64(r.Each.Stacks)/1024, "KiB", 0)
		t.add(what+"goroutines", float64(r.Each.Goroutines), "", 0)
	}
	return nil
}

// hold does the work and weighs this process while all hosts stand still.
func (t trial) hold(ctx context.Context, c *controller) (fleet.Weight, error) {
	var before, held fleet.Weight
	halt := fleet.Halt(ctx, t.Hosts, func() { held = fleet.Weigh() })
	var err error
	switch t.Work {
	case "read":
		f := newFloor(c.fleet, t.Hosts)
		f.halt = halt
		before = fleet.Weigh()
		err = fanOut(ctx, t.Hosts, t.Parallel, f.read)
	case "plan":
		before = fleet.Weigh()
		c.answered = halt
		_, err = c.plan(ctx, t.Hosts, t.Interval, true)
	case "apply":
		p, planErr := c.plan(ctx, t.Hosts, t.Interval, true)
		if planErr != nil {
			return held, planErr
		}
		before = fleet.Weigh()
		c.dialed.start(halt)
		err = c.apply(ctx, p, apply.Changed)
	}
	return held.PerHost(before, t.Hosts), err
}

// weighable makes this process tell who allocates. It has to come first.
func weighable() { runtime.MemProfileRate = 1 }

// dialed counts dials, and stops each host's second one.
type dialed struct {
	mu    sync.Mutex
	halt  func()
	times map[string]int
}

func (d *dialed) start(halt func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.halt, d.times = halt, map[string]int{}
}

func (d *dialed) dial(ctx context.Context, address string) (net.Conn, error) {
	d.mu.Lock()
	halt := d.halt
	if halt != nil {
		d.times[address]++
	}
	second := d.times[address] == 2
	d.mu.Unlock()
	if second {
		halt()
	}
	dialer := net.Dialer{KeepAlive: -1}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	return conn, nil
}
