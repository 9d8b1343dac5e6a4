//go:build linux

// Package e2e_test plans and applies on real hosts: every kind of the lab, and
// every fault at every step. What it finds is printed as tables into the
// folder SSHFORM_ARTIFACTS, where that is set.
package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/lab"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// controllerVar holds the work of a controller that runs as a process of its
// own, so that it can be killed.
const controllerVar = "SSHFORM_E2E_CONTROLLER"

func TestMain(m *testing.M) {
	if work := os.Getenv(controllerVar); work != "" {
		os.Exit(controller(work))
	}
	os.Exit(lab.Run(m))
}

// How long the watchdogs of these tests wait. What a test waits for is short,
// and long enough for a confirm, which ends 15 s before; otherwise there is time
// for the slowest of machines.
const (
	confirmTimeout = 20 * time.Second
	patiently      = 3 * time.Minute
)

// access is what a controller needs to log in.
type access struct {
	Identity, KnownHosts string
	SSHConfig            string // the person's own configuration; empty for none
}

func accessTo(l *lab.Lab) access { return access{Identity: l.Identity(), KnownHosts: l.KnownHosts()} }

// hurry makes the dialer give up a host that is silent within seconds.
func (d dialer) hurry() { d.RequestTimeout, d.Keepalive = 8*time.Second, 2*time.Second }

// A dialer reaches a host as a person with these files would.
type dialer struct {
	*remote.Dialer
	patient bool
}

func (a access) dialer(h *lab.Host) dialer {
	d := &remote.Dialer{
		User: "root", Home: filepath.Dir(a.Identity), KnownHosts: []string{a.KnownHosts},
		RequestTimeout: time.Minute,
	}
	if a.SSHConfig != "" {
		d.SSHConfig = func(ctx context.Context, args ...string) ([]byte, error) {
			// Where a file is named, it is no file, to learn the defaults.
			own := []string{"-G", "-F", a.SSHConfig}
			if slices.Contains(args, "-F") {
				own = own[:1]
			}
			return exec.CommandContext(ctx, "ssh", append(own, args...)...).Output()
		}
	}
	if h.Kind.Password != "" {
		d.SudoPassword = func(context.Context, string, string) ([]byte, error) { return []byte(h.Kind.Password), nil }
	}
	return dialer{d, h.Kind.Name == "socket-each"}
}

// Dial tries again where the host's own flaw closes a connection before it
// began: with Accept=yes on Debian 11, the end of one connection removes
// /run/sshd under the next (RuntimeDirectory in ssh@.service).
func (d dialer) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	host, err := d.Dialer.Dial(ctx, reach)
	for range 20 {
		var busy apply.Busy
		if !d.patient || !errors.As(err, &busy) || !busy.TryAgain() {
			break
		}
		host, err = d.Dialer.Dial(ctx, reach)
	}
	return host, err
}

// target declares what shall be in force on a host.
func target(a access, h *lab.Host, settings ...schema.Setting) schema.Target {
	t := schema.Target{
		Address: schema.Address{Block: "server", Name: "lab", Key: h.Name, HasKey: true},
		Host:    schema.Host{Name: h.Name},
		Connection: schema.Connection{
			Address: h.Address, Port: h.Kind.Port, User: h.Kind.User,
			IdentityFile: a.Identity, KnownHostsFile: a.KnownHosts, ConnectTimeout: time.Minute,
		},
		Settings: settings,
		Verify:   schema.Verify{ConfirmTimeout: patiently},
		Reload:   "auto",
	}
	if h.Kind.Sudo {
		t.Connection.Become = "sudo"
	}
	if h.Jump != nil {
		t.Connection.ProxyJump = h.Jump.Kind.User + "@" + h.Jump.Address
	}
	return t
}

func interval(seconds string) schema.Setting {
	return schema.Setting{Keyword: "ClientAliveInterval", Argument: schema.Argument(seconds)}
}

// planFor observes the host and plans. The error has every diagnostic.
func planFor(ctx context.Context, d apply.Dialer, targets ...schema.Target) (*plan.Plan, *plan.Observed, error) {
	cfg := &schema.Config{Dir: "/", Targets: targets}
	var seen *plan.Observed
	observed := func(yield func(*plan.Observed) bool) {
		for o := range apply.Observe(ctx, cfg, apply.ObserveOptions{Dialer: d, Asks: plan.Asks}) {
			seen = o
			if !yield(o) {
				return
			}
		}
	}
	p, diags := plan.Build(cfg, observed, plan.BuildOptions{Tool: plan.Tool{Name: "sshform", Version: "e2e"}})
	return p, seen, problems(diags)
}

// problems makes one error of all that a person would be told to mend.
func problems(diags schema.Diagnostics) error {
	if !diags.HasErrors() {
		return nil
	}
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "%s: %s\n", d.Summary, d.Detail)
	}
	return errors.New(b.String())
}

// runPlan applies the plan to its one host.
func runPlan(ctx context.Context, d apply.Dialer, p *plan.Plan, opts apply.RunOptions) (apply.HostReport, error) {
	opts.Dialer, opts.Who, opts.Version = d, "e2e", "e2e"
	report, err := apply.Run(ctx, p, opts)
	if err != nil {
		return apply.HostReport{}, err
	}
	if len(report.Hosts) != 1 {
		return apply.HostReport{}, fmt.Errorf("got reports of %d hosts, want 1", len(report.Hosts))
	}
	return report.Hosts[0], nil
}

// artifact writes a table for people to keep.
func artifact(t *testing.T, name, text string) {
	t.Helper()
	dir := os.Getenv("SSHFORM_ARTIFACTS")
	if dir == "" {
		t.Log("\n" + text)
		return
	}
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644)); err != nil {
		t.Error(err)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// mainFile is the file that these tests change.
const mainFile = "/etc/ssh/sshd_config"

// inForce is what sshd says on the host itself.
func inForce(ctx context.Context, h *lab.Host, keyword string) (string, error) {
	dump, err := ownSSHD(ctx, h, "-T")
	for line := range strings.Lines(dump) {
		if name, argument, _ := strings.Cut(strings.TrimSpace(line), " "); strings.EqualFold(name, keyword) {
			return argument, err
		}
	}
	return "", err
}

// ownSSHD asks the host's sshd. With Accept=yes, whichever connection ends
// removes the folder for privilege separation, and after a partition many end
// at once: it is asked again until it was there.
func ownSSHD(ctx context.Context, h *lab.Host, option string) (string, error) {
	for {
		out, err := h.Exec(ctx, "sh", "-c", `mkdir -p /run/sshd; exec /usr/sbin/sshd "$1"`, "sh", option)
		if err == nil || !strings.Contains(err.Error(), "Missing privilege separation directory") {
			return out, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return out, err
		}
	}
}
