package sshconf

import (
	"strings"

	"github.com/sshform/sshform/schema"
)

// A Dialect is a kind of file and the release that reads it.
type Dialect struct {
	Side    Side
	Release schema.Release
}

// A dialect is how a release reads lines.
type dialect struct {
	release schema.Release
	side    Side
	// split: arguments are cut as a whole (since 8.7).
	split bool
	// cut: a line ends at its first '#' (sshd up to 8.6; ssh 8.5 and 8.6).
	cut bool
	// workDir is where sshd was started.
	workDir string
	// matchSplit: the Match line is cut like the others (since 9.9).
	matchSplit bool
}

func dialectOf(side Side, release schema.Release) dialect {
	modern := release.AtLeast(8, 7)
	return dialect{
		release: release, side: side, split: modern,
		cut:        !modern && (side == Server || release.AtLeast(8, 5)),
		matchSplit: release.AtLeast(9, 9),
	}
}

// A logicalLine is a line as the program sees it: blank ones and comments
// are left out.
type logicalLine struct {
	// number is that of the physical line where it starts.
	number  int
	keyword string // as written
	name    string // in lower case
	raw     rest
	args    []string
	// badQuotes: a quote is not closed (since 8.7).
	badQuotes bool
	row       *row // nil: unknown

	// criteria and complaint are those of a Match line, patterns and blank of
	// a Host line, in lines of files.
	criteria  []Criterion
	complaint string
	patterns  []string
	blank     bool
}

// cursor returns a fresh cursor over the arguments.
func (l *logicalLine) cursor(d *dialect) *cursor {
	whole := l.row != nil && l.row.kind == kindSetEnv
	return &cursor{raw: l.raw, args: l.args, left: l.raw, modern: d.split, whole: whole}
}

// bare reports whether nothing follows the keyword.
func (l *logicalLine) bare() bool { return !l.raw.some || l.raw.s == "" }

// read turns a file into the lines that the program sees.
func (d *dialect) read(f *File) []logicalLine {
	texts := d.texts(f)
	lines := make([]logicalLine, 0, len(texts))
	for _, t := range texts {
		if l, ok := d.line(t.text, t.number); ok {
			lines = append(lines, l)
		}
	}
	return lines
}

// line reads one line; ok is false when there is nothing on it.
func (d *dialect) line(text string, number int) (l logicalLine, ok bool) {
	if text == "" {
		return l, false
	}
	keyword, left, found := keywordOf(trimEnd(text))
	if !found {
		return l, false
	}
	l = logicalLine{number: number, keyword: keyword, name: lower(keyword), raw: left}
	if d.side == Client && d.split && l.raw.some {
		l.raw.s = skipBlanks(l.raw.s)
	}
	l.row = tableOf(d.side).find(l.name, d.release)
	if d.split && l.raw.some {
		args, closed := split(l.raw.s)
		l.args, l.badQuotes = args, !closed
	}
	return l, true
}

type numbered struct {
	text   string
	number int
}

// texts applies the rules of section 1.1 of sshd's and ssh's line reading: what
// a NUL does, where a comment is cut, what is stripped in front.
func (d *dialect) texts(f *File) []numbered {
	out := make([]numbered, 0, f.Len())
	all := string(f.raw)
	glued, from := "", 0
	for number := 1; all != ""; number++ {
		line, after, newline := strings.Cut(all, "\n")
		all = after
		line, ended := d.visible(line, newline)
		if d.side == Client {
			if content(line) {
				out = append(out, numbered{line, number})
			}
			continue
		}
		line = strings.TrimLeft(line, " \t\r")
		if !ended { // a NUL: the next line is appended
			if glued == "" {
				from = number
			}
			glued += line
			if all == "" && glued != "" {
				out = append(out, numbered{glued, from})
			}
			continue
		}
		if glued != "" {
			line = glued + line
			out = append(out, numbered{line, from})
			glued = ""
			continue
		}
		if content(line) {
			out = append(out, numbered{line, number})
		}
	}
	return out
}

// content tells lines that may mean something from blank ones and comments.
func content(line string) bool {
	for i := 0; i < len(line); i++ {
		if !isBlank(line[i]) {
			return line[i] != '#'
		}
	}
	return false
}

// visible returns the part of a line that the program sees. ended is false
// when sshd loses the newline, too.
func (d *dialect) visible(line string, newline bool) (text string, ended bool) {
	nul := strings.IndexByte(line, 0)
	if nul >= 0 {
		line = line[:nul]
	}
	if d.cut {
		if i := strings.IndexByte(line, '#'); i >= 0 {
			return line[:i], true
		}
	}
	if nul >= 0 {
		return line, d.side == Client
	}
	return line, newline || d.side == Client
}
