package plan

import (
	"fmt"
	"slices"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// An Import is what a host's files say today, as settings that change nothing.
type Import struct {
	// Settings are for everybody, in table order: every keyword that a line
	// sets, and the keywords of alive messages also where nothing does.
	Settings []schema.Setting
	// Notes say what the settings leave out: blocks with other values, lines
	// that cannot be decided about.
	Notes []string
}

// ImportSettings reads the settings of a target without any from what was
// observed for it; Asks must want nothing more. A plan of the target with
// these settings has no changes, or the diagnostics say why.
func ImportSettings(t schema.Target, o *Observed) (Import, schema.Diagnostics) {
	if o.Err != "" {
		return Import{}, schema.Diagnostics{{
			Severity: schema.Error, Summary: "Host could not be read", Detail: o.Err + ".",
			Where: &schema.Place{Host: o.Host, Step: o.Step},
		}}
	}
	groups := byFile([]schema.Target{t}, o)
	s := newScene(groups[0], o)
	diags := s.usable()
	if !diags.HasErrors() {
		diags = append(diags, s.disagreements()...)
	}
	for i := range diags {
		diags[i].Subject, diags[i].Where.Host = nil, o.Host
	}
	if diags.HasErrors() {
		return Import{}, diags
	}
	var found Import
	r := s.before(s.everybody())
	for _, d := range s.definitions {
		e := r.Keyword(string(d.Keyword))
		argument := canonical(d, e.Values)
		switch {
		case s.unsupported(want{target: t, keyword: d.Keyword, definition: d}) != nil:
		case !e.Decided():
			found.Notes = append(found.Notes, fmt.Sprintf("%s cannot be decided: %s:%d may count or not", d.Keyword.HCL(), e.Undecided[0].File, e.Undecided[0].Line))
		case argument != "" && (len(e.From) > 0 || slices.Contains(alive(t.Side()), d.Keyword)):
			found.Settings = append(found.Settings, schema.Setting{Keyword: d.Keyword, Argument: argument})
		}
		for _, directive := range r.Of(string(d.Keyword)) {
			if !catchAll(directive.Block) && directive.Why != sshconf.Later {
				found.Notes = append(found.Notes, fmt.Sprintf("%s (%s:%d) keeps %s = %s",
					header(directive.Block), directive.File, directive.Line, d.Keyword.HCL(), directive.Value))
			}
		}
	}
	t.Settings = found.Settings
	again, diags := buildHost([]schema.Target{t}, o)
	if !diags.HasErrors() && again.Changed() && again.Changes()[0].Action != Reload {
		diags = append(diags, schema.Diagnostic{
			Severity: schema.Error, Summary: "Values cannot be declared as they are",
			Detail: fmt.Sprintf("The values in force on %s cannot be written down so that a plan leaves them alone. Declare this host by hand.", o.Host),
			Where:  &schema.Place{Host: o.Host},
		})
	}
	return found, diags
}

// alive are the keywords of the messages that keep a connection alive.
func alive(side schema.Side) []schema.Keyword {
	if side == schema.Client {
		return []schema.Keyword{"ServerAliveInterval", "ServerAliveCountMax"}
	}
	return []schema.Keyword{"ClientAliveInterval", "ClientAliveCountMax"}
}
