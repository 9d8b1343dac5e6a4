//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/fleet"
)

// A trial is work in a process of its own, whose memory is its alone.
type trial struct {
	Work     string // "plan" or "apply"; "read", "ask", "change" or "rehearsed" of the floor
	Port     int
	Hosts    int
	Others   int // further lines of known_hosts
	Parallel int
	Interval int // declared; an apply that repeats one changes nothing
	Hashed   bool
	Held     bool // only look at who holds what when all hosts stand still
	Dir      string
}

// A result is what a trial took.
type result struct {
	cost
	Idle int          // KiB held before the work
	Peak int          // KiB held at most
	Each fleet.Weight // of a trial that is Held: what each host adds
}

// child is the process of a trial. One host is planned first, so that what is
// done once (known_hosts, keys) is not counted among the hosts' work.
func child(args []string) error {
	flags := flag.NewFlagSet("child", flag.ExitOnError)
	spec := flags.String("trial", "", "")
	flags.Parse(args)
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(1) // whoever wants to know is gone
	}()
	var t trial
	if err := json.Unmarshal([]byte(*spec), &t); err != nil {
		return err
	}
	if t.Held {
		weighable()
	}
	c, err := newController(t.Dir, t.Port, t.Hosts, t.Others, t.Parallel, t.Hashed)
	if err != nil {
		return err
	}
	defer c.dialer.Close()
	ctx := context.Background()
	if _, err := c.plan(ctx, 1, t.Interval, true); err != nil {
		return err
	}
	var r result
	if t.Held {
		if r.Each, err = t.hold(ctx, c); err != nil {
			return err
		}
		return json.NewEncoder(os.Stdout).Encode(r)
	}
	work, err := t.work(ctx, c)
	if err != nil {
		return err
	}
	if r.Idle, err = peak(); err != nil {
		return err
	}
	if r.cost, err = measure(work); err != nil {
		return err
	}
	if r.Peak, err = peak(); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

// work is what is measured.
func (t trial) work(ctx context.Context, c *controller) (func() error, error) {
	onFloor := func(work func(floor, int) error) (func() error, error) {
		f := newFloor(c.fleet, t.Hosts)
		return func() error { return fanOut(ctx, t.Hosts, t.Parallel, func(i int) error { return work(f, i) }) }, nil
	}
	switch t.Work {
	case "read":
		return onFloor(floor.read)
	case "ask":
		return onFloor(floor.ask)
	case "change":
		return onFloor(func(f floor, i int) error { return f.change(i, t.Interval) })
	case "rehearsed":
		return onFloor(func(f floor, i int) error { return f.rehearsed(i, t.Interval) })
	case "apply":
		p, err := c.plan(ctx, t.Hosts, t.Interval, true)
		return func() error { return c.apply(ctx, p, apply.Changed) }, err
	}
	return func() error {
		_, err := c.plan(ctx, t.Hosts, t.Interval, true)
		return err
	}, nil
}

// run does the trial.
func (t trial) run() (result, error) {
	spec, err := json.Marshal(t)
	if err != nil {
		return result{}, err
	}
	cmd := exec.Command("/proc/self/exe", "child", "-trial", string(spec))
	var said bytes.Buffer
	cmd.Stderr = &said
	// Nothing is ever written to it: it ends when this process does.
	life, err := cmd.StdinPipe()
	if err != nil {
		return result{}, err
	}
	defer life.Close()
	out, err := cmd.Output()
	if err != nil {
		return result{}, fmt.Errorf("trial %s: %w: %s", spec, err, strings.TrimSpace(said.String()))
	}
	var r result
	return r, json.Unmarshal(out, &r)
}
