package hclfile

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// formatValue writes a value as an expression, over several lines where it has
// elements. Sensitive values are left out.
func formatValue(v cty.Value, depth int) string {
	if v.IsMarked() {
		return "(sensitive value)"
	}
	if !v.IsKnown() {
		return "(not known yet)"
	}
	t := v.Type()
	if v.IsNull() {
		return "null"
	}
	if t.IsPrimitiveType() {
		return string(hclwrite.TokensForValue(v).Bytes())
	}
	if t.IsCapsuleType() {
		return "(" + t.FriendlyName() + ")"
	}
	open, end := "[", "]"
	keyed := t.IsMapType() || t.IsObjectType()
	if keyed {
		open, end = "{", "}"
	}
	switch {
	case t.IsListType():
		open, end = "tolist([", "])"
	case t.IsSetType():
		open, end = "toset([", "])"
	case t.IsMapType():
		open, end = "tomap({", "})"
	}
	if v.LengthInt() == 0 {
		return open + end
	}
	var b strings.Builder
	b.WriteString(open + "\n")
	inner := strings.Repeat("  ", depth+1)
	for it := v.ElementIterator(); it.Next(); {
		key, element := it.Element()
		b.WriteString(inner)
		if keyed {
			b.WriteString(formatKey(key.AsString()) + " = ")
		}
		b.WriteString(formatValue(element, depth+1))
		if !keyed {
			b.WriteString(",")
		}
		b.WriteString("\n")
	}
	b.WriteString(strings.Repeat("  ", depth) + end)
	return b.String()
}

func formatKey(key string) string {
	if hclsyntax.ValidIdentifier(key) {
		return key
	}
	return string(hclwrite.TokensForValue(cty.StringVal(key)).Bytes())
}
