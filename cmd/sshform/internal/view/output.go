package view

import (
	"encoding/json"
	"io"
	"strings"
)

// Outputs prints name = value lines.
func (h *Human) Outputs(outputs []Output) {
	if len(outputs) == 0 {
		return
	}
	width := 0
	for _, o := range outputs {
		width = max(width, len(o.Name))
	}
	h.print("\n%s\n\n", h.out.paint(strong, "Outputs:"))
	for _, o := range outputs {
		h.print("%s%s = %s\n", h.line(o.Name), strings.Repeat(" ", width-len(o.Name)), h.text(outputText(o)))
	}
}

func outputText(o Output) string {
	if o.Sensitive {
		return hidden
	}
	return o.Text
}

// OutputsJSON writes name → {sensitive, type, value}.
func OutputsJSON(w io.Writer, outputs []Output) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(orderedOutputs{outputs: outputs})
}
