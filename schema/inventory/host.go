package inventory

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A collector gathers the hosts of one source.
type collector struct {
	*problems
	limits limits
	hosts  []Host
	byName map[string]int // index in hosts
	taken  int            // hosts seen, those seen twice included
	values int            // values taken so far
	// besides are the digests of further files that were read.
	besides [][]byte
	closed  bool // members that are not known are mistakes, not variables
}

func newCollector(filename string) *collector {
	return &collector{limits: standard(), problems: &problems{filename: filename}, byName: make(map[string]int)}
}

// add takes a host, once. It reports false when reading on is of no use.
func (c *collector) take(h Host) bool {
	if c.taken++; c.taken > 2*c.limits.hosts {
		c.stopped = true
		c.add(h.Line, "Too many hosts", "Up to here there are more than %d hosts, most of them listed twice. The file may be damaged; write it anew.", 2*c.limits.hosts)
		return false
	}
	if first, known := c.byName[h.Name]; known {
		if !c.hosts[first].equal(h) {
			c.add(h.Line, "Host listed twice",
				"Host %s stands here and in line %d, and the two differ in %s. Only one of them can be true. Remove one of the two.",
				quote(h.Name), c.hosts[first].Line, c.hosts[first].difference(h))
		}
		return !c.full()
	}
	if len(c.hosts) == c.limits.hosts {
		c.stopped = true
		c.add(h.Line, "Too many hosts", "An inventory source may hold %d hosts, and this is one more. Split the inventory.", c.limits.hosts)
		return false
	}
	for _, v := range h.Vars {
		c.values += count(v)
	}
	if c.values > c.limits.values {
		c.stopped = true
		c.add(h.Line, "Inventory too large", "The variables of all hosts up to here hold more than %d values, the most that is read. Take away what is not needed.", c.limits.values)
		return false
	}
	c.byName[h.Name] = len(c.hosts)
	c.hosts = append(c.hosts, h)
	return !c.full()
}

// count returns how many values v holds, itself included.
func count(v any) int {
	n := 1
	switch v := v.(type) {
	case []any:
		for _, item := range v {
			n += count(item)
		}
	case map[string]any:
		for _, item := range v {
			n += count(item)
		}
	}
	return n
}

// difference says in which respect two hosts of one name differ.
func (h Host) difference(other Host) string {
	switch {
	case h.Connection != other.Connection:
		return "how they are reached"
	case !slices.Equal(h.Tags, other.Tags):
		return "their tags"
	}
	var names []string
	for name, value := range h.Vars {
		if theirs, ok := other.Vars[name]; !ok || !equalValues(value, theirs) {
			names = append(names, name)
		}
	}
	for name := range other.Vars {
		if _, ok := h.Vars[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return "the variables " + oneOf(names)
}

// checkName says why a name cannot be one, or nothing.
func checkName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > maxName:
		return fmt.Sprintf("is longer than %d bytes", maxName)
	}
	return checkWord(name)
}

// checkWord says why a name, an address or a user cannot be one: they are
// printed, and handed to ssh as an argument.
func checkWord(word string) string {
	switch {
	case !utf8.ValidString(word):
		return "is not UTF-8"
	case strings.HasPrefix(word, "-"):
		return "begins with a minus, so that programs would take it for a flag"
	case strings.ContainsFunc(word, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return "holds a space or a character that cannot be printed"
	}
	return ""
}

// word takes a part of a connection that must be a single word.
func (c *collector) word(line int, host, what, value string) string {
	if wrong := checkWord(value); wrong != "" {
		c.add(line, "Invalid "+what+" in an inventory", "The %s of host %s, %s, %s. Correct it.", what, quote(host), quote(value), wrong)
		return ""
	}
	if len(value) > maxText {
		c.add(line, "Invalid "+what+" in an inventory", "The %s of host %s is longer than %d bytes. Correct it.", what, quote(host), maxText)
		return ""
	}
	return value
}

// port takes a port; empty is not declared.
func (c *collector) port(line int, host, value string) int {
	if value == "" {
		return 0
	}
	n, err := strconv.Atoi(value)
	if err != nil || n < 1 || n > 65535 {
		c.add(line, "Invalid port in an inventory", "The port of host %s is %s; a port is a number from 1 to 65535. Correct it, or leave it empty for the usual one.", quote(host), quote(value))
		return 0
	}
	return n
}

// tags takes tags out of a text, where they are separated by blanks, commas,
// semicolons or bars, or out of a list of texts.
func (c *collector) tags(line int, host string, value any) []string {
	var all []string
	switch v := value.(type) {
	case nil:
		return nil
	case string:
		all = strings.FieldsFunc(v, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(",;|", r) })
	case []any:
		for _, item := range v {
			tag, ok := item.(string)
			if !ok {
				c.add(line, "Invalid tags in an inventory", "The tags of host %s hold %s, which is not a text. Tags are a list of texts.", quote(host), kindOf(item))
				return nil
			}
			all = append(all, tag)
		}
	default:
		c.add(line, "Invalid tags in an inventory", "The tags of host %s are %s. Tags are a list of texts, or one text with commas in between.", quote(host), kindOf(value))
		return nil
	}
	return unique(all)
}

// unique keeps the first of equal tags.
func unique(tags []string) []string {
	seen := make(map[string]bool, len(tags))
	var kept []string
	for _, tag := range tags {
		if tag != "" && !seen[tag] {
			seen[tag] = true
			kept = append(kept, tag)
		}
	}
	return kept
}

// kindOf names the kind of a value for a sentence.
func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a text"
	case []any:
		return "a list"
	}
	return "an object"
}

// A member is a column or a member of an object, with its line.
type member struct {
	name  string
	value any
	line  int
}

// names returns the fields with their defaults.
func (f Fields) names() Fields {
	or := func(name, usual string) string {
		if name == "" {
			return usual
		}
		return name
	}
	return Fields{
		Name:     or(f.Name, "name"),
		Address:  or(f.Address, "address"),
		Port:     or(f.Port, "port"),
		User:     or(f.User, "user"),
		SSHAlias: or(f.SSHAlias, "ssh_alias"),
		Tags:     or(f.Tags, "tags"),
	}
}

// declared returns the fields that the configuration names, with the argument
// that does.
func (f Fields) declared() []struct{ argument, name string } {
	var all []struct{ argument, name string }
	for _, d := range []struct{ argument, name string }{
		{"key", f.Name}, {"address", f.Address}, {"port", f.Port},
		{"user", f.User}, {"ssh_alias", f.SSHAlias}, {"tags", f.Tags},
	} {
		if d.name != "" {
			all = append(all, d)
		}
	}
	return all
}

// fromMembers makes a host of what an object or a row holds. name is known
// already where hosts are the members of an object. A host without address and
// ssh_alias is reached by its name.
func (c *collector) fromMembers(fields Fields, name string, members []member, line int) (Host, bool) {
	before := c.errors
	usual := fields.names()
	h := Host{Name: name, Filename: c.filename, Line: line, Vars: make(map[string]any, len(members))}
	for _, m := range members {
		if name == "" && m.name == usual.Name {
			h.Name = strings.TrimSpace(c.scalar(m, "name"))
		}
	}
	if wrong := checkName(h.Name); wrong != "" {
		c.add(line, "Invalid host name in an inventory", "The name of this host, %s, %s. Every host needs a name of its own, which is also its key in HCL. It is read from %s.", quote(h.Name), wrong, quote(usual.Name))
		return h, false
	}
	for _, m := range members {
		switch m.name {
		case usual.Name:
			if name != "" && m.value != any(name) {
				c.add(m.line, "Two names for a host", "The host under the key %s calls itself by another name in %s. Only one can be true. Remove one of the two.", quote(name), quote(m.name))
			}
		case usual.Address:
			h.Connection.Address = c.word(m.line, h.Name, "address", strings.TrimSpace(c.scalar(m, "address")))
		case usual.Port:
			h.Connection.Port = c.port(m.line, h.Name, strings.TrimSpace(c.scalar(m, "port")))
		case usual.User:
			h.Connection.User = c.word(m.line, h.Name, "user", strings.TrimSpace(c.scalar(m, "user")))
		case usual.SSHAlias:
			h.Connection.SSHAlias = c.word(m.line, h.Name, "ssh_alias", strings.TrimSpace(c.scalar(m, "ssh_alias")))
		case usual.Tags:
			h.Tags = c.tags(m.line, h.Name, m.value)
		default:
			if c.closed {
				c.add(m.line, "Unknown member of a host", "The member %s of host %s is not one of address, port, user, ssh_alias, tags and vars. Variables stand under vars. Correct it.", quote(m.name), quote(h.Name))
			}
			h.Vars[m.name] = m.value
		}
	}
	if h.Connection.Address == "" && h.Connection.SSHAlias == "" && c.errors == before {
		if fields.Address != "" {
			c.add(line, "Host without an address", "Host %s has nothing in %s, where the inventory says its address is. Without one it cannot be reached. Write its address there.", quote(h.Name), quote(usual.Address))
		}
		h.Connection.Address = h.Name
	}
	return h, c.errors == before
}

// scalar takes the text of a member that must not be a list or an object.
func (c *collector) scalar(m member, what string) string {
	switch v := m.value.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	}
	c.add(m.line, "Invalid "+what+" in an inventory", "%s is %s here. It has to be a text.", quote(m.name), kindOf(m.value))
	return ""
}
