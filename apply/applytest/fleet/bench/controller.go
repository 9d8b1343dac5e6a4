//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/fleet"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A controller is this program as a controller of the hosts: what cmd/sshform does
// between reading the configuration and printing.
type controller struct {
	fleet    *fleet.Fleet
	dialer   *remote.Dialer
	key      string
	parallel int
	dialed   dialed
	answered func() // called when a host has answered about logins; nil is not
}

// newController writes known_hosts for all hosts and as many further ones as others
// says.
func newController(dir string, port, hosts, others, parallel int, hashed bool) (*controller, error) {
	f := fleet.New(0) // the hosts themselves are in another process
	f.Port = port
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, known, err := f.Write(dir, hashed, hosts+others)
	if err != nil {
		return nil, err
	}
	c := &controller{fleet: f, key: key, parallel: parallel}
	c.dialer = &remote.Dialer{User: "root", Home: dir, KnownHosts: []string{known}, DialTCP: c.dialed.dial}
	return c, nil
}

// plan plans an interval for the first n hosts.
func (c *controller) plan(ctx context.Context, n, interval int, rehearsal bool) (*plan.Plan, error) {
	cfg := &schema.Config{Targets: c.fleet.Targets(n, interval, c.key)}
	for i := range cfg.Targets {
		cfg.Targets[i].Verify.SkipRehearsal = !rehearsal
	}
	asks := new(plan.Questions).Asks
	observed := apply.Observe(ctx, cfg, apply.ObserveOptions{Dialer: c.dialer, Parallelism: c.parallel, Asks: func(targets []schema.Target, o *plan.Observed) plan.Asking {
		asking := asks(targets, o)
		if c.answered != nil && len(o.Answers) > 0 {
			c.answered()
		}
		return asking
	}})
	p, diags := plan.Build(cfg, observed, plan.BuildOptions{})
	if diags.HasErrors() {
		return nil, fmt.Errorf("plan: %d diagnostics, the first: %s %s", len(diags), diags[0].Summary, diags[0].Detail)
	}
	return p, nil
}

// apply carries a plan out and wants every host changed, or none touched.
func (c *controller) apply(ctx context.Context, p *plan.Plan, want apply.Outcome) error {
	report, err := apply.Run(ctx, p, apply.RunOptions{Dialer: c.dialer, Parallelism: c.parallel, Who: "bench", Version: "bench"})
	if err != nil {
		return err
	}
	for _, h := range report.Hosts {
		if h.Outcome != want {
			return fmt.Errorf("%s: %s, not %s: %w", h.Host, h.Outcome, want, h.Err)
		}
	}
	return nil
}

// A cost is what some work took this process.
type cost struct {
	CPU     time.Duration
	Elapsed time.Duration
}

// measure runs work and says what it cost. The garbage of what ran before is
// collected first.
func measure(work func() error) (cost, error) {
	runtime.GC()
	before, began := cpu(syscall.RUSAGE_SELF), time.Now()
	err := work()
	return cost{cpu(syscall.RUSAGE_SELF) - before, time.Since(began)}, err
}

// profiled writes a CPU profile of work.
func profiled(name string, work func() error) func() error {
	return func() error {
		file, err := os.Create(name)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
		return work()
	}
}

// cpu is the time that this process, or its ended children, has used.
func cpu(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peak is the most memory that this process has held, in KiB (proc(5), VmHWM).
func peak() (int, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "VmHWM:" {
			return strconv.Atoi(words[1])
		}
	}
	return 0, fmt.Errorf("%s has no VmHWM", filepath.Base("status"))
}
