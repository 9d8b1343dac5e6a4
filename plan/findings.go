package plan

import (
	"context"
	"fmt"
	"slices"

	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// linted are the findings of Lint about lines that set what a target declares
// and that stay as they are: what a plan would otherwise pass over. Values that
// are declared are judged by surprises.
func (s *scene) linted(t schema.Target) []string {
	if s.findings == nil {
		found, err := Lint(context.Background(), Query{Side: s.side, File: s.main}, s.o)
		if err != nil {
			panic(fmt.Sprintf("plan: lint ended without its context: %v", err))
		}
		s.findings = append([]Finding{}, found...)
	}
	var notes []string
	for _, f := range s.findings {
		about := slices.Contains([]string{"shadowed", "swallowed-by-block", "none-leaves-open", "misread-time"}, f.ID)
		if about && f.Severity != liveness.Note && declaresKeyword(t, f.Keyword) && s.untouched(f.Source) {
			notes = append(notes, fmt.Sprintf("lint: %s:%d: %s", s.short(f.File), f.Line, f.Summary))
		}
	}
	return notes
}

func declaresKeyword(t schema.Target, keyword schema.Keyword) bool {
	is := func(setting schema.Setting) bool { return setting.Keyword == keyword }
	return slices.ContainsFunc(t.Settings, is) || slices.ContainsFunc(t.Unset, is)
}

// untouched reports whether an observed line stays as it is.
func (s *scene) untouched(at Source) bool {
	d, edited := s.drafts[at.File]
	if !edited {
		return true
	}
	return slices.ContainsFunc(d.lines, func(l draftLine) bool { return l.old == at.Line && l.address == "" })
}

// Surprises warns of declared values that do not do what people believe on any
// release, without looking at a host: the findings of Lint about values, as far
// as they do not depend on the release.
func Surprises(targets []schema.Target) schema.Diagnostics {
	var diags schema.Diagnostics
	for _, t := range targets {
		values := liveness.Values{}
		for _, setting := range t.Settings {
			values[setting.Keyword] = setting.Argument
		}
		inMatch := t.Side() == schema.Server && t.Scope.Match != "" && values["ChannelTimeout"] != ""
		for _, w := range onEveryRelease(t.Side(), values, inMatch) {
			i := slices.IndexFunc(t.Settings, func(setting schema.Setting) bool { return setting.Keyword == w.Keyword })
			if i < 0 || w.Severity == liveness.Note {
				continue
			}
			d := w.Diagnostic()
			d.Severity = schema.Warning // plan knows the release, and refuses what has to be
			d.Subject = &t.Settings[i].Range
			d.Block = fmt.Sprintf("%s %q", t.Address.Block, t.Address.Name)
			diags = append(diags, d)
		}
	}
	return diags
}

// onEveryRelease are the warnings that the releases of all ages agree about,
// in the words of the newest.
func onEveryRelease(side schema.Side, values liveness.Values, inMatch bool) []liveness.Warning {
	var common []liveness.Warning
	for i, version := range [][2]int{{10, 5}, {10, 2}, {9, 7}, {9, 2}, {8, 4}, {8, 1}, {7, 9}} {
		found := liveness.Warnings(side, schema.Release{Major: version[0], Minor: version[1], Patch: 1}, values, inMatch)
		if i == 0 {
			common = found
			continue
		}
		common = slices.DeleteFunc(common, func(w liveness.Warning) bool {
			d, _ := schema.Define(side, string(w.Keyword))
			if (schema.Release{Major: version[0], Minor: version[1]}).Compare(schema.Release{Major: d.Since.Major, Minor: d.Since.Minor}) < 0 {
				return false // that release does not know the keyword at all
			}
			return !slices.ContainsFunc(found, func(o liveness.Warning) bool { return o.Code == w.Code })
		})
	}
	return common
}
