package inventory

import (
	"fmt"
	"strings"

	"github.com/sshform/sshform/schema"
)

// maxProblems is how many mistakes of one source are told; reading stops then.
const maxProblems = 20

// problems collects the mistakes in one source.
type problems struct {
	filename string
	found    schema.Diagnostics
	errors   int
	stopped  bool // reading on is of no use
}

// add tells an error. A line of 0 is unknown.
func (p *problems) add(line int, summary, detail string, args ...any) {
	p.errors++
	p.tell(schema.Error, line, summary, detail, args...)
	if p.errors == maxProblems {
		p.tell(schema.Error, line, "Too many mistakes in an inventory",
			"Reading %s stopped after %d mistakes; there may be more. Correct these first.", p.filename, maxProblems)
	}
}

// warn tells a warning.
func (p *problems) warn(line int, summary, detail string, args ...any) {
	if len(p.found) < 2*maxProblems {
		p.tell(schema.Warning, line, summary, detail, args...)
	}
}

func (p *problems) tell(severity schema.Severity, line int, summary, detail string, args ...any) {
	at := schema.Pos{Line: line, Column: 1}
	d := schema.Diagnostic{Severity: severity, Summary: summary, Detail: fmt.Sprintf(detail, args...)}
	d.Subject = &schema.Range{Filename: p.filename, Start: at, End: at}
	p.found = append(p.found, d)
}

// full reports whether so much is wrong that reading on is of no use.
func (p *problems) full() bool { return p.stopped || p.errors >= maxProblems }

// quote makes what stands in an inventory safe to print, and short.
func quote(s string) string {
	const most = 80
	if len(s) > most {
		return fmt.Sprintf("%q", strings.ToValidUTF8(s[:most], "?")) + "…"
	}
	return fmt.Sprintf("%q", s)
}

// oneOf lists names for a sentence.
func oneOf(names []string) string {
	const most = 12
	quoted := make([]string, 0, most)
	for i, name := range names {
		if i == most {
			return strings.Join(quoted, ", ") + fmt.Sprintf(" and %d more", len(names)-most)
		}
		quoted = append(quoted, quote(name))
	}
	return strings.Join(quoted, ", ")
}
