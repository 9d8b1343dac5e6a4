package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// commentColumn is where comments beside code begin.
const commentColumn = 57

// Plan prints the plan as text. Other programs find their way by the lines
// that begin with "Plan:", "No changes." and "  # … will be".
func (h *Human) Plan(s Shown) {
	changed, unchanged := changes(s.Plan)
	if s.Plan.Errored && len(changed) == 0 {
		return // the errors tell all there is to tell
	}
	switch {
	case s.Plan.Errored:
		h.print("\nsshform planned the following actions, but then encountered a problem:\n")
	case len(changed) > 0 && s.Operation == "drift":
		h.print("\nHosts differ from the configuration. sshform apply would perform the following actions:\n")
	case len(changed) > 0:
		h.print("\nsshform will perform the following actions:\n")
	}
	for _, g := range groupChanges(changed) {
		h.group(g)
	}
	h.print("\n")
	h.unchangedLine(unchanged, len(changed))
	h.unreachableLines(s.Plan.Unreachable)
	if len(changed) == 0 {
		h.noChanges(s)
		return
	}
	t := tallyOf(changed)
	h.print("%s %d to add, %d to change, %d to destroy.\n", h.out.paint(strong, "Plan:"), t.add, t.change, t.destroy)
	h.wavesLine(s.Plan)
	h.print("\nNote: sessions that are open now keep their old values until they reconnect.\n")
}

func (h *Human) noChanges(s Shown) {
	if len(s.Plan.Unreachable) > 0 {
		h.print("Nothing to change on the hosts that could be read.\n")
		return
	}
	if s.Plan.Mode == plan.Restore {
		h.print("%s There is nothing to put back.\n", h.out.paint(green, "No changes."))
		return
	}
	h.print("%s Your infrastructure matches the configuration.\n", h.out.paint(green, "No changes."))
	if s.Read.Hosts > 0 {
		h.print("\n%s\n", Wrap(fmt.Sprintf("sshform has read %s on %s and found every declared value in force.",
			Count(s.Read.Files, "file"), Count(s.Read.Hosts, "host")), h.paper.Out.wrapWidth()))
	}
}

// wavesLine names the waves where there is more than one.
func (h *Human) wavesLine(p *plan.Plan) {
	if len(p.Rollout.Waves) < 2 {
		return
	}
	var parts []string
	for _, w := range p.Rollout.Waves {
		parts = append(parts, fmt.Sprintf("%s (%s)", w.Name, Count(w.Hosts, "host")))
	}
	h.print("Waves: %s.\n", h.line(strings.Join(parts, ", then ")))
}

func (h *Human) unchangedLine(unchanged []instance, changed int) {
	if len(unchanged) == 0 || changed == 0 {
		return
	}
	var names []string
	for _, in := range unchanged {
		names = append(names, in.change.Address.String())
	}
	h.print("Unchanged: %d (%s).\n", len(names), h.line(nameList(names)))
}

func (h *Human) unreachableLines(unreachable []plan.Unreachable) {
	if len(unreachable) == 0 {
		return
	}
	var names []string
	for _, u := range unreachable {
		names = append(names, u.Host)
	}
	h.print("Unreachable: %d (%s).\n", len(names), h.line(nameList(names)))
}

// group prints one change in full and the names of those that do the same;
// with -full it prints each.
func (h *Human) group(g changeGroup) {
	if h.paper.Full {
		for _, in := range g.instances {
			h.instance(in)
			h.print("    }\n")
		}
		return
	}
	h.instance(g.instances[0])
	h.print("    }\n")
	if others := g.instances[1:]; len(others) > 0 {
		var names []string
		for _, in := range others {
			names = append(names, in.change.Host)
		}
		h.print("    # and %s with exactly this change: %s\n", more(len(others), "host"), h.line(nameList(names)))
	}
}

// instance prints one change up to its closing brace.
func (h *Human) instance(in instance) {
	c := in.change
	verb, mark := verbOf(c.Action)
	h.print("\n%s\n", h.out.paint(strong, fmt.Sprintf("  # %s will be %s", h.line(c.Address.String()), verb)))
	head := fmt.Sprintf("%s %s {", c.Address.Block, quoted(h.line(c.Address.Name)))
	h.codeLine("  ", mark, head, h.line(whereText(in)))
	width := 0
	for _, d := range c.Settings {
		width = max(width, len(d.Keyword.HCL()))
	}
	hiddenOnes := 0
	for _, d := range bySpelling(c.Settings) {
		if !d.Changed() {
			hiddenOnes++
			continue
		}
		mark, code, comment := settingText(c.Address.Side(), d, width)
		h.codeLine("      ", mark, h.line(code), h.line(comment))
	}
	if c.Action == plan.Reload {
		h.comment("reload pending: the file is right, and sshd has not read it yet")
	}
	if hiddenOnes > 0 {
		h.comment(fmt.Sprintf("(%s hidden)", Count(hiddenOnes, "unchanged setting")))
	}
	h.notes(c.Notes)
	if notice := noticeText(in); notice != "" {
		h.comment(notice)
	}
}

// How many notes of a change are shown without -full: a file may have thousands
// of blocks that keep another value, each with a note. What concerns the change
// as a whole comes last.
const (
	firstNotes = 10
	lastNotes  = 20
)

func (h *Human) notes(all []string) {
	last := len(all) - lastNotes
	hide := !h.paper.Full && last > firstNotes+1
	for i, note := range all {
		switch {
		case !hide || i < firstNotes || i >= last:
			h.comment(note)
		case i == firstNotes:
			h.comment(fmt.Sprintf("… %s, which -full shows …", more(last-firstNotes, "note")))
		}
	}
}

// noticeText says what the change means for connections, where it means
// something: "dead clients noticed after 120 s instead of never".
func noticeText(in instance) string {
	before, after := in.change.Values()
	release, err := schema.ParseRelease(in.host.Facts().OpenSSH)
	if err != nil {
		release = schema.Release{} // unknown is taken for a current one
	}
	return liveness.Notice(in.change.Address.Side(), release, before, after)
}

// comment prints a remark inside a block, wrapped.
func (h *Human) comment(text string) {
	const lead = "        # "
	wrapped := Wrap(h.line(text), h.paper.Out.wrapWidth()-len(lead))
	h.print("%s\n", h.out.paintLines(faint, Indent(wrapped, lead)))
}

// codeLine prints a marker, code, and a comment in its column.
func (h *Human) codeLine(indent, mark, code, comment string) {
	line := indent + h.out.paint(markStyle(mark), mark) + " " + code
	if comment != "" {
		columns := ansi.StringWidth(indent) + len(mark) + 1 + ansi.StringWidth(code)
		pad := max(2, commentColumn-columns)
		line += strings.Repeat(" ", pad) + h.out.paint(faint, "# "+comment)
	}
	h.print("%s\n", line)
}

func verbOf(a plan.Action) (verb, mark string) {
	switch a {
	case plan.Create:
		return "created", "+"
	case plan.Remove:
		return "destroyed", "-"
	}
	return "updated in-place", "~"
}

func markStyle(mark string) style {
	switch mark {
	case "+":
		return green
	case "-":
		return red
	}
	return yellow
}

// bySpelling returns settings as Terraform shows attributes, by name.
func bySpelling(settings []plan.Difference) []plan.Difference {
	sorted := slices.Clone(settings)
	slices.SortStableFunc(sorted, func(a, b plan.Difference) int {
		return strings.Compare(a.Keyword.HCL(), b.Keyword.HCL())
	})
	return sorted
}

// settingText says what happens to one setting and why it goes where it goes.
func settingText(side schema.Side, d plan.Difference, width int) (mark, code, comment string) {
	name := fmt.Sprintf("%-*s", width, d.Keyword.HCL())
	before, after := value(side, d.Keyword, d.Before), value(side, d.Keyword, d.After)
	switch {
	case d.AfterDefault && !d.BeforeDefault:
		return "-", name + " = " + before + " -> " + after, join("back to the default", d.Reason)
	case d.BeforeDefault && !atDefault(d.Reason):
		return "+", name + " = " + after, join("was "+before+", the default", d.Reason)
	case d.Before == d.After:
		return "~", name + " = " + after, d.Reason
	}
	return "~", name + " = " + before + " -> " + after, d.Reason
}

// atDefault reports whether the reason names the commented default beside
// which the line goes, "line 98: #ClientAliveInterval 0".
func atDefault(reason string) bool { return strings.Contains(reason, ": #") }

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

// value spells an argument as it is declared in HCL.
func value(side schema.Side, k schema.Keyword, a schema.Argument) string {
	if a == "" {
		return "unset"
	}
	d, known := schema.Define(side, string(k))
	switch {
	case !known:
		return quoted(string(a))
	case d.Kind == schema.Flag:
		return fmt.Sprint(a == "yes")
	case d.Kind == schema.Timeouts && a == "none":
		return "[]"
	case d.Kind == schema.Timeouts:
		pairs := strings.Fields(string(a))
		for i := range pairs {
			pairs[i] = quoted(pairs[i])
		}
		return "[" + strings.Join(pairs, ", ") + "]"
	case a == "none":
		return `"none"`
	}
	return string(a)
}

func quoted(text string) string { return `"` + text + `"` }

// whereText says on which host, in which file and in which part of it.
func whereText(in instance) string {
	text := in.change.File
	if in.host.Connection().Type != schema.Local {
		address := in.host.Connection().Address
		if address == "" {
			address = in.host.Host
		}
		text = address + ":" + text
	}
	if section := sectionText(in.change); section != "" {
		text += ", section " + quoted(section)
	}
	return text
}

func sectionText(c *plan.Change) string {
	switch {
	case c.Scope.Match != "":
		return "Match " + c.Scope.Match
	case c.Address.Side() != schema.Client:
		return ""
	case c.Scope.Patterns == "":
		return "Host *"
	}
	return "Host " + c.Scope.Patterns
}

// paintLines styles each line of a text.
func (p pen) paintLines(s style, text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = p.paint(s, lines[i])
	}
	return strings.Join(lines, "\n")
}
