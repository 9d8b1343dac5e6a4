package plan_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
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
		got = append(got, h.Changes[0].Notes)
	}
	if diff := cmp.Diff([][]string{nil, {reboot}, {first}, nil, {reboot}}, got); diff != "" {
		t.Errorf("notes (-want +got):\n%s", diff)
	}
}
