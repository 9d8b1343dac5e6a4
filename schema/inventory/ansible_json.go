package inventory

import (
	"bytes"
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// readAnsible reads an inventory of Ansible in any of its forms. path is where
// the file is; empty if there is none.
func (c *collector) readAnsible(r *peeker, path string) {
	a := newAnsible(c)
	if path != "" {
		folder := openVarsFolder(filepath.Dir(path), c.limits.tree)
		defer folder.close()
		a.beside = folder
	}
	switch start, _ := r.Peek(4096); ansibleForm(start, path) {
	case JSON:
		a.readList(r)
	case YAML:
		text, err := io.ReadAll(&limited{r: r, left: c.limits.tree})
		if err != nil {
			c.unreadable(err)
			return
		}
		a.readYAML(text)
	default:
		a.readINI(r)
	}
	a.finish()
}

// readAnsibleJSON reads what a dynamic inventory prints.
func (c *collector) readAnsibleJSON(r io.Reader) {
	a := newAnsible(c)
	a.readList(r)
	a.finish()
}

// ansibleForm tells the forms apart: by the ending as Ansible does, and a file
// without one by its first line.
func ansibleForm(start []byte, path string) Kind {
	if bytes.HasPrefix(bytes.TrimSpace(start), []byte("{")) {
		return JSON
	}
	switch filepath.Ext(path) {
	case ".yml", ".yaml", ".json":
		return YAML
	case ".ini", ".cfg":
		return Ansible
	}
	for line := range bytes.Lines(start) {
		text := string(bytes.TrimSpace(line))
		switch {
		case text == "" || text[0] == '#' || text[0] == ';':
			continue
		case text == "---" || strings.HasPrefix(text, "--- "):
			return YAML
		}
		key, comment, _ := strings.Cut(text, " #")
		_ = comment
		key = strings.TrimSpace(key)
		if strings.HasSuffix(key, ":") && !strings.ContainsAny(strings.Trim(key, `'":`), "[= ") {
			return YAML
		}
		return Ansible
	}
	return Ansible
}

// readList reads the JSON of `ansible-inventory --list` and of inventory
// scripts (plugins/inventory/script.py), and static inventories in JSON.
func (a *ansible) readList(in io.Reader) {
	r := newJSONReader(in, a.limits.values)
	err := a.list(r)
	if err == nil {
		if _, more := r.Token(); more != io.EOF {
			err = r.shape("Something stands after the end of the inventory. The program may print more than the inventory.")
		}
	}
	a.jsonError(err, r)
}

func (a *ansible) list(r *jsonReader) error {
	token, err := r.Token()
	if err != nil {
		return err
	}
	if token != json.Delim('{') {
		return r.shape("The inventory is %s. It has to be an object of Ansible's groups, or of hosts with format_version.", kindOf(token))
	}
	var hostVars map[string]any
	meta := false
	err = r.object(func(name string, line int) error {
		v, err := r.value(1)
		if err != nil {
			return err
		}
		if name == "_meta" {
			meta = true
			hostVars, err = metaVars(r, v)
			return err
		}
		return a.listGroup(r, name, v, line)
	})
	if err != nil {
		return err
	}
	if !meta && len(a.hosts) > 0 && !a.hasStatic() {
		a.note(0, "No variables of hosts", "The inventory has no _meta with hostvars, so that hosts have only the variables of their groups. A script that is asked for each host by itself is not; let it print _meta.")
	}
	for _, h := range a.order {
		vars, ok := hostVars[h.name].(map[string]any)
		if !ok && hostVars[h.name] != nil {
			return r.shape("The hostvars of %s are not an object.", quote(h.name))
		}
		for name, value := range vars {
			a.set(h.name, name, wrapped(value), h.line)
		}
	}
	return nil
}

// hasStatic reports whether a host has variables of its own already: then the
// inventory is a static one.
func (a *ansible) hasStatic() bool {
	return slices.ContainsFunc(a.order, func(h *ansibleHost) bool { return len(h.vars) > 0 })
}

func metaVars(r *jsonReader, meta any) (map[string]any, error) {
	object, ok := meta.(map[string]any)
	if !ok {
		return nil, r.shape("The member _meta is not an object.")
	}
	hostVars, ok := object["hostvars"].(map[string]any)
	if !ok && object["hostvars"] != nil {
		return nil, r.shape("The member hostvars of _meta is not an object.")
	}
	return hostVars, nil
}

// listGroup reads a group: an object with hosts, vars and children, a list of
// hosts, or the variables of a host of that name.
func (a *ansible) listGroup(r *jsonReader, name string, v any, line int) error {
	group := a.group(name)
	if list, ok := v.([]any); ok {
		return a.listHosts(r, group, list, line)
	}
	object, ok := v.(map[string]any)
	if !ok {
		return r.shape("What stands under %s is %s. A group is an object with hosts, vars and children, or a list of hosts.", quote(name), kindOf(v))
	}
	_, hasHosts := object["hosts"]
	_, hasVars := object["vars"]
	_, hasChildren := object["children"]
	if !hasHosts && !hasVars && !hasChildren {
		if len(object) > 0 {
			a.note(line, "Group without hosts", "The group %s has none of hosts, vars and children, so it is taken for a host of that name with these variables, as in Ansible. If it is a host of our own form, the inventory needs a format_version.", quote(name))
		}
		object = map[string]any{"hosts": []any{name}, "vars": object}
	}
	switch hosts := object["hosts"].(type) {
	case nil:
	case []any:
		if err := a.listHosts(r, group, hosts, line); err != nil {
			return err
		}
	case map[string]any: // static
		for _, host := range sortedKeys(hosts) {
			if err := a.staticHost(r, group, host, hosts[host], line); err != nil {
				return err
			}
		}
	default:
		return r.shape("The hosts of the group %s are %s. They have to be a list.", quote(name), kindOf(hosts))
	}
	vars, ok := object["vars"].(map[string]any)
	if !ok && object["vars"] != nil {
		return r.shape("The vars of the group %s are not an object.", quote(name))
	}
	for variable, value := range vars {
		a.setGroup(group, variable, wrapped(value), line)
	}
	return a.listChildren(r, group, object["children"], line)
}

func (a *ansible) listChildren(r *jsonReader, group *ansibleGroup, children any, line int) error {
	switch children := children.(type) {
	case nil:
	case []any:
		for _, child := range children {
			name, ok := child.(string)
			if !ok || name == "" {
				return r.shape("A child of the group %s is not the name of a group.", quote(group.name))
			}
			a.link(group, a.group(name))
		}
	case map[string]any: // static
		for _, name := range sortedKeys(children) {
			a.link(group, a.group(name))
			if children[name] == nil {
				continue
			}
			if err := a.listGroup(r, name, children[name], line); err != nil {
				return err
			}
		}
	default:
		return r.shape("The children of the group %s are %s. They have to be a list.", quote(group.name), kindOf(children))
	}
	return nil
}

func (a *ansible) listHosts(r *jsonReader, group *ansibleGroup, hosts []any, line int) error {
	for _, host := range hosts {
		name, ok := host.(string)
		if !ok {
			return r.shape("A host of the group %s is %s. Hosts are listed by name.", quote(group.name), kindOf(host))
		}
		if !a.host(name, group, "", line) {
			return errFull
		}
	}
	return nil
}

// staticHost reads a host of a static inventory, where ranges count.
func (a *ansible) staticHost(r *jsonReader, group *ansibleGroup, pattern string, vars any, line int) error {
	object, ok := vars.(map[string]any)
	if !ok && vars != nil {
		return r.shape("What stands under the host %s is not an object of its variables.", quote(pattern))
	}
	names, port, err := a.patterns.expand(pattern)
	if err != nil {
		return r.shape("The host pattern %s %s.", quote(pattern), err)
	}
	for name := range names {
		if !a.host(name, group, port, line) {
			return errFull
		}
		for variable, value := range object {
			a.set(name, variable, wrapped(value), line)
		}
	}
	return nil
}

func sortedKeys(object map[string]any) []string {
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// wrapped undoes how Ansible writes texts that are encrypted or unsafe in
// JSON.
func wrapped(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = wrapped(v[i])
		}
	case map[string]any:
		if _, vault := v["__ansible_vault"]; vault {
			return encrypted{}
		}
		if text, unsafe := v["__ansible_unsafe"].(string); unsafe {
			return text
		}
		for name := range v {
			v[name] = wrapped(v[name])
		}
	}
	return v
}
