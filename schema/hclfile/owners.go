package hclfile

import (
	"fmt"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/sshform/sshform/schema"
)

// An owned is what only one block may manage: a keyword in a scope of a file
// on a machine.
type owned struct {
	file    string
	scope   string
	side    schema.Side
	keyword schema.Keyword
}

// checkOwners reports keywords that two blocks manage for the same host, and
// hosts that two blocks reach in different ways.
func (l *loader) checkOwners(c *schema.Config) {
	for targets := range c.Hosts() {
		if len(targets) > 1 {
			l.checkOwnersOn(targets)
			l.checkConnections(targets)
		}
	}
}

// checkOwnersOn looks at the targets of one host, at each setting once.
func (l *loader) checkOwnersOn(targets []schema.Target) {
	owners := map[owned]*schema.Target{}
	for i := range targets {
		t := &targets[i]
		o := owned{file: mainFile(t), scope: scopeOf(t), side: t.Side()}
		for _, settings := range [][]schema.Setting{t.Settings, t.Unset} {
			for _, s := range settings {
				o.keyword = s.Keyword
				first, taken := owners[o]
				if !taken {
					owners[o] = t
					continue
				}
				if first != t {
					l.twoOwners(t, first, s, o)
				}
			}
		}
	}
}

func (l *loader) twoOwners(t, first *schema.Target, s schema.Setting, o owned) {
	if other := keywordRange(first, s.Keyword); later(other, s.Range) {
		t, first, s.Range = first, t, other
	}
	name := fmt.Sprintf("%s (%s)", s.Keyword.HCL(), s.Keyword)
	other := keywordRange(first, s.Keyword)
	count := "for everybody"
	if o.scope != "" {
		count = fmt.Sprintf("in the block %q", o.scope)
	}
	l.add(schema.Diagnostic{
		Severity: schema.Error, Summary: "Setting declared twice", Address: t.Address.String(),
		Detail: fmt.Sprintf("%s is managed here and at %s:%d by %s, both %s in %s, for example on host %s. OpenSSH uses only one value. Remove one of the two, or let the blocks have different hosts or scopes.",
			name, other.Filename, other.Start.Line, blockName(first.Address), count, o.file, first.Host.Name),
	}, hclRange(s.Range))
}

// later reports whether a stands behind b in the configuration.
func later(a, b schema.Range) bool {
	return a.Filename > b.Filename || a.Filename == b.Filename && a.Start.Byte > b.Start.Byte
}

func blockName(a schema.Address) string { return fmt.Sprintf("%s %q", a.Block, a.Name) }

// keywordRange is where a target sets or unsets a keyword.
func keywordRange(t *schema.Target, k schema.Keyword) schema.Range {
	for _, settings := range [][]schema.Setting{t.Settings, t.Unset} {
		for _, s := range settings {
			if s.Keyword == k {
				return s.Range
			}
		}
	}
	return t.Range
}

// mainFile is the main file of a target, with the default filled in. A drop-in
// belongs to it: both are one configuration to sshd.
func mainFile(t *schema.Target) string {
	switch {
	case t.File.Path != "":
		return t.File.Path
	case t.Side() == schema.Server:
		return "/etc/ssh/sshd_config"
	}
	return "~/.ssh/config"
}

// scopeOf makes scopes comparable: criteria are compared without case, and no
// pattern means all.
func scopeOf(t *schema.Target) string {
	if t.Side() == schema.Client {
		if t.Scope.Patterns == "" || t.Scope.Patterns == "*" {
			return "Host *"
		}
		return "Host " + t.Scope.Patterns
	}
	if t.Scope.Match == "" {
		return ""
	}
	words := strings.Fields(t.Scope.Match)
	for i := 0; i < len(words); i += 2 {
		words[i] = strings.ToUpper(words[i][:1]) + strings.ToLower(words[i][1:])
	}
	return "Match " + strings.Join(words, " ")
}

// checkConnections reports a host that two blocks reach in different ways.
func (l *loader) checkConnections(targets []schema.Target) {
	first := targets[0]
	for _, t := range targets[1:] {
		if t.Connection.Or(t.Fallback) == first.Connection.Or(first.Fallback) {
			continue
		}
		l.add(schema.Diagnostic{
			Severity: schema.Error, Summary: "Two ways to one host", Address: t.Address.String(),
			Detail: fmt.Sprintf("%s and %s at %s:%d manage the same host, for example %s, but reach it differently: %s. A host is connected to once. Give both blocks the same connection, or declare it with the host.",
				blockName(t.Address), blockName(first.Address), first.Range.Filename, first.Range.Start.Line, t.Host.Name,
				difference(t.Connection.Or(t.Fallback), first.Connection.Or(first.Fallback))),
		}, hclRange(t.Range))
	}
}

// difference names the first argument in which two connections differ.
func difference(a, b schema.Connection) string {
	pairs := []struct {
		name string
		a, b any
	}{
		{"type", a.Type, b.Type}, {"address", a.Address, b.Address}, {"port", a.Port, b.Port}, {"user", a.User, b.User},
		{"ssh_alias", a.SSHAlias, b.SSHAlias}, {"identity_file", a.IdentityFile, b.IdentityFile},
		{"certificate_file", a.CertificateFile, b.CertificateFile}, {"proxy_jump", a.ProxyJump, b.ProxyJump},
		{"known_hosts_file", a.KnownHostsFile, b.KnownHostsFile}, {"host_key_checking", a.HostKeyChecking, b.HostKeyChecking},
		{"connect_timeout", a.ConnectTimeout, b.ConnectTimeout}, {"become", a.Become, b.Become},
	}
	for _, p := range pairs {
		if p.a != p.b {
			return fmt.Sprintf("%s is %s here and %s there", p.name, orNothing(p.a), orNothing(p.b))
		}
	}
	return ""
}

func orNothing(v any) string {
	if text := fmt.Sprint(v); text != "" && text != "0" && text != "0s" {
		return text
	}
	return "not set"
}

// hclRange is the range in the vocabulary of HCL.
func hclRange(r schema.Range) hcl.Range {
	back := func(p schema.Pos) hcl.Pos { return hcl.Pos{Line: p.Line, Column: p.Column, Byte: p.Byte} }
	return hcl.Range{Filename: r.Filename, Start: back(r.Start), End: back(r.End)}
}
