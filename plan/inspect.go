package plan

import (
	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// An Inspected is what a program makes of its configuration for one login.
type Inspected struct {
	Side    schema.Side
	File    string
	Release schema.Release
	// Errors are why the program would refuse its configuration. With errors
	// nothing is in force, and Keywords is empty.
	Errors []Remark
	// Notices are lines that are read and do nothing.
	Notices []Remark
	// Undecided are lines of which it cannot be known whether or how they
	// count.
	Undecided []Remark
	// Keywords are sshform's in the order of their table, or all of the
	// release by name.
	Keywords []InForce
	// Files are the paths that were looked at, sorted, also those where
	// nothing stands.
	Files []string
}

// Valid reports whether the program accepts its configuration.
func (i *Inspected) Valid() bool { return len(i.Errors) == 0 }

// A Remark is something about a line; Line 0 is the file as a whole.
type Remark struct {
	Source
	Text string
}

// An InForce is the value of one keyword and where it comes from.
type InForce struct {
	// Keyword is as the manual spells it.
	Keyword schema.Keyword
	// Values are what the program prints behind the keyword, one for each line
	// it prints; it prints none for some defaults.
	Values []string
	// Default says that no line sets it.
	Default bool
	// Sources are the lines whose value it is; several where lines add up.
	Sources []Source
	// Shadowed are the other lines of the keyword, in reading order.
	Shadowed []Shadow
	// Undecided are lines that would change the value if they counted.
	Undecided []Shadow
}

// A Shadow is a line of a keyword that is not in force.
type Shadow struct {
	Source
	// Value is what the line says, as the program would print it.
	Value string
	// Reason says why it does not count, By the line that has its place.
	Reason string
	By     Source
}

// InspectAsks names the files and folders still wanted for Inspect.
func InspectAsks(q Query, o *Observed) Asking {
	return asking(q.resolve(q.scene(o)).Wants)
}

// Inspect says what is in force. With all it lists every keyword whose value
// is known, else sshform's. The observation must be whole: InspectAsks wants
// nothing.
func Inspect(q Query, o *Observed, all bool) *Inspected {
	s := q.scene(o)
	r := q.resolve(s)
	i := &Inspected{
		Side: s.side, File: s.main, Release: o.Release, Files: r.Files,
		Errors: remarks(s.refusals(r)), Notices: remarks(r.Notices), Undecided: remarks(r.Undecided),
	}
	if !r.Valid() && len(i.Errors) == 0 {
		i.Errors = []Remark{{Source{File: s.main}, "it is refused"}}
	}
	if !i.Valid() {
		return i
	}
	if all {
		for _, e := range r.Keywords() {
			i.Keywords = append(i.Keywords, inForce(e, r))
		}
		return i
	}
	for _, d := range schema.Definitions(s.side) {
		if _, known := sshconf.Lookup(s.dialect().Side, string(d.Keyword), o.Release); known {
			i.Keywords = append(i.Keywords, inForce(r.Keyword(string(d.Keyword)), r))
		}
	}
	return i
}

// refusals are why the program would refuse its configuration: without its
// count of what was just told, and with what is known about a file.
func (s *scene) refusals(r *sshconf.Result) []sshconf.Problem {
	var found []sshconf.Problem
	for i, p := range r.Errors {
		f, known := s.o.Files[p.File]
		switch {
		case p.Line > 0:
		case i > 0 && r.Errors[i-1].File == p.File:
			continue
		case known && f.State != Regular:
			p.Text = "it " + f.describe()
		}
		found = append(found, p)
	}
	return found
}

func inForce(e sshconf.Effective, r *sshconf.Result) InForce {
	v := InForce{Keyword: schema.Keyword(e.Keyword), Values: e.Values, Default: e.Default}
	for _, p := range e.From {
		v.Sources = append(v.Sources, sourceAt(p))
	}
	for _, d := range r.Shadowed(e.Keyword) {
		v.Shadowed = append(v.Shadowed, shadow(d))
	}
	for _, d := range e.Undecided {
		v.Undecided = append(v.Undecided, shadow(d))
	}
	return v
}

func shadow(d sshconf.Directive) Shadow {
	return Shadow{Source: sourceAt(d.Place), Value: d.Value, Reason: string(d.Why), By: sourceAt(d.By)}
}

func sourceAt(p sshconf.Place) Source { return Source{File: p.File, Line: p.Line} }

func remarks(problems []sshconf.Problem) []Remark {
	var out []Remark
	for _, p := range problems {
		out = append(out, Remark{sourceAt(p.Place), p.Text})
	}
	return out
}
