package plan

import (
	"slices"

	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// surprises warns where a declared value does not do what people believe, on
// the release of this host and with what else is in force there. What would
// do nothing, or lock people out, was refused before.
func (s *scene) surprises(t schema.Target) schema.Diagnostics {
	login, _ := s.witness(t.Scope) // an earlier step has seen to its error
	r := s.now(login)
	values := s.valuesOf(r)
	var diags schema.Diagnostics
	for _, w := range liveness.Warnings(s.side, s.o.Release, values, s.inMatch(r, values)) {
		i := slices.IndexFunc(t.Settings, func(setting schema.Setting) bool { return setting.Keyword == w.Keyword })
		if w.Severity != schema.Warning || i < 0 {
			continue
		}
		d := s.refusal(t, t.Settings[i].Range, w.Summary, w.Detail)
		d.Severity = schema.Warning
		diags = append(diags, d)
	}
	return diags
}
