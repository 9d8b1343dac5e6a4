package view

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sshform/sshform/schema"
)

// markdownLimit keeps reports below what comments of merge and pull requests
// allow: 64 kB, where more is refused or dropped whole.
const markdownLimit = 60_000

// Markdown returns the report for a comment or a step summary.
func (r Reported) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "### sshform %s\n\n", r.Operation)
	fmt.Fprintf(&b, "%s\n\n", r.summaryLine())
	if r.PlanID != "" {
		fmt.Fprintf(&b, "Plan `%s`\n\n", r.PlanID)
	}
	r.markdownFailures(&b)
	r.markdownFound(&b)
	r.markdownPlan(&b)
	return cut(b.String())
}

// cut shortens a report and says so.
func cut(text string) string {
	if len(text) <= markdownLimit {
		return text
	}
	note := "\n```\n\n**This report was cut here, because comments may not be longer. The whole is in the log of the job.**\n"
	end := strings.LastIndexByte(text[:markdownLimit-len(note)], '\n')
	return text[:end] + note
}

func (r Reported) summaryLine() string {
	switch {
	case r.Plan == nil && r.Report != nil: // the merged results of several runs
		word := "Apply complete!"
		if !r.Report.Succeeded() || r.Report.Stopped != nil {
			word = "Apply incomplete."
		}
		return fmt.Sprintf("**%s** Hosts: %s.", word, countsText(r.Report.Counts()))
	case r.Plan == nil:
		return "**Failed**: no plan came about."
	case r.Report != nil:
		t := applied(r.Plan, r.Report)
		word := "Apply complete!"
		if !r.Report.Succeeded() || r.Report.Stopped != nil {
			word = "Apply incomplete."
		}
		return fmt.Sprintf("**%s** Resources: %d added, %d changed, %d destroyed. Hosts: %s.",
			word, t.add, t.change, t.destroy, countsText(r.Report.Counts()))
	}
	changed, _ := changes(r.Plan)
	if len(changed) == 0 && len(r.Plan.Unreachable) == 0 {
		return "**No changes.** Your infrastructure matches the configuration."
	}
	t := tallyOf(changed)
	return fmt.Sprintf("**Plan:** %d to add, %d to change, %d to destroy.", t.add, t.change, t.destroy)
}

// markdownFailures names the first hosts that did not succeed.
func (r Reported) markdownFailures(b *strings.Builder) {
	const most = 50
	shown, left := 0, 0
	for _, h := range r.fates() {
		if h.Outcome.Succeeded() || h.Err == nil {
			continue
		}
		if shown == most {
			left++
			continue
		}
		if shown == 0 {
			b.WriteString("| host | outcome | step | reason |\n|---|---|---|---|\n")
		}
		shown++
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", r.cell(h.Host), h.Outcome, h.Step, r.cell(h.Err.Error()))
	}
	if left > 0 {
		fmt.Fprintf(b, "\n… and %s.\n", more(left, "host"))
	}
	if shown > 0 {
		b.WriteString("\n")
	}
}

// cell is text for a cell of a table: on one line, without marks of Markdown.
func (r Reported) cell(text string) string {
	const longest = 300
	text = strings.NewReplacer("|", `\|`, "`", "'", "<", "&lt;", ">", "&gt;").Replace(r.Redact.Text(cleanLine(text)))
	if runes := []rune(text); len(runes) > longest {
		text = string(runes[:longest]) + "…"
	}
	return text
}

// markdownFound lists errors and warnings, equal ones once.
func (r Reported) markdownFound(b *strings.Builder) {
	const most = 20
	groups := merge(r.Found.Sorted())
	for i, g := range groups {
		if i == most {
			fmt.Fprintf(b, "- … and %s\n", more(len(groups)-most, "finding"))
			break
		}
		word := "Error"
		if g.Severity == schema.Warning {
			word = "Warning"
		}
		fmt.Fprintf(b, "- **%s: %s**", word, r.cell(g.Summary))
		if g.Subject != nil && g.Subject.Filename != "" {
			fmt.Fprintf(b, " (%s:%d)", r.cell(g.Subject.Filename), g.Subject.Start.Line)
		}
		fmt.Fprintf(b, ": %s\n", r.cell(g.Detail))
	}
	if len(groups) > 0 {
		b.WriteString("\n")
	}
}

// markdownPlan shows the plan as text, coloured as a diff.
func (r Reported) markdownPlan(b *strings.Builder) {
	if r.Plan == nil || r.Report != nil {
		return
	}
	changed, _ := changes(r.Plan)
	if len(changed) == 0 {
		return
	}
	var text bytes.Buffer
	NewHuman(Paper{Out: Stream{Writer: &text}, Err: Stream{Writer: &text}, Redact: r.Redact}).Plan(Shown{Plan: r.Plan})
	b.WriteString("```diff\n")
	for line := range strings.Lines(strings.TrimLeft(text.String(), "\n")) {
		b.WriteString(diffLine(line))
	}
	b.WriteString("```\n")
}

// diffLine moves the marker of a line to where Markdown colours it.
func diffLine(line string) string {
	trimmed := strings.TrimLeft(line, " ")
	if trimmed == "" || len(trimmed) == len(line) {
		return line
	}
	blanks := line[:len(line)-len(trimmed)]
	switch trimmed[0] {
	case '+', '-':
		return trimmed[:1] + blanks[1:] + " " + trimmed[1:]
	case '~':
		return "!" + blanks[1:] + " " + trimmed[1:]
	}
	return line
}
