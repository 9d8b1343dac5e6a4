package view

import (
	"fmt"
	"strings"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Applying remembers whether waves are worth a word.
func (h *Human) Applying(p *plan.Plan) {
	h.waves = len(p.Rollout.Waves)
	h.doing, h.told = "modifying", 0
	if h.paper.Err.Moves {
		h.live = newLive(h.paper.Err)
	}
	if h.waves < 2 && !h.paper.Concise {
		h.print("\n")
	}
}

// progressEvery is how often a line tells how far a run is.
const progressEvery = 10 * time.Second

// Event prints the progress of hosts and waves.
func (h *Human) Event(e apply.Event) {
	h.live.event(e, h.line)
	switch e.Kind {
	case apply.WaveStarted:
		if e.Wave != nil && h.waves > 1 {
			h.print("\n%s\n", h.out.paint(strong, fmt.Sprintf("Wave %s: %s", h.line(e.Wave.Name), Count(e.Wave.Hosts, "host"))))
		}
	case apply.WaveSoaks:
		if e.Wave != nil {
			h.print("Wave %s soaks for %s...\n", h.line(e.Wave.Name), e.Wave.Soak)
		}
	case apply.RolloutStopped:
		if e.Stopped != nil {
			stopped := *e.Stopped
			if h.waves < 2 {
				stopped.Wave = ""
			}
			h.print("\n%s\n", Wrap(h.line(stoppedText(stopped)), h.paper.Out.wrapWidth()))
		}
	case apply.FleetProgressed:
		// One line for the fleet, not for each host; on a terminal the live area tells.
		if e.Progress != nil && e.Progress.Done < e.Progress.Total && h.live == nil && e.Elapsed-h.told >= progressEvery {
			h.told = e.Elapsed
			h.print("Still %s... [%s elapsed] %s\n", h.doing, seconds(e.Elapsed), progressText(*e.Progress))
		}
	case apply.DialTriedAgain:
		h.print("%s: %s\n", h.line(e.Host), h.line(triedAgainText(e)))
	case apply.LockAwaited:
		h.print("%s: %s\n", h.line(e.Host), h.line(awaitedText(e)))
	case apply.ApplyStarted, apply.ApplyCompleted, apply.ApplyErrored:
		if !h.paper.Concise {
			h.hostEvent(e)
		}
	}
}

// triedAgainText says why a host is dialled again.
func triedAgainText(e apply.Event) string {
	reason := "it was busy"
	if e.Err != nil {
		reason = e.Err.Error()
	}
	return "Trying again, since " + strings.TrimPrefix(reason, e.Host+": ")
}

// awaitedText says whose lock is waited for.
func awaitedText(e apply.Event) string {
	if e.Err == nil {
		return "Waiting, since it is locked"
	}
	return "Waiting, since it is " + e.Err.Error()
}

func (h *Human) hostEvent(e apply.Event) {
	who := h.line(whoText(e))
	doing, finished := gerunds(e)
	switch {
	case e.Kind == apply.ApplyStarted:
		h.print("%s: %s...\n", who, doing)
	case e.Kind == apply.ApplyErrored:
		h.print("%s: %s\n", who, h.out.paint(red, fmt.Sprintf("%s at step %s after %s",
			outcomeText(e.Outcome), e.Step, seconds(e.Elapsed))))
	case e.Outcome == apply.AlreadyDone:
		h.print("%s: Already as planned, after %s\n", who, seconds(e.Elapsed))
	default:
		h.print("%s: %s complete after %s\n", who, finished, seconds(e.Elapsed))
	}
}

// whoText names the targets of a host event.
func whoText(e apply.Event) string {
	if len(e.Addresses) == 0 {
		return e.Host
	}
	var names []string
	for _, a := range e.Addresses {
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}

func gerunds(e apply.Event) (doing, finished string) {
	if e.TakesBack {
		return "Restoring", "Restoration"
	}
	switch e.Action {
	case plan.Create:
		return "Creating", "Creation"
	case plan.Remove:
		return "Destroying", "Destruction"
	case plan.Reload:
		return "Reloading", "Reload"
	}
	return "Modifying", "Modifications"
}

func progressText(p apply.Progress) string {
	text := fmt.Sprintf("%d of %s done", p.Done, Count(p.Total, "host"))
	if p.Failed > 0 {
		text += fmt.Sprintf(", %d failed", p.Failed)
	}
	if p.Unreachable > 0 {
		text += fmt.Sprintf(", %d unreachable", p.Unreachable)
	}
	if p.Remaining > 0 {
		text += fmt.Sprintf(", about %s left", seconds(p.Remaining))
	}
	return text
}

func stoppedText(s apply.Stopped) string {
	in := ""
	if s.Wave != "" {
		in = fmt.Sprintf(" in wave %q", s.Wave)
	}
	switch s.Kind {
	case "budget":
		return fmt.Sprintf("Stopped: %s%s, and the limit is %d. Hosts that were not started are untouched.",
			Count(s.Failed, "failure"), in, s.Limit)
	case "window":
		return fmt.Sprintf("Stopped: the window of wave %q is closed. It opens %s. Run the same plan again then.",
			s.Wave, s.Opens.Format("Mon 2006-01-02 15:04 MST"))
	case "interrupt":
		return "Stopped: interrupted. Hosts that were not started are untouched."
	case "journal":
		return "Stopped: the record of this run cannot be written. Hosts that were not started are untouched."
	}
	return "Stopped: " + s.Kind + ". Hosts that were not started are untouched."
}

// outcomeText says an outcome to people.
func outcomeText(o apply.Outcome) string {
	switch o {
	case apply.Restored:
		return "Failed, and the old state is back"
	case apply.Unreachable:
		return "Not reached"
	case apply.Stale:
		return "Refused, the plan is stale"
	case apply.Locked:
		return "Locked by another run"
	case apply.Skipped:
		return "Not started"
	}
	return "Failed"
}

// Report prints the closing line, and what went wrong as errors.
func (h *Human) Report(p *plan.Plan, r *apply.Report) {
	h.live.end()
	h.Diagnose(ReportDiagnostics(r))
	for _, note := range reportNotes(r) {
		h.print("\n%s\n", Wrap(h.line(note.String()), h.paper.Out.wrapWidth()))
	}
	t := applied(p, r)
	line := fmt.Sprintf("Resources: %d added, %d changed, %d destroyed.", t.add, t.change, t.destroy)
	if r.Succeeded() && r.Stopped == nil {
		h.print("\n%s %s\n", h.out.paint(green, "Apply complete!"), line)
		h.waveSummary(r, nil)
		return
	}
	h.print("\n%s %s\n", h.out.paint(red, "Apply incomplete."), line)
	h.print("Hosts: %s.\n", countsText(r.Counts()))
	h.waveSummary(r, wavesLeft(p, r))
	if len(r.Pending) > 0 {
		h.print("\n%s\n", Wrap("The connections to these hosts were cut in the middle of a change. The watchdog on each "+
			"puts the old state back by itself; look with sshform locks: "+h.line(strings.Join(r.Pending, ", ")), h.paper.Out.wrapWidth()))
	}
}

func countsText(counts map[apply.Outcome]int) string {
	var parts []string
	for _, o := range apply.Outcomes() {
		if n := counts[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, strings.ReplaceAll(string(o), "_", " ")))
		}
	}
	return strings.Join(parts, ", ")
}

// applied counts the instances on hosts that were changed.
func applied(p *plan.Plan, r *apply.Report) tally {
	changed := map[string]bool{}
	for _, host := range r.Hosts {
		changed[host.Host] = host.Outcome == apply.Changed
	}
	var t tally
	for _, host := range p.Hosts {
		for _, c := range host.Changes() {
			if changed[host.Host] {
				t.count(c.Action)
			}
		}
	}
	return t
}

// A hostNote is something to know about hosts, and which.
type hostNote struct {
	text  string
	hosts []string
}

// reportNotes are the notes of a report, equal ones once.
func reportNotes(r *apply.Report) []hostNote {
	var notes []hostNote
	at := map[string]int{}
	for _, host := range r.Hosts {
		for _, text := range host.Notes {
			i, known := at[text]
			if !known {
				i = len(notes)
				at[text] = i
				notes = append(notes, hostNote{text: text})
			}
			notes[i].hosts = append(notes[i].hosts, host.Host)
		}
	}
	return notes
}

// String is the note as a sentence.
func (n hostNote) String() string {
	hosts := nameList(n.hosts)
	if len(n.hosts) > few {
		hosts = fmt.Sprintf("%s, %s", Count(len(n.hosts), "host"), hosts)
	}
	return fmt.Sprintf("Note: %s (%s).", n.text, hosts)
}

// ReportDiagnostics are what a report has to tell as errors.
func ReportDiagnostics(r *apply.Report) schema.Diagnostics {
	var ds schema.Diagnostics
	for _, host := range r.Hosts {
		d := schema.Diagnostic{
			Severity: schema.Error,
			Where:    &schema.Place{Host: host.Host, Address: host.Address, Step: string(host.Step)},
		}
		if len(host.Addresses) > 0 {
			d.Address = host.Addresses[0].String()
		}
		if host.Outcome.Succeeded() || host.Outcome == apply.Skipped {
			continue
		}
		d.Summary = failureSummary(host.Outcome)
		d.Detail = failureDetail(host)
		ds = append(ds, d)
	}
	return ds
}

func failureSummary(o apply.Outcome) string {
	switch o {
	case apply.Restored:
		return "Change failed and was taken back"
	case apply.Unreachable:
		return "Host not reached"
	case apply.Stale:
		return "Plan is stale"
	case apply.Locked:
		return "Host is locked"
	}
	return "Change failed"
}

func failureDetail(host apply.HostReport) string {
	why := "No reason is known."
	if host.Err != nil {
		why = host.Err.Error()
	}
	switch host.Outcome {
	case apply.Restored:
		return why + "\n\nThe old files are back and were seen in force."
	case apply.Stale:
		return why + "\n\nNothing was changed there. Make a new plan."
	case apply.Unreachable, apply.Locked:
		return why + "\n\nNothing was changed there. Applying the same plan again is safe: hosts that are done answer so."
	}
	return why
}
