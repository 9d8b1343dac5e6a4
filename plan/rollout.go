package plan

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/sshform/sshform/schema"
)

// LastWave is the name of the wave of all hosts that stand in no rollout.
const LastWave = "rest"

// orders are what the configuration says about the turns of hosts.
type orders struct {
	rollouts []schema.Rollout
	places   map[string]Place // by host; hosts in no rollout are left out
}

// readOrders reads the orders of a configuration.
func readOrders(cfg *schema.Config) (orders, schema.Diagnostics) {
	o := orders{rollouts: cfg.Rollouts, places: map[string]Place{}}
	rolloutOf, twice := rolloutsByHost(cfg)
	variables := hostVariables(cfg)
	for host, i := range rolloutOf {
		o.places[host] = Place{Rollout: i, Group: variables[host][cfg.Rollouts[i].SpreadBy]}
	}
	return o, twice
}

// assignWaves gives every host its wave and its turn in it. Hosts in no
// rollout form one last wave.
func (o orders) assignWaves(hosts []HostPlan) Rollout {
	resolved := Rollout{OnFailure: "stop"}
	byName := map[string]*HostPlan{}
	var rest []string
	members := make([][]string, len(o.rollouts))
	for i := range hosts {
		name := hosts[i].Host
		byName[name] = &hosts[i]
		if place, ordered := o.places[name]; ordered {
			members[place.Rollout] = append(members[place.Rollout], name)
		} else {
			rest = append(rest, name)
		}
	}
	names := map[string]bool{}
	for i, r := range o.rollouts {
		onFailure := cmp.Or(r.OnFailure, "stop")
		if len(o.rollouts) == 1 {
			resolved.OnFailure, resolved.SpreadBy = onFailure, r.SpreadBy
		}
		order := spread(members[i], func(host string) string { return o.places[host].Group })
		for _, wave := range cut(r.Waves, order) {
			name := wave.Name
			if names[name] {
				name = r.Name + "." + name
			}
			names[name] = true
			resolved.Waves = append(resolved.Waves, Wave{
				Name: name, Hosts: len(wave.hosts), Parallelism: wave.Parallelism, MaxFailures: wave.MaxFailures,
				MaxFailuresPercent: wave.MaxFailuresPercent, Strict: wave.Strict, Soak: wave.Soak,
				Window: wave.Window, OnFailure: onFailure,
			})
			take(byName, name, wave.hosts)
		}
		rest = append(rest, slices.DeleteFunc(order, func(host string) bool { return byName[host].Wave != "" })...)
	}
	if len(rest) > 0 {
		name := LastWave
		for names[name] {
			name += "-of-all"
		}
		resolved.Waves = append(resolved.Waves, Wave{Name: name, Hosts: len(rest), OnFailure: "stop"})
		take(byName, name, spread(rest, func(string) string { return "" }))
	}
	return resolved
}

// OfWave returns the configuration with the targets of one wave only, by the
// name that a plan gives it. Waves are counted over all hosts: one that a plan
// could not read is in the wave that it would have been in.
func OfWave(cfg *schema.Config, wave string) (*schema.Config, error) {
	declared, twice := readOrders(cfg)
	if twice.HasErrors() {
		return nil, errors.New(twice[0].Detail)
	}
	hosts := make([]HostPlan, 0, len(cfg.Targets))
	for _, t := range cfg.Targets {
		if n := len(hosts); n == 0 || hosts[n-1].Host != t.Host.Name {
			hosts = append(hosts, HostPlan{Host: t.Host.Name})
		}
	}
	waves := declared.assignWaves(hosts).Waves
	if !slices.ContainsFunc(waves, func(w Wave) bool { return w.Name == wave }) {
		return nil, &UnknownWaveError{wave, waves}
	}
	in := map[string]bool{}
	for _, h := range hosts {
		in[h.Host] = h.Wave == wave
	}
	one := *cfg
	one.Targets = slices.DeleteFunc(slices.Clone(cfg.Targets), func(t schema.Target) bool { return !in[t.Host.Name] })
	one.Rollouts = nil
	return &one, nil
}

// An UnknownWaveError says that there is no such wave; Waves are those there
// are.
type UnknownWaveError struct {
	Wave  string
	Waves []Wave
}

func (e *UnknownWaveError) Error() string { return fmt.Sprintf("there is no wave %q", e.Wave) }

func take(hosts map[string]*HostPlan, wave string, names []string) {
	for turn, name := range names {
		hosts[name].Wave, hosts[name].Turn = wave, turn
	}
}

// rolloutsByHost finds the rollout of each host. A host is one transaction,
// so that two rollouts cannot share it.
func rolloutsByHost(cfg *schema.Config) (map[string]int, schema.Diagnostics) {
	hostOf := map[schema.Address]string{}
	for _, t := range cfg.Targets {
		hostOf[t.Address] = t.Host.Name
	}
	var diags schema.Diagnostics
	byHost := map[string]int{}
	for i := range cfg.Rollouts {
		r := &cfg.Rollouts[i]
		for _, address := range r.Targets {
			host, planned := hostOf[address]
			if !planned {
				continue // left out by -target or -exclude
			}
			if at, ordered := byHost[host]; ordered && at != i {
				other := cfg.Rollouts[at]
				diags = append(diags, schema.Diagnostic{
					Severity: schema.Error, Summary: "Host in two rollouts", Subject: &r.Range, Address: address.String(),
					Detail: fmt.Sprintf("Host %q is also in rollout %q, declared at %s:%d. All changes of a host are made in one transaction, so that it can have its turn only once. Remove its targets from one of the two.",
						host, other.Name, other.Range.Filename, other.Range.Start.Line),
				})
				continue
			}
			byHost[host] = i
		}
	}
	return byHost, diags
}

func hostVariables(cfg *schema.Config) map[string]map[string]string {
	variables := map[string]map[string]string{}
	for _, t := range cfg.Targets {
		variables[t.Host.Name] = t.Host.Vars
	}
	return variables
}

// spread orders hosts by the hash of their names, which is stable and follows
// no rack, and interleaves the groups that value makes of them.
func spread(hosts []string, value func(host string) string) []string {
	type place struct {
		host   string
		number uint64
		at     float64 // how far through its group, so that groups end together
	}
	groups := map[string][]place{}
	for _, host := range hosts {
		group := value(host)
		groups[group] = append(groups[group], place{host: host, number: shardNumber(host)})
	}
	var places []place
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		group := groups[name]
		slices.SortFunc(group, func(a, b place) int { return cmp.Compare(a.number, b.number) })
		for i := range group {
			group[i].at = (float64(i) + 0.5) / float64(len(group))
		}
		places = append(places, group...)
	}
	slices.SortStableFunc(places, func(a, b place) int { return cmp.Compare(a.at, b.at) })
	ordered := make([]string, len(places))
	for i, p := range places {
		ordered[i] = p.host
	}
	return ordered
}

type wave struct {
	schema.Wave
	hosts []string
}

// cut deals the ordered hosts out to the waves: named hosts first, then up to
// a cumulative percentage of all.
func cut(declared []schema.Wave, order []string) []wave {
	waves := make([]wave, len(declared))
	dealt := map[string]bool{}
	for i, w := range declared {
		waves[i].Wave = w
		named := map[string]bool{}
		for _, host := range w.Hosts {
			named[host] = true
		}
		for _, host := range order {
			if named[host] && !dealt[host] {
				dealt[host] = true
				waves[i].hosts = append(waves[i].hosts, host)
			}
		}
	}
	done := 0
	for i, w := range declared {
		done += len(waves[i].hosts)
		upTo := int(math.Ceil(w.Percent / 100 * float64(len(order))))
		for _, host := range order {
			if done >= upTo {
				break
			}
			if !dealt[host] {
				dealt[host] = true
				waves[i].hosts = append(waves[i].hosts, host)
				done++
			}
		}
	}
	return waves
}
