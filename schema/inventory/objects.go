package inventory

import (
	"slices"
	"strings"
)

// The members of the top level that are no hosts.
const (
	hostsMember   = "hosts"
	versionMember = "format_version"
	varsMember    = "vars"
)

// maxMembers is how many members a host may have, those under vars not counted.
const maxMembers = 1000

// A topLevel tells the two forms of an object apart: hosts by name, or
// everything under "hosts".
type topLevel struct {
	*collector
	wrap, bare string // a member of each form, if one has been seen
	versioned  bool
	hosts      bool
}

// wrapped notes a member that belongs to the form with "hosts".
func (t *topLevel) wrapped(name string, line int) {
	if name == hostsMember && t.hosts || name == versionMember && t.versioned {
		t.add(line, "Invalid inventory", "The member %s stands twice at the top. Remove one of the two.", name)
	}
	t.hosts = t.hosts || name == hostsMember
	t.versioned = t.versioned || name == versionMember
	t.wrap = name
	t.mixed(line)
}

// plain notes a member that is a host, and reports whether it can be one.
func (t *topLevel) plain(name string, line int) bool {
	first := t.bare == ""
	t.bare = name
	if first {
		t.mixed(line)
	}
	return t.wrap == ""
}

func (t *topLevel) mixed(line int) {
	if t.wrap == "" || t.bare == "" {
		return
	}
	t.add(line, "Invalid inventory", "Beside %s, the member %s stands at the top. Where there is a member %s, all hosts stand under hosts. Move it there, or remove it.", t.wrap, quote(t.bare), t.wrap)
}

// version checks format_version: another major form cannot be read.
func (t *topLevel) version(v any, line int) {
	s, ok := v.(string)
	if major, _, dot := strings.Cut(s, "."); !ok || !dot || major != "1" {
		t.add(line, "Unknown format of an inventory", `The inventory has a format_version that this program does not know; it reads "1.0" and what only adds to it. Write that form, or update sshform.`)
	}
}

func (t *topLevel) end() {
	if t.versioned && !t.hosts && t.errors == 0 {
		t.add(1, "Invalid inventory", "The inventory has a format_version but no hosts. Write hosts = {} in JSON's words if there shall be none.")
	}
}

// takeMembers makes a host of an object's members and takes it. The variables
// under vars stand beside those that are members themselves.
func (c *collector) takeMembers(source Source, name string, members []member, line int) error {
	i := slices.IndexFunc(members, func(m member) bool { return m.name == varsMember })
	var vars map[string]any
	if i >= 0 {
		switch v := members[i].value.(type) {
		case nil:
		case map[string]any:
			vars = v
		default:
			c.add(members[i].line, "Invalid variables in an inventory", "The member vars of a host is %s. It has to be an object. Correct it.", kindOf(v))
			return c.stop()
		}
		members = slices.Delete(members, i, i+1)
	}
	h, ok := c.fromMembers(source.Fields, name, members, line)
	if !ok {
		return c.stop()
	}
	for name, value := range vars {
		if _, twice := h.Vars[name]; twice {
			c.add(line, "Variable given twice", "Host %s has the variable %s both as a member and under vars. Only one can be true. Remove one of the two.", quote(h.Name), quote(name))
			return c.stop()
		}
		h.Vars[name] = value
	}
	if !c.take(h) {
		return errFull
	}
	return nil
}
