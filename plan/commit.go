package plan

import (
	"fmt"
	"strings"
)

func (c Commit) record() *sourceRecord {
	if c.ID == "" {
		return nil
	}
	r := &sourceRecord{VCSCommit: c.ID, ToldBy: c.ToldBy}
	if c.State != NotCompared {
		dirty := c.State == Dirty
		r.Dirty = &dirty
	}
	return r
}

// commit reads the record of a plan file; nil is none.
func (r *sourceRecord) commit() (Commit, error) {
	if r == nil {
		return Commit{}, nil
	}
	c := Commit{ID: r.VCSCommit, ToldBy: r.ToldBy}
	if !IsCommitID(c.ID) {
		return Commit{}, fmt.Errorf("%q is no commit", c.ID)
	}
	if r.Dirty != nil {
		c.State = Clean
		if *r.Dirty {
			c.State = Dirty
		}
	}
	return c, nil
}

// IsCommitID reports whether text is the name of an object of Git: 40 hex
// digits, or 64 in repositories with SHA-256.
func IsCommitID(text string) bool {
	return (len(text) == 40 || len(text) == 64) && strings.Trim(text, "0123456789abcdef") == ""
}
