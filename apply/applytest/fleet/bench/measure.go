//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/fleet"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

type options struct {
	hosts, rounds, parallel int
	parts                   string
	program, examples, out  string
	profiles                string
}

// measure measures everything.
func (o options) measure(ctx context.Context) (*table, error) {
	dir, err := os.MkdirTemp("", "sshform-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	t := newTable(o)
	all := map[string]func(context.Context, string, *table) error{
		"ratios": o.ratios, "sizes": o.sizes, "growth": o.growth, "memory": o.memory, "distance": o.distance, "program": o.examplesCPU,
	}
	var parts []func(context.Context, string, *table) error
	for name := range strings.SplitSeq(o.parts, ",") {
		part, known := all[name]
		if !known {
			return nil, fmt.Errorf("there is no part %q", name)
		}
		parts = append(parts, part)
	}
	for _, part := range parts {
		told := len(t.Rows)
		if err := part(ctx, dir, t); err != nil {
			return nil, err
		}
		for _, r := range t.Rows[told:] {
			fmt.Fprintf(os.Stderr, "%s: %.4g %s\n", r.What, r.Got, r.Unit)
		}
	}
	return t, nil
}

// ratios compares with the floor, round by round. The floor's naive edits go to
// hosts of their own.
func (o options) ratios(ctx context.Context, dir string, t *table) error {
	s, err := startServer(2*o.hosts, 0)
	if err != nil {
		return err
	}
	defer s.end()
	c, err := newController(filepath.Join(dir, "ratios"), s.port, 2*o.hosts, 0, o.parallel, false)
	if err != nil {
		return err
	}
	defer c.dialer.Close()
	f := newFloor(c.fleet, 2*o.hosts)
	all := map[string][]int64{}
	var interval int
	do := func(name string, work func() error) error {
		if o.profiles != "" {
			work = profiled(filepath.Join(o.profiles, fmt.Sprintf("%s.%d.pprof", name, len(all[name]))), work)
		}
		spent, err := measure(work)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		all[name] = append(all[name], int64(spent.CPU)/int64(o.hosts))
		all[name+" elapsed"] = append(all[name+" elapsed"], int64(spent.Elapsed))
		return nil
	}
	onFloor := func(work func(int) error) func() error {
		return func() error { return fanOut(ctx, o.hosts, o.parallel, work) }
	}
	saved := func(rehearsal bool) func() error {
		interval++
		p, err := c.plan(ctx, o.hosts, interval, rehearsal)
		return func() error {
			if err != nil {
				return err
			}
			return c.apply(ctx, p, apply.Changed)
		}
	}
	if err := saved(true)(); err != nil { // the first "nothing" finds nothing to do
		return err
	}
	for round := range o.rounds + 1 {
		if round == 1 {
			clear(all) // the first one warms up
		}
		// What is compared stands side by side: a machine that has worked hard is
		// slower for a while.
		for _, step := range []struct {
			name string
			work func() error
		}{
			{"login", onFloor(f.loginOnly)},
			{"read", onFloor(f.read)},
			{"ask", onFloor(f.ask)},
			{"plan", func() error { _, err := c.plan(ctx, o.hosts, interval+1, true); return err }},
			{"nothing", func() error {
				p, err := c.plan(ctx, o.hosts, interval, true)
				if err != nil {
					return err
				}
				return c.apply(ctx, p, apply.Unchanged)
			}},
			{"change", onFloor(func(i int) error { return f.change(o.hosts+i, 1000+round) })},
			{"rehearsed", onFloor(func(i int) error { return f.rehearsed(o.hosts+i, 2000+round) })},
		} {
			if err := do(step.name, step.work); err != nil {
				return err
			}
		}
		if err := do("apply", saved(true)); err != nil {
			return err
		}
		if err := do("apply without rehearsal", saved(false)); err != nil {
			return err
		}
	}
	cpu := func(name string) float64 { return float64(median(all[name])) / 1e6 }
	// Each round is compared with itself: a machine is not as fast at all times.
	ratio := func(name, to string) float64 {
		each := make([]float64, len(all[name]))
		for i := range each {
			each[i] = float64(all[name][i]) / float64(all[to][i])
		}
		return median(each)
	}
	t.add("floor: TCP, handshake, publickey", cpu("login"), "ms CPU/host", 0)
	t.add("floor: and a lean SFTP read", cpu("read"), "ms CPU/host", 0)
	t.add("floor: and whatever else a plan asks", cpu("ask"), "ms CPU/host", 0)
	t.ratio("floor that asks whatever a plan does : lean SFTP read", ratio("ask", "read"), 0)
	t.add("floor: and one exec that changes, a new connection", cpu("change"), "ms CPU/host", 0)
	t.add("plan, sshd -T compared", cpu("plan"), "ms CPU/host", 0)
	t.ratio("plan : lean SFTP read", ratio("plan", "read"), 1.25)
	t.ratio("plan : floor that asks whatever a plan does", ratio("plan", "ask"), 0)
	t.add("floor: and a rehearsal login before it", cpu("rehearsed"), "ms CPU/host", 0)
	t.add("apply, whole transaction", cpu("apply"), "ms CPU/host", 0)
	t.ratio("apply : one-exec apply", ratio("apply", "change"), 1.9)
	t.ratio("apply : one-exec apply after a rehearsal", ratio("apply", "rehearsed"), 0)
	t.add("apply without rehearsal", cpu("apply without rehearsal"), "ms CPU/host", 0)
	t.ratio("apply without rehearsal : one-exec apply", ratio("apply without rehearsal", "change"), 1.5)
	t.ratio("apply where nothing changes : plan", ratio("nothing", "plan"), 1.05)
	for _, name := range []string{"plan", "apply"} {
		t.add(name+", "+fmt.Sprint(o.hosts)+" hosts, these two processes on this machine", float64(o.hosts)/time.Duration(median(all[name+" elapsed"])).Seconds(), "hosts/s", 0)
	}
	return nil
}

// sizes plans and applies fleets of different sizes.
func (o options) sizes(ctx context.Context, dir string, t *table) error {
	s, err := startServer(5000, 0)
	if err != nil {
		return err
	}
	defer s.end()
	for i, hosts := range []int{100, 1000, 5000} {
		for j, work := range []string{"plan", "apply"} {
			r, err := trial{Work: work, Port: s.port, Hosts: hosts, Parallel: o.parallel, Interval: 10 + 2*i + j, Dir: filepath.Join(dir, "sizes")}.run()
			if err != nil {
				return err
			}
			name := fmt.Sprintf("%s of %d hosts", work, hosts)
			t.add(name, float64(r.CPU.Microseconds())/1e3/float64(hosts), "ms CPU/host", 0)
			t.add(name, float64(hosts)/r.Elapsed.Seconds(), "hosts/s", 0)
			t.add(name+", peak", float64(r.Peak)/1024, "MiB", 0)
		}
	}
	return nil
}

// growth compares 10,000 hosts with 100, both with 10,000 lines of known_hosts,
// and looks at the memory of the large plan.
func (o options) growth(ctx context.Context, dir string, t *table) error {
	const many, few = 10_000, 100
	s, err := startServer(many, 0)
	if err != nil {
		return err
	}
	defer s.end()
	for _, hashed := range []bool{false, true} {
		kind := map[bool]string{false: "plain", true: "hashed"}[hashed]
		one := trial{Work: "plan", Port: s.port, Parallel: 100, Interval: 30, Hashed: hashed, Dir: filepath.Join(dir, kind)}
		var large, small, peaks []int64
		for range 3 {
			one.Hosts, one.Others = many, 0
			r, err := one.run()
			if err != nil {
				return err
			}
			large, peaks = append(large, int64(r.CPU)/many), append(peaks, int64(r.Peak))
			for range 3 {
				one.Hosts, one.Others = few, many-few
				if r, err = one.run(); err != nil {
					return err
				}
				small = append(small, int64(r.CPU)/few)
			}
		}
		t.ratio("CPU per host, 10,000 hosts : 100, 10,000 "+kind+" known_hosts lines", float64(median(large))/float64(median(small)), 1.15)
		t.add("plan of 10,000 hosts, 100 in flight, "+kind+" known_hosts: peak", float64(median(peaks))/1024, "MiB", 64)
	}
	return o.plansDeclared(ctx, filepath.Join(dir, "declared"), s.port, many, t)
}

// memory is what one more host in flight costs, at a hundred and more. The way is
// long, so that all of them are really in flight. The two are far apart: how far
// the heap has grown when a collection falls due is chance.
func (o options) memory(ctx context.Context, dir string, t *table) error {
	const few, many = 100, 400
	s, err := startServer(2*many, 50*time.Millisecond)
	if err != nil {
		return err
	}
	defer s.end()
	for i, m := range []struct {
		work, what string
		target     float64
	}{
		{"read", "floor: lean SFTP read", 0}, {"ask", "floor: asking what a plan asks", 0}, {"change", "floor: one-exec apply", 0}, {"rehearsed", "floor: one-exec apply after a rehearsal", 0}, {"plan", "plan", 200}, {"apply", "apply", 200},
	} {
		var each []float64
		for n := range 5 {
			var peaks []int
			for j, parallel := range []int{few, many} {
				r, err := trial{Work: m.work, Port: s.port, Hosts: 2 * parallel, Parallel: parallel, Interval: 10 + 100*i + 10*n + j, Dir: filepath.Join(dir, "memory")}.run()
				if err != nil {
					return err
				}
				peaks = append(peaks, r.Peak)
			}
			each = append(each, float64(peaks[1]-peaks[0])/(many-few))
		}
		t.add(fmt.Sprintf("%s: memory for each host in flight, %d to %d", m.what, few, many), median(each), "KiB", m.target)
	}
	return o.held(s.port, dir, t)
}

// distance plans hosts that are far away.
func (o options) distance(ctx context.Context, dir string, t *table) error {
	const hosts = 1000
	s, err := startServer(hosts, 100*time.Millisecond)
	if err != nil {
		return err
	}
	defer s.end()
	r, err := trial{Work: "plan", Port: s.port, Hosts: hosts, Parallel: 250, Interval: 30, Dir: filepath.Join(dir, "distance")}.run()
	if err != nil {
		return err
	}
	t.add("plan of 1,000 hosts at 100 ms, 250 in flight", r.Elapsed.Seconds(), "s", 6)
	return nil
}

// examplesCPU runs the built program on the examples.
func (o options) examplesCPU(ctx context.Context, dir string, t *table) error {
	if o.program == "" {
		return nil
	}
	program, err := filepath.Abs(o.program)
	if err != nil {
		return err
	}
	info, err := os.Stat(program)
	if err != nil {
		return err
	}
	t.add("the program", float64(info.Size())/1e6, "MB", 25)
	file := filepath.Join(dir, "fleet.sshplan")
	if err := o.writeFleetPlan(ctx, dir, file); err != nil {
		return err
	}
	run := func(where string, args ...string) (float64, error) {
		var spent []int64
		for range o.rounds {
			before := cpu(syscall.RUSAGE_CHILDREN)
			cmd := exec.CommandContext(ctx, program, args...)
			cmd.Dir = where
			if out, err := cmd.CombinedOutput(); err != nil {
				return 0, fmt.Errorf("%v: %w: %s", args, err, out)
			}
			spent = append(spent, int64(cpu(syscall.RUSAGE_CHILDREN)-before))
		}
		return float64(median(spent)) / 1e6, nil
	}
	version, err := run(o.examples, "version")
	if err != nil {
		return err
	}
	t.add("sshform version", version, "ms CPU", 10)
	laptop, err := run(filepath.Join(o.examples, "laptop"), "validate")
	if err != nil {
		return err
	}
	t.add("sshform validate, examples/laptop", laptop, "ms CPU", 30)
	load, err := run(filepath.Join(o.examples, "fleet"), "graph", "-var-file=prod.sshvars.hcl")
	if err != nil {
		return err
	}
	show, err := run(dir, "show", file)
	if err != nil {
		return err
	}
	t.add("examples/fleet, 5,000 hosts: load and expand (graph)", load, "ms CPU", 0)
	t.add("examples/fleet, 5,000 hosts: read the plan and print it grouped", show, "ms CPU", 0)
	t.add("examples/fleet, 5,000 hosts: both", load+show, "ms CPU", 1000)
	return nil
}

// writeFleetPlan writes a plan of examples/fleet as if each of its hosts were
// like the one simulated host that is looked at.
func (o options) writeFleetPlan(ctx context.Context, dir, file string) error {
	loaded, found := hclfile.Load(ctx, filepath.Join(o.examples, "fleet"), hclfile.Options{
		Assignments: []hclfile.Assignment{{File: filepath.Join(o.examples, "fleet", "prod.sshvars.hcl")}},
	})
	if found.HasErrors() {
		return fmt.Errorf("examples/fleet: %s: %s", found[0].Summary, found[0].Detail)
	}
	like, err := oneHost(ctx, dir, loaded.Config)
	if err != nil {
		return err
	}
	everyone := func(yield func(*plan.Observed) bool) {
		last := ""
		for _, t := range loaded.Config.Targets {
			if t.Host.Name == last {
				continue
			}
			last = t.Host.Name
			o := *like
			o.Host = last
			o.Connection.Address, o.Connection.HostKey = last+".example.net", "SHA256:"+last
			if !yield(&o) {
				return
			}
		}
	}
	p, found := plan.Build(loaded.Config, everyone, plan.BuildOptions{})
	if found.HasErrors() {
		return fmt.Errorf("examples/fleet: %s: %s", found[0].Summary, found[0].Detail)
	}
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	_, err = plan.Write(out, p, false)
	return err
}

// oneHost observes a simulated host for the settings of the first target.
func oneHost(ctx context.Context, dir string, cfg *schema.Config) (*plan.Observed, error) {
	f := fleet.New(1)
	defer f.Close()
	if err := f.Listen(); err != nil {
		return nil, err
	}
	c, err := newController(filepath.Join(dir, "one"), f.Port, 1, 0, 1, false)
	if err != nil {
		return nil, err
	}
	defer c.dialer.Close()
	target := cfg.Targets[0]
	near := f.Targets(1, 1, c.key)[0]
	target.Connection, target.Fallback, target.Host.Name = near.Connection, nil, near.Host.Name
	var seen *plan.Observed
	for o := range apply.Observe(ctx, &schema.Config{Targets: []schema.Target{target}}, apply.ObserveOptions{Dialer: c.dialer, Asks: plan.Asks}) {
		seen = o
	}
	if seen.Err != "" {
		return nil, fmt.Errorf("%s: %s", seen.Step, seen.Err)
	}
	return seen, nil
}
