package remote

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// maxAliasDepth bounds how many bastions lead to each other in a person's ssh
// configuration.
const maxAliasDepth = 8

// A sshAlias is what `ssh -G` says of a Host of the person's configuration. What
// equals the answer without any configuration counts as not said.
type sshAlias struct {
	name                string
	address             string
	user                string // empty if not said
	port                int    // 0 if not said
	jump                string
	identityFiles       []string
	certificates        []string
	identitiesOnly      bool
	identityAgent       string
	knownHosts          []string
	hostKeyAlias        string
	connectTimeout      time.Duration
	proxyCommand        bool
	identitiesSaid      bool
	knownSaid, agentSet bool
}

// An aliasCache asks ssh once for each alias.
type aliasCache struct {
	mu      sync.Mutex
	answers map[string]*aliasAnswer
}

type aliasAnswer struct {
	once  sync.Once
	alias *sshAlias
	err   error
}

func (d *Dialer) alias(ctx context.Context, name string) (*sshAlias, error) {
	if d.SSHConfig == nil {
		return nil, errNoSSHConfig
	}
	if strings.HasPrefix(name, "-") || strings.ContainsAny(name, "\x00\r\n") {
		return nil, fmt.Errorf("ssh_alias %q is no Host of an ssh configuration", name)
	}
	d.aliases.mu.Lock()
	if d.aliases.answers == nil {
		d.aliases.answers = map[string]*aliasAnswer{}
	}
	a := d.aliases.answers[name]
	if a == nil {
		a = &aliasAnswer{}
		d.aliases.answers[name] = a
	}
	d.aliases.mu.Unlock()
	a.once.Do(func() { a.alias, a.err = d.askAlias(ctx, name) })
	return a.alias, a.err
}

// askAlias asks twice: with the person's configuration and with none. ssh
// always prints a user, a port and files; only what differs was written by
// somebody.
func (d *Dialer) askAlias(ctx context.Context, name string) (*sshAlias, error) {
	var answers [2]map[string][]string
	var errs [2]error
	var wg sync.WaitGroup
	for i, args := range [][]string{{name}, {"-F", "none", name}} {
		wg.Go(func() {
			out, err := d.SSHConfig(ctx, args...)
			answers[i], errs[i] = parseSSHConfig(out), err
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("ssh_alias %q: %w", name, err)
		}
	}
	return d.readAlias(name, answers[0], answers[1])
}

// parseSSHConfig reads the output of ssh -G: keyword, blank, arguments.
func parseSSHConfig(out []byte) map[string][]string {
	values := map[string][]string{}
	scanner := bufio.NewScanner(bytes.NewReader(out))
	for scanner.Scan() {
		keyword, argument, _ := strings.Cut(scanner.Text(), " ")
		keyword = strings.ToLower(keyword)
		values[keyword] = append(values[keyword], argument)
	}
	return values
}

func (d *Dialer) readAlias(name string, with, without map[string][]string) (*sshAlias, error) {
	one := func(values map[string][]string, keyword string) string {
		if len(values[keyword]) == 0 {
			return ""
		}
		return values[keyword][0]
	}
	said := func(keyword string) string {
		value := one(with, keyword)
		if value == one(without, keyword) || value == "none" {
			return ""
		}
		return value
	}
	a := &sshAlias{name: name, address: one(with, "hostname"), user: said("user"), jump: said("proxyjump"), hostKeyAlias: said("hostkeyalias")}
	if a.address == "" {
		return nil, fmt.Errorf("ssh_alias %q: ssh -G names no host", name)
	}
	if port := said("port"); port != "" {
		n, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("ssh_alias %q: port %q", name, port)
		}
		a.port = n
	}
	if seconds, err := strconv.Atoi(said("connecttimeout")); err == nil && seconds > 0 {
		a.connectTimeout = time.Duration(seconds) * time.Second
	}
	a.proxyCommand = said("proxycommand") != "" && a.jump == ""
	a.identitiesOnly = one(with, "identitiesonly") == "yes"
	if !slices.Equal(with["identityfile"], without["identityfile"]) {
		a.identitiesSaid = true
		a.identityFiles = d.expandAll(with["identityfile"])
	}
	for _, file := range with["certificatefile"] {
		a.certificates = append(a.certificates, expand(file, d.Home))
	}
	if agent := one(with, "identityagent"); agent != "" && agent != "SSH_AUTH_SOCK" {
		a.agentSet = true
		if agent != "none" {
			a.identityAgent = expand(agent, d.Home)
		}
	}
	for _, keyword := range []string{"userknownhostsfile", "globalknownhostsfile"} {
		a.knownSaid = a.knownSaid || said(keyword) != ""
		if files := one(with, keyword); files != "none" {
			a.knownHosts = append(a.knownHosts, d.expandAll(strings.Fields(files))...)
		}
	}
	return a, nil
}

// connection is what the alias says, to be ranked with what is declared.
func (a *sshAlias) connection() *schema.Connection {
	return &schema.Connection{Address: a.address, Port: a.port, User: a.user, ConnectTimeout: a.connectTimeout}
}

// aliasRoute is the route of a connection with an ssh_alias.
func (d *Dialer) aliasRoute(ctx context.Context, host string, declared schema.Connection, alias *sshAlias, fallback *schema.Connection) (*route, error) {
	c := declared.Or(alias.connection()).Or(fallback)
	// These the alias says in more detail than schema.Connection can hold.
	jumpDeclared := declared.ProxyJump != ""
	if !jumpDeclared && alias.jump != "" {
		c.ProxyJump = ""
	}
	if declared.IdentityFile == "" && alias.identitiesSaid {
		c.IdentityFile = ""
	}
	if declared.KnownHostsFile == "" && alias.knownSaid {
		c.KnownHostsFile = strings.Join(alias.knownHosts, string(filepath.ListSeparator))
	}
	r, err := d.plainRoute(host, c)
	if err != nil {
		return nil, err
	}
	if alias.proxyCommand && !jumpDeclared && declared.Address == "" {
		return nil, fmt.Errorf("ssh_alias %q uses ProxyCommand, which sshform does not run; use ProxyJump", alias.name)
	}
	alias.refine(&r.end, declared)
	if !jumpDeclared && alias.jump != "" {
		if r.jumps, err = d.aliasJumps(ctx, alias, 0); err != nil {
			return nil, err
		}
	}
	r.facts = d.facts(r, c)
	if len(r.end.credentials.files) > 0 {
		r.facts.IdentityFile = r.end.credentials.files[0]
	}
	if len(r.end.credentials.certs) > 0 {
		r.facts.CertificateFile = r.end.credentials.certs[0]
	}
	r.facts.HostKeyAlias = r.end.alias
	return r, nil
}

// refine adds to a hop what the alias says of keys, as far as nothing is
// declared above it.
func (a *sshAlias) refine(h *hop, declared schema.Connection) {
	h.alias = a.hostKeyAlias
	if a.agentSet {
		h.credentials.agent = a.identityAgent
	}
	if len(a.certificates) > 0 && declared.CertificateFile == "" {
		h.credentials.certs = a.certificates
	}
	if declared.IdentityFile != "" {
		return
	}
	h.credentials.only = h.credentials.only && !a.identitiesSaid || a.identitiesOnly
	if a.identitiesSaid {
		h.credentials.files, h.credentials.defaults = a.identityFiles, false
	}
}

// aliasJumps follows ProxyJump through the person's configuration: its hosts
// are Hosts of that configuration themselves, and the first of them may need a
// bastion of its own.
func (d *Dialer) aliasJumps(ctx context.Context, alias *sshAlias, depth int) (jumps []hop, err error) {
	if depth == maxAliasDepth {
		return nil, fmt.Errorf("ssh_alias %q: more than %d bastions lead to each other", alias.name, maxAliasDepth)
	}
	for i, text := range strings.Split(alias.jump, ",") {
		at, err := parseHop(text)
		if err != nil {
			return nil, fmt.Errorf("ssh_alias %q: ProxyJump: %w", alias.name, err)
		}
		next, err := d.alias(ctx, at.Address)
		if err != nil {
			return nil, err
		}
		if i == 0 && next.jump != "" {
			if jumps, err = d.aliasJumps(ctx, next, depth+1); err != nil {
				return nil, err
			}
		}
		h, err := d.aliasHop(at, next)
		if err != nil {
			return nil, err
		}
		jumps = append(jumps, h)
	}
	return jumps, nil
}

func (d *Dialer) aliasHop(at plan.Hop, alias *sshAlias) (hop, error) {
	c := schema.Connection{Port: at.Port, User: at.User}.Or(alias.connection())
	if alias.knownSaid {
		c.KnownHostsFile = strings.Join(alias.knownHosts, string(filepath.ListSeparator))
	}
	h := d.declaredHop(c)
	alias.refine(&h, schema.Connection{})
	return h, h.valid()
}
