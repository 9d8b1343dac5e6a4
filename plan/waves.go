package plan

import "github.com/sshform/sshform/schema"

// Waves returns the order in which a plan of the whole configuration goes
// through its hosts, and the name of each host's wave. It looks at no host:
// a plan that leaves some out counts percentages of the others.
func Waves(cfg *schema.Config) (Rollout, map[string]string, schema.Diagnostics) {
	var hosts []HostPlan
	seen := map[string]bool{}
	for _, t := range cfg.Targets {
		if !seen[t.Host.Name] {
			seen[t.Host.Name] = true
			hosts = append(hosts, HostPlan{Host: t.Host.Name})
		}
	}
	declared, found := readOrders(cfg)
	rollout := declared.assignWaves(hosts)
	waveOf := map[string]string{}
	for _, h := range hosts {
		waveOf[h.Host] = h.Wave
	}
	return rollout, waveOf, found
}
