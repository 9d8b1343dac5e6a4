package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// probing is what the options of probe say.
type probing struct {
	looking
	count        int
	wait         time.Duration
	cut, consent bool
	json         bool
}

func (p *program) probeCommand() *cobra.Command {
	var o probing
	c := &cobra.Command{
		Use:   "probe [options] HOST",
		Short: "Measure when a host asks for a sign of life",
		Long: "Opens a session to a host of the configuration, stays silent, and notes when sshd asks for a sign of " +
			"life. That is compared with what the host's files and its release of OpenSSH predict for this login: " +
			"if it differs, the daemon runs other settings than its files declare.\n\n" +
			"With -cut it then stops to answer and measures when sshd hangs up. Nothing is changed on the host; " +
			"only the session of this command ends. A wait lasts as long as the host's interval.",
		Args: atMost(1),
	}
	options(c, "The measurement", func(fs *pflag.FlagSet) {
		fs.IntVar(&o.count, "count", 1, "Wait for `N` requests.")
		fs.DurationVar(&o.wait, "wait", 0, "Give up after this `TIME` of silence, such as 90s. By default when a request is overdue, or after 30s where none is expected.")
		fs.BoolVar(&o.cut, "cut", false, "Then play dead, and measure when sshd hangs up. Needs -yes-cut.")
		fs.BoolVar(&o.consent, "yes-cut", false, "Confirm that the host belongs to a laboratory, where a session may be left to die.")
	})
	o.variableOptions(c)
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&o.json, "json", false, "One JSON document.")
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := o.check(args); err != nil {
			return err
		}
		found, err := p.probe(c.Context(), &o, args[0])
		if err != nil {
			return err
		}
		if o.json {
			err = view.ProbeJSON(p.stdout, *found)
		} else {
			view.NewHuman(p.paper()).Probe(*found)
		}
		switch {
		case err != nil || found.Fits():
			return err
		case o.json:
			return failed
		}
		return problem("Server does not run its settings",
			"What sshd did is not what its files declare for this login. Most often it was not reloaded since they "+
				"changed; sshform plan says so where it can tell. A path that delays packets by seconds looks alike: "+
				"measure again before you conclude.")
	}
	return c
}

func (o *probing) check(args []string) error {
	switch {
	case len(args) == 0:
		return problem("Host not named", "Name a host of the configuration: sshform probe HOST.")
	case o.count < 1:
		return problem("Wrong value for an option", "-count must be at least 1.")
	case o.wait < 0:
		return problem("Wrong value for an option", "-wait cannot be negative.")
	case o.cut && !o.consent:
		return problem("Consent needed",
			"-cut leaves a session of this command to die on the host, to see when sshd gives it up. Do that only to "+
				"hosts of a laboratory, and say so with -yes-cut. No host was contacted.")
	case o.consent && !o.cut:
		return problem("Option without a meaning", "-yes-cut confirms -cut, which is not given.")
	}
	o.kind = "sshd"
	return nil
}

// probe measures one host.
func (p *program) probe(ctx context.Context, o *probing, name string) (*view.Probed, error) {
	p.flags.document = o.json
	sights, err := p.host(ctx, &o.looking, name)
	if err != nil {
		return nil, err
	}
	s := sights[0]
	d, err := p.newDialer(o.input)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	line := &deafLine{}
	d.remote.DialTCP = line.dial
	// Requests of our own would hold off those of the server.
	d.remote.Keepalive = quietForEver
	target := s.cfg.Targets[0]
	host, err := d.Dial(ctx, apply.Reach{Host: name, Connection: target.Connection, Fallback: target.Fallback})
	if err != nil {
		return nil, probeProblem(name, err)
	}
	defer host.Close()
	prober, able := host.(apply.Prober)
	if !able {
		return nil, problem("Host is this machine", name+" is reached without SSH, so that no sshd asks for a sign of life.")
	}
	shell, err := host.Shell(ctx)
	if err != nil {
		return nil, probeProblem(name, err)
	}
	defer shell.Close()
	if err := s.logsIn(ctx, host, shell); err != nil {
		return nil, probeProblem(name, err)
	}
	found := &view.Probed{Host: name, Facts: host.Facts()}
	if found.Server, err = p.serverInForce(ctx, &o.looking, s, found.Facts.Release); err != nil {
		return nil, err
	}
	if o.cut && len(found.Facts.Connection.Jump) > 0 {
		return nil, problem("Host behind a bastion",
			"-cut would cut the connection to the bastion, which says nothing about the host. Run it from a machine that reaches the host directly.")
	}
	found.Watch = liveness.WatchFor(found.Server)
	if !o.json {
		view.NewHuman(p.paper()).ProbeBegins(*found)
	}
	// What was said until now must not count: the silence begins here.
	if _, err := shell.Do(ctx, apply.Step{Name: "begin", Script: ":"}); err != nil {
		return nil, probeProblem(name, err)
	}
	if err := o.listen(ctx, prober, found); err != nil {
		return nil, probeProblem(name, err)
	}
	if o.cut {
		found.Cut, err = o.hold(ctx, line, *found)
	}
	return found, err
}

// quietForEver is longer than anybody waits.
const quietForEver = 10 * 365 * 24 * time.Hour

func probeProblem(name string, err error) error {
	return problems{{
		Severity: schema.Error, Summary: "Host could not be probed", Detail: sentence(err),
		Where: &schema.Place{Host: name},
	}}
}

// whoami prints what Match blocks ask about: the addresses of the connection,
// and the login's groups. sudo keeps SSH_CONNECTION to itself; what is missing
// then is not given.
const whoami = `printf '%s\n' "${SSH_CONNECTION-}"
id -Gn -- "$1"`

// logsIn completes the sight's query by what the host knows of our login.
func (s *sight) logsIn(ctx context.Context, host apply.Host, shell apply.Shell) error {
	s.query.User = host.Facts().Connection.User
	answer, err := shell.Do(ctx, apply.Step{Name: "who", Script: whoami, Args: []string{s.query.User}})
	if err != nil {
		return err
	}
	first, second, _ := strings.Cut(string(answer.Stdout), "\n")
	if at := strings.Fields(first); len(at) == 4 {
		s.query.Address, s.query.LocalAddress = at[0], at[2]
		if port, err := strconv.ParseUint(at[3], 10, 16); err == nil {
			s.query.LocalPort = int(port)
		}
	}
	if answer.Status == 0 {
		s.query.Groups, s.query.GroupsKnown = strings.Fields(second), true
	}
	return nil
}

// serverInForce is what the host's files declare for the query's login.
func (p *program) serverInForce(ctx context.Context, l *looking, s *sight, release schema.Release) (liveness.Server, error) {
	o, err := p.observe(ctx, l, s, plan.InspectAsks)
	if err != nil {
		return liveness.Server{}, err
	}
	inspected := plan.Inspect(s.query, o, false)
	if !inspected.Valid() {
		return liveness.Server{}, problems(s.predicted(inspected, o))
	}
	values := liveness.Values{}
	for _, k := range inspected.Keywords {
		if len(k.Values) > 0 {
			values[k.Keyword] = schema.Argument(strings.Join(k.Values, " "))
		}
	}
	return liveness.ServerWith(release, values)
}

// listen notes when requests arrive. None within the time is a finding too.
func (o *probing) listen(ctx context.Context, prober apply.Prober, found *view.Probed) error {
	var answered time.Time
	for range o.count {
		patience := o.patience(found.Watch.Wait())
		silence, cancel := context.WithTimeoutCause(ctx, patience, errSilent)
		after, err := prober.AwaitProbe(silence)
		cancel()
		switch {
		case errors.Is(err, errSilent):
			found.SilentFor = patience
			return nil
		case err != nil:
			return err
		}
		if now := time.Now(); answered.IsZero() {
			answered = now
		} else {
			// Our answer to the request before may not have been on its way yet
			// when the host began to wait again.
			after, answered = now.Sub(answered), now
		}
		found.Requests = append(found.Requests, after)
	}
	return nil
}

var errSilent = errors.New("no request came")

// patience is how long to wait for something that is certain after a time; 0
// is something that is not expected at all.
func (o *probing) patience(certain time.Duration) time.Duration {
	const unexpected = 30 * time.Second
	switch {
	case o.wait > 0:
		return o.wait
	case certain > 0:
		return certain
	}
	return unexpected
}

// hold plays dead: packets arrive at the kernel and are read by nobody.
func (o *probing) hold(ctx context.Context, line *deafLine, found view.Probed) (*view.ProbeCut, error) {
	cut := &view.ProbeCut{Window: found.Dropped()}
	patience := o.patience(cut.Window.To)
	if len(found.Requests) > 0 {
		soon, cancel := context.WithTimeout(ctx, found.Watch.Wait())
		line.answered(soon)
		cancel()
	}
	patient, cancel := context.WithTimeoutCause(ctx, patience, errSilent)
	defer cancel()
	heard, dropped, err := line.playDead(patient)
	cut.Vain, cut.After = heard, dropped
	switch {
	case errors.Is(err, errSilent):
		cut.OpenAfter = patience
	case err != nil:
		return nil, fmt.Errorf("while the session was left to die: %w", err)
	}
	return cut, nil
}
