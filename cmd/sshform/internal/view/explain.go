package view

import (
	"io"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/plan/liveness"
)

// Explain prints what becomes of pairs.
func (h *Human) Explain(pairs []plan.Pairing, notes bool) {
	width := h.paper.Out.wrapWidth()
	for i, e := range pairs {
		if i > 0 {
			h.print("\n")
		}
		if len(e.Clients) > 0 {
			h.print("%s\n", h.out.paint(strong, "# "+h.line(e.Text())))
		}
		if e.Before.Pair != e.After.Pair {
			h.print("%s\n%s\n\n%s\n", h.out.paint(strong, "Now:"), Wrap(h.text(e.Before.Sentence()), width), h.out.paint(strong, "After the plan:"))
		}
		h.print("%s", h.text(e.After.Text(width, notes)))
	}
}

// ExplainJSON writes what becomes of pairs as one document.
func ExplainJSON(w io.Writer, pairs []plan.Pairing) error {
	// Each of the clients with each of the servers.
	type pairJSON struct {
		Clients []string          `json:"clients"`
		Servers []string          `json:"servers"`
		Before  *liveness.Summary `json:"before,omitempty"`
		After   liveness.Summary  `json:"after"`
	}
	document := struct {
		FormatVersion string     `json:"format_version"`
		Groups        []pairJSON `json:"groups"`
	}{FormatVersion: reportVersion, Groups: []pairJSON{}}
	for _, e := range pairs {
		group := pairJSON{Clients: append([]string{}, e.Clients...), Servers: append([]string{}, e.Servers...), After: e.After.Summary()}
		if e.Before.Pair != e.After.Pair {
			before := e.Before.Summary()
			group.Before = &before
		}
		document.Groups = append(document.Groups, group)
	}
	return encode(w, document)
}
