package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"reflect"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/mod/semver"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// applying is what the options of apply say beyond those of planning.
type applying struct {
	planning
	reporting
	autoApprove bool
	planID      string
	signatures  []string
	versionSkew bool
	budgetOK    bool
	lock        bool
	lockTimeout time.Duration
	waving
	policy schema.Policy
}

func (p *program) applyCommand() *cobra.Command {
	var o applying
	c := &cobra.Command{
		Use:   "apply [options] [PLAN]",
		Short: "Carry out a plan",
		Long: "Without a file: makes a plan as sshform plan does, shows it, asks, and carries it out. With a file " +
			"that sshform plan -out wrote: carries out exactly that plan, without asking, or refuses where a host " +
			"is no longer as it was when the plan was made.\n\n" +
			"On each host the whole configuration is judged by the host's own sshd before anything is replaced, " +
			"the change is proved by a new connection, and the old files are put back if it cannot be. Applying " +
			"the same plan again is safe: hosts that are done answer so.\n\n" +
			"Commands that reload = \"NAME\" asks for are those of the policy file that SSHFORM_POLICY names on this machine.\n\n" +
			"Where SSHFORM_ALLOWED_SIGNERS names a file of allowed signers (ssh-keygen(1)), only a plan file is carried " +
			"out that SSHFORM_MIN_SIGNATURES of them, by default one, have signed with:\n" +
			"    ssh-keygen -Y sign -n sshform-plan@v1 -f KEY PLAN",
		Args: atMost(1),
	}
	options(c, "Approval", func(fs *pflag.FlagSet) {
		fs.BoolVar(&o.autoApprove, "auto-approve", false, "Do not ask.")
		fs.StringVar(&o.planID, "plan-id", "", "Refuse any plan but the one with this `ID`, as a reviewer approved it.")
		fs.StringArrayVar(&o.signatures, "signature", nil, "Read signatures of the plan from this `FILE`, not from PLAN.sig. May be repeated.")
		fs.BoolVar(&o.versionSkew, "allow-version-skew", false, "Accept a plan file that another version of sshform made.")
	})
	options(c, "Carrying it out", func(fs *pflag.FlagSet) {
		fs.BoolVar(&o.lock, "lock", true, "Take no lock on the hosts. Dangerous when somebody else may be at work.")
		fs.DurationVar(&o.lockTimeout, "lock-timeout", 0, "Wait up to this `TIME`, such as 10s, for hosts that another run has locked.")
		fs.BoolVar(&p.detailed, "detailed-exitcode", false, "Tell failures apart: 4 some hosts failed, 5 stopped, 6 refused, 7 locked.")
		fs.BoolVar(&o.budgetOK, "budget-ok", false, "Failures within the limits of their wave do not fail the command.")
	})
	o.waving.options(c)
	p.planOptions(c, &o.planning)
	o.sharding.options(c, "Carry out one shard of a saved plan")
	p.displayOptions(c)
	o.reporting.options(c)
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := errors.Join(o.planning.check(), o.waving.check(), o.sharding.resolve(p.env), o.begin("apply", p.now()), p.openEvents()); err != nil {
			return err
		}
		if err := p.readPolicy(&o.policy); err != nil {
			return err
		}
		if len(args) == 1 {
			return p.finishReports(&o.reporting, p.applyFile(c, &o, args[0]))
		}
		return p.finishReports(&o.reporting, p.applyNow(c.Context(), &o))
	}
	return c
}

// applyNow plans, asks and carries out.
func (p *program) applyNow(ctx context.Context, o *applying) error {
	why := p.needsFile()
	switch {
	case why != "":
		return savedPlanRequired(why)
	case !o.autoApprove && !p.mayAsk(o.input):
		return problem("Plan file or auto-approve required",
			"With -json, -input=false or SSHFORM_INPUT=0 nobody is asked to approve. Give apply a plan file that "+
				"sshform plan -out wrote, or approve in advance with -auto-approve. No host was contacted.")
	case o.shard.Total > 0:
		return problem("Option needs a plan file", "-shard: each shard would make a plan of its own, with waves and budgets of its own. "+
			"Make one plan for all, and give each its file: sshform apply -shard=I/N FILE.")
	case len(o.after) > 0:
		return problem("Option needs a plan file", "-after: what was done belongs to a saved plan; name its file.")
	case o.planID != "":
		return problem("Option needs a plan file", "-plan-id says which saved plan was approved; name its file: sshform apply -plan-id=ID FILE.")
	}
	d, err := p.newDialer(o.input)
	if err != nil {
		return err
	}
	defer d.Close()
	m, err := p.makePlan(ctx, o.planning, "apply", d)
	if m != nil {
		o.planned(m.plan)
	}
	if err != nil {
		return err
	}
	if m.configuration.Config.RequireSaved {
		return savedPlanRequired("The configuration says plan { require_saved = true }")
	}
	p.showPlan(m, "apply")
	if err := p.mayStart(m.plan, &o.waving); err != nil {
		return err
	}
	if err := p.approved(ctx, o, m, "Apply"); err != nil {
		return err
	}
	return p.carryOut(ctx, m.plan, o, m.configuration.Config.History, d)
}

// approved asks for what changes something, unless that was approved in
// advance. Without a yes it is an error that needs no further word.
func (p *program) approved(ctx context.Context, o *applying, m *made, what string) error {
	if m.changes() == 0 || o.autoApprove {
		return nil
	}
	yes, err := p.approve(ctx, "Do you want to perform these actions?", consequence(m.plan))
	if err == nil && !yes {
		p.view().Note(what + " cancelled.")
		err = failed
	}
	return err
}

func savedPlanRequired(why string) error {
	return problem("Saved plan required", why+", so apply takes only a plan that was written and can be "+
		"reviewed:\n    sshform plan -out=FILE\n    sshform apply FILE")
}

// consequence names the numbers that an approval is about.
func consequence(built *plan.Plan) string {
	hosts, biggest := 0, 0
	inWave := map[string]int{}
	for _, h := range built.Hosts {
		if h.Changed() {
			hosts++
			inWave[h.Wave]++
			biggest = max(biggest, inWave[h.Wave])
		}
	}
	text := fmt.Sprintf("sshform will change %s", view.Count(hosts, "host"))
	if len(inWave) > 1 {
		text += fmt.Sprintf(" in %d waves, the biggest of %s", len(inWave), view.Count(biggest, "host"))
	}
	return text + ", and reload sshd where its files change."
}

// applyFile carries out a saved plan.
func (p *program) applyFile(c *cobra.Command, o *applying, file string) error {
	for _, name := range []string{"target", "target-file", "exclude", "exclude-file", "allow-unreachable"} {
		if c.Flags().Changed(name) {
			return problem("Option does not go with a plan file",
				"-"+name+": a saved plan already says what to do; targets were chosen when it was made.")
		}
	}
	built, err := p.readToApply(file, o.signatures)
	if err != nil {
		return err
	}
	o.planned(built)
	if err := p.mayBeApplied(built, o); err != nil {
		return err
	}
	if err := o.sameSplit(built); err != nil {
		return err
	}
	if err := sameVariables(built, o.loading); err != nil {
		return err
	}
	if err := p.mayStart(built, &o.waving); err != nil {
		return err
	}
	d, err := p.newDialer(o.input)
	if err != nil {
		return err
	}
	defer d.Close()
	d.strict = p.env(allowedSigners) == ""
	return p.carryOut(c.Context(), built, o, p.historyHere(c.Context()), d)
}

// refuse tells why a plan is not applied; nothing was changed.
func (p *program) refuse(summary, detail string) error {
	p.diagnose(schema.Diagnostics{{
		Severity: schema.Error, Summary: summary, Detail: detail + "\n\nNothing was changed. Make a new plan with sshform plan -out=FILE.",
	}})
	if p.detailed {
		return refused
	}
	return failed
}

// mayBeApplied checks what can be known of a saved plan without the hosts.
func (p *program) mayBeApplied(built *plan.Plan, o *applying) error {
	tool, now := thisTool(), p.now()
	validUntil := built.ValidUntil
	if text := p.env("SSHFORM_MAX_PLAN_AGE"); text != "" {
		age, err := schema.ParseSeconds(text)
		if err != nil {
			return problem("Environment cannot be read", "SSHFORM_MAX_PLAN_AGE: "+sentence(err))
		}
		if limit := built.CreatedAt.Add(time.Duration(age) * time.Second); limit.Before(validUntil) {
			validUntil = limit
		}
	}
	id := built.ID()
	switch {
	case built.Errored:
		return p.refuse("Plan is incomplete", "There were errors when it was made.")
	case built.Part != nil:
		return p.refuse("Plan is one part of several", partNote(built.Part))
	case o.planID != "" && o.planID != id:
		return p.refuse("Plan is not the approved one", fmt.Sprintf("Approved is %s, and this plan is %s.", o.planID, id))
	case !o.versionSkew && semver.MajorMinor("v"+built.Tool.Version) != semver.MajorMinor("v"+tool.Version):
		return p.refuse("Plan is of another version", fmt.Sprintf(
			"sshform %s made it, and this is %s. -allow-version-skew accepts it nevertheless.", built.Tool.Version, tool.Version))
	case built.CreatedAt.After(now.Add(clockSkew)):
		// Its age could not be judged, and SSHFORM_MAX_PLAN_AGE would mean nothing.
		return p.refuse("Plan is from the future", fmt.Sprintf(
			"It says that it was made %s, and here it is %s. Set the clocks of both machines.", built.CreatedAt.Format(time.RFC3339), now.UTC().Format(time.RFC3339)))
	case now.After(validUntil):
		return p.refuse("Plan has expired", fmt.Sprintf(
			"It was made %s and held until %s.", built.CreatedAt.Format(time.RFC3339), validUntil.Format(time.RFC3339)))
	}
	return nil
}

// clockSkew is how far the clocks of two machines may be apart.
const clockSkew = 5 * time.Minute

// sameVariables refuses a -var that the saved plan was not made with.
func sameVariables(built *plan.Plan, l loading) error {
	for _, a := range l.assignments {
		if a.File != "" {
			return problem("Option does not go with a plan file",
				"-var-file: a saved plan holds the values that it was made with.")
		}
		if !slices.ContainsFunc(built.Variables, func(v schema.Variable) bool { return v.Name == a.Name }) {
			return problem("Undeclared variable", fmt.Sprintf(
				"-var gives a value to %q, and the plan was made without such a variable. Leave -var out, or make a new plan.", a.Name))
		}
		for _, v := range built.Variables {
			if v.Name == a.Name && !v.Sensitive && !v.Ephemeral && !sameValue(v.JSON, a.Value) {
				return problem("Variable differs from the saved plan", fmt.Sprintf(
					"The plan was made with %s = %s, and -var says %s. Leave -var out, or make a new plan.", a.Name, v.JSON, a.Value))
			}
		}
	}
	return nil
}

// sameValue reports whether what -var says is the value that a plan holds: the
// text itself, or else JSON that means the same.
func sameValue(planned []byte, said string) bool {
	var was, is any
	if json.Unmarshal(planned, &was) != nil {
		return false
	}
	if text, isText := was.(string); isText {
		return text == said
	}
	return json.Unmarshal([]byte(said), &is) == nil && reflect.DeepEqual(was, is)
}

// carryOut has a plan applied and turns the report into an exit code.
func (p *program) carryOut(ctx context.Context, built *plan.Plan, o *applying, history schema.History, d apply.Dialer) error {
	outliveReader()
	stop, ctx, release := p.patience(ctx)
	defer release()
	p.view().Applying(built)
	report, err := apply.Run(ctx, built, apply.RunOptions{
		Dialer:         d,
		Who:            whoAmI(),
		Version:        thisTool().Version,
		Signers:        p.signers,
		Parallelism:    o.parallelism,
		Stop:           stop,
		Events:         p.view().Event,
		Journal:        history.Path,
		KeepJournals:   history.Keep,
		Wave:           o.wave,
		Shard:          o.shard,
		NoLock:         !o.lock,
		LockTimeout:    o.lockTimeout,
		ReloadCommands: o.policy.ReloadCommands,
		Login:          p.loginHere,
		Now:            p.now,
	})
	var refusal *apply.RefusedError
	if errors.As(err, &refusal) {
		return p.refuse("Plan is refused", sentence(refusal)+howToName(refusal.ReloadCommand))
	}
	if report == nil {
		return problem("Run cannot be recorded", sentence(err)+" No host was contacted to change it. "+
			"The folder of the history is declared with sshform { history { path = ... } }; the user who applies must be able to write to it.")
	}
	o.applied(report, o.wave)
	p.view().Report(built, report)
	if err != nil {
		return err
	}
	return p.verdict(report, o.budgetOK)
}

// verdict is the exit code for a report.
func (p *program) verdict(r *apply.Report, budgetOK bool) error {
	code := codeFor(r, budgetOK)
	switch {
	case code == done:
		return nil
	case !p.detailed:
		return failed
	}
	return code
}

// codeFor says what a machine should do next about a report.
func codeFor(r *apply.Report, budgetOK bool) exitCode {
	counts := r.Counts()
	failures := 0
	for outcome, n := range counts {
		if outcome.Spends() {
			failures += n
		}
	}
	untouched := counts[apply.Changed] == 0
	switch {
	case failures == 0 && r.Stopped == nil && counts[apply.Skipped] == 0:
		return done
	case untouched && failures > 0 && failures == counts[apply.Stale]:
		return refused
	case untouched && failures > 0 && failures == counts[apply.Locked]:
		return locked
	case r.Stopped != nil:
		return stopped
	case budgetOK:
		return done
	}
	return partial
}

// termination is how long a host may take to its end after SIGTERM.
const termination = 90 * time.Second

// patience replaces the context that the first signal cancels: the first
// signal closes stop instead, so that what is in flight ends properly; the
// second cancels. SIGTERM is the first with a deadline.
func (p *program) patience(ctx context.Context) (<-chan struct{}, context.Context, func()) {
	close(p.patient)
	patient, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop, ended, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		p.view().Note("Interrupt received. Gracefully shutting down: no further host is started, and those in flight are taken to their end. Interrupt again to leave them to their watchdogs.")
		close(stop)
		var deadline <-chan time.Time
		if codeOf(p.caught) == terminated {
			deadline = time.After(termination)
		}
		select {
		case <-ended:
		case <-deadline:
			cancel()
		case <-p.signals:
			cancel()
		}
	}()
	return stop, patient, func() {
		close(ended)
		<-left
		cancel()
	}
}

// whoAmI names the person or job for locks and records.
func whoAmI() string {
	name := "unknown"
	if me, err := user.Current(); err == nil {
		name = me.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}
