package view

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Inspected is what a program makes of its configuration, for printing.
type Inspected struct {
	*plan.Inspected
	// Query is what was asked; Host the host it was asked about, empty for
	// files of this machine.
	Query plan.Query
	Host  string
	// Shown is a path as people know it.
	Shown func(string) string
}

func (i Inspected) program() string {
	if i.Side == schema.Client {
		return "ssh"
	}
	return "sshd"
}

func (i Inspected) place(at plan.Source) string {
	if at.Line == 0 {
		return i.Shown(at.File)
	}
	return fmt.Sprintf("%s:%d", i.Shown(at.File), at.Line)
}

// login says for whom it was asked; empty for nobody in particular.
func (i Inspected) login() string {
	q := i.Query
	var words []string
	add := func(what, value string) {
		if value != "" {
			words = append(words, what+" "+value)
		}
	}
	add("user", q.User)
	add("host", q.Host)
	add("address", q.Address)
	add("local address", q.LocalAddress)
	if q.LocalPort != 0 {
		add("local port", strconv.Itoa(q.LocalPort))
	}
	return strings.Join(words, ", ")
}

// Inspect prints the values in force, each with the line that decides and
// those that do not count.
func (h *Human) Inspect(i Inspected) {
	head := h.line(i.Shown(i.File)) + ", as " + i.program() + " of OpenSSH " + i.Release.String() + " reads it"
	if i.Host != "" {
		head = h.line(i.Host) + ": " + head
	}
	if login := i.login(); login != "" {
		head += ", for " + h.line(login)
	}
	h.print("%s\n\n", h.out.paint(strong, head))
	width := 0
	for _, k := range i.Keywords {
		width = max(width, len(k.Keyword))
	}
	for _, k := range i.Keywords {
		h.inForce(i, k, width)
	}
	for _, n := range i.Notices {
		h.print("  %s: %s\n", h.line(i.place(n.Source)), h.line(n.Text))
	}
	for _, u := range i.Undecided {
		h.print("  not decided, %s: %s\n", h.line(i.place(u.Source)), h.line(u.Text))
	}
}

func (h *Human) inForce(i Inspected, k plan.InForce, width int) {
	var places []string
	for _, s := range k.Sources {
		places = append(places, i.place(s))
	}
	from := strings.Join(places, ", ")
	if k.Default {
		from = "default"
	}
	h.print("  %-*s  %s  %s\n", width, string(k.Keyword), h.line(strings.Join(valuesOf(i.Side, k), ", ")), h.out.paint(faint, h.line(from)))
	for _, s := range k.Shadowed {
		h.print("    not %s  %s  %s\n", h.line(s.Value), h.line(i.place(s.Source)), h.out.paint(faint, h.line(i.reason(s))))
	}
	for _, s := range k.Undecided {
		h.print("    perhaps %s  %s  %s\n", h.line(s.Value), h.line(i.place(s.Source)), h.out.paint(faint, h.line(i.reason(s))))
	}
}

func (i Inspected) reason(s plan.Shadow) string {
	if s.By == (plan.Source{}) {
		return s.Reason
	}
	return s.Reason + " (" + i.place(s.By) + ")"
}

// valuesOf are the values as printed; the default's, where the program prints
// no line for it.
func valuesOf(side schema.Side, k plan.InForce) []string {
	if d, managed := schema.Define(side, string(k.Keyword)); len(k.Values) == 0 && managed {
		return []string{string(d.Default)}
	}
	return k.Values
}

type sourceJSON struct {
	File string `json:"file"`
	Line int    `json:"line"`
}

type shadowJSON struct {
	sourceJSON
	Value  string      `json:"value"`
	Reason string      `json:"reason"`
	By     *sourceJSON `json:"by,omitempty"`
}

type inForceJSON struct {
	// Value is what the program prints; of several lines, all, one a line.
	Value   string   `json:"value"`
	Values  []string `json:"values,omitempty"`
	Seconds *int64   `json:"seconds,omitempty"`
	Default bool     `json:"default"`
	*sourceJSON
	Sources   []sourceJSON `json:"sources,omitempty"`
	Shadowed  []shadowJSON `json:"shadowed"`
	Undecided []shadowJSON `json:"undecided,omitempty"`
}

type remarkJSON struct {
	sourceJSON
	Text string `json:"text"`
}

// InspectJSON writes the values in force as one document. A default for which
// the program prints no line is left out.
func InspectJSON(w io.Writer, i Inspected) error {
	document := struct {
		FormatVersion string                 `json:"format_version"`
		Type          string                 `json:"type"`
		Host          string                 `json:"host,omitempty"`
		File          string                 `json:"file"`
		Release       string                 `json:"release"`
		Valid         bool                   `json:"valid"`
		Errors        []remarkJSON           `json:"errors"`
		Notices       []remarkJSON           `json:"notices"`
		Undecided     []remarkJSON           `json:"undecided"`
		Keywords      map[string]inForceJSON `json:"keywords"`
	}{
		reportVersion, i.program(), Clean(i.Host), Clean(i.Shown(i.File)), i.Release.String(), i.Valid(),
		i.remarks(i.Errors), i.remarks(i.Notices), i.remarks(i.Undecided), map[string]inForceJSON{},
	}
	for _, k := range i.Keywords {
		if len(k.Values) > 0 || !k.Default {
			document.Keywords[k.Keyword.Lower()] = i.keyword(k)
		}
	}
	return encode(w, document)
}

func (i Inspected) keyword(k plan.InForce) inForceJSON {
	values := valuesOf(i.Side, k)
	out := inForceJSON{Value: Clean(strings.Join(values, "\n")), Default: k.Default, Shadowed: i.shadows(k.Shadowed)}
	if len(values) > 1 {
		for _, v := range values {
			out.Values = append(out.Values, Clean(v))
		}
	}
	if d, managed := schema.Define(i.Side, string(k.Keyword)); managed && d.Kind == schema.Time {
		if n, err := strconv.ParseInt(out.Value, 10, 64); err == nil {
			out.Seconds = &n
		}
	}
	if len(k.Sources) > 0 {
		at := i.source(k.Sources[0])
		out.sourceJSON = &at
	}
	if len(k.Sources) > 1 {
		for _, s := range k.Sources {
			out.Sources = append(out.Sources, i.source(s))
		}
	}
	if len(k.Undecided) > 0 {
		out.Undecided = i.shadows(k.Undecided)
	}
	return out
}

func (i Inspected) source(s plan.Source) sourceJSON {
	return sourceJSON{Clean(i.Shown(s.File)), s.Line}
}

func (i Inspected) shadows(shadows []plan.Shadow) []shadowJSON {
	out := []shadowJSON{}
	for _, s := range shadows {
		line := shadowJSON{sourceJSON: i.source(s.Source), Value: Clean(s.Value), Reason: s.Reason}
		if s.By != (plan.Source{}) {
			by := i.source(s.By)
			line.By = &by
		}
		out = append(out, line)
	}
	return out
}

func (i Inspected) remarks(remarks []plan.Remark) []remarkJSON {
	out := []remarkJSON{}
	for _, r := range remarks {
		out = append(out, remarkJSON{i.source(r.Source), Clean(r.Text)})
	}
	return out
}
