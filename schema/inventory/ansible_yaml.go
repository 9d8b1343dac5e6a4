package inventory

import (
	"encoding/json"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// readYAML reads Ansible's static YAML (plugins/inventory/yaml.py).
func (a *ansible) readYAML(text []byte) {
	root, err := yamlDocument(text)
	if err == nil && root == nil {
		a.add(1, "Empty inventory", "%s is empty. If it should have hosts, whatever writes it went wrong.", a.filename)
		return
	}
	if err == nil {
		err = a.yamlTop(newAnsibleTree(a.limits), root)
	}
	a.yamlError(err)
}

func (a *ansible) yamlTop(t *yamlTree, root *yaml.Node) error {
	root = t.resolve(root)
	if root.Kind != yaml.MappingNode {
		return yamlWrong(root, "The inventory is not a mapping of groups.")
	}
	groups, err := t.members(root, 0, a.again)
	if err != nil {
		return err
	}
	for _, m := range groups {
		if m.name == "plugin" {
			return yamlWrong(m.key, "This is the configuration of a plugin, not an inventory. Only Ansible can run the plugin: use a source \"external\" with the program ansible-inventory -i FILE --list.")
		}
	}
	for _, m := range groups {
		if _, err := a.yamlGroup(t, m, 1); err != nil {
			return err
		}
	}
	return nil
}

// again warns of a key that stands twice; in Ansible the last one counts.
func (a *ansible) again(key *yaml.Node) {
	a.note(key.Line, "Key given twice", "The key %s stands twice in one mapping. The last one counts, as in Ansible. Remove one of the two.", quote(key.Value))
}

// yamlGroup reads a group; the result is nil if it is not one.
func (a *ansible) yamlGroup(t *yamlTree, m yamlMember, depth int) (*ansibleGroup, error) {
	if !isText(m.key) {
		return nil, yamlWrong(m.key, "The name of a group, %s, is not a text. Write it in quotes.", quote(m.name))
	}
	if isNull(m.value) {
		return a.group(m.name), nil
	}
	if m.value.Kind != yaml.MappingNode {
		a.note(m.line, "Not a group", "What stands under %s is not a mapping with hosts, vars or children, so it is no group, and left out.", quote(m.name))
		return nil, nil
	}
	group := a.group(m.name)
	parts, err := t.members(m.value, depth, a.again)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		known := slices.Contains([]string{"vars", "children", "hosts"}, part.name)
		members, err := a.yamlPart(t, part, known, depth+1)
		if err != nil {
			return nil, err
		}
		switch {
		case !known:
			a.note(part.line, "Unknown part of a group", "The group %s has a part %s, which is none of hosts, vars and children. It is left out, as in Ansible.", quote(m.name), quote(part.name))
		case part.name == "vars":
			err = a.yamlVars(t, members, func(name string, v any, line int) { a.setGroup(group, name, v, line) })
		case part.name == "children":
			err = a.yamlChildren(t, group, members, depth+2)
		default:
			err = a.yamlHosts(t, group, members)
		}
		if err != nil {
			return nil, err
		}
		if a.full() {
			return nil, errFull
		}
	}
	return group, nil
}

// yamlPart lists hosts, vars or children: a mapping, or a text for a single
// one.
func (a *ansible) yamlPart(t *yamlTree, part yamlMember, known bool, depth int) ([]yamlMember, error) {
	switch {
	case !known, isNull(part.value):
		return nil, nil
	case part.value.Kind == yaml.MappingNode:
		return t.members(part.value, depth, a.again)
	case part.value.Kind == yaml.ScalarNode && isText(part.value):
		null := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: part.value.Line}
		return []yamlMember{{name: part.value.Value, key: part.value, value: null, line: part.value.Line}}, nil
	}
	return nil, yamlWrong(part.value, "The %s of a group are not a mapping. Ansible wants \"name:\" on a line for each, without a dash before it.", part.name)
}

func (a *ansible) yamlVars(t *yamlTree, members []yamlMember, set func(name string, v any, line int)) error {
	for _, m := range members {
		v, err := t.value(m.value, 4, a.again)
		if err != nil {
			return err
		}
		set(m.name, v, m.line)
	}
	return nil
}

func (a *ansible) yamlChildren(t *yamlTree, group *ansibleGroup, members []yamlMember, depth int) error {
	for _, m := range members {
		child, err := a.yamlGroup(t, m, depth)
		if err != nil {
			return err
		}
		if child == nil {
			return yamlWrong(m.key, "The child %s of the group %s is not a group. Write it as a mapping, or with nothing behind the colon.", quote(m.name), quote(group.name))
		}
		a.link(group, child)
	}
	return nil
}

func (a *ansible) yamlHosts(t *yamlTree, group *ansibleGroup, members []yamlMember) error {
	for _, m := range members {
		if !isText(m.key) {
			return yamlWrong(m.key, "The name of a host, %s, is not a text. Write it in quotes.", quote(m.name))
		}
		names, port, err := a.patterns.expand(m.name)
		if err != nil {
			return yamlWrong(m.key, "The host pattern %s %s.", quote(m.name), err)
		}
		var vars []yamlMember
		switch {
		case m.value.Kind == yaml.MappingNode:
			if vars, err = t.members(m.value, 4, a.again); err != nil {
				return err
			}
		case !isNull(m.value):
			return yamlWrong(m.value, "What stands under the host %s is not a mapping of its variables.", quote(m.name))
		}
		values := make([]member, 0, len(vars))
		if err := a.yamlVars(t, vars, func(name string, v any, line int) {
			values = append(values, member{name: name, value: v, line: line})
		}); err != nil {
			return err
		}
		for name := range names {
			if !a.host(name, group, port, m.line) {
				return errFull
			}
			for _, v := range values {
				a.set(name, v.name, v.value, v.line)
			}
		}
	}
	return nil
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// isText reports whether Ansible takes a key for a text.
func isText(n *yaml.Node) bool {
	v, err := newScalar11()(n)
	_, ok := v.(string)
	return err == nil && ok
}

func newAnsibleTree(l limits) *yamlTree { return &yamlTree{most: l.values, scalar: newScalar11()} }

// newScalar11 returns a func that gives a scalar its value as YAML 1.1 does,
// which Ansible reads with PyYAML (resolver.py there): yes is true, 010 is 8,
// and 1:30 is 90.
func newScalar11() func(*yaml.Node) (any, error) {
	whole := regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	real := regexp.MustCompile(`^(?:[-+]?(?:[0-9][0-9_]*)\.[0-9_]*(?:[eE][-+][0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*)$`)
	return func(n *yaml.Node) (any, error) {
		tag := n.Tag
		switch {
		case n.Style&yaml.TaggedStyle != 0 && (tag == "!vault" || tag == "!vault-encrypted"):
			return encrypted{}, nil
		case n.Style&yaml.TaggedStyle != 0 && tag == "!unsafe":
			return n.Value, nil
		case n.Style&yaml.TaggedStyle != 0 && !strings.HasPrefix(n.ShortTag(), "!!"):
			return nil, yamlWrong(n, "The tag %s is not known here.", quote(tag))
		case n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0, n.Style&yaml.TaggedStyle != 0 && n.ShortTag() == "!!str":
			return n.Value, nil
		}
		switch s := n.Value; s {
		case "", "~", "null", "Null", "NULL":
			return nil, nil
		case "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON":
			return true, nil
		case "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF":
			return false, nil
		default:
			if whole.MatchString(s) {
				return whole11(s)
			}
			if real.MatchString(s) {
				return real11(s)
			}
			return s, nil
		}
	}
}

func cutSign(s string) (minus bool, rest string) {
	s = strings.ReplaceAll(s, "_", "")
	if rest, ok := strings.CutPrefix(s, "-"); ok {
		return true, rest
	}
	return false, strings.TrimPrefix(s, "+")
}

func whole11(s string) (any, error) {
	minus, rest := cutSign(s)
	n := new(big.Int)
	switch {
	case len(rest) > 400:
		return s, nil
	case strings.Contains(rest, ":"):
		for part := range strings.SplitSeq(rest, ":") {
			digit, _ := strconv.ParseInt(part, 10, 64)
			n.Add(n.Mul(n, big.NewInt(60)), big.NewInt(digit))
		}
	case rest == "0":
	default:
		// SetString reads 0b, 0x and, by its leading 0, octal.
		if _, ok := n.SetString(rest, 0); !ok {
			return s, nil
		}
	}
	if minus {
		n.Neg(n)
	}
	return json.Number(n.String()), nil
}

func real11(s string) (any, error) {
	minus, rest := cutSign(s)
	var f float64
	for part := range strings.SplitSeq(rest, ":") {
		digit, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return s, nil
		}
		f = f*60 + digit
	}
	if minus {
		f = -f
	}
	return floatNumber(f), nil
}
