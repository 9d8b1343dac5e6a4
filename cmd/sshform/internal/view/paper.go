// Package view prints: text for people, JSON for programs. Nothing else in
// sshform writes to the terminal.
//
// The rules, for every writer here:
//
//   - Results, progress and warnings go to the standard output, errors to the
//     standard error, so that `sshform plan > plan.txt` is clean.
//   - Colour only where it was asked for or a person looks; nothing is said by
//     colour alone. Boxes are drawn on a terminal only.
//   - Prose is wrapped at the terminal's width, 100 at most, and at 78 where
//     there is no terminal. Lines of files, addresses and commands are never
//     wrapped.
//   - What a host said is cleaned of terminal escapes and control characters
//     before it is printed, and secrets are taken out.
//   - Human text may change; JSON may not: "1.x" adds, "2.0" breaks.
package view

import (
	"io"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
)

// A Stream is somewhere to print.
type Stream struct {
	io.Writer
	// Terminal says that a person looks; Width is its columns, 0 if unknown.
	Terminal bool
	Width    int
	// Moves says that what stands there can be drawn over.
	Moves  bool
	Colour bool
}

// wrapWidth is where prose is wrapped.
func (s Stream) wrapWidth() int {
	const widest, withoutTerminal = 100, 78
	if !s.Terminal || s.Width <= 0 {
		return withoutTerminal
	}
	return min(s.Width, widest)
}

// Paper is what the human view prints on, and how.
type Paper struct {
	Out, Err Stream
	// Source returns the text of a file of the configuration, nil if there is
	// none. Diagnostics show lines of it.
	Source func(name string) []byte
	// Redact takes secrets out of everything that is printed.
	Redact *Redactor
	// CompactWarnings shows summaries of warnings only.
	CompactWarnings bool
	// Concise leaves out the progress of single hosts.
	Concise bool
	// Full shows every change, instead of one for each group.
	Full bool
	// Automation leaves out hints for people.
	Automation bool
}

// ColourChoice is everything that has a say in whether there is colour.
type ColourChoice struct {
	Off        bool   // -no-color
	NoColor    string // NO_COLOR; any value but the empty one means no
	Term       string // TERM
	ForceColor string // FORCE_COLOR
	CliForce   string // CLICOLOR_FORCE
	Terminal   bool
}

// Colour decides: -no-color, then NO_COLOR, then TERM=dumb, then FORCE_COLOR
// and CLICOLOR_FORCE, then whether there is a terminal.
func Colour(c ColourChoice) bool {
	forced := func(value string) bool { return value != "" && value != "0" }
	switch {
	case c.Off, c.NoColor != "", c.Term == "dumb":
		return false
	case forced(c.ForceColor), forced(c.CliForce):
		return true
	}
	return c.Terminal
}

// A style is one of the five ways in which text can stand out.
type style int

const (
	strong style = iota // headings
	green               // created, succeeded
	yellow              // updated, warnings
	red                 // destroyed, errors
	faint               // what may be skipped
	styles
)

// A pen writes in styles, or plainly where there is no colour.
type pen struct {
	colour bool
	sheet  [styles]lipgloss.Style
}

func newPen(colour bool) pen {
	base := lipgloss.NewStyle().TabWidth(lipgloss.NoTabConversion)
	return pen{colour: colour, sheet: [styles]lipgloss.Style{
		strong: base.Bold(true),
		green:  base.Foreground(lipgloss.Green),
		yellow: base.Foreground(lipgloss.Yellow),
		red:    base.Foreground(lipgloss.Red),
		faint:  base.Faint(true),
	}}
}

// paint styles one line of text.
func (p pen) paint(s style, text string) string {
	if !p.colour || text == "" {
		return text
	}
	return p.sheet[s].Render(text)
}

// underline marks a piece of a line. Without colour it does nothing, and the
// caller draws carets.
func (p pen) underline(text string) string {
	if !p.colour || text == "" {
		return text
	}
	return ansi.Style{}.Underline(true).Styled(text)
}

// Wrap breaks prose between words so that lines are at most width columns.
// A line that begins with a blank is not prose and stays as it is, and so does
// a word that is longer than a line.
func Wrap(text string, width int) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" || line[0] == ' ' || line[0] == '\t' {
			lines = append(lines, line)
			continue
		}
		lines = append(lines, wrapLine(line, width)...)
	}
	return strings.Join(lines, "\n")
}

func wrapLine(line string, width int) []string {
	var lines []string
	var current strings.Builder
	used := 0
	for word := range strings.SplitSeq(line, " ") {
		columns := ansi.StringWidth(word)
		if used > 0 && used+1+columns > width {
			lines = append(lines, current.String())
			current.Reset()
			used = 0
		}
		if used > 0 {
			current.WriteByte(' ')
			used++
		}
		current.WriteString(word)
		used += columns
	}
	return append(lines, current.String())
}

// Indent puts indent before every line that is not empty.
func Indent(text, indent string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = indent + line
		}
	}
	return strings.Join(lines, "\n")
}
