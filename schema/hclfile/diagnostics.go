package hclfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hcled"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/sshform/sshform/schema"
	"github.com/zclconf/go-cty/cty"
)

// A reporter collects diagnostics. One mistake that shows in many instances
// is told once, with a count.
type reporter struct {
	files  map[string]*hcl.File
	found  schema.Diagnostics
	wrongs int             // errors so far, repeated ones included
	seen   map[mistake]int // index in found
	more   map[int]int     // further occurrences by index in found
}

// A mistake is a place and what is wrong with it.
type mistake struct {
	file       string
	line       int
	start, end int
	summary    string
}

func newReporter() *reporter {
	return &reporter{files: map[string]*hcl.File{}, seen: map[mistake]int{}, more: map[int]int{}}
}

// add reports one diagnostic, or counts it if its mistake is known.
func (r *reporter) add(d schema.Diagnostic, at hcl.Range) {
	if d.Severity == schema.Error {
		r.wrongs++
	}
	key := mistake{at.Filename, at.Start.Line, at.Start.Byte, at.End.Byte, d.Summary}
	if at.Filename == "" {
		key.file = d.Detail // without a place, the detail tells mistakes apart
	}
	if i, known := r.seen[key]; known {
		if r.found[i].Detail != d.Detail {
			r.more[i]++
		}
		return
	}
	r.seen[key] = len(r.found)
	d.Block = r.header(at)
	if at.Filename != "" {
		d.Subject = place(at).ptr()
	}
	r.found = append(r.found, d)
}

// wrong reports an error at a place.
func (r *reporter) wrong(at hcl.Range, summary, detail string, args ...any) {
	r.add(schema.Diagnostic{Severity: schema.Error, Summary: summary, Detail: fmt.Sprintf(detail, args...)}, at)
}

// warn reports a warning at a place.
func (r *reporter) warn(at hcl.Range, summary, detail string, args ...any) {
	r.add(schema.Diagnostic{Severity: schema.Warning, Summary: summary, Detail: fmt.Sprintf(detail, args...)}, at)
}

// errors counts the errors so far, to tell whether a piece of work went well.
func (r *reporter) errors() int { return r.wrongs }

// diagnostics returns all that was reported.
func (r *reporter) diagnostics() schema.Diagnostics {
	all := slices.Clone(r.found)
	for i, more := range r.more {
		if more > 0 {
			all[i].Detail += fmt.Sprintf(" The same is wrong %s more.", times(more))
		}
	}
	return all
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// header returns the header of the top-level block around a place.
func (r *reporter) header(at hcl.Range) string {
	file := r.files[at.Filename]
	if file == nil {
		return ""
	}
	body, native := file.Body.(*hclsyntax.Body)
	if !native {
		return hcled.ContextString(file, at.Start.Byte)
	}
	// The last block that begins at the place or before it; blocks are in order.
	i, found := slices.BinarySearchFunc(body.Blocks, at.Start.Byte, func(b *hclsyntax.Block, place int) int {
		return b.TypeRange.Start.Byte - place
	})
	if !found {
		i--
	}
	if i < 0 || at.Start.Byte >= body.Blocks[i].Range().End.Byte {
		return ""
	}
	header := body.Blocks[i].Type
	for _, label := range body.Blocks[i].Labels {
		header += fmt.Sprintf(" %q", label)
	}
	return header
}

func place(r hcl.Range) placed {
	return placed{Filename: r.Filename, Start: pos(r.Start), End: pos(r.End)}
}

type placed schema.Range

func (p placed) ptr() *schema.Range { return (*schema.Range)(&p) }

func pos(p hcl.Pos) schema.Pos { return schema.Pos{Line: p.Line, Column: p.Column, Byte: p.Byte} }

// span is the range in the vocabulary of schema.
func span(r hcl.Range) schema.Range { return schema.Range(place(r)) }

// where names a place in a sentence.
func where(r hcl.Range) string { return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line) }

// syntax reports what the parser of HCL found.
func (r *reporter) syntax(found hcl.Diagnostics) {
	unclosed := false
	for _, d := range found {
		if d.Summary == "Invalid multi-line string" || d.Summary == "Unterminated template string" {
			if unclosed {
				continue // all quotes behind the first that is not closed are taken the wrong way round
			}
			unclosed = true
		}
		r.translate(d, false)
	}
}

// translate reports a diagnostic of HCL in our words, with the values of the
// expressions involved. Where those include a sensitive one, the detail, which
// may quote it, is withheld.
func (r *reporter) translate(d *hcl.Diagnostic, sensitive bool) {
	told := schema.Diagnostic{Severity: schema.Error, Summary: d.Summary, Detail: d.Detail}
	if d.Severity == hcl.DiagWarning {
		told.Severity = schema.Warning
	}
	var at hcl.Range
	if d.Subject != nil {
		at = *d.Subject
	}
	if d.Expression != nil && d.EvalContext != nil {
		told.Values = knownValues(d.Expression, d.EvalContext)
		sensitive = sensitive || usesSensitive(d.Expression, d.EvalContext)
		if better := betterDetail(d); better != "" {
			told.Detail = better
		}
	}
	if sensitive && d.Summary != unknownFunction {
		told.Detail = "The expression uses a sensitive value, so the reason, which may show it, is not told here."
	}
	r.add(told, at)
}

const unknownFunction = "Call to unknown function"

// betterDetail is the detail with the name that was probably meant. HCL knows
// the name that was written but not what else there is.
func betterDetail(d *hcl.Diagnostic) string {
	if call, ok := d.Extra.(hclsyntax.FunctionCallUnknownDiagExtra); ok {
		return functionUnknown(call.CalledFunctionName(), d.EvalContext)
	}
	if d.Summary != "Unsupported attribute" && d.Summary != "Missing map element" && d.Summary != "Invalid index" {
		return ""
	}
	for _, traversal := range d.Expression.Variables() {
		if text := firstMissing(traversal, d.EvalContext); text != "" {
			return text
		}
	}
	return ""
}

func functionUnknown(name string, ctx *hcl.EvalContext) string {
	var known []string
	for ; ctx != nil; ctx = ctx.Parent() {
		for name := range ctx.Functions {
			known = append(known, name)
		}
	}
	text := fmt.Sprintf("There is no function %q.", name)
	if reason, absent := absentFunctions()[name]; absent {
		return text + " " + reason
	}
	return text + didYouMean(name, known)
}

// absentFunctions are functions of Terraform that people will miss, with the
// reason.
func absentFunctions() map[string]string {
	reproducible := "A plan must come out the same every time, so there are no clocks, no randomness and no environment here; pass the value in as a variable."
	secrets := "Nothing here needs a secret, so there are no functions to make one."
	absent := map[string]string{"templatefile": "Write the expression in the configuration, or build the text with format and join."}
	for _, name := range []string{"timestamp", "plantimestamp", "uuid", "uuidv5", "env", "random", "timeadd", "formatdate"} {
		absent[name] = reproducible
	}
	for _, name := range []string{"bcrypt", "rsadecrypt", "sha256", "sha512", "md5", "sha1"} {
		absent[name] = secrets
	}
	return absent
}

// firstMissing follows a traversal to the first step that leads nowhere and
// says what there is instead.
func firstMissing(traversal hcl.Traversal, ctx *hcl.EvalContext) string {
	for n := 2; n <= len(traversal); n++ {
		if _, diags := traversal[:n].TraverseAbs(ctx); !diags.HasErrors() {
			continue
		}
		before, diags := traversal[:n-1].TraverseAbs(ctx)
		if diags.HasErrors() {
			return ""
		}
		before, _ = before.Unmark()
		name, ok := stepName(traversal[n-1])
		if !ok || before.IsNull() || !before.IsKnown() {
			return ""
		}
		return missingStep(before, spell(traversal[:n-1]), name)
	}
	return ""
}

func missingStep(before cty.Value, spelled, name string) string {
	switch {
	case before.Type().IsObjectType():
		known := sortedKeys(before.Type().AttributeTypes())
		return fmt.Sprintf("%s has no attribute %q.%s%s", spelled, name, didYouMean(name, known), itHas(known))
	case before.Type().IsMapType():
		known := sortedKeys(before.AsValueMap())
		return fmt.Sprintf("%s has no element %q.%s%s", spelled, name, didYouMean(name, known), itHas(known))
	}
	return ""
}

// itHas lists names where they are few.
func itHas(known []string) string {
	if len(known) == 0 {
		return " It is empty."
	}
	if len(known) > 12 {
		return ""
	}
	return fmt.Sprintf(" It has %s.", strings.Join(known, ", "))
}

func stepName(step hcl.Traverser) (string, bool) {
	switch step := step.(type) {
	case hcl.TraverseAttr:
		return step.Name, true
	case hcl.TraverseIndex:
		if step.Key.Type() == cty.String && step.Key.IsKnown() && !step.Key.IsNull() {
			key, _ := step.Key.Unmark()
			return key.AsString(), true
		}
	}
	return "", false
}

// spell writes a traversal as people type it.
func spell(traversal hcl.Traversal) string {
	var b strings.Builder
	for _, step := range traversal {
		switch step := step.(type) {
		case hcl.TraverseRoot:
			b.WriteString(step.Name)
		case hcl.TraverseAttr:
			b.WriteString("." + step.Name)
		case hcl.TraverseIndex:
			key, _ := step.Key.Unmark()
			switch {
			case key.IsNull() || !key.IsKnown():
				b.WriteString("[…]")
			case key.Type() == cty.String:
				fmt.Fprintf(&b, "[%q]", key.AsString())
			case key.Type() == cty.Number:
				fmt.Fprintf(&b, "[%s]", key.AsBigFloat().Text('f', -1))
			}
		case hcl.TraverseSplat:
			b.WriteString("[*]")
		}
	}
	return b.String()
}

// knownValues says what the references in an expression were.
func knownValues(expr hcl.Expression, ctx *hcl.EvalContext) []schema.Known {
	var values []schema.Known
	for _, traversal := range expr.Variables() {
		value, diags := traversal.TraverseAbs(ctx)
		if diags.HasErrors() {
			continue
		}
		known := schema.Known{Traversal: spell(traversal), Statement: statement(value)}
		if known.Statement != "" && !slices.Contains(values, known) {
			values = append(values, known)
		}
	}
	slices.SortFunc(values, func(a, b schema.Known) int { return strings.Compare(a.Traversal, b.Traversal) })
	return values
}

// statement says what a value is, in short; empty when that is not known.
func statement(v cty.Value) string {
	switch t := v.Type(); {
	case isSensitive(v):
		return "has a sensitive value"
	case !v.IsKnown():
		return ""
	case v.IsNull():
		return "is null"
	case t == cty.String:
		return "is " + shortened(v.AsString())
	case t == cty.Number:
		return "is " + v.AsBigFloat().Text('f', -1)
	case t == cty.Bool:
		return fmt.Sprintf("is %t", v.True())
	case t.IsObjectType():
		return "is object with " + counted(len(t.AttributeTypes()), "attribute")
	case v.CanIterateElements():
		return fmt.Sprintf("is %s with %s", t.FriendlyName(), counted(v.LengthInt(), "element"))
	}
	return ""
}

func shortened(s string) string {
	const longest = 80
	if runes := []rune(s); len(runes) > longest {
		return fmt.Sprintf("%q, and more", string(runes[:longest]))
	}
	return fmt.Sprintf("%q", s)
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// A mark is what a value carries with it through every expression.
type mark string

// secret marks the values of sensitive variables and all that is made of them.
const secret mark = "sensitive"

// isSensitive reports whether a value or anything in it is marked. Walking a
// plain value would cost more than all else that is done with it.
func isSensitive(v cty.Value) bool {
	return v.IsMarked() || !v.Type().IsPrimitiveType() && v.ContainsMarked()
}

// isKnown reports whether a value without marks and all in it is known.
func isKnown(v cty.Value) bool {
	return v.IsKnown() && (v.Type().IsPrimitiveType() || v.IsWhollyKnown())
}

func usesSensitive(expr hcl.Expression, ctx *hcl.EvalContext) bool {
	return slices.ContainsFunc(expr.Variables(), func(t hcl.Traversal) bool {
		value, _ := t.TraverseAbs(ctx)
		return value != cty.NilVal && isSensitive(value)
	})
}
