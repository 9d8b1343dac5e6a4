package hclfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// A node is something that other expressions can refer to: var.NAME,
// local.NAME, host.NAME and so on; connection has no name.
type node struct{ root, name string }

func (n node) String() string {
	switch {
	case n.name == "":
		return n.root
	case hclsyntax.ValidIdentifier(n.name):
		return n.root + "." + n.name
	}
	return fmt.Sprintf("%s[%q]", n.root, n.name)
}

// named are the first words of references that need a name after them, with
// the type of block that declares the name.
func named() map[string]string {
	return map[string]string{
		"var": "variable", "local": "locals", "host": "host", "inventory": "inventory",
		"server": "server", "client": "client", "network": "network",
	}
}

// roots are all words that a reference can begin with.
func roots() []string {
	return []string{"client", "connection", "each", "host", "inventory", "local", "network", "server", "var"}
}

// The surroundings of an expression decide what it may refer to.
type surroundings struct {
	each   bool // in a block with for_each
	inEach bool // in a block that could have for_each
}

// check reports references and function calls in an expression that lead
// nowhere, before anything is evaluated. It reports whether all is well.
func (l *loader) check(expr hcl.Expression, in surroundings) bool {
	well := true
	for _, traversal := range expr.Variables() {
		well = l.checkReference(traversal, in) && well
	}
	return l.checkCalls(expr) && well
}

func (l *loader) checkReference(traversal hcl.Traversal, in surroundings) bool {
	root, at := traversal.RootName(), traversal.SourceRange()
	if root == "each" {
		return l.checkEach(traversal, in)
	}
	if root == "connection" {
		return true
	}
	declares, known := named()[root]
	if !known {
		l.wrong(at, "Unknown reference", "%s", unknownRoot(traversal, in))
		return false
	}
	if len(traversal) == 1 && root == "host" {
		return true
	}
	name := ""
	if len(traversal) > 1 {
		name, _ = stepName(traversal[1])
	}
	if root == "host" && name == "" {
		return true // host[each.key]: judged when it is evaluated
	}
	if name == "" {
		l.wrong(at, "Incomplete reference", "%s needs the name of a %s after it, such as %s.NAME.", root, declares, root)
		return false
	}
	if _, declared := l.nodes[node{root, name}]; declared {
		return true
	}
	l.wrong(at, "Unknown reference", "There is no %s.%s", node{root, name}, l.insteadOf(root, name, declares))
	return false
}

// insteadOf says what could have been meant and how to declare it.
func (l *loader) insteadOf(root, name, declares string) string {
	var known []string
	for n := range l.nodes {
		if n.root == root {
			known = append(known, n.name)
		}
	}
	if guess := nearest(name, known); guess != "" {
		return fmt.Sprintf(" Did you mean %s?", node{root, guess})
	}
	mixedUp := map[string]string{"var": "local", "local": "var", "server": "client", "client": "server", "host": "inventory", "inventory": "host"}
	if other, ok := mixedUp[root]; ok && l.nodes[node{other, name}] != nil {
		return fmt.Sprintf(" Did you mean %s?", node{other, name})
	}
	if declares == "locals" {
		return fmt.Sprintf(" Declare it in a locals block: %s = ….", name)
	}
	return fmt.Sprintf(" Declare it with a block %s %q { … }.", declares, name)
}

func unknownRoot(traversal hcl.Traversal, in surroundings) string {
	root := traversal.RootName()
	text := fmt.Sprintf("There is nothing named %s.", root)
	switch root {
	case "count", "self", "path", "terraform", "module", "data", "resource":
		return text + " That word is Terraform's; known here are " + strings.Join(roots(), ", ") + "."
	}
	if len(traversal) == 1 {
		return text + fmt.Sprintf(" A string needs quotes: %q. A reference begins with one of %s.", root, strings.Join(roots(), ", "))
	}
	if guess := nearest(root, roots()); guess != "" && (guess != "each" || in.each) {
		return text + fmt.Sprintf(" Did you mean %s?", guess+strings.TrimPrefix(spell(traversal), root))
	}
	return text + " A reference begins with one of " + strings.Join(roots(), ", ") + "."
}

func (l *loader) checkEach(traversal hcl.Traversal, in surroundings) bool {
	at := traversal.SourceRange()
	switch {
	case !in.inEach:
		l.wrong(at, "Unknown reference", "each.key and each.value exist only in server and client blocks with for_each.")
		return false
	case !in.each:
		l.wrong(at, "Unknown reference", "each.key and each.value exist only where the block has for_each. Add for_each to the block, or name the value directly.")
		return false
	}
	name := ""
	if len(traversal) > 1 {
		name, _ = stepName(traversal[1])
	}
	if name != "key" && name != "value" {
		l.wrong(at, "Unknown reference", "each has only each.key and each.value.%s", didYouMean(name, []string{"key", "value"}))
		return false
	}
	return true
}

// checkCalls reports calls of functions that do not exist. Those in JSON are
// found when they are evaluated.
func (l *loader) checkCalls(expr hcl.Expression) bool {
	native, ok := expr.(hclsyntax.Expression)
	if !ok {
		return true
	}
	well := true
	hclsyntax.VisitAll(native, func(n hclsyntax.Node) hcl.Diagnostics {
		call, isCall := n.(*hclsyntax.FunctionCallExpr)
		if !isCall {
			return nil
		}
		if _, known := l.functions[call.Name]; !known {
			l.wrong(call.NameRange, unknownFunction, "%s", functionUnknown(call.Name, &hcl.EvalContext{Functions: l.functions}))
			well = false
		}
		return nil
	})
	return well
}

// needs returns the nodes that an expression refers to, each once.
func (l *loader) needs(expr hcl.Expression) []node {
	if known, ok := l.needed[expr]; ok {
		return known
	}
	var all []node
	seen := map[node]bool{}
	add := func(n node) {
		if _, declared := l.nodes[n]; declared && !seen[n] {
			seen[n] = true
			all = append(all, n)
		}
	}
	for _, traversal := range expr.Variables() {
		root := traversal.RootName()
		name := ""
		if len(traversal) > 1 {
			name, _ = stepName(traversal[1])
		}
		switch {
		case root == "connection":
			add(node{root: root})
		case root == "host" && name == "":
			for _, host := range l.hosts {
				add(node{"host", host})
			}
		default:
			add(node{root, name})
		}
	}
	l.needed[expr] = all
	return all
}

// wantsAllHosts reports whether an expression refers to host as a whole.
func wantsAllHosts(expr hcl.Expression) bool {
	return slices.ContainsFunc(expr.Variables(), func(t hcl.Traversal) bool {
		if t.RootName() != "host" {
			return false
		}
		if len(t) == 1 {
			return true
		}
		_, static := stepName(t[1])
		return !static
	})
}

// usesEach reports whether an expression differs from instance to instance.
func usesEach(expr hcl.Expression) bool {
	return slices.ContainsFunc(expr.Variables(), func(t hcl.Traversal) bool { return t.RootName() == "each" })
}

// checkCycles reports nodes that need themselves, directly or through others.
func (l *loader) checkCycles() {
	const (
		fresh = iota
		open
		done
	)
	state := map[node]int{}
	var path []node
	var visit func(n node)
	visit = func(n node) {
		state[n] = open
		path = append(path, n)
		for _, next := range l.needsOf(n) {
			switch state[next.node] {
			case open:
				l.cycle(path[slices.Index(path, next.node):], next.at)
			case fresh:
				visit(next.node)
			}
		}
		path = path[:len(path)-1]
		state[n] = done
	}
	for _, n := range l.order {
		if state[n] == fresh {
			visit(n)
		}
	}
}

func (l *loader) cycle(around []node, at hcl.Range) {
	for _, n := range around {
		l.nodes[n].fail()
	}
	if len(around) == 1 {
		l.wrong(at, "Self-reference", "%s refers to itself, so it has no value to start from. Name the value with a local and use that in both places.", around[0])
		return
	}
	names := make([]string, 0, len(around)+1)
	for _, n := range around {
		names = append(names, n.String())
	}
	names = append(names, around[0].String())
	l.wrong(at, "Cyclic reference", "These need each other, so none of them can be evaluated first: %s. Take one of the references out.", strings.Join(names, " → "))
}

// object builds the value of a root from the values of its nodes.
func object(values map[string]cty.Value) cty.Value {
	if len(values) == 0 {
		return cty.EmptyObjectVal
	}
	return cty.ObjectVal(values)
}
