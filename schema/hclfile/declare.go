package hclfile

import (
	"github.com/hashicorp/hcl/v2"
)

// declare enters everything that can be referred to.
func (l *loader) declare() {
	unnamed := map[node]*block{}
	for _, b := range l.blocks {
		switch b.kind.name {
		case "sshform":
		case "locals":
			for _, argument := range b.sorted() {
				l.enter(node{"local", argument.Name}, &declared{local: argument}, "local value")
			}
		case "rollout", "check", "output":
			n := node{b.kind.name, b.label}
			if first, again := unnamed[n]; again {
				l.twice(b.labelAt, first.labelAt, b.kind.name)
				continue
			}
			unnamed[n] = b
		case "variable":
			l.enter(node{"var", b.label}, &declared{block: b}, "variable")
		case "connection":
			l.enter(node{root: "connection"}, &declared{block: b}, "connection block")
		default:
			l.enter(node{b.kind.name, b.label}, &declared{block: b}, b.kind.name)
		}
	}
}

func (l *loader) enter(n node, d *declared, what string) {
	if first, again := l.nodes[n]; again {
		l.twice(d.at(), first.at(), what)
		return
	}
	l.nodes[n] = d
	l.order = append(l.order, n)
	if n.root == "host" {
		l.hosts = append(l.hosts, n.name)
	}
}

func (l *loader) twice(at, first hcl.Range, what string) {
	l.wrong(at, "Declared twice", "%s of this name is already declared at %s. Names must be unique, since references go by them. Rename one of the two.", withArticle(what), where(first))
}

// checkAll checks the references and calls of all expressions.
func (l *loader) checkAll() {
	for _, b := range l.blocks {
		if b.kind.name == "check" && len(b.blocks) == 0 && !b.partial {
			l.wrong(b.labelAt, "Check without assertions", "The check asserts nothing, so it could never fail. Give it assert { condition = …, error_message = … }, or take it away.")
		}
		_, loops := b.arguments["for_each"]
		repeats := b.kind.name == "server" || b.kind.name == "client"
		l.checkBlock(b, surroundings{each: loops && repeats, inEach: repeats})
	}
}

func (l *loader) checkBlock(b *block, in surroundings) {
	for _, argument := range b.sorted() {
		inside := in
		if argument.Name == "for_each" {
			inside = surroundings{}
		}
		if takes, _ := b.kind.attribute(b.label, argument.Name); takes.takes == aType || takes.takes == addresses {
			continue // read without being evaluated
		}
		if !l.check(argument.Expr, inside) {
			l.unsound[argument.Expr] = true
		}
	}
	for _, nested := range b.blocks {
		l.checkBlock(nested, in)
	}
}

// A need is a node that another one needs, and where.
type need struct {
	node node
	at   hcl.Range
	// expr is nil where the need is not written but follows from the language.
	expr hcl.Expression
}

// needsOf returns what must be known before a node is.
func (l *loader) needsOf(n node) []need {
	d := l.nodes[n]
	var all []need
	for _, expr := range d.expressions() {
		if l.unsound[expr] {
			continue
		}
		for _, next := range l.needs(expr) {
			if next == n && n.root == "var" {
				continue // the rules of a variable refer to it
			}
			all = append(all, need{next, expr.Range(), expr})
		}
	}
	_, top := l.nodes[node{root: "connection"}]
	if top && (n.root == "host" || n.root == "server" || n.root == "client") {
		all = append(all, need{node: node{root: "connection"}, at: d.at()})
	}
	return all
}
