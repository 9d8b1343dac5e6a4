package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// A Pairing is what becomes of connections between some clients and some
// servers: of each of these clients with each of these servers.
type Pairing struct {
	// Clients and Servers are addresses, or a stand-in's description.
	Clients, Servers []string
	// Network is the name of the network block between them; empty for none.
	Network       string
	Before, After liveness.Prediction
}

// The other side of a configuration that declares only one.
const (
	anyClient = "OpenSSH's ssh with its defaults"
	anyServer = "OpenSSH's sshd with its defaults"
)

// Pairs pairs the servers of the plan with its clients and with those that are
// declared but not managed; equal ones once. With addresses, only pairs in
// which each of them takes part; one without an index stands for all
// instances.
func Pairs(cfg *schema.Config, p *Plan, chosen []string) ([]Pairing, error) {
	servers, clients, err := endsOf(cfg, p, chosen)
	if err != nil {
		return nil, err
	}
	var pairs []Pairing
	for _, s := range servers {
		for _, c := range clients {
			if !covered(s.chosen, c.chosen) {
				continue
			}
			name, network := networkBetween(cfg.Networks, s.networks, c.networks)
			pairs = append(pairs, Pairing{
				Clients: c.names, Servers: s.names, Network: name,
				Before: liveness.Predict(liveness.Pair{Server: s.before, Client: c.before, Network: network}),
				After:  liveness.Predict(liveness.Pair{Server: s.after, Client: c.after, Network: network}),
			})
		}
	}
	return pairs, nil
}

// Predictions returns what the planned values of one client and one server mean
// for each other; false for an address without values in the plan.
func Predictions(cfg *schema.Config, p *Plan) (func(client, server schema.Address) (liveness.Prediction, bool), error) {
	servers, clients, err := endsOf(cfg, p, nil)
	if err != nil {
		return nil, err
	}
	serverOf, clientOf := byName(servers), byName(clients)
	return func(client, server schema.Address) (liveness.Prediction, bool) {
		c, planned := clientOf[client.String()]
		s, alsoPlanned := serverOf[server.String()]
		if !planned || !alsoPlanned {
			return liveness.Prediction{}, false
		}
		_, network := networkBetween(cfg.Networks, s.networks, c.networks)
		return liveness.Predict(liveness.Pair{Server: s.after, Client: c.after, Network: network}), true
	}, nil
}

func byName[T comparable](all []end[T]) map[string]kind[T] {
	index := map[string]kind[T]{}
	for _, e := range all {
		for _, name := range e.names {
			index[name] = e.kind
		}
	}
	return index
}

// An end is one side of pairs before and after a plan, and the blocks for
// which it is so.
type end[T comparable] struct {
	kind[T]
	names []string
}

// A kind is what tells ends apart: the values, and which networks and chosen
// addresses concern the block, a bit each.
type kind[T comparable] struct {
	before, after    T
	networks, chosen string
}

// ends groups equal ones, in the order of their first names.
type ends[T comparable] struct {
	// networks has for each network the addresses of this side that it names;
	// one that names none concerns all.
	networks []map[string]bool
	chosen   []string
	all      []end[T]
	at       map[kind[T]]int
}

func newEnds[T comparable](side schema.Side, networks []schema.Network, chosen []string) ends[T] {
	e := ends[T]{chosen: chosen, at: map[kind[T]]int{}}
	for _, n := range networks {
		named := map[string]bool{}
		for _, address := range n.Between {
			if strings.HasPrefix(address, string(side)+".") {
				named[address] = true
			}
		}
		e.networks = append(e.networks, named)
	}
	return e
}

func (e *ends[T]) add(name string, before, after T) {
	k := kind[T]{before: before, after: after}
	block, _, _ := strings.Cut(name, "[") // an address without an index names all instances
	for _, named := range e.networks {
		k.networks += bit(len(named) == 0 || named[name] || named[block])
	}
	for _, address := range e.chosen {
		k.chosen += bit(address == name || address == block)
	}
	i, known := e.at[k]
	if !known {
		i = len(e.all)
		e.at[k] = i
		e.all = append(e.all, end[T]{kind: k})
	}
	e.all[i].names = append(e.all[i].names, name)
}

func bit(set bool) string {
	if set {
		return "1"
	}
	return "0"
}

// covered reports whether each bit is set in one or the other.
func covered(one, other string) bool {
	for i := range one {
		if one[i] == '0' && other[i] == '0' {
			return false
		}
	}
	return true
}

// networkBetween returns what lies between two ends: the first network that
// concerns both.
func networkBetween(networks []schema.Network, server, client string) (string, liveness.Network) {
	for i, n := range networks {
		if server[i] == '1' && client[i] == '1' {
			return n.Name, liveness.NetworkOf(n)
		}
	}
	return "", liveness.Network{}
}

func endsOf(cfg *schema.Config, p *Plan, chosen []string) ([]end[liveness.Server], []end[liveness.Client], error) {
	servers := newEnds[liveness.Server](schema.Server, cfg.Networks, chosen)
	clients := newEnds[liveness.Client](schema.Client, cfg.Networks, chosen)
	for _, h := range p.Hosts {
		release, err := schema.ParseRelease(h.Facts().OpenSSH)
		if err != nil {
			release = schema.Release{} // unknown is taken for a current one
		}
		for _, c := range h.Changes() {
			before, after := c.Values()
			name := c.Address.String()
			if c.Address.Side() == schema.Server {
				err = both(release, before, after, liveness.ServerWith, func(b, a liveness.Server) { servers.add(name, b, a) })
			} else {
				err = both(release, before, after, liveness.ClientWith, func(b, a liveness.Client) { clients.add(name, b, a) })
			}
			if err != nil {
				return nil, nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for _, peer := range cfg.Peers {
		client, err := liveness.ClientOf(peer)
		if err != nil {
			return nil, nil, err
		}
		clients.add("client."+peer.Name, client, client)
	}
	if len(clients.all) == 0 {
		client, _ := liveness.ClientWith(schema.Release{}, nil) // no value that could be wrong
		clients.add(anyClient, client, client)
	} else if len(servers.all) == 0 {
		server, _ := liveness.ServerWith(schema.Release{}, nil)
		servers.add(anyServer, server, server)
	}
	return servers.all, clients.all, nil
}

func both[T any](
	release schema.Release, before, after liveness.Values,
	with func(schema.Release, liveness.Values) (T, error), add func(before, after T),
) error {
	was, err := with(release, before)
	if err != nil {
		return err
	}
	will, err := with(release, after)
	if err != nil {
		return err
	}
	add(was, will)
	return nil
}

// forgetful warns where the network between declared ends forgets a session
// before anyone speaks, a warning for each kind of pair. What a host's files
// say beyond the plan may be odd; that is not this warning's matter.
func forgetful(cfg *schema.Config, p *Plan) schema.Diagnostics {
	if len(cfg.Networks) == 0 {
		return nil
	}
	pairs, err := Pairs(cfg, p, nil)
	if err != nil {
		return nil
	}
	var diags schema.Diagnostics
	for _, pair := range pairs {
		i := slices.IndexFunc(cfg.Networks, func(n schema.Network) bool { return n.Name == pair.Network })
		for _, w := range pair.After.Warnings {
			if w.Severity != schema.Warning || !w.OfNetwork() || i < 0 {
				continue
			}
			d := w.Diagnostic()
			subject := cfg.Networks[i].Range
			d.Subject, d.Block = &subject, fmt.Sprintf("network %q", pair.Network)
			d.Detail = fmt.Sprintf("Between %s: %s", pair.Text(), d.Detail)
			diags = append(diags, d)
		}
	}
	return diags
}

// Text names the pairs: "client.laptop and server.web (and 3 pairs like
// this)".
func (p Pairing) Text() string {
	text := p.Clients[0] + " and " + p.Servers[0]
	switch more := len(p.Clients)*len(p.Servers) - 1; more {
	case 0:
		return text
	case 1:
		return text + " (and 1 pair like this)"
	default:
		return fmt.Sprintf("%s (and %d pairs like this)", text, more)
	}
}
