package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A yamlTree turns YAML nodes into values. Aliases are followed within the
// budget that all values share, so that a few lines cannot become gigabytes.
type yamlTree struct {
	values, most int
	// scalar gives a scalar its value: YAML 1.2 for ours, 1.1 for Ansible's.
	scalar func(*yaml.Node) (any, error)
}

// A yamlError is YAML that cannot be an inventory.
type yamlError struct {
	line   int
	detail string
}

func (e *yamlError) Error() string { return e.detail }

func yamlWrong(n *yaml.Node, format string, args ...any) error {
	return &yamlError{line: n.Line, detail: fmt.Sprintf(format, args...)}
}

// yamlDocument reads the one document of a file; nil if it is empty.
func yamlDocument(text []byte) (root *yaml.Node, err error) {
	defer func() {
		// The library panics on some malformed text instead of returning.
		if p := recover(); p != nil {
			root, err = nil, &yamlError{detail: fmt.Sprintf("yaml: %v", p)}
		}
	}()
	marks := 0
	for _, mark := range []string{"\n", ",", ":", "[", "{"} {
		marks += bytes.Count(text, []byte(mark))
	}
	if marks > maxMarks {
		return nil, &yamlError{detail: "The inventory has too many lines and values to be held whole. Split it, or write it as CSV or JSON, which are read piece by piece."}
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if err == io.EOF {
			return nil, nil
		}
		return nil, err
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, yamlWrong(&second, "A second document begins here; only one is read, and hosts may be missing.")
	} else if err != io.EOF {
		return nil, err
	}
	return document.Content[0], nil
}

// resolve follows aliases.
func (t *yamlTree) resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// A yamlMember is a member of a mapping with the line of its key.
type yamlMember struct {
	name  string
	key   *yaml.Node
	value *yaml.Node
	line  int
}

// members lists a mapping: merged ones (<<) first and overruled by its own.
// again is told of keys that stand twice; nil makes them an error.
func (t *yamlTree) members(n *yaml.Node, depth int, again func(key *yaml.Node)) ([]yamlMember, error) {
	if depth > maxDepth {
		return nil, yamlWrong(n, "Lists and mappings stand in each other more than %d deep, more than is read.", maxDepth)
	}
	var all []yamlMember
	index := make(map[string]int, len(n.Content)/2)
	own := make(map[string]bool, len(n.Content)/2)
	put := func(m yamlMember) {
		if i, known := index[m.name]; known {
			all[i] = m
			return
		}
		index[m.name] = len(all)
		all = append(all, m)
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if t.values++; t.values > t.most {
			return nil, yamlWrong(key, "The inventory holds more than %d values, aliases counted, more than is read.", t.most)
		}
		if isMerge(key) {
			merged, err := t.merged(value, depth+1, again)
			if err != nil {
				return nil, err
			}
			for _, m := range merged {
				if !own[m.name] {
					put(m)
				}
			}
			continue
		}
		resolved := t.resolve(key)
		if resolved.Kind != yaml.ScalarNode {
			return nil, yamlWrong(key, "A key is a list or a mapping. Keys have to be texts.")
		}
		name := resolved.Value
		if !validText(name) || len(name) > maxText {
			return nil, yamlWrong(key, "A key is not text, or too long.")
		}
		if own[name] {
			if again == nil {
				return nil, yamlWrong(key, "The key %s stands twice in one mapping, so that it is open which of the two counts.", quote(name))
			}
			again(key)
		}
		own[name] = true
		put(yamlMember{name: name, key: resolved, value: t.resolve(value), line: key.Line})
	}
	return all, nil
}

func isMerge(key *yaml.Node) bool {
	return key.Kind == yaml.ScalarNode && key.Value == "<<" && key.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0
}

// merged lists what a << brings; of several mappings the first one counts.
func (t *yamlTree) merged(n *yaml.Node, depth int, again func(*yaml.Node)) ([]yamlMember, error) {
	n = t.resolve(n)
	switch n.Kind {
	case yaml.MappingNode:
		return t.members(n, depth, again)
	case yaml.SequenceNode:
		var all []yamlMember
		for _, item := range slices.Backward(n.Content) {
			if item = t.resolve(item); item.Kind != yaml.MappingNode {
				return nil, yamlWrong(item, "What << merges is not a mapping.")
			}
			members, err := t.members(item, depth, again)
			if err != nil {
				return nil, err
			}
			all = append(all, members...)
		}
		return all, nil
	}
	return nil, yamlWrong(n, "What << merges is not a mapping.")
}

// value turns a node into a value.
func (t *yamlTree) value(n *yaml.Node, depth int, again func(*yaml.Node)) (any, error) {
	n = t.resolve(n)
	if t.values++; t.values > t.most {
		return nil, yamlWrong(n, "The inventory holds more than %d values, aliases counted, more than is read.", t.most)
	}
	if depth > maxDepth {
		return nil, yamlWrong(n, "Lists and mappings stand in each other more than %d deep, more than is read.", maxDepth)
	}
	switch n.Kind {
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for _, item := range n.Content {
			v, err := t.value(item, depth+1, again)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return list, nil
	case yaml.MappingNode:
		members, err := t.members(n, depth, again)
		if err != nil {
			return nil, err
		}
		object := make(map[string]any, len(members))
		for _, m := range members {
			if object[m.name], err = t.value(m.value, depth+1, again); err != nil {
				return nil, err
			}
		}
		return object, nil
	}
	if len(n.Value) > maxText || !validText(n.Value) {
		return nil, yamlWrong(n, "A text holds a NUL byte or is longer than %d bytes, more than is read.", maxText)
	}
	return t.scalar(n)
}

// scalar12 gives a scalar its value as YAML 1.2 does: yes and no are texts.
func scalar12(n *yaml.Node) (any, error) {
	if n.Style&yaml.TaggedStyle != 0 && !strings.HasPrefix(n.ShortTag(), "!!") {
		return nil, yamlWrong(n, "The tag %s is not known here.", quote(n.Tag))
	}
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		if err := n.Decode(&b); err != nil {
			return nil, yamlWrong(n, "%s is no boolean.", quote(n.Value))
		}
		return b, nil
	case "!!int":
		text := strings.ReplaceAll(n.Value, "_", "")
		if i, ok := new(big.Int).SetString(strings.TrimPrefix(text, "+"), 0); ok && len(text) < 400 {
			return json.Number(i.String()), nil
		}
		return nil, yamlWrong(n, "%s is no number.", quote(n.Value))
	case "!!float":
		f, err := strconv.ParseFloat(strings.ReplaceAll(n.Value, "_", ""), 64)
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return nil, yamlWrong(n, "%s is not a number that can be used here. Write it in quotes if it is a text.", quote(n.Value))
		}
		return floatNumber(f), nil
	case "!!str", "!!timestamp":
		return n.Value, nil
	}
	return nil, yamlWrong(n, "A value of the kind %s cannot be used here. Write it as a text, in quotes.", n.ShortTag())
}

func floatNumber(f float64) json.Number {
	return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
}

// readYAML reads the same forms as readJSON.
func (c *collector) readYAML(r io.Reader, source Source) {
	text, err := io.ReadAll(r)
	if err != nil {
		c.unreadable(err)
		return
	}
	root, err := yamlDocument(text)
	if err == nil && (root == nil || root.Kind == yaml.ScalarNode && root.ShortTag() == "!!null") {
		c.add(1, "Empty inventory", "%s is empty. If it should have hosts, whatever writes it went wrong.", c.filename)
		return
	}
	if err == nil {
		err = c.yamlTop(&yamlTree{most: c.limits.values, scalar: scalar12}, root, source)
	}
	c.yamlError(err)
}

func (c *collector) yamlTop(t *yamlTree, root *yaml.Node, source Source) error {
	root = t.resolve(root)
	if root.Kind == yaml.SequenceNode {
		return c.yamlList(t, root, source)
	}
	if root.Kind != yaml.MappingNode {
		return yamlWrong(root, "The inventory is a single value. It has to be a mapping of hosts by name, or a list of hosts.")
	}
	members, err := t.members(root, 0, nil)
	if err != nil {
		return err
	}
	top := topLevel{collector: c}
	for _, m := range members {
		switch m.name {
		case versionMember:
			top.wrapped(m.name, m.line)
			top.version(m.value.Value, m.line)
		case hostsMember:
			top.wrapped(m.name, m.line)
			if m.value.Kind == yaml.SequenceNode {
				err = c.yamlList(t, m.value, source)
			} else {
				err = c.yamlHosts(t, m.value, source)
			}
		default:
			if top.plain(m.name, m.line) {
				err = c.yamlHost(t, m.name, m.value, m.line, source)
			}
		}
		if err != nil {
			return err
		}
	}
	top.end()
	return nil
}

func (c *collector) yamlHosts(t *yamlTree, n *yaml.Node, source Source) error {
	if n.Kind != yaml.MappingNode {
		return yamlWrong(n, "The member hosts is neither a mapping nor a list.")
	}
	members, err := t.members(n, 1, nil)
	if err != nil {
		return err
	}
	for _, m := range members {
		if err := c.yamlHost(t, m.name, m.value, m.line, source); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) yamlList(t *yamlTree, n *yaml.Node, source Source) error {
	for _, item := range n.Content {
		if err := c.yamlHost(t, "", t.resolve(item), item.Line, source); err != nil {
			return err
		}
	}
	return nil
}

func (c *collector) yamlHost(t *yamlTree, name string, n *yaml.Node, line int, source Source) error {
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" && name != "" {
		return c.takeMembers(source, name, nil, line)
	}
	if n.Kind != yaml.MappingNode {
		c.notAHost(name, line)
		return c.stop()
	}
	found, err := t.members(n, 2, nil)
	if err != nil {
		return err
	}
	if len(found) > maxMembers {
		return yamlWrong(n, "A host has more than %d members, more than is read.", maxMembers)
	}
	members := make([]member, len(found))
	for i, m := range found {
		v, err := t.value(m.value, 3, nil)
		if err != nil {
			return err
		}
		members[i] = member{name: m.name, value: v, line: m.line}
	}
	return c.takeMembers(source, name, members, line)
}

func (c *collector) yamlError(err error) {
	var wrong *yamlError
	switch {
	case err == nil, err == errFull:
	case errors.As(err, &wrong):
		c.add(wrong.line, "Invalid inventory", "%s Correct the inventory.", clean(wrong.detail))
	default:
		line, text := yamlLine(err.Error())
		c.add(line, "Invalid YAML", "The inventory is not valid YAML: %s. Correct it.", clean(text))
	}
}

// yamlLine takes the line out of the library's text, "yaml: line 3: …".
func yamlLine(text string) (int, string) {
	text = strings.TrimPrefix(text, "yaml: ")
	rest, ok := strings.CutPrefix(text, "line ")
	number, after, colon := strings.Cut(rest, ": ")
	line, err := strconv.Atoi(number)
	if !ok || !colon || err != nil {
		return 0, text
	}
	return line, after
}
