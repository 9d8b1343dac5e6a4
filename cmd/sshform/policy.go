package main

import (
	"fmt"

	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

// policyVariable names the file with the policy of this machine: what plans
// may ask of it. It is looked for nowhere else, least of all beside the
// configuration, which a pull request can change.
const policyVariable = "SSHFORM_POLICY"

// readPolicy reads the policy of this machine; without one, plans may ask for
// nothing. Its mistakes are told before any host is contacted.
func (p *program) readPolicy(into *schema.Policy) error {
	name := p.env(policyVariable)
	if name == "" {
		return nil
	}
	policy, text, found := hclfile.LoadPolicy(name)
	if !found.HasErrors() {
		*into = policy
		return nil
	}
	p.source = func(string) []byte { return text } // no other file has been read yet
	p.diagnose(found)
	return failed
}

// howToName tells how a policy names a command that a plan asks for.
func howToName(command string) string {
	if command == "" {
		return ""
	}
	return fmt.Sprintf("\n\nThe policy is a file of this machine that %s names. It says:\n    reload_command %q {\n      command = [\"/path/of/program\", \"a word\"]\n    }",
		policyVariable, command)
}
