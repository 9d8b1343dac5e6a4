package plan

import (
	"fmt"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// shadowed tells of lines that never count, for no login.
func (l *linter) shadowed() {
	for _, f := range l.shadows {
		if !l.counts[sshconf.Place{File: f.File, Line: f.Line}] {
			l.add(f)
		}
	}
}

// shadowsOf notes the lines that count for a login, and those that another
// has the place of. A line in a block is judged by one login of the block, so
// that the other line must be known to win for all of them: it stands in a
// block that covers this one.
func (l *linter) shadowsOf(r *sshconf.Result) {
	at := make(map[sshconf.Place]int, len(r.Directives))
	for i, d := range r.Directives {
		at[d.Place] = i
		if d.Counts {
			l.counts[d.Place] = true
		}
	}
	for _, d := range r.Directives {
		if l.counts[d.Place] || d.File == sshconf.CommandLine {
			continue
		}
		switch d.Why {
		case sshconf.NoValue:
			l.leavesOpen(d)
		case sshconf.Later, sshconf.Earlier, sshconf.Overruled:
			if i, found := at[d.By]; found && covers(r.Directives[i].Block, d.Block) {
				l.shadows = append(l.shadows, l.shadowing(d, r.Directives[i]))
			}
		}
	}
}

// covers reports whether every login of a block is also one of another.
func covers(outer, inner *sshconf.Block) bool {
	if catchAll(outer) {
		return true
	}
	for b := inner; b != nil; b = b.Within {
		if b == outer || b.Within == outer.Within && (b.Keyword == "Host" && outer.SamePatterns(b.Patterns) || b.Keyword == "Match" && outer.SameCriteria(b.Criteria)) {
			return true
		}
	}
	return false
}

func (l *linter) shadowing(d, winner sshconf.Directive) Finding {
	f := Finding{
		ID: "shadowed", Severity: schema.Warning, Keyword: schema.Keyword(d.Keyword), Source: sourceAt(d.Place),
		Summary: "Line never counts",
	}
	if d.Value == winner.Value {
		f.ID, f.Severity, f.Summary = "repeated", liveness.Note, "Line repeats another"
		f.Detail = fmt.Sprintf("%s %s does nothing: %s says the same and has the say. Remove one of the two, so that a change of one is not lost.", d.Keyword, d.Value, winner.Place)
		return f
	}
	rule := "OpenSSH takes the first value that it finds, also of files that are included later or sort behind"
	switch d.Why {
	case sshconf.Earlier:
		rule = fmt.Sprintf("of this keyword OpenSSH %s takes the last value", l.o.Release)
	case sshconf.Overruled:
		rule = "a Match block that matches everybody replaces every global value, wherever it stands"
	}
	f.Detail = fmt.Sprintf("%s %s does nothing: %s sets it to %s, and %s. Change the other line, or remove this one.", d.Keyword, d.Value, winner.Place, winner.Value, rule)
	return f
}

// leavesOpen warns of the client's none, which pins nothing.
func (l *linter) leavesOpen(d sshconf.Directive) {
	definition, managed := schema.Define(l.side, d.Keyword)
	if !managed {
		return
	}
	l.shadows = append(l.shadows, Finding{
		ID: "none-leaves-open", Severity: schema.Warning, Keyword: definition.Keyword, Source: sourceAt(d.Place), Summary: "None is not off",
		Detail: fmt.Sprintf("%s none means \"not set\": a later line, also of the system's file, still gives it a value. Only 0 switches it off for good. Write 0, or remove the line.", d.Keyword),
	})
}
