package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

func (p *program) explainCommand() *cobra.Command {
	var o planning
	var q liveness.Question
	var asJSON, notes bool
	var picture string
	c := &cobra.Command{
		Use:   "explain [options] [ADDRESS]...",
		Short: "Say who hangs up first, and when",
		Long: "Says what keepalive settings mean for the pairs of clients and servers that talk to each other: who " +
			"asks for signs of life, how often the path sees traffic, who hangs up first when the other is gone " +
			"and after how many seconds, and whether an idle session survives the network between them.\n\n" +
			"With the options of a pair it calculates, without any configuration:\n\n" +
			"    sshform explain -server=600/3 -client=0 -server-release=9.2p1 -network=aws-nat\n\n" +
			"Without them it reads the hosts of the configuration, as plan does, and explains every pair as it is " +
			"now and as it will be. Addresses choose the pairs in which they take part.",
		ValidArgsFunction: p.completeAddresses,
	}
	options(c, "A pair", func(fs *pflag.FlagSet) {
		fs.StringVar(&q.Server, "server", "", "ClientAliveInterval and ClientAliveCountMax, as `SECONDS[/COUNT]`.")
		fs.StringVar(&q.Client, "client", "", "The client's side, as `[PROGRAM:]SECONDS[/COUNT]`; a program is openssh, paramiko, go, putty and the like.")
		fs.StringVar(&q.ServerRelease, "server-release", "", "`RELEASE` of the server's OpenSSH, such as 9.2p1.")
		fs.StringVar(&q.ClientRelease, "client-release", "", "`RELEASE` of the client's OpenSSH.")
		fs.StringVar(&q.Network, "network", "", "What lies between: seconds until it forgets a silent connection, or a `NAME` such as aws-nat or home-router.")
	})
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&asJSON, "json", false, "One JSON document.")
		fs.BoolVar(&notes, "notes", false, "Say also what is merely good to know.")
		fs.StringVar(&picture, "svg", "", "Draw the timeline of the pair into a `FILE`.")
	})
	p.planOptions(c, &o)
	if err := c.RegisterFlagCompletionFunc("network", completeNetworks); err != nil {
		panic(err)
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(); err != nil {
			return err
		}
		pairs, err := p.explained(c, q, o, args)
		if err != nil {
			return err
		}
		if asJSON {
			return view.ExplainJSON(p.stdout, pairs)
		}
		if picture != "" {
			if len(pairs) != 1 {
				return problem("More than one pair", fmt.Sprintf(
					"-svg draws one pair, and there are %d different ones. Choose with an address, or describe the pair with -server and -client.", len(pairs)))
			}
			if err := writeFile(picture, pictureMode, func(f *os.File) error {
				_, err := f.Write(pairs[0].After.SVG())
				return err
			}); err != nil {
				return problem("Picture cannot be written", sentence(err))
			}
		}
		view.NewHuman(p.paper()).Explain(pairs, notes)
		return nil
	}
	return c
}

// pictureMode lets everybody read a picture; there is nothing secret in it.
const pictureMode fs.FileMode = 0o644

func completeNetworks(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, preset := range liveness.Presets() {
		if strings.HasPrefix(preset.Name, typed) {
			names = append(names, cobra.CompletionWithDesc(preset.Name, preset.Title))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// explained are the pairs that the question or the configuration names.
func (p *program) explained(c *cobra.Command, q liveness.Question, o planning, args []string) ([]view.Explained, error) {
	if q != (liveness.Question{}) {
		pair, err := q.Pair()
		if err != nil {
			return nil, problem("Pair cannot be read", sentence(err))
		}
		x := liveness.Predict(pair)
		return []view.Explained{{Before: x, After: x}}, nil
	}
	d, err := p.newDialer(o.input)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	m, err := p.makePlan(c.Context(), o, "plan", d)
	if err != nil {
		return nil, err
	}
	pairs, err := pairsOf(m.configuration.Config, m.plan, args)
	if err == nil && len(pairs) == 0 {
		return nil, problem("No pair to explain",
			"A pair is a server block and a client block, or a client with a library; the configuration has none that "+
				"was asked for. To calculate without one:\n    sshform explain -server=600/3 -client=0")
	}
	return pairs, err
}

// An end is one side of a pair before and after a plan.
type end[T any] struct {
	name          string
	before, after T
}

// pairsOf pairs every server of the plan with every client, equal ones once.
func pairsOf(cfg *schema.Config, built *plan.Plan, chosen []string) ([]view.Explained, error) {
	servers, clients, err := endsOf(cfg, built)
	if err != nil {
		return nil, err
	}
	type both struct{ before, after liveness.Pair }
	at := map[both]int{}
	var pairs []view.Explained
	for _, s := range servers {
		for _, c := range clients {
			if !taking(chosen, s.name, c.name) {
				continue
			}
			network := networkBetween(cfg.Networks, s.name, c.name)
			pair := both{
				liveness.Pair{Server: s.before, Client: c.before, Network: network},
				liveness.Pair{Server: s.after, Client: c.after, Network: network},
			}
			i, known := at[pair]
			if !known {
				i = len(pairs)
				at[pair] = i
				pairs = append(pairs, view.Explained{Before: liveness.Predict(pair.before), After: liveness.Predict(pair.after)})
			}
			pairs[i].Links = append(pairs[i].Links, view.Link{Client: c.name, Server: s.name})
		}
	}
	return pairs, nil
}

func endsOf(cfg *schema.Config, built *plan.Plan) (servers []end[liveness.Server], clients []end[liveness.Client], err error) {
	for _, h := range built.Hosts {
		release, parseErr := schema.ParseRelease(h.Facts.OpenSSH)
		if parseErr != nil {
			release = schema.Release{} // unknown is taken for a current one
		}
		for _, c := range h.Changes {
			before, after := valuesOf(c)
			name := c.Address.String()
			if c.Address.Side() == schema.Server {
				s := end[liveness.Server]{name: name}
				if s.before, err = liveness.ServerWith(release, before); err != nil {
					return nil, nil, err
				}
				if s.after, err = liveness.ServerWith(release, after); err != nil {
					return nil, nil, err
				}
				servers = append(servers, s)
				continue
			}
			e := end[liveness.Client]{name: name}
			if e.before, err = liveness.ClientWith(release, before); err != nil {
				return nil, nil, err
			}
			if e.after, err = liveness.ClientWith(release, after); err != nil {
				return nil, nil, err
			}
			clients = append(clients, e)
		}
	}
	for _, peer := range cfg.Peers {
		client, err := liveness.ClientOf(peer)
		if err != nil {
			return nil, nil, err
		}
		clients = append(clients, end[liveness.Client]{"client." + peer.Name, client, client})
	}
	return servers, clients, nil
}

func valuesOf(c plan.Change) (before, after liveness.Values) {
	before, after = liveness.Values{}, liveness.Values{}
	for _, d := range c.Settings {
		before[d.Keyword], after[d.Keyword] = d.Before, d.After
	}
	return before, after
}

// taking reports whether a pair takes part in what was chosen; everything
// does when nothing was. A name without an index stands for all its instances.
func taking(chosen []string, names ...string) bool {
	for _, address := range chosen {
		taken := false
		for _, name := range names {
			block, _, _ := strings.Cut(name, "[")
			taken = taken || address == name || address == block
		}
		if !taken {
			return false
		}
	}
	return true
}

// networkBetween returns what lies between two blocks; the first network that
// names neither side, or one of them, counts.
func networkBetween(networks []schema.Network, names ...string) liveness.Network {
	for _, n := range networks {
		if len(n.Between) == 0 || taking(n.Between, names...) {
			return liveness.NetworkOf(n)
		}
	}
	return liveness.Network{}
}
