package view

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/sshform/sshform/schema"
)

// A group is diagnostics that say the same of several hosts.
type diagnosticGroup struct {
	schema.Diagnostic
	others []string // the hosts, or addresses, of the other ones
}

// merge puts equal diagnostics together, in the order of their first.
func merge(ds schema.Diagnostics) []diagnosticGroup {
	var groups []diagnosticGroup
	at := map[string]int{}
	for _, d := range ds {
		who := whom(d)
		key := signatureOf(d, who)
		if i, known := at[key]; known && who != "" {
			groups[i].others = append(groups[i].others, who)
			continue
		}
		at[key] = len(groups)
		groups = append(groups, diagnosticGroup{Diagnostic: d})
	}
	return groups
}

// whom returns the host or target that a diagnostic concerns; empty when it
// concerns none.
func whom(d schema.Diagnostic) string {
	if d.Where != nil && d.Where.Host != "" {
		return d.Where.Host
	}
	return d.Address
}

// signatureOf is everything a diagnostic says but whom it concerns.
func signatureOf(d schema.Diagnostic, who string) string {
	same := func(text string) string {
		for _, name := range []string{d.Address, who} {
			if name != "" {
				text = strings.ReplaceAll(text, name, "\x00")
			}
		}
		if d.Where != nil && d.Where.Address != "" {
			text = strings.ReplaceAll(text, d.Where.Address, "\x00")
		}
		return text
	}
	place := schema.Place{}
	if d.Where != nil {
		place = schema.Place{Step: d.Where.Step, File: d.Where.File, Line: d.Where.Line}
	}
	var subject schema.Range
	if d.Subject != nil {
		subject = *d.Subject
	}
	return fmt.Sprint(d.Severity, "\x01", same(d.Summary), "\x01", same(d.Detail), "\x01", subject, place, d.Values)
}

// diagnosticText lays one group out.
func (h *Human) diagnosticText(d diagnosticGroup, s Stream, p pen) string {
	colour, word := red, "Error"
	if d.Severity == schema.Warning {
		colour, word = yellow, "Warning"
	}
	boxed := s.Terminal
	width := s.wrapWidth()
	if boxed {
		width -= 2
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n", p.paint(colour, word+": "), p.paint(strong, h.line(d.Summary)))
	if place := h.placeText(d); place != "" {
		fmt.Fprintf(&b, "\n%s", place)
	}
	if snippet := h.snippet(d.Diagnostic, p, boxed); snippet != "" {
		b.WriteString(snippet)
	}
	if d.Detail != "" {
		fmt.Fprintf(&b, "\n%s\n", Wrap(h.text(d.Detail), width))
	}
	if len(d.others) > 0 {
		fmt.Fprintf(&b, "\n%s\n", Wrap(fmt.Sprintf("(and %s: %s)", more(len(d.others), "host"), h.line(nameList(d.others))), width))
	}
	if !boxed {
		return "\n" + b.String()
	}
	edge := p.paint(colour, "│") + " "
	lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
	return p.paint(colour, "╷") + "\n" + edge + strings.Join(lines, "\n"+edge) + "\n" + p.paint(colour, "╵") + "\n"
}

// placeText says where: in the configuration, or on a host.
func (h *Human) placeText(d diagnosticGroup) string {
	var b strings.Builder
	if d.Subject != nil && d.Subject.Filename != "" {
		fmt.Fprintf(&b, "  on %s line %d", h.line(d.Subject.Filename), d.Subject.Start.Line)
		if d.Block != "" {
			fmt.Fprintf(&b, ", in %s", h.line(d.Block))
		}
		b.WriteString(":\n")
	}
	if w := d.Where; w != nil && w.Host != "" {
		fmt.Fprintf(&b, "  on host %s", h.line(w.Host))
		if w.Address != "" && w.Address != w.Host {
			fmt.Fprintf(&b, " (%s)", h.line(w.Address))
		}
		if w.File != "" {
			fmt.Fprintf(&b, ", %s", h.line(w.File))
			if w.Line > 0 {
				fmt.Fprintf(&b, ":%d", w.Line)
			}
		}
		if w.Step != "" {
			fmt.Fprintf(&b, ", step %s", h.line(w.Step))
		}
		b.WriteString(":\n")
	}
	return b.String()
}

// snippet shows the line of the configuration with the piece underlined, and
// what the expressions in it were.
func (h *Human) snippet(d schema.Diagnostic, p pen, boxed bool) string {
	line, ok := h.sourceLine(d.Subject)
	if !ok {
		return ""
	}
	before, marked, after := shownPieces(line, d)
	label := fmt.Sprintf("  %d: ", d.Subject.Start.Line)
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s%s%s\n", label, h.code(before), p.underline(h.code(marked)), h.code(after))
	if !p.colour && strings.TrimSpace(marked) != "" {
		blank := strings.Repeat(" ", len(label)+ansi.StringWidth(h.code(before)))
		fmt.Fprintf(&b, "%s%s\n", blank, strings.Repeat("^", ansi.StringWidth(h.code(marked))))
	}
	if len(d.Values) == 0 {
		return b.String()
	}
	bar := "|"
	if boxed {
		bar = "│"
		fmt.Fprintf(&b, "    %s\n", p.paint(faint, "├────────────────"))
	}
	for _, v := range d.Values {
		fmt.Fprintf(&b, "    %s %s %s\n", p.paint(faint, bar), p.paint(strong, h.line(v.Traversal)), h.line(v.Statement))
	}
	return b.String()
}

// code is a line of a file as it is shown: tabs become blanks, so that the
// carets below stand right.
func (h *Human) code(text string) string {
	return Clean(strings.ReplaceAll(h.paper.Redact.Text(text), "\t", "  "))
}

func (h *Human) sourceLine(subject *schema.Range) (string, bool) {
	if subject == nil || subject.Filename == "" || h.paper.Source == nil {
		return "", false
	}
	return SourceLine(h.paper.Source(subject.Filename), *subject)
}

// SourceLine returns the first line of a range, without its end.
func SourceLine(source []byte, r schema.Range) (string, bool) {
	if r.Start.Byte < 0 || r.Start.Byte > len(source) || len(source) == 0 {
		return "", false
	}
	from := bytes.LastIndexByte(source[:r.Start.Byte], '\n') + 1
	line, _, _ := bytes.Cut(source[from:], []byte("\n"))
	return strings.TrimSuffix(string(line), "\r"), true
}

// shownPieces cuts the line of a diagnostic around its subject. Where the line
// holds a secret, what follows is hidden.
func shownPieces(line string, d schema.Diagnostic) (before, marked, after string) {
	before, marked, after = split(line, *d.Subject)
	if d.Summary == schema.SecretInConfiguration {
		after = " = " + hidden
	}
	return before, marked, after
}

// split cuts a line around the columns of a range. A range that goes on over
// further lines marks the rest of its first.
func split(line string, r schema.Range) (before, marked, after string) {
	from := byteAt(line, r.Start.Column)
	to := len(line)
	if r.End.Line == r.Start.Line {
		to = max(from, byteAt(line, r.End.Column))
	}
	return line[:from], line[from:to], line[to:]
}

// byteAt returns where the character of a column, from 1, begins.
func byteAt(line string, column int) int {
	at := 0
	for ; column > 1 && at < len(line); column-- {
		_, size := utf8.DecodeRuneInString(line[at:])
		at += size
	}
	return at
}

// more is "1 more host", "41 more hosts".
func more(n int, what string) string {
	if n == 1 {
		return "1 more " + what
	}
	return thousands(n) + " more " + what + "s"
}

// few names are listed, more are told by the first and the last.
const few = 5

// nameList is all names while they are few, else the first and the last.
func nameList(names []string) string {
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return names[0] + " to " + names[len(names)-1]
}

// thousands writes a number for people, 1,648.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
