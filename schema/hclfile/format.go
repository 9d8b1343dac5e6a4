package hclfile

import (
	"bytes"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/sshform/sshform/schema"
)

// Format returns a file of the configuration, or a variable file, in the one
// layout that `terraform fmt` gives it too: spacing, alignment, quoted labels,
// "${x}" as x, and types of variables in their present form. JSON comes back
// as it is. With a syntax error the text comes back unchanged.
func Format(source []byte, filename string) ([]byte, schema.Diagnostics) {
	r := newReporter()
	file := r.parse(source, filename)
	if found := r.diagnostics(); found.HasErrors() || file == nil {
		return source, found
	}
	if _, native := file.Body.(*hclsyntax.Body); !native {
		return source, nil
	}
	written, found := hclwrite.ParseConfig(source, filename, hcl.InitialPos)
	if found.HasErrors() {
		r.syntax(found)
		return source, r.diagnostics()
	}
	tidyBody(written.Body(), "", true)
	formatted := hclwrite.Format(written.Bytes())
	if _, broken := hclsyntax.ParseConfig(formatted, filename, hcl.InitialPos); broken.HasErrors() {
		// A comment at an awkward place. Spacing alone cannot break anything.
		return hclwrite.Format(source), nil
	}
	return formatted, nil
}

// tidyBody tidies the expressions and labels of a body; within is the type of
// the top-level block around it.
func tidyBody(body *hclwrite.Body, within string, top bool) {
	for name, attribute := range body.Attributes() {
		before := attribute.Expr().BuildTokens(nil)
		after := unwrapped(before)
		if within == "variable" && name == "type" {
			after = presentType(before)
		}
		if !bytes.Equal(before.Bytes(), after.Bytes()) {
			body.SetAttributeRaw(name, after)
		}
	}
	for _, block := range body.Blocks() {
		block.SetLabels(block.Labels())
		inner := ""
		if top {
			inner = block.Type()
		}
		tidyBody(block.Body(), inner, false)
	}
}

// unwrapped returns the expression inside of a template that is nothing but
// one interpolation: "${x}" is x.
func unwrapped(tokens hclwrite.Tokens) hclwrite.Tokens {
	tokens = trimmed(tokens)
	n := len(tokens)
	if n < 5 || tokens[0].Type != hclsyntax.TokenOQuote || tokens[1].Type != hclsyntax.TokenTemplateInterp ||
		tokens[n-2].Type != hclsyntax.TokenTemplateSeqEnd || tokens[n-1].Type != hclsyntax.TokenCQuote {
		return tokens
	}
	depth := 0
	for _, token := range tokens[1 : n-2] {
		switch token.Type {
		case hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
		case hclsyntax.TokenTemplateSeqEnd:
			depth--
		}
		if depth == 0 {
			return tokens // more follows the first interpolation
		}
	}
	inside := trimmed(tokens[2 : n-2])
	if len(inside) == 0 {
		return tokens
	}
	if !spansLines(inside) || inBrackets(inside) {
		return inside
	}
	// Outside of the template, only brackets let an expression go over lines.
	wrapped := hclwrite.Tokens{{Type: hclsyntax.TokenOParen, Bytes: []byte("(")}}
	wrapped = append(wrapped, inside...)
	return append(wrapped, &hclwrite.Token{Type: hclsyntax.TokenCParen, Bytes: []byte(")")})
}

func trimmed(tokens hclwrite.Tokens) hclwrite.Tokens {
	for len(tokens) > 0 && tokens[0].Type == hclsyntax.TokenNewline {
		tokens = tokens[1:]
	}
	for len(tokens) > 0 && tokens[len(tokens)-1].Type == hclsyntax.TokenNewline {
		tokens = tokens[:len(tokens)-1]
	}
	return tokens
}

func spansLines(tokens hclwrite.Tokens) bool {
	for _, token := range tokens {
		if token.Type == hclsyntax.TokenNewline {
			return true
		}
	}
	return false
}

func inBrackets(tokens hclwrite.Tokens) bool {
	return tokens[0].Type == hclsyntax.TokenOParen && tokens[len(tokens)-1].Type == hclsyntax.TokenCParen
}

// presentType rewrites the forms of types that older Terraform used.
func presentType(tokens hclwrite.Tokens) hclwrite.Tokens {
	present := map[string]string{
		`"string"`: "string", `"list"`: "list(string)", `"map"`: "map(string)",
		"list": "list(any)", "map": "map(any)", "set": "set(any)",
	}
	text, known := present[string(bytes.TrimSpace(tokens.Bytes()))]
	if !known {
		return tokens
	}
	return hclwrite.Tokens{{Type: hclsyntax.TokenIdent, Bytes: []byte(text)}}
}
