package remote

import (
	"crypto/hmac"
	"crypto/sha1" // #nosec: known_hosts hashes names with it (hostfile.c)
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

// maxKnownHosts bounds a known_hosts file, in bytes: some million hosts.
const maxKnownHosts = 1 << 30

// A knownHosts is the index of a set of known_hosts files (sshd(8),
// SSH_KNOWN_HOSTS FILE FORMAT). A line is split when the files are read, and
// its key parsed only when a host needs it.
//
// Names are looked up by their text and keys by their blob, which stands in
// clear beside a hashed name too: so the offered key leads to the few lines
// whose names have to be hashed. Only when no line has it are all hashed names
// tried, to tell a changed key from an unknown host. 100,000 hosts cost a
// lookup no more than ten do.
type knownHosts struct {
	files []string

	mu      sync.RWMutex
	lines   []knownLine
	names   map[string][]int32 // by plain name, in lower case
	blobs   map[string][]int32 // by key, in base64
	pattern []int32            // lines with wildcards or negations
	hashed  []int32            // lines with a hashed name
	// hashes says that the first file has hashed names, so that new ones are
	// hashed as well. torn says that it does not end with a line end.
	hashes, torn bool
}

// A knownLine is a line of a file, in its parts.
type knownLine struct {
	file   uint16
	line   int32
	marker string // "", "@cert-authority" or "@revoked"
	hosts  string // comma-separated patterns, or one hashed name
	kind   string // the key's type
	blob   string // the key in base64
}

const (
	markAuthority = "@cert-authority"
	markRevoked   = "@revoked"
)

// knownHosts returns the index of the files, read once.
func (d *Dialer) knownHosts(files []string) (*knownHosts, error) {
	id := fmt.Sprintf("%q", files)
	d.mu.Lock()
	defer d.mu.Unlock()
	if k, ok := d.known[id]; ok {
		return k, nil
	}
	k, err := readKnownHosts(files)
	if err != nil {
		return nil, err
	}
	if d.known == nil {
		d.known = map[string]*knownHosts{}
	}
	d.known[id] = k
	return k, nil
}

func readKnownHosts(files []string) (*knownHosts, error) {
	k := &knownHosts{files: files, names: map[string][]int32{}, blobs: map[string][]int32{}}
	for i, file := range files {
		raw, err := readKnownFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("known_hosts: %w", err)
		}
		k.read(uint16(i), string(raw))
	}
	return k, nil
}

func readKnownFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxKnownHosts+1))
	if err == nil && len(raw) > maxKnownHosts {
		err = &LimitError{Path: file, What: "bytes", Limit: maxKnownHosts}
	}
	return raw, err
}

// read indexes a file. Lines that make no sense are passed over, as ssh does.
func (k *knownHosts) read(file uint16, text string) {
	if file == 0 {
		k.torn = text != "" && !strings.HasSuffix(text, "\n")
	}
	if len(k.lines) == 0 {
		expected := strings.Count(text, "\n") + 1
		k.lines = make([]knownLine, 0, expected)
		k.blobs = make(map[string][]int32, expected)
	}
	number := int32(0)
	for line := range strings.Lines(text) {
		number++
		if l, ok := splitKnownLine(line); ok {
			l.file, l.line = file, number
			k.add(l)
		}
	}
}

func splitKnownLine(line string) (knownLine, bool) {
	var l knownLine
	word := func() (w string) {
		line = strings.TrimLeft(line, " \t")
		end := strings.IndexAny(line, " \t\r\n")
		if end < 0 {
			end = len(line)
		}
		w, line = line[:end], line[end:]
		return w
	}
	l.hosts = word()
	if strings.HasPrefix(l.hosts, "#") {
		return l, false
	}
	if strings.HasPrefix(l.hosts, "@") {
		l.marker = l.hosts
		if l.marker != markAuthority && l.marker != markRevoked {
			return l, false
		}
		l.hosts = word()
	}
	l.kind, l.blob = word(), word()
	return l, l.hosts != "" && l.blob != ""
}

// add puts a line into the index.
func (k *knownHosts) add(l knownLine) {
	at := int32(len(k.lines))
	k.lines = append(k.lines, l)
	k.blobs[l.blob] = append(k.blobs[l.blob], at)
	switch {
	case strings.HasPrefix(l.hosts, "|"):
		k.hashed = append(k.hashed, at)
		k.hashes = k.hashes || l.file == 0
	case strings.ContainsAny(l.hosts, "*?!"):
		k.pattern = append(k.pattern, at)
	default:
		for name := range strings.SplitSeq(l.hosts, ",") {
			name = strings.ToLower(name)
			if same := k.names[name]; len(same) == 0 || same[len(same)-1] != at {
				k.names[name] = append(same, at)
			}
		}
	}
}

// matches reports whether the line speaks of the host (hostfile.c).
func (l *knownLine) matches(name string) bool {
	if strings.HasPrefix(l.hosts, "|") {
		return matchesHash(l.hosts, name)
	}
	found := false
	for pattern := range strings.SplitSeq(strings.ToLower(l.hosts), ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if pattern != "" && matchPattern(pattern, name) {
			if negated {
				return false
			}
			found = true
		}
	}
	return found
}

// matchesHash compares a name with "|1|salt|hash".
func matchesHash(hashed, name string) bool {
	parts := strings.Split(hashed, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return false
	}
	salt, err1 := base64.StdEncoding.DecodeString(parts[2])
	want, err2 := base64.StdEncoding.DecodeString(parts[3])
	if err1 != nil || err2 != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return hmac.Equal(mac.Sum(nil), want)
}

// matchPattern is match.c's match_pattern: * and ? are the wildcards.
func matchPattern(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// key parses the line's key. What the line says of its type has to be true.
func (l *knownLine) key() (ssh.PublicKey, bool) {
	raw, err := base64.StdEncoding.DecodeString(l.blob)
	if err != nil {
		return nil, false
	}
	key, err := ssh.ParsePublicKey(raw)
	if err != nil || key.Type() != l.kind {
		return nil, false
	}
	return key, true
}

// known describes a line for an error.
func (k *knownHosts) known(at int32) KnownKey {
	l := &k.lines[at]
	out := KnownKey{File: k.files[l.file], Line: int(l.line), Type: l.kind}
	if key, ok := l.key(); ok {
		out.Fingerprint = ssh.FingerprintSHA256(key)
	}
	return out
}

// named lists the lines that name the host: those found by text and patterns,
// and, if asked, those whose hash has to be computed.
func (k *knownHosts) named(name string, hashes bool) (out []int32) {
	out = slices.Clone(k.names[name])
	for _, at := range k.pattern {
		if k.lines[at].matches(name) {
			out = append(out, at)
		}
	}
	if hashes {
		for _, at := range k.hashed {
			if k.lines[at].matches(name) {
				out = append(out, at)
			}
		}
	}
	slices.Sort(out)
	return out
}

// withKey lists the lines with the marker that have the key and name the host.
func (k *knownHosts) withKey(key ssh.PublicKey, name, marker string) (int32, bool) {
	blob := base64.StdEncoding.EncodeToString(key.Marshal())
	for _, at := range k.blobs[blob] {
		l := &k.lines[at]
		if l.marker == marker && l.kind == key.Type() && l.matches(name) {
			return at, true
		}
	}
	return 0, false
}

// A hostCheck checks the key of one host against known_hosts and, if there is
// one, the pinned fingerprint.
type hostCheck struct {
	known *knownHosts
	// name is what known_hosts calls the host: in lower case, with its port if
	// that is not 22, or a HostKeyAlias. bare is the name without the port.
	name, bare string
	acceptNew  bool
	pinned     string // "SHA256:…", or empty
	logf       func(string, ...any)
	// wanted are the types to ask for after a first dial met another one.
	wanted []string
}

// newHostCheck makes the check for the host at an address and port, or for its
// alias.
func newHostCheck(known *knownHosts, address string, port int, alias string) *hostCheck {
	c := &hostCheck{known: known}
	if alias != "" {
		c.name = strings.ToLower(alias)
		c.bare = c.name
		return c
	}
	c.bare = strings.ToLower(address)
	c.name = c.bare
	if port != 22 {
		c.name = "[" + c.bare + "]:" + strconv.Itoa(port)
	}
	return c
}

// hostKeyTypes are what we take, best first, each with its certificate.
var hostKeyTypes = [...]struct{ key, cert string }{
	{ssh.KeyAlgoED25519, ssh.CertAlgoED25519v01},
	{ssh.KeyAlgoECDSA256, ssh.CertAlgoECDSA256v01},
	{ssh.KeyAlgoECDSA384, ssh.CertAlgoECDSA384v01},
	{ssh.KeyAlgoECDSA521, ssh.CertAlgoECDSA521v01},
	{ssh.KeyAlgoRSASHA512, ssh.CertAlgoRSASHA512v01},
	{ssh.KeyAlgoRSASHA256, ssh.CertAlgoRSASHA256v01},
}

// algorithms puts what known_hosts has of the host before the rest, so that
// the host proves a key that can be checked (sshconnect2.c,
// order_hostkeyalgs). Certificates are asked for where an authority is known.
func (c *hostCheck) algorithms() []string {
	c.known.mu.RLock()
	defer c.known.mu.RUnlock()
	types := map[string]bool{}
	authority := false
	for _, name := range []string{c.name, c.bare} {
		for _, at := range c.known.named(name, false) {
			switch l := &c.known.lines[at]; l.marker {
			case markAuthority:
				authority = true
			case "":
				types[l.kind] = true
			}
		}
		if len(types) > 0 || authority {
			break
		}
	}
	if len(c.wanted) > 0 {
		clear(types)
		for _, kind := range c.wanted {
			types[kind] = true
		}
	}
	var certs, first, rest []string
	for _, t := range hostKeyTypes {
		if authority {
			certs = append(certs, t.cert)
		}
		if types[t.key] || types[ssh.KeyAlgoRSA] && strings.HasPrefix(t.key, "rsa-") {
			first = append(first, t.key)
		} else {
			rest = append(rest, t.key)
		}
	}
	return slices.Concat(certs, first, rest)
}

// check decides about a key (sshconnect.c, check_host_key).
func (c *hostCheck) check(key ssh.PublicKey) error {
	err := c.trust(key)
	var doubt *HostKeyError
	if errors.As(err, &doubt) && doubt.Doubt == KeyUnknown && c.acceptNew {
		err = nil
		if pinErr := c.checkPin(key); pinErr != nil {
			return pinErr
		}
		if err := c.accept(plainKey(key)); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	return c.checkPin(key)
}

func (c *hostCheck) checkPin(key ssh.PublicKey) error {
	if c.pinned == "" || ssh.FingerprintSHA256(plainKey(key)) == c.pinned {
		return nil
	}
	return c.doubt(key, KeyPinned)
}

// plainKey is the key that a certificate certifies.
func plainKey(key ssh.PublicKey) ssh.PublicKey {
	if cert, ok := key.(*ssh.Certificate); ok {
		return cert.Key
	}
	return key
}

func (c *hostCheck) doubt(key ssh.PublicKey, doubt KeyDoubt) *HostKeyError {
	return &HostKeyError{
		Host: c.name, Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(plainKey(key)),
		Doubt: doubt, Want: c.pinned, Files: c.known.files,
	}
}

// trust asks known_hosts.
func (c *hostCheck) trust(key ssh.PublicKey) error {
	c.known.mu.RLock()
	defer c.known.mu.RUnlock()
	if err := c.revoked(key, c.name); err != nil {
		return err
	}
	if cert, ok := key.(*ssh.Certificate); ok {
		for _, name := range []string{c.name, c.bare} {
			if _, found := c.known.withKey(cert.SignatureKey, name, markAuthority); found {
				return c.certified(cert)
			}
		}
		key = cert.Key // no authority for it: ssh falls back to the key inside
	}
	if _, found := c.known.withKey(key, c.name, ""); found {
		return nil
	}
	if others := c.others(c.name); len(others) > 0 {
		doubt := c.doubt(key, KeyChanged)
		doubt.Known = others
		return doubt
	}
	// On another port, a line without the port counts if it has this very key.
	if c.name != c.bare {
		if err := c.revoked(key, c.bare); err != nil {
			return err
		}
		if _, found := c.known.withKey(key, c.bare, ""); found {
			return nil
		}
	}
	return c.doubt(key, KeyUnknown)
}

// others are the plain keys that known_hosts has of the host.
func (c *hostCheck) others(name string) (out []KnownKey) {
	for _, at := range c.known.named(name, true) {
		if c.known.lines[at].marker == "" {
			if k := c.known.known(at); k.Fingerprint != "" {
				out = append(out, k)
			}
		}
	}
	return out
}

// revoked looks for a @revoked line of the key or of its authority.
func (c *hostCheck) revoked(key ssh.PublicKey, name string) error {
	keys := []ssh.PublicKey{plainKey(key)}
	if cert, ok := key.(*ssh.Certificate); ok {
		keys = append(keys, cert.SignatureKey)
	}
	for _, k := range keys {
		if at, found := c.known.withKey(k, name, markRevoked); found {
			doubt := c.doubt(key, KeyRevoked)
			doubt.Known = []KnownKey{c.known.known(at)}
			return doubt
		}
	}
	return nil
}

// certified checks a certificate whose authority is trusted for the host. Its
// principals are names without a port.
func (c *hostCheck) certified(cert *ssh.Certificate) error {
	checker := ssh.CertChecker{}
	reason := checker.CheckCert(c.bare, cert)
	if cert.CertType != ssh.HostCert {
		reason = errors.New("it is not a host certificate")
	}
	if reason == nil {
		return nil
	}
	doubt := c.doubt(cert, KeyInvalid)
	doubt.Reason = clean(plain(reason).Error())
	return doubt
}

// accept writes the key of a new host to the first file, and into the index,
// so that the next connection to it is held to this key.
func (c *hostCheck) accept(key ssh.PublicKey) error {
	k := c.known
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.files) == 0 {
		return errors.New("accept-new: there is no known_hosts file to write to")
	}
	// Another connection may have learnt the host meanwhile.
	for _, at := range k.names[c.name] {
		if l := &k.lines[at]; l.marker == "" {
			if l.blob == base64.StdEncoding.EncodeToString(key.Marshal()) {
				return nil
			}
			doubt := c.doubt(key, KeyChanged)
			doubt.Known = []KnownKey{k.known(at)}
			return doubt
		}
	}
	plain := knownhosts.Line([]string{c.name}, key)
	text := plain
	if k.hashes {
		text = xknownhosts.HashHostname(c.name) + strings.TrimPrefix(plain, c.name)
	}
	if err := appendKnown(k.files[0], text+"\n", k.torn); err != nil {
		return fmt.Errorf("accept-new: %w", err)
	}
	k.torn = false
	// In memory the name stands in clear: this run need not hash it again.
	if l, ok := splitKnownLine(plain); ok {
		k.add(l)
	}
	c.logf("accepted the new host key of %s: %s %s", c.name, key.Type(), ssh.FingerprintSHA256(key))
	return nil
}

// appendKnown adds a line in one write at the end, so that two programs that
// do it at once leave two whole lines.
func appendKnown(file, text string, torn bool) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if torn {
		text = "\n" + text
	}
	_, err = f.WriteString(text)
	return err
}

// retry prepares a second dial after the first met a key that no line has: if
// the host is known by other types (its names are hashed, so this was not
// seen before), these are asked for. It reports whether that may help.
func (c *hostCheck) retry(err error) bool {
	var doubt *HostKeyError
	if !errors.As(err, &doubt) || doubt.Doubt != KeyChanged || len(c.wanted) > 0 {
		return false
	}
	for _, known := range doubt.Known {
		if known.Type == doubt.Type {
			return false
		}
		c.wanted = append(c.wanted, known.Type)
	}
	return true
}

// A sameKeyCheck demands one key: that of a connection before.
type sameKeyCheck struct {
	name string
	key  ssh.PublicKey
}

func (c *sameKeyCheck) algorithms() []string {
	if c.key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{c.key.Type()}
}

func (c *sameKeyCheck) check(key ssh.PublicKey) error {
	if sameKey(key, c.key) {
		return nil
	}
	return &HostKeyError{
		Host: c.name, Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(plainKey(key)),
		Doubt: KeyPinned, Want: ssh.FingerprintSHA256(c.key),
	}
}

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
