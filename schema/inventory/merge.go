package inventory

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
)

// Merge joins the hosts of several sources, sorted by name. A host in two
// sources is a mistake unless both say the same.
func Merge(listings ...Listing) ([]Host, schema.Diagnostics) {
	total := 0
	for _, l := range listings {
		total += len(l.Hosts)
	}
	merged := make([]Host, 0, total)
	for _, l := range listings {
		merged = append(merged, l.Hosts...)
	}
	slices.SortStableFunc(merged, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })
	p := problems{filename: "the inventory"}
	kept := merged[:0]
	for _, h := range merged {
		if len(kept) == 0 || kept[len(kept)-1].Name != h.Name {
			kept = append(kept, h)
			continue
		}
		if first := kept[len(kept)-1]; !first.equal(h) && !p.full() {
			p.filename = h.Filename
			p.add(h.Line, "Host in two sources", "Host %s stands here and in %s, and the two differ in %s. Only one of them can be true. Remove one of the two, or make them equal.",
				quote(h.Name), place(first), first.difference(h))
		}
	}
	if p.errors > 0 {
		return nil, p.found
	}
	return kept, nil
}

func place(h Host) string {
	if h.Line == 0 {
		return h.Filename
	}
	return fmt.Sprintf("%s:%d", h.Filename, h.Line)
}
