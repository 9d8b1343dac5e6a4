package inventory

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
)

// The groups that every inventory of Ansible has.
const (
	allGroup       = "all"
	ungroupedGroup = "ungrouped"
)

// An ansible inventory is groups of groups and hosts, with variables on each
// (ansible/inventory/data.py). It is read whole before anything is known about
// a host: any line may still put it into another group.
type ansible struct {
	*collector
	groups  map[string]*ansibleGroup
	hosts   map[string]*ansibleHost
	order   []*ansibleHost
	beside  *varsFolder // group_vars and host_vars; nil where there are none
	notes   []*note
	noteFor map[string]*note

	patterns *patternReader
}

type ansibleGroup struct {
	name              string
	priority          int // ansible_group_priority; 1 if it is not set
	vars              map[string]any
	parents, children []*ansibleGroup
	depth             int // the longest way down from all
	state             int8
}

type ansibleHost struct {
	name   string
	line   int
	vars   map[string]any
	groups map[*ansibleGroup]bool
}

// A note is a warning that may hold for many hosts and is told once.
type note struct {
	line            int
	summary, detail string
	more            int
}

// encrypted stands for a value that only the owner of a vault can read.
type encrypted struct{}

func newAnsible(c *collector) *ansible {
	a := &ansible{
		collector: c,
		groups:    map[string]*ansibleGroup{},
		hosts:     map[string]*ansibleHost{},
		noteFor:   map[string]*note{},
		patterns:  newPatternReader(),
	}
	a.link(a.group(allGroup), a.group(ungroupedGroup))
	return a
}

// group returns a group, made if there is none of that name.
func (a *ansible) group(name string) *ansibleGroup {
	g := a.groups[name]
	if g == nil {
		g = &ansibleGroup{name: name, priority: 1, vars: map[string]any{}}
		a.groups[name] = g
	}
	return g
}

// link makes child a child of parent.
func (a *ansible) link(parent, child *ansibleGroup) {
	if !slices.Contains(parent.children, child) {
		parent.children = append(parent.children, child)
		child.parents = append(child.parents, parent)
	}
}

// host puts a host into a group. port counts only where the host is new, as in
// Ansible. It reports false when reading on is of no use.
func (a *ansible) host(name string, group *ansibleGroup, port string, line int) bool {
	h := a.hosts[name]
	if h == nil {
		if wrong := checkName(name); wrong != "" {
			a.add(line, "Invalid host name in an inventory", "The host name %s %s. Correct it.", quote(name), wrong)
			return !a.full()
		}
		if len(a.hosts) == a.limits.hosts {
			a.stopped = true
			a.add(line, "Too many hosts", "An inventory source may hold %d hosts, and this is one more. Split the inventory, or look for a range that is too wide.", a.limits.hosts)
			return false
		}
		h = &ansibleHost{name: name, line: line, vars: map[string]any{}, groups: map[*ansibleGroup]bool{}}
		if port != "" {
			h.vars["ansible_port"] = json.Number(port)
		}
		a.hosts[name] = h
		a.order = append(a.order, h)
	}
	h.groups[group] = true
	return true
}

// set sets a variable of a group or host. A group goes before a host of the
// same name, as in Ansible.
func (a *ansible) set(name, variable string, value any, line int) {
	if g := a.groups[name]; g != nil {
		a.setGroup(g, variable, value, line)
	} else if h := a.hosts[name]; h != nil {
		h.vars[variable] = value
	}
}

func (a *ansible) setGroup(g *ansibleGroup, variable string, value any, line int) {
	if variable != "ansible_group_priority" {
		g.vars[variable] = value
		return
	}
	var n json.Number
	switch v := value.(type) {
	case json.Number:
		n = v
	case string:
		n = json.Number(strings.TrimSpace(v))
	}
	priority, err := n.Int64()
	if err != nil {
		a.add(line, "Invalid group priority", "The ansible_group_priority of the group %s is not a whole number. Correct it.", quote(g.name))
		return
	}
	g.priority = int(priority)
}

// finish makes hosts of what was read.
func (a *ansible) finish() {
	if a.errors > 0 || !a.arrange() {
		return
	}
	views := map[string]*groupView{}
	for _, h := range a.order {
		view := a.view(h, views)
		if a.errors > 0 {
			break
		}
		if !a.take(a.plain(h, view)) {
			break
		}
	}
	for _, n := range a.notes {
		if n.more > 0 {
			n.detail += fmt.Sprintf(" The same holds for %d more.", n.more)
		}
		a.warn(n.line, n.summary, "%s", n.detail)
	}
}

// note tells something about a host or a group once for all of them.
func (a *ansible) note(line int, summary, detail string, args ...any) {
	if n := a.noteFor[summary]; n != nil {
		n.more++
		return
	}
	n := &note{line: line, summary: summary, detail: fmt.Sprintf(detail, args...)}
	a.noteFor[summary] = n
	a.notes = append(a.notes, n)
}

// arrange hangs groups without a parent under all and finds how deep each
// lies. It reports false if a group is in itself.
func (a *ansible) arrange() bool {
	all := a.groups[allGroup]
	names := slices.Sorted(maps.Keys(a.groups))
	for _, name := range names {
		if g := a.groups[name]; g != all && len(g.parents) == 0 {
			a.link(all, g)
		}
	}
	for _, name := range names {
		if !a.sink(a.groups[name]) {
			return false
		}
	}
	return true
}

// sink computes the depth of a group from that of its parents.
func (a *ansible) sink(g *ansibleGroup) bool {
	const fresh, open, done = 0, 1, 2
	switch g.state {
	case done:
		return true
	case open:
		a.add(0, "Group in itself", "The group %s is, through its children, a child of itself. Remove it from one of them.", quote(g.name))
		return false
	}
	g.state = open
	for _, parent := range g.parents {
		if !a.sink(parent) {
			return false
		}
		g.depth = max(g.depth, parent.depth+1)
	}
	g.state = done
	return true
}

// A groupView is what all hosts in the same groups have from them.
type groupView struct {
	vars map[string]any
	tags []string
}

// view returns what a host has from its groups: of deeper groups, then of
// those with a higher priority, then by name, the last one counts.
func (a *ansible) view(h *ansibleHost, views map[string]*groupView) *groupView {
	direct := make([]*ansibleGroup, 0, len(h.groups)+1)
	for g := range h.groups {
		if g.name != allGroup && g.name != ungroupedGroup {
			direct = append(direct, g)
		}
	}
	if len(direct) == 0 {
		direct = append(direct, a.groups[ungroupedGroup])
	}
	slices.SortFunc(direct, func(x, y *ansibleGroup) int { return strings.Compare(x.name, y.name) })
	var key strings.Builder
	for _, g := range direct {
		key.WriteString(g.name + "\x00")
	}
	if view := views[key.String()]; view != nil {
		return view
	}
	groups := lineage(direct)
	slices.SortFunc(groups, func(x, y *ansibleGroup) int {
		switch {
		case x.depth != y.depth:
			return x.depth - y.depth
		case x.priority != y.priority:
			return x.priority - y.priority
		}
		return strings.Compare(x.name, y.name)
	})
	view := &groupView{vars: map[string]any{}}
	for _, g := range groups {
		maps.Copy(view.vars, g.vars)
		if g.name != allGroup && g.name != ungroupedGroup {
			view.tags = append(view.tags, g.name)
		}
	}
	for _, g := range groups {
		maps.Copy(view.vars, a.beside.of(a, groupVars, g.name))
	}
	slices.Sort(view.tags)
	views[key.String()] = view
	return view
}

// lineage returns groups and all their ancestors.
func lineage(groups []*ansibleGroup) []*ansibleGroup {
	seen := map[*ansibleGroup]bool{}
	var all []*ansibleGroup
	for queue := slices.Clone(groups); len(queue) > 0; queue = queue[1:] {
		if g := queue[0]; !seen[g] {
			seen[g] = true
			all = append(all, g)
			queue = append(queue, g.parents...)
		}
	}
	return all
}

// plain makes a host of ours.
func (a *ansible) plain(from *ansibleHost, view *groupView) Host {
	vars := maps.Clone(view.vars)
	maps.Copy(vars, from.vars)
	maps.Copy(vars, a.beside.of(a, hostVars, from.name))
	maps.DeleteFunc(vars, func(name string, value any) bool {
		return isSecret(name) || holdsEncrypted(value)
	})
	h := Host{Name: from.name, Tags: slices.Clone(view.tags), Vars: vars, Filename: a.filename, Line: from.line}
	h.Connection = a.connection(h)
	return h
}

// isSecret names the variables in which Ansible keeps passwords. Nothing here
// needs one, so none is taken over.
func isSecret(name string) bool {
	return strings.HasPrefix(name, "ansible_") && strings.Contains(name, "pass")
}

func holdsEncrypted(v any) bool {
	switch v := v.(type) {
	case encrypted:
		return true
	case []any:
		return slices.ContainsFunc(v, holdsEncrypted)
	case map[string]any:
		for _, item := range v {
			if holdsEncrypted(item) {
				return true
			}
		}
	}
	return false
}

// connection takes what Ansible knows about reaching a host, under the names
// of today and of Ansible before 2.0.
func (a *ansible) connection(h Host) schema.Connection {
	word := func(names ...string) string {
		for _, name := range names {
			if v, ok := h.Vars[name]; ok {
				return a.plainWord(h, name, v)
			}
		}
		return ""
	}
	c := schema.Connection{
		Address: word("ansible_host", "ansible_ssh_host"),
		Port:    a.port(h.Line, h.Name, word("ansible_port", "ansible_ssh_port")),
		User:    a.word(h.Line, h.Name, "user", word("ansible_user", "ansible_ssh_user")),
	}
	if c.Address = a.word(h.Line, h.Name, "address", c.Address); c.Address == "" {
		c.Address = h.Name
	}
	switch key := word("ansible_ssh_private_key_file", "ansible_private_key_file"); {
	case strings.HasPrefix(key, "/"), strings.HasPrefix(key, "~/"):
		c.IdentityFile = key
	case key != "":
		a.note(h.Line, "Relative key file in an inventory", "The private key file of host %s, %s, is a relative path, which Ansible takes from where it was started. It is not used here. Write it absolute or with ~/, or set identity_file in HCL.", quote(h.Name), quote(key))
	}
	switch way := word("ansible_connection"); way {
	case "local":
		c.Type = schema.Local
	case "", "ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh":
	default:
		a.note(h.Line, "Host not reached over SSH", "Ansible reaches host %s by %s, and sshform only over SSH. Leave it out of what is managed, for instance by where() or a comprehension.", quote(h.Name), quote(way))
	}
	c.Become = a.become(h)
	c.ProxyJump = a.jump(h, word("ansible_ssh_common_args"), word("ansible_ssh_extra_args"))
	return c
}

// plainWord takes a text or number that has no template in it: only Ansible
// could evaluate that, and a wrong address is worse than none.
func (a *ansible) plainWord(h Host, name string, v any) string {
	s := a.scalar(member{name: name, value: v, line: h.Line}, name)
	if strings.Contains(s, "{{") || strings.Contains(s, "{%") {
		a.add(h.Line, "Template in an inventory", "The %s of host %s is a template, %s, which only Ansible evaluates. Write out what it stands for.", name, quote(h.Name), quote(s))
		return ""
	}
	return strings.TrimSpace(s)
}

func (a *ansible) become(h Host) string {
	v, declared := h.Vars["ansible_become"]
	if !declared {
		return ""
	}
	if yes, ok := truth(v); !ok || !yes {
		return "none"
	}
	method, _ := h.Vars["ansible_become_method"].(string)
	switch method {
	case "", "sudo", "ansible.builtin.sudo", "community.general.sudo":
		return "sudo"
	}
	a.note(h.Line, "Unknown way to become root", "Ansible becomes root on host %s by %s, and sshform only by sudo. Set become in HCL if sudo works there too.", quote(h.Name), quote(method))
	return ""
}

// truth reads what Ansible takes for a boolean.
func truth(v any) (yes, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case json.Number:
		return v == "1", v == "1" || v == "0"
	case string:
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "yes", "true", "on", "1", "y", "t":
			return true, true
		case "no", "false", "off", "0", "n", "f":
			return false, true
		}
	}
	return false, false
}

// jump takes the jump hosts out of arguments for ssh.
func (a *ansible) jump(h Host, all ...string) string {
	for _, args := range all {
		words, err := splitShell(args)
		if err != nil {
			continue
		}
		for i, word := range words {
			next := ""
			if i+1 < len(words) {
				next = words[i+1]
			}
			option, glued := strings.CutPrefix(word, "-o")
			if glued && option == "" {
				option = next
			}
			keyword, value, _ := strings.Cut(strings.TrimSpace(option), "=")
			switch {
			case word == "-J":
				return a.word(h.Line, h.Name, "jump host", next)
			case strings.HasPrefix(word, "-J"):
				return a.word(h.Line, h.Name, "jump host", word[2:])
			case glued && strings.EqualFold(strings.TrimSpace(keyword), "ProxyJump"):
				return a.word(h.Line, h.Name, "jump host", strings.TrimSpace(value))
			case glued && strings.EqualFold(strings.TrimSpace(keyword), "ProxyCommand"):
				a.note(h.Line, "ProxyCommand in an inventory", "Ansible reaches host %s through a ProxyCommand. Commands of an inventory are not run. Set proxy_jump in HCL.", quote(h.Name))
			}
		}
	}
	return ""
}
