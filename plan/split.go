package plan

import (
	"cmp"
	"container/heap"
	"maps"
	"slices"
	"strings"
)

// A Split deals the hosts of a fleet out to shards. Every machine that knows
// the same hosts and groups makes the same.
type Split struct {
	total  int
	groups map[string]string
	shares map[string]share // by group; nil without groups
}

// A share is the shards of a group: count of them from first on.
type share struct{ first, count int }

// NewSplit splits into total shards by the hash of the host's name. With groups
// it is done inside each group, so that a shard works on one group only: then
// each group has shards in proportion to its hosts, at least one. Where there
// are more groups than shards, whole groups are put together, evenly.
//
// groups has every host of the fleet, or none.
func NewSplit(groups map[string]string, total int) Split {
	s := Split{total: total, groups: groups}
	if len(groups) == 0 || total < 1 {
		return s
	}
	hosts := map[string]int{}
	for _, group := range groups {
		hosts[group]++
	}
	if len(hosts) > total {
		s.shares = packed(hosts, total)
	} else {
		s.shares = proportional(hosts, total)
	}
	return s
}

// Of returns the shard of a host, 0 to total-1.
func (s Split) Of(host string) int {
	if s.shares == nil {
		return Shard(host, s.total)
	}
	share := s.shares[s.groups[host]]
	return share.first + Shard(host, max(share.count, 1))
}

// proportional gives each group one shard, and deals the others out by numbers
// of hosts; what the division leaves goes to the largest remainders.
func proportional(hosts map[string]int, total int) map[string]share {
	names := slices.Sorted(maps.Keys(hosts))
	all, spare := 0, total-len(names)
	for _, n := range hosts {
		all += n
	}
	counts, given := map[string]int{}, 0
	for _, name := range names {
		counts[name] = 1 + hosts[name]*spare/all
		given += counts[name]
	}
	byRemainder := slices.Clone(names)
	slices.SortStableFunc(byRemainder, func(a, b string) int {
		return cmp.Compare(hosts[b]*spare%all, hosts[a]*spare%all)
	})
	for _, name := range byRemainder[:total-given] {
		counts[name]++
	}
	shares, first := map[string]share{}, 0
	for _, name := range names {
		shares[name] = share{first, counts[name]}
		first += counts[name]
	}
	return shares
}

// packed gives each group, the largest first, to the shard with the fewest
// hosts.
func packed(hosts map[string]int, total int) map[string]share {
	names := slices.SortedFunc(maps.Keys(hosts), func(a, b string) int {
		return cmp.Or(cmp.Compare(hosts[b], hosts[a]), strings.Compare(a, b))
	})
	loads := make(loads, total)
	for i := range loads {
		loads[i].shard = i
	}
	shares := map[string]share{}
	for _, name := range names {
		shares[name] = share{loads[0].shard, 1}
		loads[0].hosts += hosts[name]
		heap.Fix(&loads, 0)
	}
	return shares
}

// loads are shards as a heap, the one with the fewest hosts first.
type loads []struct{ shard, hosts int }

func (l loads) Len() int { return len(l) }

func (l loads) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(l[i].hosts, l[j].hosts), cmp.Compare(l[i].shard, l[j].shard)) < 0
}

func (l loads) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

// Push is never called: the number of shards is fixed.
func (l *loads) Push(any) { panic("plan: a shard too many") }

// Pop is never called either.
func (l *loads) Pop() any { panic("plan: a shard too few") }

// Split deals the hosts of the plan out to shards as Options.ShardBy says.
func (p *Plan) Split(total int) Split { return splitOf(total, p) }

// splitOf is the split of all hosts that plans have, read or not.
func splitOf(total int, plans ...*Plan) Split {
	groups := map[string]string{}
	for _, p := range plans {
		if p.Options.ShardBy == "" {
			return NewSplit(nil, total)
		}
		for _, h := range p.Hosts {
			groups[h.Host] = h.Group
		}
		for _, u := range p.Unreachable {
			groups[u.Host] = u.Group
		}
	}
	return NewSplit(groups, total)
}
