package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

func (p *program) graphCommand() *cobra.Command {
	var l loading
	c := &cobra.Command{
		Use:   "graph [options]",
		Short: "Draw waves, blocks and hosts, for Graphviz",
		Long: "Writes the order of the rollout as a graph in the language DOT: waves, the blocks that have hosts in " +
			"them, and the hosts, or how many there are where there are more than 200. It reads the configuration " +
			"and its inventories and connects to no host. To see it:\n\n" +
			"    sshform graph | dot -Tsvg > graph.svg",
		Args: noArguments,
	}
	l.variableOptions(c)
	c.RunE = func(c *cobra.Command, _ []string) error {
		p.flags.document = true
		configuration, err := p.load(c.Context(), l)
		if err != nil {
			return err
		}
		waves, found := graphOf(configuration.Config)
		if found.HasErrors() {
			return problems(found)
		}
		return view.Graph(p.stdout, waves)
	}
	return c
}

// graphOf sorts the blocks of a configuration into the waves of its hosts.
func graphOf(cfg *schema.Config) ([]view.GraphWave, schema.Diagnostics) {
	rollout, waveOf, found := plan.Waves(cfg)
	at := map[string]int{}
	var waves []view.GraphWave
	for i, w := range rollout.Waves {
		at[w.Name] = i
		waves = append(waves, view.GraphWave{Name: w.Name, Hosts: w.Hosts})
	}
	for _, t := range cfg.Targets {
		wave := &waves[at[waveOf[t.Host.Name]]]
		name := t.Address.Block + "." + t.Address.Name
		i := slices.IndexFunc(wave.Blocks, func(b view.GraphBlock) bool { return b.Name == name })
		if i < 0 {
			i = len(wave.Blocks)
			wave.Blocks = append(wave.Blocks, view.GraphBlock{Name: name})
		}
		if block := &wave.Blocks[i]; len(block.Hosts) == 0 || block.Hosts[len(block.Hosts)-1] != t.Host.Name {
			block.Hosts = append(block.Hosts, t.Host.Name)
		}
	}
	for _, wave := range waves {
		slices.SortFunc(wave.Blocks, func(a, b view.GraphBlock) int { return strings.Compare(a.Name, b.Name) })
	}
	return waves, found
}
