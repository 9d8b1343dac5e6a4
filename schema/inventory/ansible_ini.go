package inventory

import (
	"bufio"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// An iniReader reads Ansible's own dialect of INI (plugins/inventory/ini.py).
type iniReader struct {
	*ansible
	group   *ansibleGroup
	section string // "hosts", "children" or "vars"
	line    int
	// pending are groups that were named but not declared, with the line.
	pending map[string]pendingGroup
}

type pendingGroup struct {
	line    int
	section string
	parents []*ansibleGroup
}

// iniSection and iniGroup are the forms of a section header and of a line of
// :children.
func iniSection() *regexp.Regexp {
	return regexp.MustCompile(`^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$`)
}
func iniGroup() *regexp.Regexp { return regexp.MustCompile(`^([^:\]\s]+)\s*(?:#.*)?$`) }

func (a *ansible) readINI(in io.Reader) {
	r := &iniReader{ansible: a, group: a.groups[ungroupedGroup], section: "hosts", pending: map[string]pendingGroup{}}
	section, child := iniSection(), iniGroup()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, maxText)
	for lines.Scan() && !a.full() {
		r.line++
		text := strings.TrimSpace(lines.Text())
		if text == "" || text[0] == '#' || text[0] == ';' {
			continue
		}
		if !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
			a.add(r.line, "Not UTF-8", "This line is not UTF-8 text. Save the inventory as UTF-8.")
			continue
		}
		if m := section.FindStringSubmatch(text); m != nil {
			r.header(m[1], m[2])
			continue
		}
		if text[0] == '[' && text[len(text)-1] == ']' {
			a.add(r.line, "Invalid section", "%s is not a section. Sections are [group], [group:children] and [group:vars], without blanks in them. Correct it.", quote(text))
			continue
		}
		switch r.section {
		case "hosts":
			r.hosts(text)
		case "children":
			m := child.FindStringSubmatch(text)
			if m == nil {
				a.add(r.line, "Invalid group", "In a section with :children each line is the name of a group, and %s is not one. Correct it.", quote(text))
				continue
			}
			r.child(m[1])
		case "vars":
			name, value, ok := strings.Cut(text, "=")
			if !ok {
				a.add(r.line, "Invalid variable", "In a section with :vars each line is a variable, name=value, and %s is not one. Correct it.", quote(text))
				continue
			}
			a.setGroup(r.group, strings.TrimSpace(name), pythonValue(strings.TrimSpace(value)), r.line)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		a.add(r.line+1, "Line too long", "This line is longer than %d bytes, more than is read. This may not be an inventory.", maxText)
	} else if err != nil {
		a.unreadable(err)
	}
	r.undeclared()
}

// header begins a section.
func (r *iniReader) header(name, section string) {
	if section == "" {
		section = "hosts"
	}
	if !slices.Contains([]string{"hosts", "children", "vars"}, section) {
		r.add(r.line, "Invalid section", "A section cannot be of the kind %s. Sections are [group], [group:children] and [group:vars]. Correct it.", quote(section))
		return
	}
	r.section = section
	waiting, isPending := r.pending[name]
	if _, known := r.groups[name]; !known && section == "vars" && !isPending {
		r.pending[name] = pendingGroup{line: r.line, section: "vars"}
	}
	r.group = r.ansible.group(name)
	if isPending && section != "vars" {
		for _, parent := range waiting.parents {
			r.link(parent, r.group)
		}
		delete(r.pending, name)
	}
}

// child adds a child to the section's group, now or once it is declared.
func (r *iniReader) child(name string) {
	waiting, isPending := r.pending[name]
	if g, known := r.groups[name]; known && !isPending {
		r.link(r.group, g)
		return
	}
	if !isPending {
		waiting = pendingGroup{line: r.line, section: "children"}
	}
	waiting.parents = append(waiting.parents, r.group)
	r.pending[name] = waiting
}

// undeclared tells the first group that was used but never declared.
func (r *iniReader) undeclared() {
	var first string
	for name, p := range r.pending {
		if first == "" || p.line < r.pending[first].line {
			first = name
		}
	}
	if first != "" && !r.full() {
		r.add(r.pending[first].line, "Group not declared", "The group %s is named here, but there is no section [%s] or [%s:children]. A group with variables or as a child has to be declared. Correct the name, or add the section.", quote(first), clean(first), clean(first))
	}
}

// hosts reads a line with one host or a range of hosts and their variables.
func (r *iniReader) hosts(text string) {
	words, err := splitShell(text)
	if err != nil {
		r.add(r.line, "Invalid host line", "This line cannot be taken apart: %s. Correct it.", err)
		return
	}
	if len(words) == 0 {
		return
	}
	vars := make([]member, 0, len(words)-1)
	for _, word := range words[1:] {
		name, value, ok := strings.Cut(word, "=")
		if !ok {
			r.add(r.line, "Invalid host line", "After the name of a host come variables, name=value, and %s is not one. Write each host on a line of its own; values with blanks need quotes.", quote(word))
			return
		}
		vars = append(vars, member{name: name, value: pythonValue(value)})
	}
	names, port, err := r.patterns.expand(words[0])
	if err != nil {
		r.add(r.line, "Invalid host range", "The host pattern %s %s. Correct it.", quote(words[0]), err)
		return
	}
	for name := range names {
		if !r.host(name, r.group, port, r.line) {
			return
		}
		for _, v := range vars {
			r.set(name, v.name, v.value, r.line)
		}
	}
}
