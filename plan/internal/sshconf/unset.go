package sshconf

import (
	"slices"

	"github.com/sshform/sshform/schema"
)

// An unset is what a release has in force when no line sets anything. It is
// made once for a tree, so that a result holds only what lines say.
type unset struct {
	effective map[string]Effective
	// rows are by slot, aliases the other names of a slot.
	rows    map[string]*row
	aliases map[string][]string
}

type unsetKey struct {
	side    Side
	release schema.Release
}

func (t *Tree) unsetOf(r *run) *unset {
	key := unsetKey{r.res.side, r.d.release}
	u, known := t.unset[key]
	if !known {
		u = r.unset()
		t.unset[key] = u
	}
	return u
}

func (r *run) unset() *unset {
	u := &unset{effective: map[string]Effective{}, rows: map[string]*row{}, aliases: map[string][]string{}}
	holding := func(rows []*row, alias bool) *row {
		i := slices.IndexFunc(rows, func(row *row) bool { return row.holds(r.d.release) && (row.slot != "") == alias })
		if i < 0 {
			return nil
		}
		return rows[i]
	}
	for name, rows := range tableOf(r.res.side) {
		if row := holding(rows, false); row != nil && r.plain(row.kind) {
			u.rows[name] = row
			u.effective[name] = r.effective(row, slots{})
		}
	}
	for name, rows := range tableOf(r.res.side) {
		if row := holding(rows, true); row != nil && u.rows[row.key()] != nil {
			u.aliases[row.key()] = append(u.aliases[row.key()], name)
			u.effective[name] = u.effective[row.key()]
		}
	}
	return u
}
