package liveness

import (
	"fmt"
	"strings"

	"github.com/sshform/sshform/schema"
)

// Text rules: every line fits the width, nothing is said by colour, and the
// picture uses ASCII so that it survives any terminal and any paste.

// minWidth is the narrowest picture.
const minWidth = 60

// Text draws the timeline for a terminal of this many columns.
//
// Legend explains the marks.
func (t Timeline) Text(width int) string {
	width = max(width, minWidth)
	const label, remark = 9, 36
	cells := width - label - remark - 2
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", t.Title)
	row := func(name, cells, remark string) {
		fmt.Fprintf(&b, "%s\n", strings.TrimRight(fmt.Sprintf("%-*s%s  %s", label, name, cells, remark), " "))
	}
	row("server", t.lane(schema.Server, cells), t.remark(schema.Server))
	row("network", t.path(cells), t.remarkNetwork())
	row("client", t.lane(schema.Client, cells), t.remark(schema.Client))
	row("", axis(t.Span, cells), "")
	return b.String()
}

// cell is the column of a moment.
func (t Timeline) cell(at Seconds, cells int) int {
	return min(int(float64(at)/float64(t.Span)*float64(cells-1)+0.5), cells-1)
}

func (t Timeline) lane(side schema.Side, cells int) string {
	line := []byte(strings.Repeat("-", cells))
	for _, e := range t.Events {
		if e.Side != side {
			continue
		}
		switch e.Kind {
		case Asks:
			line[t.cell(e.At, cells)] = 'o'
		case Segment:
			line[t.cell(e.At, cells)] = '.'
		case AsksInVain:
			line[t.cell(e.At, cells)] = '?'
		}
	}
	if at, _ := t.gone(side); at != Never {
		i := t.cell(at, cells)
		line[i] = 'X'
		for j := i + 1; j < cells; j++ {
			line[j] = ' '
		}
	}
	return string(line)
}

func (t Timeline) path(cells int) string {
	line := []byte(strings.Repeat("=", cells))
	if at := t.broken(); at != Never {
		for j := t.cell(at, cells); j < cells; j++ {
			line[j] = '/'
		}
	}
	return string(line)
}

// axis draws the scale: 0, and round numbers that have room.
func axis(span Seconds, cells int) string {
	line := []byte(strings.Repeat(" ", cells))
	put := func(at int, s string) bool {
		at = min(at, cells-len(s))
		if at < 0 || strings.TrimSpace(string(line[max(at-1, 0):at+len(s)])) != "" {
			return false
		}
		copy(line[at:], s)
		return true
	}
	for _, at := range ticks(span, max(cells/10, 2)) {
		put(int(float64(at)/float64(span)*float64(cells-1)+0.5), fmt.Sprint(int64(at)))
	}
	return strings.TrimRight(string(line), " ") + " s"
}

// ticks returns round moments from 0 to span, at most count+1 of them.
func ticks(span Seconds, count int) []Seconds {
	step := Seconds(1)
	for _, s := range []Seconds{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400} {
		step = s
		if span/s <= Seconds(count) {
			break
		}
	}
	for span/step > Seconds(count) {
		step *= 2
	}
	var found []Seconds
	for at := Seconds(0); at <= span; at += step {
		found = append(found, at)
	}
	return found
}

// Legend explains the marks of Timeline.Text.
const Legend = "o asked and answered, ? asks in vain, . TCP keepalive, X gone, = open, / swallows all"

// Text explains the prediction for a terminal of this many columns: a
// sentence, the numbers, both timelines, and the warnings. With notes it also
// says what is merely good to know.
func (x Prediction) Text(width int, notes bool) string {
	var b strings.Builder
	b.WriteString(wrap(x.Sentence(), width, ""))
	b.WriteString("\n")
	for _, row := range x.Rows() {
		b.WriteString(hang(row[0], row[1], width))
	}
	b.WriteString("\n")
	b.WriteString(x.Quiet().Text(width))
	b.WriteString("\n")
	b.WriteString(x.Cut().Text(width))
	b.WriteString(wrap(Legend, width, ""))
	for _, w := range x.Warnings {
		if w.Severity == Note && !notes {
			continue
		}
		b.WriteString("\n")
		b.WriteString(wrap(title(w.Severity)+": "+w.Summary, width, ""))
		b.WriteString(wrap(w.Detail, width, "  "))
	}
	return b.String()
}

// A Change is a pair before and after a plan.
type Change struct{ Before, After Prediction }

// Text explains the change for a terminal of this many columns: what is now
// and its timelines, then everything about what will be. Where nothing changes
// it explains the one there is.
func (c Change) Text(width int, notes bool) string {
	if c.Before.Pair == c.After.Pair {
		return c.After.Text(width, notes)
	}
	var b strings.Builder
	b.WriteString(wrap("Now: "+c.Before.Sentence(), width, ""))
	b.WriteString("\n" + c.Before.Quiet().Text(width) + "\n" + c.Before.Cut().Text(width) + "\n")
	b.WriteString("With the plan:\n\n" + c.After.Text(width, notes))
	return b.String()
}

func title(s schema.Severity) string { return strings.ToUpper(string(s[:1])) + string(s[1:]) }

// hang writes a name and a text beside it, wrapped.
func hang(name, text string, width int) string {
	const indent = 26
	lines := strings.SplitAfter(wrap(text, max(width-indent, 20), ""), "\n")
	var b strings.Builder
	for i, line := range lines {
		if line == "" {
			continue
		}
		if i > 0 {
			name = ""
		}
		fmt.Fprintf(&b, "  %-*s%s", indent-2, name, line)
	}
	return b.String()
}

// wrap breaks a text into lines of at most width columns.
func wrap(text string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		switch {
		case column == 0:
			b.WriteString(indent)
			column = len(indent)
		case column+1+len([]rune(word)) > width:
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += len([]rune(word))
	}
	b.WriteString("\n")
	return b.String()
}
