package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/plan/seal"
)

// The policy about signatures stands in the environment of the machine that
// applies, never in a plan or a configuration, which a pull request can edit.
const (
	allowedSigners = "SSHFORM_ALLOWED_SIGNERS"
	revokedSigners = "SSHFORM_REVOKED_SIGNERS"
	minSignatures  = "SSHFORM_MIN_SIGNATURES"
)

// maxSealed bounds a plan file whose signatures are judged: it is held in
// memory, so that what was judged is what is read.
const maxSealed = 1 << 30

// A sealPolicy is which signatures a plan needs here. The zero policy is none.
type sealPolicy struct {
	file    string // allowed_signers
	allowed *seal.Allowed
	least   int
}

// sealPolicy reads the policy of this machine.
func (p *program) sealPolicy() (sealPolicy, error) {
	wrong := func(detail string) (sealPolicy, error) {
		return sealPolicy{}, problem("Policy of signatures cannot be read", detail+" Nothing was changed.")
	}
	policy := sealPolicy{file: p.env(allowedSigners)}
	if count := p.env(minSignatures); count != "" {
		var err error
		if policy.least, err = strconv.Atoi(count); err != nil || policy.least < 1 {
			return wrong(fmt.Sprintf("%s is %q; it must be a number from 1.", minSignatures, count))
		}
	}
	if policy.file == "" {
		if p.env(revokedSigners) != "" {
			return wrong(fmt.Sprintf("%s says whose signatures count no more, and %s does not say whose count.", revokedSigners, allowedSigners))
		}
		if policy.least > 0 {
			return wrong(fmt.Sprintf("%s asks for signatures, and %s does not say whose count. Let it name a file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS).", minSignatures, allowedSigners))
		}
		return policy, nil
	}
	policy.least = max(policy.least, 1)
	text, err := os.ReadFile(policy.file)
	if err != nil {
		return wrong(allowedSigners + ": " + sentence(err))
	}
	if policy.allowed, err = seal.ParseAllowed(text, time.Local); err != nil {
		return wrong(fmt.Sprintf("%s: %s: %s", allowedSigners, policy.file, sentence(err)))
	}
	if file := p.env(revokedSigners); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return wrong(revokedSigners + ": " + sentence(err))
		}
		revoked, err := seal.ParseRevoked(text)
		if err != nil {
			return wrong(fmt.Sprintf("%s: %s: %s", revokedSigners, file, sentence(err)))
		}
		policy.allowed.Revoke(revoked)
	}
	return policy, nil
}

// needsFile says why this machine carries out saved plans only; empty when it
// does not care.
func (p *program) needsFile() string {
	switch {
	case p.env(allowedSigners)+p.env(minSignatures)+p.env(revokedSigners) != "":
		return allowedSigners + " is set here, and only a file can be signed"
	case p.env("SSHFORM_REQUIRE_SAVED") == "1":
		return "SSHFORM_REQUIRE_SAVED is set here"
	}
	return ""
}

// readToApply reads a saved plan that is signed as this machine wants it.
func (p *program) readToApply(file string, signatures []string) (*plan.Plan, error) {
	policy, err := p.sealPolicy()
	if err != nil {
		return nil, err
	}
	if policy.allowed == nil {
		if len(signatures) > 0 {
			return nil, problem("Option needs a policy",
				"-signature: "+allowedSigners+" does not say here whose signatures count. Let it name a file of allowed signers (ssh-keygen(1), ALLOWED SIGNERS).")
		}
		built, err := readPlan(file)
		if err != nil {
			return nil, p.refuse("Plan file cannot be used", err.Error())
		}
		return built, nil
	}
	text, err := readBounded(file)
	if err != nil {
		return nil, p.refuse("Plan file cannot be used", sentence(err))
	}
	if err := p.sealed(policy, file, signatures, text); err != nil {
		return nil, err
	}
	built, err := plan.Read(bytes.NewReader(text))
	if err != nil {
		return nil, p.refuse("Plan file cannot be used", fmt.Sprintf("%s: %s", file, sentence(err)))
	}
	return built, nil
}

func readBounded(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxSealed+1))
	if err == nil && len(text) > maxSealed {
		err = fmt.Errorf("%s is larger than a plan whose signatures can be judged", file)
	}
	return text, err
}

// sealed demands enough signatures that count.
func (p *program) sealed(policy sealPolicy, file string, signatures []string, text []byte) error {
	const summary = "Plan is not signed as it must be"
	demand := fmt.Sprintf("%s is set here, and %d of those that it names must have signed. ", allowedSigners, policy.least)
	if len(signatures) == 0 {
		signatures = []string{file + ".sig"}
	}
	var blocks []byte
	for _, name := range signatures {
		block, err := os.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return p.refuse(summary, fmt.Sprintf("%sThere is no %s. It is made by:\n    ssh-keygen -Y sign -n %s -f KEY %s", demand, name, seal.Namespace, file))
		case err != nil:
			return p.refuse(summary, demand+sentence(err))
		}
		blocks = append(append(blocks, block...), '\n')
	}
	verdict, err := policy.allowed.Judge(bytes.NewReader(text), blocks, p.now())
	if err != nil {
		return p.refuse(summary, fmt.Sprintf("%s%s: %s", demand, strings.Join(signatures, ", "), sentence(err)))
	}
	var who, lines []string
	for _, s := range verdict.Signers {
		who = append(who, view.Clean(strings.Join(s.Principals, ", ")))
		lines = append(lines, fmt.Sprintf("counts: %s with %s", who[len(who)-1], s.Key))
	}
	for _, r := range verdict.Refused {
		lines = append(lines, "does not count: "+r)
	}
	if people := verdict.People(); people < policy.least {
		return p.refuse(summary, fmt.Sprintf("%sSignatures of %d count; those that share a key or a principal are one person's.\n    %s",
			demand, people, view.Clean(strings.Join(lines, "\n    "))))
	}
	p.signers = who
	p.view().Note("The plan is signed by " + strings.Join(who, " and ") + ".")
	return nil
}
