package main

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
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
		p.flags.document = asJSON
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
	for _, m := range schema.Middleboxes() {
		if strings.HasPrefix(m.Name, typed) {
			names = append(names, cobra.CompletionWithDesc(m.Name, m.Title))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// explained are the pairs that the question or the configuration names.
func (p *program) explained(c *cobra.Command, q liveness.Question, o planning, args []string) ([]plan.Pairing, error) {
	if q != (liveness.Question{}) {
		if len(args) > 0 {
			return nil, problem("Pair and addresses", fmt.Sprintf(
				"-server, -client and -network describe a pair without any configuration, so %s has no place there. Leave out one of the two.", args[0]))
		}
		pair, err := q.Pair()
		if err != nil {
			return nil, problem("Pair cannot be read", sentence(err))
		}
		x := liveness.Predict(pair)
		return []plan.Pairing{{Before: x, After: x}}, nil
	}
	d, err := p.newDialer(o.input)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	o.explained = args
	m, found, err := p.buildPlan(c.Context(), o, d)
	if err != nil {
		return nil, err
	}
	pairs, err := plan.Pairs(m.configuration.Config, m.plan, args)
	p.diagnose(notExplained(found, pairs))
	if found.HasErrors() {
		return nil, failed
	}
	if err == nil && len(pairs) == 0 {
		return nil, problem("No pair to explain",
			"A pair is a server block and a client block, or a client with a library; the configuration has none that "+
				"was asked for. To calculate without one:\n    sshform explain -server=600/3 -client=0")
	}
	return pairs, err
}

// notExplained leaves out the warnings that the explanation itself will give.
func notExplained(found schema.Diagnostics, pairs []plan.Pairing) schema.Diagnostics {
	said := map[string]bool{}
	for _, e := range pairs {
		for _, w := range e.After.Warnings {
			said[w.Summary] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(found), func(d schema.Diagnostic) bool {
		return d.Severity == schema.Warning && said[d.Summary]
	})
}
