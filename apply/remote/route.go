package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// The values of schema.Connection.HostKeyChecking and Become.
const (
	strictChecking = "yes"
	acceptNew      = "accept-new"
	noBecome       = "none"
	sudo           = "sudo"
	noJump         = "none" // ProxyJump none, ssh_config(5)
)

// A route is everything that is decided before the first packet: where a host
// is, through which bastions, who logs in with which keys, what its key may be.
type route struct {
	host  string // its name in the configuration, for errors
	end   hop
	jumps []hop // in the order in which they are passed
	// become is noBecome or sudo.
	become string
	// pinned is the fingerprint that the plan was made against; may be empty.
	pinned string
	// facts is the connection as a plan records it; HostKey is still missing.
	facts plan.Connection
}

// A hop is one SSH server on the way, the last one included.
type hop struct {
	address     string
	port        int
	user        string
	timeout     time.Duration
	credentials credentials
	knownHosts  []string
	alias       string // HostKeyAlias
	acceptNew   bool
}

// id tells bastions apart that must not share a connection.
func (h hop) id() string {
	return fmt.Sprintf("%s@%s %s %q %v", h.user, joinAddress(h.address, h.port), h.alias, h.knownHosts, h.acceptNew) + h.credentials.id()
}

// route decides, argument by argument: declared > ssh_alias > fallback >
// defaults. A pinned connection is taken as it is.
func (d *Dialer) route(ctx context.Context, reach apply.Reach) (*route, error) {
	declared, fallback := reach.Connection, reach.Fallback
	pinned := ""
	if p := reach.Pinned; p != nil {
		declared, fallback = unpin(*p), nil
		pinned = p.HostKey
	}
	if name := declared.Or(fallback).SSHAlias; name != "" {
		alias, err := d.alias(ctx, name)
		if err != nil {
			return nil, err
		}
		return d.aliasRoute(ctx, reach.Host, declared, alias, fallback)
	}
	c := declared.Or(fallback)
	if c.Address == "" {
		c.Address = reach.Host
	}
	r, err := d.plainRoute(reach.Host, c)
	if err != nil {
		return nil, err
	}
	r.pinned = pinned
	if reach.Pinned != nil {
		err = d.pin(r, c, *reach.Pinned)
	}
	return r, err
}

// pin adds to a route what a plan records and schema.Connection cannot hold.
// Plans may be forged: it is checked like what is declared.
func (d *Dialer) pin(r *route, c schema.Connection, p plan.Connection) error {
	r.end.alias, r.facts.HostKeyAlias = p.HostKeyAlias, p.HostKeyAlias
	r.facts.Jump = p.Jump
	for _, at := range p.Jump {
		r.jumps = append(r.jumps, d.jumpHop(c, at))
	}
	for _, h := range append([]hop{r.end}, r.jumps...) {
		if err := h.valid(); err != nil {
			return err
		}
	}
	return nil
}

// unpin turns the connection that a plan records into a declared one.
func unpin(p plan.Connection) schema.Connection {
	return schema.Connection{
		Type: p.Type, Address: p.Address, Port: p.Port, User: p.User,
		IdentityFile: p.IdentityFile, CertificateFile: p.CertificateFile,
		KnownHostsFile: p.KnownHostsFile, HostKeyChecking: p.HostKeyChecking,
		ConnectTimeout: p.ConnectTimeout, Become: p.Become,
	}
}

// plainRoute is the route of a connection without an ssh_alias.
func (d *Dialer) plainRoute(host string, c schema.Connection) (*route, error) {
	r := &route{host: host, become: orDefault(c.Become, noBecome)}
	switch {
	case c.Type != "" && c.Type != schema.OverSSH:
		return nil, fmt.Errorf("connection type %q is not reached over SSH", c.Type)
	case r.become != noBecome && r.become != sudo:
		return nil, fmt.Errorf("become = %q is neither %q nor %q", c.Become, noBecome, sudo)
	}
	r.end = d.declaredHop(c)
	if err := r.end.valid(); err != nil {
		return nil, err
	}
	var err error
	if r.jumps, err = d.declaredJumps(c); err != nil {
		return nil, err
	}
	r.facts = d.facts(r, c)
	return r, nil
}

// facts is what a plan records of a route.
func (d *Dialer) facts(r *route, c schema.Connection) plan.Connection {
	f := plan.Connection{
		Type: schema.OverSSH, Address: r.end.address, Port: r.end.port, User: r.end.user, Become: r.become,
		IdentityFile: c.IdentityFile, CertificateFile: c.CertificateFile, KnownHostsFile: c.KnownHostsFile,
		HostKeyChecking: orDefault(c.HostKeyChecking, strictChecking), ConnectTimeout: r.end.timeout,
	}
	for _, j := range r.jumps {
		f.Jump = append(f.Jump, plan.Hop{User: j.user, Address: j.address, Port: j.port})
	}
	return f
}

// declaredHop is the host itself as it is declared.
func (d *Dialer) declaredHop(c schema.Connection) hop {
	h := hop{
		address:     strings.Trim(c.Address, "[]"),
		port:        orDefault(c.Port, 22),
		user:        orDefault(c.User, d.User),
		timeout:     orDefault(c.ConnectTimeout, DefaultConnectTimeout),
		knownHosts:  d.defaultKnownHosts(),
		acceptNew:   c.HostKeyChecking == acceptNew,
		credentials: credentials{agent: d.AgentSocket, defaults: true},
	}
	if c.KnownHostsFile != "" {
		h.knownHosts = d.expandAll(filepath.SplitList(c.KnownHostsFile))
	}
	if c.IdentityFile != "" {
		h.credentials.files = []string{expand(c.IdentityFile, d.Home)}
		h.credentials.only = true
		h.credentials.defaults = false
	}
	if c.CertificateFile != "" {
		h.credentials.certs = []string{expand(c.CertificateFile, d.Home)}
	}
	return h
}

// notInNames cannot stand in a host's name: known_hosts gives it a meaning.
const notInNames = " \t\r\n\x00,*?!|@#"

func (h hop) valid() error {
	switch {
	case h.address == "" || strings.HasPrefix(h.address, "-") || strings.ContainsAny(h.address, notInNames):
		return fmt.Errorf("%q is no address", h.address)
	case strings.ContainsAny(h.alias, notInNames):
		return fmt.Errorf("%q is no name for known_hosts", h.alias)
	case h.port < 1 || h.port > 65535:
		return fmt.Errorf("%d is no port", h.port)
	case h.user == "" || strings.ContainsAny(h.user, "\r\n\x00"):
		return fmt.Errorf("%q is no user", h.user)
	}
	return nil
}

// declaredJumps reads proxy_jump. Its hosts are logged in to with the keys and
// the known_hosts files of the host itself, and, where none is written, as the
// host's user.
func (d *Dialer) declaredJumps(c schema.Connection) (jumps []hop, err error) {
	if c.ProxyJump == "" || strings.EqualFold(c.ProxyJump, noJump) {
		return nil, nil
	}
	for text := range strings.SplitSeq(c.ProxyJump, ",") {
		at, err := parseHop(text)
		if err != nil {
			return nil, fmt.Errorf("proxy_jump: %w", err)
		}
		jumps = append(jumps, d.jumpHop(c, at))
	}
	return jumps, nil
}

func (d *Dialer) jumpHop(c schema.Connection, at plan.Hop) hop {
	h := d.declaredHop(c)
	h.address, h.port = at.Address, orDefault(at.Port, 22)
	h.user = orDefault(at.User, h.user)
	return h
}

// parseHop reads [user@]host[:port] as ssh_config(5) has it for ProxyJump,
// also as an ssh:// URI.
func parseHop(text string) (plan.Hop, error) {
	text = strings.TrimSpace(text)
	rest := strings.TrimSuffix(strings.TrimPrefix(text, "ssh://"), "/")
	var h plan.Hop
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		h.User, rest = rest[:i], rest[i+1:]
	}
	port, ported := "", false
	switch i := strings.LastIndexByte(rest, ':'); {
	case strings.HasPrefix(rest, "["):
		address, after, closed := strings.Cut(rest[1:], "]")
		if port, ported = strings.CutPrefix(after, ":"); !closed || !ported && after != "" {
			return h, fmt.Errorf("%q: the brackets enclose no address", text)
		}
		h.Address = address
	case i >= 0 && strings.Count(rest, ":") == 1:
		h.Address, port, ported = rest[:i], rest[i+1:], true
	default: // a name, or an IPv6 address without a port
		h.Address = rest
	}
	if ported {
		n, err := strconv.Atoi(port)
		if err != nil || n == 0 {
			return h, fmt.Errorf("%q: %q is no port", text, port)
		}
		h.Port = n
	}
	check := hop{address: h.Address, port: orDefault(h.Port, 22), user: orDefault(h.User, "-")}
	return h, check.valid()
}

// defaultKnownHosts are ssh's UserKnownHostsFile and GlobalKnownHostsFile.
func (d *Dialer) defaultKnownHosts() []string {
	if len(d.KnownHosts) > 0 {
		return d.expandAll(d.KnownHosts)
	}
	system := "/etc/ssh"
	if runtime.GOOS == "windows" {
		system = filepath.Join("C:\\", "ProgramData", "ssh")
	}
	return []string{
		filepath.Join(d.Home, ".ssh", "known_hosts"), filepath.Join(d.Home, ".ssh", "known_hosts2"),
		filepath.Join(system, "ssh_known_hosts"), filepath.Join(system, "ssh_known_hosts2"),
	}
}

func (d *Dialer) expandAll(paths []string) (out []string) {
	for _, path := range paths {
		out = append(out, expand(path, d.Home))
	}
	return out
}

// login prepares the handshake with a hop.
func (d *Dialer) login(ctx context.Context, host string, h hop, keys keyCheck) (*login, error) {
	offers, skipped, err := d.offers(ctx, h.credentials)
	if err != nil {
		return nil, reachError(host, StageResolve, err)
	}
	return &login{
		host: host, address: joinAddress(h.address, h.port), user: h.user, timeout: h.timeout,
		offers: offers, skipped: skipped, keys: keys,
	}, nil
}

// hostCheck makes the check of a hop's key.
func (d *Dialer) hostCheck(h hop, pinned string) (*hostCheck, error) {
	known, err := d.knownHosts(h.knownHosts)
	if err != nil {
		return nil, err
	}
	check := newHostCheck(known, h.address, h.port, h.alias)
	check.acceptNew, check.pinned, check.logf = h.acceptNew, pinned, d.logf
	return check, nil
}

// identityOf is the file whose key opened a connection, if several were
// declared: what a plan records then.
func identityOf(files []string, accepted *offer) (string, bool) {
	if accepted == nil || len(files) < 2 || !slices.Contains(files, accepted.name) {
		return "", false
	}
	return accepted.name, true
}

// errNoSSHConfig says that nobody can answer for ssh_alias.
var errNoSSHConfig = errors.New("ssh_alias needs OpenSSH's ssh on this machine, to be asked with -G")

// fingerprint is the name of a key in plans and errors.
func fingerprint(key ssh.PublicKey) string { return ssh.FingerprintSHA256(plainKey(key)) }

// joinAddress is net.JoinHostPort for a number.
func joinAddress(host string, port int) string {
	return net.JoinHostPort(host, strconv.Itoa(port))
}

func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	port, err = strconv.Atoi(text)
	return host, port, err
}
