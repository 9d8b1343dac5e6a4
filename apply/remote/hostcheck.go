package remote

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
)

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
			switch l := c.known.line(at); l.marker {
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
	plain := written(plainKey(key))
	cert, certified := key.(*ssh.Certificate)
	all := []writtenKey{plain}
	if certified {
		all = append(all, written(cert.SignatureKey))
	}
	if err := c.revoked(key, all, c.name); err != nil {
		return err
	}
	if certified {
		for _, name := range []string{c.name, c.bare} {
			if _, found := c.known.withKey(all[1], name, markAuthority); found {
				return c.certified(cert)
			}
		}
		// No authority for it: ssh falls back to the key inside.
		key, all = cert.Key, all[:1]
	}
	if _, found := c.known.withKey(plain, c.name, ""); found {
		return nil
	}
	if others := c.others(c.name); len(others) > 0 {
		doubt := c.doubt(key, KeyChanged)
		doubt.Known = others
		return doubt
	}
	// On another port, a line without the port counts if it has this very key.
	if c.name != c.bare {
		if err := c.revoked(key, all, c.bare); err != nil {
			return err
		}
		if _, found := c.known.withKey(plain, c.bare, ""); found {
			return nil
		}
	}
	return c.doubt(key, KeyUnknown)
}

// others are the plain keys that known_hosts has of the host.
func (c *hostCheck) others(name string) (out []KnownKey) {
	for _, at := range c.known.named(name, true) {
		if c.known.line(at).marker == "" {
			if k := c.known.known(at); k.Fingerprint != "" {
				out = append(out, k)
			}
		}
	}
	return out
}

// revoked looks for a @revoked line of the key or of its authority.
func (c *hostCheck) revoked(key ssh.PublicKey, all []writtenKey, name string) error {
	for _, one := range all {
		if at, found := c.known.withKey(one, name, markRevoked); found {
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
	for _, at := range k.names.lines(c.name) {
		if l := k.line(at); l.marker == "" && l.matches(c.name) {
			if l.blob == written(key).blob {
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
	k.add(linePlace{text: plain})
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
