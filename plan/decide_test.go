package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// What the transaction cannot promise on a host stands in the plan.
func TestWhatIsNotGuardedIsSaid(t *testing.T) {
	const (
		reboot = "not protected across a reboot: only with systemd an interrupted run is settled before sshd starts"
		first  = "sshd is process 1: the host ends with it, so that nothing is replaced without a rehearsal login"
	)
	cfg, observed := stockFleet(t, 5, false)
	for i, l := range []plan.Listener{
		{Reload: plan.SystemdUnit, Unit: "ssh.service"}, {Reload: plan.OpenRC}, {Reload: plan.PlainSIGHUP, PID: 1}, {Reload: plan.PlainSIGHUP, PID: 77}, {Reload: plan.Runit},
	} {
		l.Path, l.Args, l.ConfigFile = observed[i].Listener.Path, observed[i].Listener.Args, observed[i].Listener.ConfigFile
		observed[i].Listener = l
	}
	p, diags := plan.Build(cfg, slices.Values(observed), plan.BuildOptions{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var got [][]string
	for _, h := range p.Hosts {
		got = append(got, h.Changes()[0].Notes)
	}
	if diff := cmp.Diff([][]string{nil, {reboot}, {first}, nil, {reboot}}, got); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}

// How sshd was started, and what it has not read yet, is said before apply.
func TestWhatTheListenerStandsInTheWayOf(t *testing.T) {
	cfg, observed := stockFleet(t, 4, false)
	for i, change := range []func(*plan.Listener){
		func(l *plan.Listener) { l.Fresh, l.Pending = plan.Stale, "/etc/ssh/sshd_config.d" },
		func(l *plan.Listener) {
			l.Fresh, l.Pending = plan.Stale, "/etc/ssh/sshd_config.d"
			cfg.Targets[1].AllowPending = true
		},
		func(l *plan.Listener) { l.ConfigFile = "sshd_config" },
		func(l *plan.Listener) {
			l.Args = []string{"-D", "-o", "ClientAliveInterval=77"}
			for _, a := range observed[3].Answers {
				a.Values["clientaliveinterval"] = []string{"77"}
			}
		},
	} {
		change(&observed[i].Listener)
	}
	p, diags := plan.Build(cfg, slices.Values(observed), plan.BuildOptions{})
	const unread = "unloaded edits: /etc/ssh/sshd_config.d changed after sshd last read it"
	want := [][]string{{unread + "; apply will not load somebody else's edit: reload sshd first, or set allow_pending"}, {unread + ", and comes into force with this change (allow_pending)"}, nil, nil}
	var got [][]string
	for _, h := range p.Hosts {
		got = append(got, h.Changes()[0].Notes)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
	var refused []string
	for _, d := range diags {
		if d.Severity == schema.Error {
			refused = append(refused, d.Summary+" "+d.Detail)
		}
	}
	for _, words := range []string{"started with -f sshd_config, a relative path", "started with -o ClientAliveInterval=77, which beats every file"} {
		if !slices.ContainsFunc(refused, func(text string) bool { return strings.Contains(text, words) }) {
			t.Errorf("nothing refused says %q:\n%s", words, strings.Join(refused, "\n"))
		}
	}
}
