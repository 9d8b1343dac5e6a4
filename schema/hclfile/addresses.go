package hclfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
)

// A pattern is an address as people type it: server.home, server.home["db"],
// or with * and ? in the index.
type pattern struct {
	schema.Address
	text string
}

// parsePattern reads an address or pattern.
func parsePattern(text string) (pattern, error) {
	wrong := fmt.Errorf("%q is not an address; write server.NAME, client.NAME, or server.NAME[\"KEY\"], where KEY may hold * and ?", text)
	p := pattern{text: text}
	rest, index, indexed := strings.Cut(text, "[")
	block, name, dotted := strings.Cut(rest, ".")
	if !dotted || (block != "server" && block != "client") || !hclsyntax.ValidIdentifier(name) {
		return p, wrong
	}
	p.Block, p.Name = block, name
	if !indexed {
		return p, nil
	}
	quoted, closed := strings.CutSuffix(index, "]")
	key, err := strconv.Unquote(quoted)
	if !closed || err != nil || !strings.HasPrefix(quoted, `"`) {
		return p, wrong
	}
	p.Key, p.HasKey = key, true
	return p, nil
}

func (p pattern) matches(a schema.Address) bool {
	return p.Block == a.Block && p.Name == a.Name && (!p.HasKey || a.HasKey && glob(p.Key, a.Key))
}

// glob reports whether name matches the pattern, in which * stands for any
// text and ? for any one character.
func glob(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	star, mark := -1, 0
	i, j := 0, 0
	for j < len(n) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == n[j]):
			i++
			j++
		case star >= 0:
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// Select returns the configuration with fewer targets: those that targets
// name, or all but those that excludes name. Both take addresses such as
// server.home["db"], with * and ? in the index. One that matches nothing is an
// error, since "nothing to do" would be believed.
func Select(config *schema.Config, targets, excludes []string) (*schema.Config, schema.Diagnostics) {
	if len(targets) > 0 && len(excludes) > 0 {
		return config, schema.Diagnostics{{Severity: schema.Error, Summary: "Both targets and excludes",
			Detail: "Targets say what alone is planned, excludes what is left out. Use one of the two."}}
	}
	if len(targets)+len(excludes) == 0 {
		return config, nil
	}
	chosen, found := matching(config, slices.Concat(targets, excludes))
	if found.HasErrors() {
		return config, found
	}
	wanted := func(a schema.Address) bool { return chosen[a] == (len(targets) > 0) }
	selected := *config
	selected.Targets = slices.DeleteFunc(slices.Clone(config.Targets), func(t schema.Target) bool { return !wanted(t.Address) })
	selected.Rollouts = slices.Clone(config.Rollouts)
	for i, r := range selected.Rollouts {
		selected.Rollouts[i].Targets = slices.DeleteFunc(slices.Clone(r.Targets), func(a schema.Address) bool { return !wanted(a) })
	}
	return &selected, nil
}

// Misnamed says which addresses name neither a target nor a peer.
func Misnamed(config *schema.Config, addresses []string) schema.Diagnostics {
	all := *config
	all.Targets = slices.Clone(config.Targets)
	for _, peer := range config.Peers {
		if p, err := parsePattern("client." + peer.Name); err == nil {
			all.Targets = append(all.Targets, schema.Target{Address: p.Address})
		}
	}
	_, found := matching(&all, addresses)
	return found
}

// matching returns the addresses that any of the patterns matches.
func matching(config *schema.Config, texts []string) (map[schema.Address]bool, schema.Diagnostics) {
	var all []schema.Address
	known := make(map[schema.Address]bool, len(config.Targets))
	for _, t := range config.Targets {
		known[t.Address] = true
		all = append(all, t.Address)
	}
	chosen := map[schema.Address]bool{}
	var found schema.Diagnostics
	for _, text := range texts {
		p, err := parsePattern(text)
		if err != nil {
			found = append(found, schema.Diagnostic{Severity: schema.Error, Summary: "Invalid address", Detail: sentence(err.Error())})
			continue
		}
		if p.HasKey && !strings.ContainsAny(p.Key, "*?") && known[p.Address] {
			chosen[p.Address] = true
			continue
		}
		n := 0
		for _, a := range all {
			if p.matches(a) {
				chosen[a] = true
				n++
			}
		}
		if n == 0 {
			found = append(found, schema.Diagnostic{Severity: schema.Error, Summary: "Unknown address", Detail: unknownAddress(p, all)})
		}
	}
	return chosen, found
}

func unknownAddress(p pattern, all []schema.Address) string {
	text := fmt.Sprintf("Nothing in the configuration matches %s, so nothing would come of it.", p.text)
	blocks, keys := map[string]bool{}, []string(nil)
	for _, a := range all {
		blocks[a.Block+"."+a.Name] = true
		if a.Block == p.Block && a.Name == p.Name && a.HasKey {
			keys = append(keys, a.Key)
		}
	}
	name := p.Block + "." + p.Name
	if blocks[name] && len(keys) == 0 {
		return text + fmt.Sprintf(" The block %s has no for_each: write %s.", name, name)
	}
	if len(keys) > 0 {
		if key := nearest(p.Key, keys); key != "" {
			return text + fmt.Sprintf(" Did you mean %s[%q]?", name, key)
		}
		return text + fmt.Sprintf(" %s has %s, such as %s[%q].", name, counted(len(keys), "instance"), name, keys[0])
	}
	if guess := nearest(name, sortedKeys(blocks)); guess != "" {
		return text + fmt.Sprintf(" Did you mean %s?", guess)
	}
	return text + " Known are " + strings.Join(firstOf(sortedKeys(blocks), 12), ", ") + "."
}

func firstOf(names []string, most int) []string {
	if len(names) > most {
		return append(slices.Clone(names[:most]), "…")
	}
	return names
}

// patterns reads an argument that names blocks or instances: a reference, a
// string with an address, or a list of these. They are not evaluated.
func (l *loader) addressPatterns(a *args, name string) ([]pattern, bool) {
	if !a.has(name) {
		return nil, false
	}
	expr := a.b.arguments[name].Expr
	exprs, found := hcl.ExprList(expr)
	if found.HasErrors() {
		exprs = []hcl.Expression{expr}
	}
	var all []pattern
	well := true
	for _, e := range exprs {
		p, ok := l.addressPattern(e, name)
		all, well = append(all, p), well && ok
	}
	return all, well
}

func (l *loader) addressPattern(expr hcl.Expression, name string) (pattern, bool) {
	if traversal, found := hcl.AbsTraversalForExpr(expr); !found.HasErrors() {
		return l.traversalPattern(traversal, expr, name)
	}
	if len(expr.Variables()) == 0 {
		value, found := expr.Value(nil)
		if !found.HasErrors() && value.Type() == cty.String && value.IsWhollyKnown() && !value.IsNull() {
			p, err := parsePattern(value.AsString())
			if err == nil {
				return p, l.declaredPattern(p, expr)
			}
		}
	}
	l.wrong(expr.Range(), "Invalid address", "%s takes blocks or instances as they are, without computing: server.NAME, server.NAME[\"KEY\"], an address in quotes, in which KEY may hold * and ?, or a list of these.", name)
	return pattern{}, false
}

func (l *loader) traversalPattern(traversal hcl.Traversal, expr hcl.Expression, name string) (pattern, bool) {
	if !l.checkReference(traversal, surroundings{}) {
		return pattern{}, false
	}
	p := pattern{text: spell(traversal)}
	p.Block = traversal.RootName()
	if len(traversal) > 1 {
		p.Name, _ = stepName(traversal[1])
	}
	if len(traversal) == 3 {
		p.Key, p.HasKey = stepName(traversal[2])
	}
	if p.Block != "server" && p.Block != "client" || len(traversal) > 3 || len(traversal) == 3 && !p.HasKey {
		l.wrong(expr.Range(), "Invalid address", "%s takes server and client blocks, or instances of them, not %s.", name, p.text)
		return p, false
	}
	return p, true
}

func (l *loader) declaredPattern(p pattern, expr hcl.Expression) bool {
	if _, ok := l.nodes[node{p.Block, p.Name}]; ok {
		return true
	}
	l.wrong(expr.Range(), "Unknown reference", "There is no %s.%s%s", p.Block, p.Name, l.insteadOf(p.Block, p.Name, p.Block))
	return false
}
