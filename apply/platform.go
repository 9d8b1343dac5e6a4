package apply

import (
	"slices"
	"strings"

	"github.com/sshform/sshform/plan"
)

// platform is what tells one way to reload from another.
type platform struct {
	manager    string // "systemd", "openrc", "launchd" or empty
	init       string // name of process 1
	scripts    []string
	rcScripts  []string
	hasPidFile bool // the pid file names the listener
}

// way returns how a listener takes a new configuration: the first row whose
// condition holds. Nothing is taken from the name of a distribution.
func (p platform) way(d described) (plan.Way, string) {
	for _, row := range []struct {
		holds bool
		way   plan.Way
		unit  string
	}{
		{d.pid == perLogin && p.manager == "launchd", plan.LaunchdWay, ""},
		{d.pid == perLogin, plan.PerLogin, ""},
		{d.unit != "" && strings.Contains(d.sockets, ".socket"), plan.SocketUnit, d.unit},
		{d.unit != "", plan.SystemdUnit, d.unit},
		{d.runsv != "", plan.Runit, d.runsv},
		{p.manager == "openrc" && p.hasPidFile && len(p.scripts) > 0, plan.OpenRC, p.script()},
		{p.init == "init" && p.hasPidFile && len(p.scripts) > 0, plan.SysVInit, p.script()},
		{p.hasPidFile && len(p.rcScripts) > 0, plan.BSDRC, first(p.rcScripts)},
	} {
		if row.holds {
			return row.way, row.unit
		}
	}
	return plan.PlainSIGHUP, ""
}

func (p platform) script() string {
	for _, name := range []string{"ssh", "sshd"} {
		if slices.Contains(p.scripts, name) {
			return name
		}
	}
	return first(p.scripts)
}

func first(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return words[0]
}
