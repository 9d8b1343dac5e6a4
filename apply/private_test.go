package apply_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/local"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// A private is a real sshd on a loopback port, with files of its own.
type private struct {
	t      *testing.T
	dir    string
	config string
	port   int
	state  string // of sshform; the machine's own is not touched
	cmd    *exec.Cmd
	reload string // as declared; empty is "auto"
}

const stockConfig = `# a private sshd
Port %d
ListenAddress 127.0.0.1
HostKey %[2]s/host_key
PidFile %[2]s/sshd.pid
AuthorizedKeysFile %[2]s/authorized_keys
StrictModes no
UsePAM no
#ClientAliveInterval 0
Include %[2]s/conf.d/*.conf

Match User nobody
	X11Forwarding no
`

func startPrivate(t *testing.T) *private {
	t.Helper()
	p := newPrivate(t)
	p.start(testenv.Program(t, "sshd"))
	return p
}

// newPrivate lays down the files without starting an sshd.
func newPrivate(t *testing.T) *private {
	t.Helper()
	testenv.Program(t, "sshd")
	testenv.Program(t, "ssh-keygen")
	p := &private{t: t, dir: t.TempDir()}
	p.config, p.state = filepath.Join(p.dir, "sshd_config"), filepath.Join(p.dir, "home")
	port, err := testenv.FreePort()
	must(t, err)
	p.port = port
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(p.dir, "host_key")).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %s", out)
	}
	must(t, os.Mkdir(filepath.Join(p.dir, "conf.d"), 0o755))
	must(t, os.Mkdir(p.state, 0o700))
	must(t, os.WriteFile(p.config, fmt.Appendf(nil, stockConfig, p.port, p.dir), 0o644))
	if os.Geteuid() == 0 {
		must(t, os.MkdirAll("/run/sshd", 0o755))
	}
	return p
}

func (p *private) start(sshd string) {
	p.t.Helper()
	p.cmd = exec.Command(sshd, "-D", "-f", p.config)
	must(p.t, p.cmd.Start())
	ended := make(chan struct{})
	cmd := p.cmd
	go func() {
		cmd.Wait()
		close(ended)
	}()
	p.t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	until(p.t, "sshd listens", p.listens)
}

func (p *private) listens() bool {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", p.port), time.Minute)
	if err == nil {
		conn.Close()
	}
	return err == nil
}

func (p *private) read() string {
	text, err := os.ReadFile(p.config)
	must(p.t, err)
	return string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// until waits for something that another process does.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(2 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// A faulty dialer hands out this machine, with the state folder elsewhere and
// with faults on demand.
type faulty struct {
	state string
	// step is the name of a step of the shell, "stage" or "redial"; how says
	// what happens to it: "fail" (a bad status, the step is not run), "locked"
	// (the same, with the status of a lock), "after" (it is run and its answer
	// lost) or "die" (the shell is gone before it).
	step, how string
	times     atomic.Int32 // how often it strikes
	before    func(step string)
	// noNamespaces makes this a machine without private mount namespaces.
	noNamespaces bool
}

func (d *faulty) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	h, err := (&local.Dialer{}).Dial(ctx, reach)
	return faultyHost{h, d, false}, err
}

// strikes reports whether the fault happens now.
func (d *faulty) strikes(step string) bool {
	return d.step == step && d.times.Add(-1) >= 0
}

var errFault = errors.New("a fault made by the test")

type faultyHost struct {
	apply.Host
	d     *faulty
	fresh bool // not the lifeline
}

func (h faultyHost) FS(ctx context.Context) (fs.FS, error) {
	h.opens("files")
	return h.Host.FS(ctx)
}

func (h faultyHost) opens(what string) {
	if h.d.before != nil && !h.fresh {
		h.d.before("open " + what)
	}
}

func (h faultyHost) Shell(ctx context.Context) (apply.Shell, error) {
	h.opens("shell")
	s, err := h.Host.Shell(ctx)
	return &faultyShell{Shell: s, d: h.d}, err
}

func (h faultyHost) Stage(ctx context.Context, files []apply.Staged) error {
	if h.d.before != nil {
		h.d.before("stage")
	}
	if h.d.strikes("stage") {
		return errFault
	}
	return h.Host.Stage(ctx, files)
}

func (h faultyHost) Redial(ctx context.Context) (apply.Host, error) {
	if h.d.before != nil {
		h.d.before("redial")
	}
	if h.d.strikes("redial") {
		return nil, errFault
	}
	again, err := h.Host.Redial(ctx)
	return faultyHost{again, h.d, true}, err
}

type faultyShell struct {
	apply.Shell
	d    *faulty
	dead bool
}

func (s *faultyShell) Do(ctx context.Context, step apply.Step) (apply.Answer, error) {
	if s.d.before != nil {
		s.d.before(step.Name)
	}
	if s.dead {
		return apply.Answer{}, errFault
	}
	if s.d.strikes(step.Name) {
		switch s.d.how {
		case "fail":
			return apply.Answer{Status: 1, Stderr: []byte(errFault.Error())}, nil
		case "locked": // by somebody who is gone when asked who that is
			return apply.Answer{Status: 4}, nil
		case "after":
			s.Shell.Do(ctx, step)
			s.dead = true
			return apply.Answer{}, errFault
		}
		s.dead = true
		return apply.Answer{}, errFault
	}
	answer, err := s.Shell.Do(ctx, step)
	if step.Name == "look around" {
		// Not root as far as the state folder goes.
		answer.Stdout = bytes.Replace(answer.Stdout, []byte("uid 0\n"), []byte("uid 1\n"), 1)
		answer.Stdout = append(answer.Stdout, "statehome "+s.d.state+"\n"...)
		if s.d.noNamespaces {
			answer.Stdout = append(answer.Stdout, "namespace no\n"...)
		}
	}
	return answer, err
}

func (p *private) dialer() *faulty { return &faulty{state: p.state} }

// target is the one server block of these tests.
func (p *private) target() schema.Target {
	return schema.Target{
		Address: schema.Address{Block: "server", Name: "private"}, Host: schema.Host{Name: "here"},
		Connection: schema.Connection{Type: schema.Local}, File: schema.File{Path: p.config},
		Reload: p.reload,
	}
}

// login is for whom sshd is asked.
func (p *private) login() plan.Login {
	return plan.Login{File: p.config, User: "root", Host: "client", Addr: "127.0.0.1", LAddr: "127.0.0.1", LPort: p.port}
}

func (p *private) observe(d apply.Dialer) *plan.Observed {
	p.t.Helper()
	asks := func(_ []schema.Target, o *plan.Observed) plan.Asking {
		var a plan.Asking
		if _, known := o.Files[p.config]; !known {
			a.Files = []string{p.config}
		}
		folder := filepath.Join(p.dir, "conf.d")
		if o.Folders[folder].Names == nil {
			a.Folders = []string{folder}
		}
		for _, name := range o.Folders[folder].Names {
			if _, known := o.Files[filepath.Join(folder, name)]; !known {
				a.Files = append(a.Files, filepath.Join(folder, name))
			}
		}
		if _, known := o.Answers[p.login()]; !known {
			a.Logins = []plan.Login{p.login()}
		}
		return a
	}
	var seen *plan.Observed
	cfg := &schema.Config{Targets: []schema.Target{p.target()}}
	for o := range apply.Observe(p.t.Context(), cfg, apply.ObserveOptions{Dialer: d, Asks: asks}) {
		seen = o
	}
	if seen.Err != "" {
		p.t.Fatalf("observe: %s: %s", seen.Step, seen.Err)
	}
	return seen
}

// decide changes what happens on a host.
func decide(h *plan.HostPlan, change func(*plan.Decision)) {
	d := h.Decision()
	change(&d)
	*h = h.With(d)
}

// plan makes the plan that sets the interval beside its commented default,
// with further lines, and demands the interval.
func (p *private) plan(d apply.Dialer, interval string, more ...string) *plan.Plan {
	p.t.Helper()
	seen := p.observe(d)
	file := seen.Files[p.config]
	address := p.target().Address.String()
	edits := []plan.Edit{{Op: plan.Insert, Line: 9, New: "ClientAliveInterval " + interval + "\n", Address: address}}
	for _, line := range more {
		edits = append(edits, plan.Edit{Op: plan.Insert, Line: 9, New: line + "\n", Address: address})
	}
	after, err := plan.Replay(file.Bytes, edits)
	must(p.t, err)
	decision := plan.Decision{
		Run: plan.Run{ConfirmTimeout: time.Minute, Backups: 3, Reload: cmp.Or(p.reload, "auto")},
		Files: []plan.FileEdit{{
			Path: p.config, RealPath: p.config, Role: plan.MainFile, Before: plan.Sum(file.Bytes), After: plan.Sum(after),
			BeforeSize: int64(len(file.Bytes)), Mode: file.Mode, UID: file.UID, GID: file.GID, Edits: edits,
		}},
		Facts: plan.Facts{Listener: seen.Listener},
		Changes: []plan.Change{{
			Address: p.target().Address, Host: "here", Action: plan.Update, File: p.config,
			Settings: []plan.Difference{{Keyword: "ClientAliveInterval"}},
			Expect: []plan.Expectation{{Login: p.login(), Values: map[schema.Keyword]schema.Argument{
				"ClientAliveInterval": schema.Argument(interval),
			}}},
		}},
	}
	for name, folder := range seen.Folders {
		decision.DependsOn = append(decision.DependsOn, plan.Dependency{Path: name, Folder: true, Before: plan.SumNames(folder.Names)})
	}
	for name, f := range seen.Files {
		if name != p.config {
			decision.DependsOn = append(decision.DependsOn, plan.Dependency{Path: name, Before: plan.Sum(f.Bytes)})
		}
	}
	host := plan.HostPlan{Host: "here", Wave: "rest"}.Via(seen.Connection).With(decision)
	return &plan.Plan{
		Mode: plan.Normal, Hosts: []plan.HostPlan{host},
		Rollout: plan.Rollout{Waves: []plan.Wave{{Name: "rest", Hosts: 1, OnFailure: "stop"}}},
	}
}

func (p *private) run(d apply.Dialer, made *plan.Plan, events func(apply.Event)) apply.HostReport {
	p.t.Helper()
	report, err := apply.Run(p.t.Context(), made, apply.RunOptions{Dialer: d, Who: "a test", Version: "0", Events: events})
	must(p.t, err)
	return report.Hosts[0]
}

// inForce is what the sshd of the test says about the interval.
func (p *private) inForce() string {
	p.t.Helper()
	return p.observe(p.dialer()).Answers[p.login()].Values["clientaliveinterval"][0]
}

// clean demands that nothing of a run is left: no file beside ours, no lock,
// no watchdog. A watchdog that has nothing to do ends within a second.
func (p *private) clean() {
	p.t.Helper()
	until(p.t, "the watchdog ends", func() bool {
		out, _ := exec.Command("ps", "ax", "-o", "args=").Output()
		return !strings.Contains(string(out), p.dir+"/home/.local/state")
	})
	for _, pattern := range []string{".*.sshform-*", "conf.d/.*.sshform-*", "home/.local/state/sshform/lock", "home/.local/state/sshform/.lock*", "home/.local/state/sshform/takeover*"} {
		left, err := filepath.Glob(filepath.Join(p.dir, pattern))
		must(p.t, err)
		if len(left) > 0 {
			p.t.Errorf("got %v left behind, want nothing", left)
		}
	}
}
