package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

func (p *program) inspectCommand() *cobra.Command {
	var l looking
	var q plan.Query
	var asJSON, all bool
	c := &cobra.Command{
		Use:   "inspect [options] [FILE|HOST]",
		Short: "Show the values in force, and the lines they come from",
		Long: "Reads an sshd_config or ssh_config with everything it includes, as OpenSSH reads it, and shows the " +
			"effective value of each keepalive keyword, the file and line that decides, and the lines that do " +
			"not count, with the reason. What OpenSSH would refuse is an error with its line. Nothing is changed.\n\n" +
			"HOST is a host of the configuration in this directory; it is reached as plan reaches it. Without an " +
			"argument it reads what the program itself would read: /etc/ssh/sshd_config, or with -type=ssh " +
			"~/.ssh/config and then /etc/ssh/ssh_config.",
		Args: atMost(1),
	}
	options(c, "For whom", func(fs *pflag.FlagSet) {
		fs.StringVar(&q.User, "user", "", "Resolve for this `USER` logging in.")
		fs.StringVar(&q.Host, "host", "", "sshd: the `NAME` of the client. ssh: the host to connect to, as typed.")
		fs.StringVar(&q.Address, "address", "", "The `ADDRESS` of the client (sshd).")
		fs.StringVar(&q.LocalAddress, "localaddress", "", "The `ADDRESS` it connects to (sshd).")
		fs.IntVar(&q.LocalPort, "localport", 0, "The `PORT` it connects to (sshd).")
	})
	l.options(c)
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&all, "all", false, "Show every keyword whose value is known.")
		fs.BoolVar(&asJSON, "json", false, "One JSON document.")
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := l.check(); err != nil {
			return err
		}
		p.flags.document = asJSON
		s, err := p.inspected(c, &l, q, args)
		if err != nil {
			return err
		}
		o, err := p.observe(c.Context(), &l, s, plan.InspectAsks)
		if err != nil {
			return err
		}
		found := view.Inspected{Inspected: plan.Inspect(s.query, o, all), Query: s.query, Host: s.host, Shown: s.shown}
		if asJSON {
			err = view.InspectJSON(p.stdout, found)
		} else {
			if found.Valid() {
				view.NewHuman(p.paper()).Inspect(found)
			}
			p.diagnose(s.predicted(found.Inspected, o))
		}
		if err == nil && !found.Valid() {
			return failed
		}
		return err
	}
	return c
}

// inspected is what to look at, and for whom.
func (p *program) inspected(c *cobra.Command, l *looking, q plan.Query, args []string) (*sight, error) {
	var s *sight
	var err error
	switch {
	case len(args) == 0 && l.kind == "ssh":
		s, err = l.standard(schema.Client)
	case len(args) == 0:
		s, err = l.standard(schema.Server)
	case l.isFile(args[0]):
		s, err = l.file(args[0])
	default:
		var all []*sight
		if all, err = p.host(c.Context(), l, args[0]); err == nil {
			s = all[0]
		}
	}
	if err != nil {
		return nil, err
	}
	q.Side, q.File = s.query.Side, s.query.File
	s.query = q
	if q.LocalPort < 0 || q.LocalPort > 65535 {
		return nil, problem("Wrong value for an option", "-localport is a number from 1 to 65535.")
	}
	if q.Side == schema.Client && (q.Address != "" || q.LocalAddress != "" || q.LocalPort != 0) {
		return nil, problem("Option without a meaning", "-address, -localaddress and -localport describe a login at sshd. For ssh give -host and -user.")
	}
	if q.Side == schema.Server && q.User != "" && s.disk != nil && l.root == "" {
		s.query.Groups, s.query.GroupsKnown = groupsOf(q.User)
	}
	return s, nil
}

// predicted are the errors that the program would end with.
func (s *sight) predicted(i *plan.Inspected, o *plan.Observed) schema.Diagnostics {
	var found schema.Diagnostics
	text := lineTexts{o: o}
	for _, e := range i.Errors {
		what := "line"
		if e.Line == 0 {
			what = "file"
		}
		d := schema.Diagnostic{
			Severity: schema.Error, Summary: "OpenSSH refuses the file",
			Detail: fmt.Sprintf("%s: %s. %s of OpenSSH %s would stop here, so that nothing is in force. Mend the %s.", s.place(e.Source), e.Text, s.program(), i.Release, what),
		}
		if s.host != "" {
			d.Where = &schema.Place{Host: s.host, File: e.File, Line: e.Line}
		}
		if line, known := text.line(e.Source); known {
			d.Detail += "\n\n    " + line
		}
		found = append(found, d)
	}
	return found
}

// place is FILE:LINE, as people know the file.
func (s *sight) place(at plan.Source) string {
	if at.Line == 0 {
		return s.shown(at.File)
	}
	return fmt.Sprintf("%s:%d", s.shown(at.File), at.Line)
}

// lineTexts finds lines of files that were read, each cut into lines once.
type lineTexts struct {
	o     *plan.Observed
	lines map[string][]string
}

// line returns a line, shortened for people; found is false where there is
// none, or nothing on it.
func (t *lineTexts) line(at plan.Source) (line string, found bool) {
	lines, cut := t.lines[at.File]
	if !cut {
		lines = slices.Collect(strings.Lines(string(t.o.Files[at.File].Bytes)))
		if t.lines == nil {
			t.lines = map[string][]string{}
		}
		t.lines[at.File] = lines
	}
	if at.Line < 1 || at.Line > len(lines) {
		return "", false
	}
	line = strings.TrimSpace(lines[at.Line-1])
	const most = 200
	if len(line) > most {
		line = line[:most] + "…"
	}
	return line, line != ""
}
