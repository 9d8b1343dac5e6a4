package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// An offer is a key that can be shown to a host. Offers are shared by all
// hosts and never change.
type offer struct {
	public ssh.PublicKey // a certificate, or the key itself
	name   string        // for a person: the file, or the agent's comment
	// signer gives the private part. It may ask a person first and is given a
	// function that stops the clock meanwhile.
	signer func(ctx context.Context, paused func(func())) (ssh.Signer, error)
}

// ready is the signer of a key that can be used at once.
func ready(signer ssh.Signer) func(context.Context, func(func())) (ssh.Signer, error) {
	return func(context.Context, func(func())) (ssh.Signer, error) { return signer, nil }
}

// with returns the offer of a certificate for the same private key.
func (o *offer) with(cert *ssh.Certificate, name string) *offer {
	return &offer{public: cert, name: name, signer: o.signer}
}

// A keyring holds what was read of identity files and agents, once for all
// hosts.
type keyring struct {
	mu     sync.Mutex
	files  map[string]*identity
	agents map[string]*agentKeys
}

func (k *keyring) close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	var errs []error
	for _, a := range k.agents {
		if a.conn != nil {
			errs = append(errs, a.conn.Close())
		}
	}
	k.agents = nil
	return errors.Join(errs...)
}

// Credentials say which keys may be shown to a host.
type credentials struct {
	files    []string // declared identity files, absolute
	certs    []string // declared certificate files
	only     bool     // nothing but the declared files (IdentitiesOnly)
	agent    string   // socket; empty is none
	defaults bool     // also the default identities
}

// id tells credentials apart.
func (c credentials) id() string {
	return fmt.Sprintf("%q%q%v%q%v", c.files, c.certs, c.only, c.agent, c.defaults)
}

// defaultIdentities are ssh's, without those that no server takes any more.
func defaultIdentities(home string) []string {
	var out []string
	for _, kind := range []string{"id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"} {
		out = append(out, filepath.Join(home, ".ssh", kind))
	}
	return out
}

// offers lists the keys to show, in ssh's order: keys of the agent that are
// declared, the agent's others, then files that the agent does not hold. A
// certificate goes before its key. skipped says what cannot be shown and why.
func (d *Dialer) offers(ctx context.Context, c credentials) (out []*offer, skipped []string, err error) {
	var held []*offer
	if c.agent != "" {
		held, err = d.keys.agent(ctx, c.agent, d.DialAgent)
		if err != nil {
			skipped = append(skipped, fmt.Sprintf("the agent at %s (%v)", c.agent, err))
		}
	}
	paths := c.files
	if c.defaults {
		paths = slices.Concat(paths, defaultIdentities(d.Home))
	}
	var declared []ssh.PublicKey
	var files []*offer
	var certs []*ssh.Certificate
	for i, path := range paths {
		id := d.keys.file(path)
		switch {
		case id.err != nil && i >= len(c.files) && errors.Is(id.err, fs.ErrNotExist):
		case id.err != nil && i < len(c.files) && c.only:
			return nil, nil, fmt.Errorf("identity file: %w", id.err)
		case id.err != nil:
			skipped = append(skipped, id.err.Error())
		default:
			declared = append(declared, id.public)
			certs = append(certs, id.certs...)
			if o := id.offer(d.Passphrase); o != nil {
				files = append(files, o)
			}
		}
	}
	for _, path := range c.certs {
		cert, err := readCertificate(path)
		if err != nil {
			return nil, nil, fmt.Errorf("certificate file: %w", err)
		}
		certs = append([]*ssh.Certificate{cert}, certs...)
	}
	first, rest := split(held, declared)
	if c.only {
		rest = nil
	}
	all := slices.Concat(first, rest, files)
	out = unique(slices.Concat(certified(all, certs), all))
	return out, skipped, nil
}

// split parts an agent's offers into those of declared keys and the others.
func split(held []*offer, declared []ssh.PublicKey) (first, rest []*offer) {
	for _, o := range held {
		key := o.public
		if cert, ok := key.(*ssh.Certificate); ok {
			key = cert.Key
		}
		if slices.ContainsFunc(declared, func(d ssh.PublicKey) bool { return sameKey(d, key) }) {
			first = append(first, o)
		} else {
			rest = append(rest, o)
		}
	}
	return first, rest
}

// certified makes an offer of each certificate whose key is among the offers.
func certified(offers []*offer, certs []*ssh.Certificate) (out []*offer) {
	for _, cert := range certs {
		i := slices.IndexFunc(offers, func(o *offer) bool { return sameKey(o.public, cert.Key) })
		if i >= 0 {
			out = append(out, offers[i].with(cert, "a certificate for "+offers[i].name))
		}
	}
	return out
}

// unique drops offers of a key that was offered before.
func unique(offers []*offer) (out []*offer) {
	if len(offers) < 2 {
		return offers
	}
	seen := map[string]bool{}
	for _, o := range offers {
		blob := string(o.public.Marshal())
		if !seen[blob] {
			seen[blob] = true
			out = append(out, o)
		}
	}
	return out
}

func sameKey(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

func readCertificate(path string) (*ssh.Certificate, error) {
	key, err := readPublic(path)
	if err != nil {
		return nil, err
	}
	cert, ok := key.(*ssh.Certificate)
	if !ok {
		return nil, fmt.Errorf("%s holds no certificate", path)
	}
	return cert, nil
}

func readPublic(path string) (ssh.PublicKey, error) {
	raw, err := readSmall(path)
	if err != nil {
		return nil, err
	}
	key, err := parsePublic(raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, plain(err))
	}
	return key, nil
}

func parsePublic(raw []byte) (ssh.PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey(raw)
	return key, err
}

// readSmall reads a key file; no key is longer than 1 MiB.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, 1<<20))
}

// expand makes a file name absolute: "~/" is the home folder.
func expand(path, home string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		return filepath.Join(home, filepath.FromSlash(rest))
	}
	return path
}
