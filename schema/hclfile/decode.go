package hclfile

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/sshform/sshform/schema"
)

// A block is one block as it was written, its arguments not yet evaluated.
type block struct {
	kind      blockType
	label     string
	at        hcl.Range // the header
	labelAt   hcl.Range
	arguments map[string]*hcl.Attribute
	blocks    []*block
	partial   bool // a nested block was refused and left out
	// settled remembers the arguments that are the same in all instances.
	settled map[string]settled
}

// header is how the block is named to people: server "web".
func (b *block) header() string {
	if b.kind.label == "" {
		return b.kind.name
	}
	return fmt.Sprintf("%s %q", b.kind.name, b.label)
}

// all returns the nested blocks of one type.
func (b *block) all(name string) []*block {
	var found []*block
	for _, nested := range b.blocks {
		if nested.kind.name == name {
			found = append(found, nested)
		}
	}
	return found
}

// one returns the only nested block of one type, or nil.
func (b *block) one(name string) *block {
	if found := b.all(name); len(found) > 0 {
		return found[0]
	}
	return nil
}

// sorted returns the arguments in the order of the file.
func (b *block) sorted() []*hcl.Attribute {
	arguments := make([]*hcl.Attribute, 0, len(b.arguments))
	for _, a := range b.arguments {
		arguments = append(arguments, a)
	}
	slices.SortFunc(arguments, func(a, b *hcl.Attribute) int { return a.Range.Start.Byte - b.Range.Start.Byte })
	return arguments
}

// expressions returns all expressions of the block and of those in it, in the
// order of the file.
func (b *block) expressions() []hcl.Expression {
	var all []hcl.Expression
	for _, a := range b.sorted() {
		all = append(all, a.Expr)
	}
	for _, nested := range b.blocks {
		all = append(all, nested.expressions()...)
	}
	return all
}

// bodySchema is what HCL needs to know of a block type.
func bodySchema(arguments []attribute, blocks []blockType) *hcl.BodySchema {
	body := &hcl.BodySchema{}
	for _, a := range arguments {
		body.Attributes = append(body.Attributes, hcl.AttributeSchema{Name: a.name, Required: a.required})
	}
	for _, b := range blocks {
		header := hcl.BlockHeaderSchema{Type: b.name}
		if b.label != "" {
			header.LabelNames = []string{strings.ToLower(b.label)}
		}
		body.Blocks = append(body.Blocks, header)
	}
	return body
}

// A decoder turns bodies of HCL into blocks and reports what does not belong.
type decoder struct{ *reporter }

// file decodes one file of the configuration.
func (d decoder) file(file *hcl.File) []*block {
	top := blockType{name: "configuration", blocks: language()}
	return d.body(file.Body, top, "", &block{kind: top}).blocks
}

// body fills b with what stands in a body.
func (d decoder) body(body hcl.Body, kind blockType, label string, b *block) *block {
	if kind.open {
		arguments, found := body.JustAttributes()
		d.syntax(found)
		b.arguments = arguments
		return b
	}
	content, found := body.Content(bodySchema(kind.arguments(label), kind.blocks))
	for _, f := range found {
		d.structure(f, kind, label)
	}
	b.arguments = content.Attributes
	counts := map[string]*block{}
	for _, inner := range content.Blocks {
		innerKind, _ := kind.block(inner.Type)
		nested, ok := d.block(inner, innerKind)
		if !ok {
			b.partial = true
			continue
		}
		if first := counts[inner.Type]; first != nil && innerKind.once {
			d.wrong(inner.DefRange, "Duplicate block", "There is already a %s block at %s, and only one can count. Put all its arguments into one block.", inner.Type, where(first.at))
			continue
		}
		counts[inner.Type] = nested
		b.blocks = append(b.blocks, nested)
	}
	return b
}

func (d decoder) block(inner *hcl.Block, kind blockType) (*block, bool) {
	b := &block{kind: kind, at: inner.DefRange, labelAt: inner.DefRange, settled: map[string]settled{}}
	if kind.label != "" {
		b.label, b.labelAt = inner.Labels[0], inner.LabelRanges[0]
		if !d.label(b) {
			return nil, false
		}
	}
	d.body(inner.Body, kind, b.label, b)
	return b, true
}

// label reports a label that cannot be one.
func (d decoder) label(b *block) bool {
	switch {
	case len(b.kind.labels) > 0:
		if slices.Contains(b.kind.labels, b.label) {
			return true
		}
		d.wrong(b.labelAt, "Unknown "+b.kind.name, "There is no %s %q; known are %s.%s", b.kind.name, b.label, orList(b.kind.labels), didYouMean(b.label, b.kind.labels))
		return false
	case b.kind.free:
		if wrong := wrongHostName(b.label); wrong != "" {
			d.wrong(b.labelAt, "Invalid name", "The name of a host %s. Choose another name, and give what to connect to as address.", wrong)
			return false
		}
		return true
	case !hclsyntax.ValidIdentifier(b.label):
		d.wrong(b.labelAt, "Invalid name", "%q cannot be the name of %s block. A name must start with a letter and hold only letters, digits, underscores and dashes.", b.label, strings.ToLower(withArticle(b.kind.name)))
		return false
	}
	return true
}

// wrongHostName says what is wrong with the name of a host, or nothing.
func wrongHostName(name string) string {
	switch {
	case name == "":
		return "is empty"
	case len(name) > 253:
		return "is longer than 253 bytes"
	case strings.HasPrefix(name, "-"):
		return "begins with a dash, so that ssh would take it for an option"
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }):
		return "holds a blank or an unprintable character"
	}
	return ""
}

// structure reports what HCL found to be out of place, with advice for what
// people try most often.
func (d decoder) structure(found *hcl.Diagnostic, kind blockType, label string) {
	name := ""
	if found.Subject != nil {
		if file := d.files[found.Subject.Filename]; file != nil && found.Subject.CanSliceBytes(file.Bytes) {
			name = strings.Trim(string(found.Subject.SliceBytes(file.Bytes)), `"`)
		}
	}
	inner, _ := kind.block(blockOf(found.Summary))
	switch found.Summary {
	case "Missing name for " + inner.name, "Missing kind for " + inner.name:
		d.wrong(*found.Subject, "Missing name", "%s block needs a %s in quotes: %s %q { … }.", withArticle(inner.name), strings.ToLower(inner.label), inner.name, inner.label)
	case "Extraneous label for " + inner.name:
		if inner.label == "" {
			d.wrong(*found.Subject, "Too many names", "%s block takes no name: write %s { … }.", withArticle(inner.name), inner.name)
			return
		}
		d.wrong(*found.Subject, "Too many names", "%s block takes one %s: %s %q { … }.", withArticle(inner.name), strings.ToLower(inner.label), inner.name, inner.label)
	case "Unsupported argument", "Extraneous JSON object property":
		summary, detail := unknownArgument(name, kind, label)
		d.wrong(*found.Subject, summary, "%s", detail)
	case "Unsupported block type":
		d.wrong(*found.Subject, "Unknown block", "%s", unknownBlock(name, kind))
	default:
		d.syntax(hcl.Diagnostics{found})
	}
}

// withArticle is a noun with its article, at the beginning of a sentence.
func withArticle(noun string) string {
	if strings.ContainsRune("aeiou", rune(noun[0])) {
		return "An " + noun
	}
	return "A " + noun
}

// blockOf is the type of block at the end of a summary of HCL.
func blockOf(summary string) string {
	_, name, _ := strings.Cut(summary, " for ")
	return name
}

func unknownArgument(name string, kind blockType, label string) (summary, detail string) {
	if advice := secretAdvice(name); advice != "" {
		return schema.SecretInConfiguration, advice
	}
	summary = "Unknown argument"
	in := withArticle(kind.name) + " block"
	if kind.name == "configuration" {
		in = "The configuration"
	}
	detail = fmt.Sprintf("%s takes no argument %q.", in, name)
	if _, isBlock := kind.block(name); isBlock {
		return summary, detail + fmt.Sprintf(" %s is a block: write it with braces and without the equals sign.", name)
	}
	if other := otherSide(name, kind); other != "" {
		return summary, detail + " " + other
	}
	if advice, known := foreignArguments()[name]; known {
		return summary, detail + " " + advice
	}
	var names []string
	for _, a := range kind.arguments(label) {
		names = append(names, a.name)
	}
	for _, b := range kind.blocks {
		names = append(names, b.name)
	}
	if d, ok := schema.Define(schema.Side(kind.name), name); ok {
		return summary, detail + fmt.Sprintf(" Write %s.", d.Keyword.HCL())
	}
	return summary, detail + didYouMean(name, names)
}

// otherSide advises where a keyword stands in the block of the other side.
func otherSide(name string, kind blockType) string {
	advice := map[schema.Side]string{
		schema.Server: "sshd does not read it; it belongs in a client block.",
		schema.Client: "ssh does not read it; it belongs in a server block.",
	}
	pairs := map[schema.Keyword]schema.Keyword{
		"ServerAliveInterval": "ClientAliveInterval", "ServerAliveCountMax": "ClientAliveCountMax",
		"ClientAliveInterval": "ServerAliveInterval", "ClientAliveCountMax": "ServerAliveCountMax",
	}
	for side, other := range map[schema.Side]schema.Side{schema.Server: schema.Client, schema.Client: schema.Server} {
		d, foreign := schema.Define(other, name)
		if schema.Side(kind.name) != side || !foreign {
			continue
		}
		text := fmt.Sprintf("%s (%s) is a keyword of the %s: %s", d.Keyword.HCL(), d.Keyword, other, advice[side])
		if twin, ok := pairs[d.Keyword]; ok {
			text += fmt.Sprintf(" The keyword of the %s is %s (%s).", side, twin.HCL(), twin)
		}
		return text
	}
	return ""
}

func unknownBlock(name string, kind blockType) string {
	text := fmt.Sprintf("There are no %s blocks here.", name)
	if kind.name == "configuration" {
		text = fmt.Sprintf("There are no %s blocks.", name)
	}
	if advice, known := foreignBlocks()[name]; known {
		return text + " " + advice
	}
	if _, isArgument := kind.attribute("", name); isArgument {
		return text + fmt.Sprintf(" %s is an argument: write it with an equals sign.", name)
	}
	var names []string
	for _, b := range kind.blocks {
		names = append(names, b.name)
	}
	if guess := didYouMean(name, names); guess != "" || len(names) == 0 {
		return text + guess
	}
	return text + " Known are " + strings.Join(names, ", ") + "."
}

// secretAdvice is what to do instead of writing a secret, or empty where the
// name is not that of one.
func secretAdvice(name string) string {
	lower := strings.ToLower(name)
	for _, word := range []string{"password", "passwd", "passphrase", "private_key", "privatekey", "secret", "token", "askpass"} {
		if strings.Contains(lower, word) {
			return fmt.Sprintf("There is no argument %q, and no place for a secret in a configuration: it would be read by everybody who can read the repository. "+
				"Use the ssh agent, or name a key with identity_file (and certificate_file). A password for sudo is asked on the terminal, or of the program that SSHFORM_SUDO_ASKPASS names.", name)
		}
	}
	return ""
}

// foreignArguments are what people know from elsewhere.
func foreignArguments() map[string]string {
	return map[string]string{
		"count":      "Use for_each over a map or a set of strings.",
		"depends_on": "The order of changes is declared in a rollout block.",
		"provider":   "There are no providers.",
		"lifecycle":  "There is no state, so there is no lifecycle.",
		"interval":   "Write the keyword of OpenSSH: client_alive_interval in a server block, server_alive_interval in a client block.",
		"hostname":   "Write address.",
		"host":       "",
		"timeout":    "Write the keyword of OpenSSH in snake_case.",
		"enabled":    "An argument that is left out is not managed.",
	}
}

func foreignBlocks() map[string]string {
	return map[string]string{
		"terraform":   "The settings of the tool stand in a sshform block.",
		"resource":    "Declare settings directly: server \"NAME\" { … } for sshd_config, client \"NAME\" { … } for ssh_config.",
		"data":        "Hosts come from host and inventory blocks.",
		"module":      "There are no modules: all files of a directory are one configuration.",
		"provider":    "There are no providers; how hosts are reached stands in a connection block.",
		"moved":       "There is no state, so a block may be renamed freely.",
		"removed":     "There is no state: delete the block, or take lines away with unset.",
		"import":      "Run sshform import HOST -out=FILE to write the configuration of what is there.",
		"lifecycle":   "There is no state, so there is no lifecycle; precondition stands directly in the block.",
		"dynamic":     "Use for_each on the server or client block.",
		"provisioner": "sshform changes keepalive settings and runs nothing else.",
		"local":       "Write locals { … }.",
		"variables":   "Write variable \"NAME\" { … }, one block for each.",
	}
}
