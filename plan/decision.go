package plan

import "slices"

// A sharedDecision is a Decision without the words that are a host's own: its
// changes have neither Host nor Address.Key, and edits no Address. Any number of
// hosts point to it, so that it is never written to.
type sharedDecision struct {
	Decision
	// serves are the places in Changes of the targets that edits serve, by file
	// and edit; -1 where an edit keeps an Address that is of no change.
	serves [][]int
}

// Via returns the host with another connection.
func (h HostPlan) Via(c Connection) HostPlan {
	h.address, h.hostKey = c.Address, c.HostKey
	c.Address, c.HostKey = "", ""
	h.way = &c
	return h
}

// Connection is how the host was reached and how apply must reach it. Its
// bastions are shared with other hosts and not to be written to.
func (h *HostPlan) Connection() Connection {
	if h.way == nil {
		return Connection{}
	}
	c := *h.way
	c.Address, c.HostKey = h.address, h.hostKey
	return c
}

// With returns the host with another decision, told in the host's own words.
func (h HostPlan) With(d Decision) HostPlan {
	addresses := make([]string, len(d.Changes))
	h.keys = make([]string, len(d.Changes))
	d.Changes = slices.Clone(d.Changes)
	for i := range d.Changes {
		c := &d.Changes[i]
		addresses[i], h.keys[i] = c.Address.String(), c.Address.Key
		c.Host, c.Address.Key = "", ""
	}
	serves := make([][]int, len(d.Files))
	d.Files = slices.Clone(d.Files)
	for i := range d.Files {
		f := &d.Files[i]
		f.Edits = slices.Clone(f.Edits)
		serves[i] = make([]int, len(f.Edits))
		for j := range f.Edits {
			e := &f.Edits[j]
			if serves[i][j] = slices.Index(addresses, e.Address); serves[i][j] >= 0 {
				e.Address = ""
			}
		}
	}
	h.shared = &sharedDecision{d, serves}
	return h
}

// Decision returns what happens on the host. Changes, files and their edits are
// the caller's own; what hangs below them is shared with other hosts and not to
// be written to.
func (h *HostPlan) Decision() Decision {
	if h.shared == nil {
		return Decision{}
	}
	d := h.shared.Decision
	d.Changes, d.Files = h.Changes(), h.Files()
	return d
}

// Run says how the transaction is carried out.
func (h *HostPlan) Run() Run { return h.decided().Run }

// Facts are what was learnt about the host.
func (h *HostPlan) Facts() Facts { return h.decided().Facts }

// DependsOn is every file and folder that was read to reach the decision and
// is not edited. It is shared with other hosts and not to be written to.
func (h *HostPlan) DependsOn() []Dependency { return h.decided().DependsOn }

// Changed reports whether anything happens on the host.
func (h *HostPlan) Changed() bool {
	return slices.ContainsFunc(h.decided().Changes, func(c Change) bool { return c.Action != NoOp })
}

// Changes are what happens to the targets of the host, by address. They are
// made for the caller, but for what hangs below them.
func (h *HostPlan) Changes() []Change {
	changes := slices.Clone(h.decided().Changes)
	for i := range changes {
		changes[i].Host, changes[i].Address.Key = h.Host, h.keys[i]
	}
	return changes
}

// Files are the edited files of the host, with all edits that its targets make
// to them. They and their edits are made for the caller.
func (h *HostPlan) Files() []FileEdit {
	d := h.decided()
	files := slices.Clone(d.Files)
	for i := range files {
		files[i].Edits = slices.Clone(files[i].Edits)
		for j, serves := range d.serves[i] {
			if serves >= 0 {
				address := d.Changes[serves].Address
				address.Key = h.keys[serves]
				files[i].Edits[j].Address = address.String()
			}
		}
	}
	return files
}

// decided is the decision without the host's own words.
func (h *HostPlan) decided() *sharedDecision {
	if h.shared == nil {
		return &sharedDecision{}
	}
	return h.shared
}
