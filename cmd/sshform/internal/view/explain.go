package view

import (
	"io"

	"github.com/sshform/sshform/plan/liveness"
)

// Explained is what becomes of a pair, before and after a plan, and who the
// pairs are that it is so for.
type Explained struct {
	Links         []Link // empty for a pair that nobody named
	Before, After liveness.Prediction
}

// A Link is a client and a server that talk to each other.
type Link struct {
	Client string `json:"client"`
	Server string `json:"server"`
}

// Explain prints what becomes of pairs.
func (h *Human) Explain(pairs []Explained, notes bool) {
	width := h.paper.Out.wrapWidth()
	for i, e := range pairs {
		if i > 0 {
			h.print("\n")
		}
		if len(e.Links) > 0 {
			h.print("\n%s\n", h.out.paint(strong, "# "+h.line(linksText(e.Links))))
		}
		if e.Before.Pair != e.After.Pair {
			h.print("%s\n%s\n\n%s\n", h.out.paint(strong, "Now:"), Wrap(h.text(e.Before.Sentence()), width), h.out.paint(strong, "After the plan:"))
		}
		h.print("%s", h.text(e.After.Text(width, notes)))
	}
}

func linksText(links []Link) string {
	text := links[0].Client + " and " + links[0].Server
	if len(links) > 1 {
		text += " (and " + more(len(links)-1, "pair") + " like this)"
	}
	return text
}

// ExplainJSON writes what becomes of pairs as one document.
func ExplainJSON(w io.Writer, pairs []Explained) error {
	type pairJSON struct {
		Links  []Link            `json:"pairs"`
		Before *liveness.Summary `json:"before,omitempty"`
		After  liveness.Summary  `json:"after"`
	}
	document := struct {
		FormatVersion string     `json:"format_version"`
		Groups        []pairJSON `json:"groups"`
	}{FormatVersion: reportVersion, Groups: []pairJSON{}}
	for _, e := range pairs {
		group := pairJSON{Links: e.Links, After: e.After.Summary()}
		if group.Links == nil {
			group.Links = []Link{}
		}
		if e.Before.Pair != e.After.Pair {
			before := e.Before.Summary()
			group.Before = &before
		}
		document.Groups = append(document.Groups, group)
	}
	return encode(w, document)
}
