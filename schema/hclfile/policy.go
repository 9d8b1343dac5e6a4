package hclfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/sshform/sshform/schema"
)

// policyLanguage is what a policy file may hold. It is a language of its own:
// nothing of it stands in a configuration.
func policyLanguage() blockType {
	return blockType{name: "policy", blocks: []blockType{{
		name: "reload_command", label: "NAME", doc: "A command that reload = \"NAME\" may ask for.",
		attributes: []attribute{
			{name: "command", takes: aList, required: true, doc: "The program, by its absolute path on the host, and its words. No shell reads them."},
		},
	}}}
}

// LoadPolicy reads the policy of the machine that applies. A file that others
// may write is refused: its commands are run on hosts with privilege. The text
// is returned for showing the lines around diagnostics.
func LoadPolicy(name string) (schema.Policy, []byte, schema.Diagnostics) {
	p := policyReader{newReporter()}
	policy := schema.Policy{ReloadCommands: map[string][]string{}}
	if err := onlyOurs(name); err != nil {
		p.wrong(hcl.Range{}, "Policy cannot be read", "%s", sentence(err.Error()))
		return policy, nil, p.diagnostics()
	}
	content, err := read(name)
	if err != nil {
		p.wrong(hcl.Range{}, "Policy cannot be read", "%s", sentence(err.Error()))
		return policy, nil, p.diagnostics()
	}
	if file := p.parse(content, name); file != nil {
		p.commands(file, policy.ReloadCommands)
	}
	return policy, content, p.diagnostics()
}

// onlyOurs refuses a file that others than its owner may write.
func onlyOurs(name string) error {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not there", name)
	}
	if err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s may be written by others than its owner (mode %04o), and its commands run on hosts: chmod go-w it", name, info.Mode().Perm())
	}
	return err
}

type policyReader struct{ *reporter }

func (p policyReader) commands(file *hcl.File, commands map[string][]string) {
	kind := policyLanguage()
	for _, b := range decoder(p).body(file.Body, kind, "", &block{kind: kind}).blocks {
		argument, given := b.arguments["command"]
		if !given {
			continue // told to be missing
		}
		if _, twice := commands[b.label]; twice {
			p.wrong(b.labelAt, "Declared twice", "There is a reload_command %q already. Choose another name for one of the two.", b.label)
			continue
		}
		value, found := argument.Expr.Value(nil)
		p.syntax(found)
		if found.HasErrors() {
			continue
		}
		words, err := commandWords(value)
		if err != nil {
			p.wrong(argument.Expr.Range(), "Invalid value for an argument", "command %s", sentence(err.Error()))
			continue
		}
		commands[b.label] = words
	}
}

// commandWords reads a program and its words.
func commandWords(value cty.Value) ([]string, error) {
	words, err := asStrings(value)
	switch {
	case err != nil:
		return nil, err
	case len(words) == 0:
		return nil, errors.New("must name a program")
	case !path.IsAbs(words[0]):
		return nil, fmt.Errorf("must begin with a program's absolute path, not with %s: which one a name finds is the host's to say", shortened(words[0]))
	}
	return words, nil
}
