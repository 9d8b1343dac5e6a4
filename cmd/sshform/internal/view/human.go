package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A View tells what happens. Human is for people, JSON for programs, Both for
// -json-into. A View is used by one goroutine at a time.
type View interface {
	// Diagnose tells mistakes and warnings.
	Diagnose(ds schema.Diagnostics)
	// Reading begins to read hosts.
	Reading(r Reading)
	// Event tells what apply.Observe and apply.Run tell.
	Event(e apply.Event)
	// ReadingDone ends what Reading began.
	ReadingDone(elapsed time.Duration)
	// Plan shows a plan.
	Plan(s Shown)
	// Hint tells people what they can do next. Programs are not told.
	Hint(text string)
	// Note tells something that is neither a mistake nor a result.
	Note(text string)
	// Applying begins to carry out a plan.
	Applying(p *plan.Plan)
	// Report tells what became of a plan.
	Report(p *plan.Plan, r *apply.Report)
	// Outputs tells the values of output blocks.
	Outputs(outputs []Output)
	// Quiet takes what moves on the terminal away while a person is asked
	// something; what it returns puts it back.
	Quiet() (resume func())
}

// Reading is what is about to be read.
type Reading struct{ Files, Hosts int }

// Shown is a plan and what is known about it beyond itself.
type Shown struct {
	Plan *plan.Plan
	// Read is what was read for it; zero for a plan from a file.
	Read Reading
	// Operation is "plan", "apply" or "drift".
	Operation string
}

// An Output is the value of an output block.
type Output struct {
	Name      string
	Type      []byte // its type as JSON; may be nil
	JSON      []byte // the value; nil when Sensitive
	Text      string // the value as an expression; empty when Sensitive
	Sensitive bool
}

// Human prints for people.
type Human struct {
	paper    Paper
	out, err pen
	live     *live
	doing    string        // what takes so long: reading, modifying
	told     time.Duration // how long a run was at work when that was last told
	begun    string        // the line "Reading…"
	reading  bool          // that line is open on Out
	waves    int           // of the plan that is carried out
}

// NewHuman returns a view that prints on paper.
func NewHuman(paper Paper) *Human {
	return &Human{paper: paper, out: newPen(paper.Out.Colour), err: newPen(paper.Err.Colour)}
}

// text makes text of any origin fit to print.
func (h *Human) text(text string) string { return h.paper.Redact.Text(Clean(text)) }

// line is text that stays on its line.
func (h *Human) line(text string) string { return h.paper.Redact.Text(cleanLine(text)) }

func (h *Human) print(format string, args ...any) {
	h.closeLine()
	text := fmt.Sprintf(format, args...)
	if !h.paper.Out.Terminal || !h.live.print(text) {
		io.WriteString(h.paper.Out, text)
	}
}

// Quiet takes what moves on the terminal away, so that a question can be
// asked, and returns what puts it back.
func (h *Human) Quiet() (resume func()) { return h.live.pause() }

// closeLine ends the open line, so that what follows begins on its own.
func (h *Human) closeLine() {
	if h.reading {
		fmt.Fprintln(h.paper.Out)
		h.reading = false
	}
}

// Diagnose prints warnings on Out and errors on Err, equal ones once.
func (h *Human) Diagnose(ds schema.Diagnostics) {
	if len(ds) > 0 {
		h.live.end()
		h.closeLine()
	}
	compact := h.paper.CompactWarnings && !ds.HasErrors()
	var summaries []string
	for _, g := range merge(ds.Sorted()) {
		switch {
		case g.Severity == schema.Warning && compact:
			summaries = append(summaries, "- "+h.line(g.Summary)+timesText(len(g.others)+1))
		case g.Severity == schema.Warning:
			fmt.Fprint(h.paper.Out, h.diagnosticText(g, h.paper.Out, h.out))
		default:
			fmt.Fprint(h.paper.Err, h.diagnosticText(g, h.paper.Err, h.err))
		}
	}
	if len(summaries) > 0 {
		fmt.Fprintf(h.paper.Out, "\n%s\n\n%s\n\n%s\n", h.out.paint(yellow, "Warnings:"), strings.Join(summaries, "\n"),
			"To see them in full, run the command without -compact-warnings.")
	}
}

func timesText(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(" (%s times)", thousands(n))
}

// Reading begins the line that ReadingDone ends. Where the live area stands on
// the same terminal, the line comes when all is read.
func (h *Human) Reading(r Reading) {
	h.doing, h.told = "reading", 0
	h.begun = fmt.Sprintf("Reading %s on %s...", Count(r.Files, "file"), Count(r.Hosts, "host"))
	if h.paper.Err.Moves {
		h.live = newLive(h.paper.Err)
		h.live.read(r.Hosts)
	}
	if !h.paper.Err.Moves || !h.paper.Out.Terminal {
		io.WriteString(h.paper.Out, h.begun)
		h.reading = true
	}
}

// ReadingDone ends the line and the live area.
func (h *Human) ReadingDone(elapsed time.Duration) {
	beside := h.live != nil && h.paper.Out.Terminal
	h.live.end()
	h.live = nil
	switch {
	case beside:
		fmt.Fprintf(h.paper.Out, "%s done in %s\n", h.begun, seconds(elapsed))
	case h.reading:
		fmt.Fprintf(h.paper.Out, " done in %s\n", seconds(elapsed))
	}
	h.reading = false
}

// Hint prints unless a machine drives.
func (h *Human) Hint(text string) {
	if !h.paper.Automation {
		h.print("\n%s\n", Wrap(h.text(text), h.paper.Out.wrapWidth()))
	}
}

// Note prints.
func (h *Human) Note(text string) {
	h.print("\n%s\n", Wrap(h.text(text), h.paper.Out.wrapWidth()))
}

// Count is "1 host", "4 hosts".
func Count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// seconds is a time for people: 1s, 2m5s. Less than one is one.
func seconds(d time.Duration) string {
	return max(d.Round(time.Second), time.Second).String()
}
