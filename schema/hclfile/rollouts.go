package hclfile

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // windows name zones, and not every machine has the tables

	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
)

// rollouts reads the rollout blocks.
func (l *loader) rollouts() []schema.Rollout {
	owners := map[schema.Address]*block{}
	var all []schema.Rollout
	for _, b := range l.all("rollout") {
		a := &args{l: l, b: b}
		r := schema.Rollout{
			Name: b.label, SpreadBy: a.text("spread_by"), OnFailure: a.word("on_failure"), Range: span(b.at),
			Targets: l.rolloutTargets(a, owners),
		}
		r.Waves = l.waves(b, r.Targets)
		all = append(all, r)
	}
	return all
}

// rolloutTargets returns the addresses of a rollout in the order of targets.
func (l *loader) rolloutTargets(a *args, owners map[schema.Address]*block) []schema.Address {
	patterns, _ := l.addressPatterns(a, "targets")
	chosen := map[schema.Address]bool{}
	for _, p := range patterns {
		d := l.nodes[node{p.Block, p.Name}]
		if d == nil || d.state != evaluated {
			continue
		}
		n := 0
		for _, inst := range d.instances {
			if p.matches(inst.Address) && inst.peer == nil {
				chosen[inst.Address] = true
				n++
			}
		}
		if n == 0 && p.HasKey && !l.opts.Offline {
			l.wrong(a.at("targets"), "Unknown address", "%s", unknownAddress(p, instanceAddresses(d)))
		}
	}
	targets := make([]schema.Address, 0, len(chosen))
	for address := range chosen {
		targets = append(targets, address)
	}
	slices.SortFunc(targets, compareAddresses)
	for _, address := range targets {
		if first := owners[address]; first != nil && first != a.b {
			l.wrong(a.at("targets"), "Target in two rollouts", "%s is also in %s at %s. A host changes once, so it has one place in one order. Take it out of one of the two.", address, first.header(), where(first.at))
			break
		}
		owners[address] = a.b
	}
	return targets
}

func instanceAddresses(d *declared) []schema.Address {
	var all []schema.Address
	for _, inst := range d.instances {
		all = append(all, inst.Address)
	}
	return all
}

func (l *loader) waves(b *block, targets []schema.Address) []schema.Wave {
	names := map[string]*block{}
	reached := 0.0
	var waves []schema.Wave
	for _, inner := range b.all("wave") {
		if first := names[inner.label]; first != nil {
			l.twice(inner.labelAt, first.labelAt, "wave")
			continue
		}
		names[inner.label] = inner
		a := &args{l: l, b: inner}
		w := l.wave(a)
		if a.has("percent") && w.Percent > 0 {
			if w.Percent <= reached {
				l.wrong(a.at("percent"), "Wave without hosts", "Percentages count from the start, earlier waves included, so a wave up to %v %% after one up to %v %% holds no host. Write a larger number.", w.Percent, reached)
			}
			reached = max(reached, w.Percent)
		}
		waves = append(waves, w)
	}
	return waves
}

func (l *loader) wave(a *args) schema.Wave {
	w := schema.Wave{
		Name: a.b.label, Hosts: l.waveHosts(a), Percent: a.share("percent"), Parallelism: a.number("parallelism", 1, 1<<20),
		MaxFailures: a.number("max_failures", 0, math.MaxInt32), MaxFailuresPercent: a.share("max_failures_percent"),
		Soak: a.time("soak"), Window: l.window(a), Range: span(a.b.at),
	}
	w.Strict, _ = a.flag("strict")
	switch byHosts, byShare := a.has("hosts"), a.has("percent"); {
	case byHosts && byShare:
		l.wrong(a.at("percent"), "Hosts and percent", "A wave takes either the hosts that it names or hosts up to a percentage. Take one of the two away.")
	case !byHosts && !byShare:
		l.wrong(a.b.labelAt, "Wave without hosts", "A wave needs hosts or percent. For all that are left, write percent = 100.")
	case byShare && a.isZero("percent"):
		l.wrong(a.at("percent"), "Wave without hosts", "percent must be larger than 0, since the wave would hold no host.")
	}
	if a.has("max_failures") && a.has("max_failures_percent") {
		l.wrong(a.at("max_failures_percent"), "Two failure budgets", "A wave has max_failures or max_failures_percent. Take one of the two away.")
	}
	return w
}

// isZero reports whether a share is given as 0.
func (a *args) isZero(name string) bool {
	share, given := readArgument(a, name, asShare)
	return given && share == 0
}

func (a *args) share(name string) float64 {
	share, _ := readArgument(a, name, asShare)
	return share
}

// waveHosts reads the hosts of a wave: host values, or names, in a list, a set
// or a map.
func (l *loader) waveHosts(a *args) []string {
	names, _ := readArgument(a, "hosts", func(v cty.Value) ([]string, error) {
		if h, _ := l.hostOf(v); h != nil {
			return []string{h.Name}, nil
		}
		if !v.CanIterateElements() {
			return nil, fmt.Errorf("must be hosts, not %s", described(v))
		}
		names := make([]string, 0, v.LengthInt())
		for it := v.ElementIterator(); it.Next(); {
			_, element := it.Element()
			name, err := l.waveHost(element)
			if err != nil {
				return nil, err
			}
			names = append(names, name)
		}
		for i, name := range names {
			if slices.ContainsFunc(l.byName[name], (*host).local) {
				names[i] = schema.ThisMachine
			}
		}
		slices.Sort(names)
		return slices.Compact(names), nil
	})
	return names
}

func (l *loader) waveHost(v cty.Value) (string, error) {
	if v.IsNull() {
		return "", fmt.Errorf("must be hosts, and null is none")
	}
	if v.Type() == cty.String {
		name := v.AsString()
		if len(l.byName[name]) > 0 || name == schema.ThisMachine {
			return name, nil
		}
		return "", fmt.Errorf("names the host %s, and there is no such host.%s", shortened(name), didYouMean(name, sortedKeys(l.byName)))
	}
	h, wrong := l.hostOf(v)
	if h == nil {
		return "", fmt.Errorf("must be hosts: %s", wrong)
	}
	return h.Name, nil
}

// window reads when a wave may start: days, a clock range and a zone.
func (l *loader) window(a *args) string {
	windowForm := regexp.MustCompile(`^(\S+) ([0-2]\d):([0-5]\d)-([0-2]\d):([0-5]\d) (\S+)$`)
	window, _ := readArgument(a, "window", func(v cty.Value) (string, error) {
		s, err := asString(v)
		if err != nil {
			return "", err
		}
		s = strings.Join(strings.Fields(s), " ")
		form := windowForm.FindStringSubmatch(s)
		if form == nil {
			return "", fmt.Errorf("must be days, a clock range and a zone, such as \"Mon-Thu 09:00-16:00 Europe/Berlin\", not %s", shortened(s))
		}
		if err := wrongDays(form[1]); err != nil {
			return "", err
		}
		if form[2] > "24" || form[4] > "24" || form[2] == "24" || form[4] == "24" && form[5] != "00" {
			return "", fmt.Errorf("must have clock times from 00:00 to 24:00, not %s", shortened(s))
		}
		if _, err := time.LoadLocation(form[6]); err != nil || form[6] == "Local" {
			return "", fmt.Errorf("must end in the name of a time zone, such as Europe/Berlin or UTC, and %s is none", shortened(form[6]))
		}
		return s, nil
	})
	return window
}

// wrongDays judges days such as Mon-Thu,Sat.
func wrongDays(text string) error {
	days := []string{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"}
	for _, part := range strings.Split(text, ",") {
		from, to, _ := strings.Cut(part, "-")
		for _, day := range []string{from, to} {
			if day != "" && !slices.Contains(days, day) || from == "" {
				return fmt.Errorf("must begin with days such as Mon-Thu or Sat,Sun, and %s is none.%s", shortened(cmpOr(day, part)), didYouMean(day, days))
			}
		}
	}
	return nil
}
