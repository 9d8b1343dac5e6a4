package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
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

// Trials are the offers of one login, and what became of them.
type trials struct {
	ctx    context.Context
	offers []*offer
	paused func(func())

	mu     sync.Mutex
	shown  []*offer
	signed *offer
	err    error
}

func newTrials(ctx context.Context, offers []*offer, paused func(func())) *trials {
	return &trials{ctx: ctx, offers: offers, paused: paused}
}

func (t *trials) signers() ([]ssh.Signer, error) {
	out := make([]ssh.Signer, len(t.offers))
	for i, o := range t.offers {
		out[i] = &trial{offer: o, of: t}
	}
	return out, nil
}

// accepted is the offer that was signed for last: after a successful login,
// the one that opened the door.
func (t *trials) accepted() *offer {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.signed
}

// offered names what the host has been shown.
func (t *trials) offered() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var names []string
	for _, o := range t.shown {
		names = append(names, o.name)
	}
	return names
}

// broken is why a signature could not be made, for example a wrong passphrase.
func (t *trials) broken() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}

// A trial is an offer in one login, as the library wants it.
type trial struct {
	offer *offer
	of    *trials
}

var _ ssh.MultiAlgorithmSigner = (*trial)(nil)

func (t *trial) PublicKey() ssh.PublicKey {
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if !slices.Contains(t.of.shown, t.offer) {
		t.of.shown = append(t.of.shown, t.offer)
	}
	return t.offer.public
}

// Algorithms are those of the key's type, without SHA-1.
func (t *trial) Algorithms() []string {
	key := t.offer.public
	if cert, ok := key.(*ssh.Certificate); ok {
		key = cert.Key
	}
	if key.Type() == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	}
	return []string{key.Type()}
}

func (t *trial) Sign(rand io.Reader, data []byte) (*ssh.Signature, error) {
	return t.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm may wait for an agent or a person, but not longer than the
// login's context.
func (t *trial) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	type result struct {
		signature *ssh.Signature
		err       error
	}
	done := make(chan result, 1)
	go func() {
		signature, err := t.sign(rand, data, algorithm)
		done <- result{signature, err}
	}()
	var r result
	select {
	case r = <-done:
	case <-t.of.ctx.Done():
		r.err = context.Cause(t.of.ctx)
	}
	t.of.mu.Lock()
	defer t.of.mu.Unlock()
	if r.err != nil {
		t.of.err = fmt.Errorf("sign with %s: %w", t.offer.name, r.err)
		return nil, t.of.err
	}
	t.of.signed = t.offer
	return r.signature, nil
}

func (t *trial) sign(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	signer, err := t.offer.signer(t.of.ctx, t.of.paused)
	if err != nil {
		return nil, err
	}
	if s, ok := signer.(ssh.AlgorithmSigner); ok && algorithm != "" {
		return s.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}

// A keyring holds what was read of identity files and agents, once for all
// hosts.
type keyring struct {
	mu     sync.Mutex
	files  map[string]*identity
	agents map[string]*agentKeys
}

// An identity is an identity file. One that is encrypted is decrypted when its
// key is accepted for the first time.
type identity struct {
	path   string
	public ssh.PublicKey // nil if err is not
	err    error
	bytes  []byte // of an encrypted file
	// certs are the certificates beside the file: PATH-cert.pub.
	certs []*ssh.Certificate

	mu     sync.Mutex
	signer ssh.Signer
	failed error // asked, and it did not work
}

// file reads an identity file, once.
func (k *keyring) file(path string) *identity {
	k.mu.Lock()
	defer k.mu.Unlock()
	if id, ok := k.files[path]; ok {
		return id
	}
	id := readIdentity(path)
	if k.files == nil {
		k.files = map[string]*identity{}
	}
	k.files[path] = id
	return id
}

func readIdentity(path string) *identity {
	id := &identity{path: path}
	if cert, err := readCertificate(path + "-cert.pub"); err == nil {
		id.certs = append(id.certs, cert)
	}
	raw, err := readSmall(path)
	if err != nil {
		// The private part may live in an agent only.
		if public, pubErr := readPublic(path + ".pub"); pubErr == nil {
			id.public = public
			return id
		}
		id.err = err
		return id
	}
	signer, err := ssh.ParsePrivateKey(raw)
	var missing *ssh.PassphraseMissingError
	switch {
	case err == nil:
		if id.err = private(path); id.err == nil {
			id.signer, id.public = signer, signer.PublicKey()
		}
	case errors.As(err, &missing):
		id.bytes, id.public = raw, missing.PublicKey
		if id.public == nil { // PEM says nothing about the public part
			id.public, id.err = readPublic(path + ".pub")
			if id.err != nil {
				id.err = fmt.Errorf("%s is encrypted in an old format, and its public part cannot be read: %w", path, id.err)
			}
		}
		if id.err == nil {
			id.err = private(path)
		}
	default:
		if id.public, id.err = parsePublic(raw); id.err != nil {
			id.err = fmt.Errorf("%s is no private key: %w", path, plain(err))
		}
	}
	return id
}

// private refuses key files that others can read, as ssh does.
func private(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s can be read by others (mode %04o); ssh refuses such a key: chmod 600", path, info.Mode().Perm())
	}
	return nil
}

// offer makes the identity an offer, or nil if its private part is elsewhere.
func (id *identity) offer(ask func(context.Context, string) ([]byte, error)) *offer {
	if id.signer == nil && id.bytes == nil {
		return nil
	}
	return &offer{public: id.public, name: id.path, signer: func(ctx context.Context, paused func(func())) (ssh.Signer, error) {
		return id.unlock(ctx, paused, ask)
	}}
}

// unlock asks for the passphrase of an encrypted file. All hosts that need the
// key wait for the one answer.
func (id *identity) unlock(ctx context.Context, paused func(func()), ask func(context.Context, string) ([]byte, error)) (signer ssh.Signer, err error) {
	if id.bytes == nil {
		return id.signer, nil
	}
	paused(func() {
		id.mu.Lock()
		defer id.mu.Unlock()
		if id.signer != nil || id.failed != nil {
			signer, err = id.signer, id.failed
			return
		}
		if ask == nil {
			err = fmt.Errorf("%s is encrypted and nobody can be asked for its passphrase; add it to the agent (ssh-add)", id.path)
			return
		}
		passphrase, askErr := ask(ctx, id.path)
		if askErr != nil {
			err = fmt.Errorf("passphrase of %s: %w", id.path, askErr)
			return
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(id.bytes, passphrase)
		clear(passphrase)
		if err != nil {
			err = fmt.Errorf("%s: %w", id.path, plain(err))
		}
		id.signer, id.failed = signer, err
	})
	return signer, err
}

// agentTimeout is how long an agent may take to list its keys.
const agentTimeout = 10 * time.Second

// agentKeys are the keys of one agent, listed once.
type agentKeys struct {
	once   sync.Once
	conn   net.Conn
	offers []*offer
	err    error
}

// agent lists the keys of the agent behind a socket, once.
func (k *keyring) agent(ctx context.Context, socket string, dial func(context.Context, string) (net.Conn, error)) ([]*offer, error) {
	k.mu.Lock()
	keys := k.agents[socket]
	if keys == nil {
		keys = &agentKeys{}
		if k.agents == nil {
			k.agents = map[string]*agentKeys{}
		}
		k.agents[socket] = keys
	}
	k.mu.Unlock()
	// One host that gives up must not take the agent from the others.
	keys.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), agentTimeout)
		defer cancel()
		keys.list(ctx, socket, dial)
	})
	return keys.offers, keys.err
}

func (a *agentKeys) list(ctx context.Context, socket string, dial func(context.Context, string) (net.Conn, error)) {
	if dial == nil {
		dial = func(ctx context.Context, socket string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		}
	}
	a.conn, a.err = dial(ctx, socket)
	if a.err != nil {
		return
	}
	stop := context.AfterFunc(ctx, func() { a.conn.Close() })
	client := agent.NewClient(a.conn)
	listed, err := client.List()
	if err == nil {
		var signers []ssh.Signer
		if signers, err = client.Signers(); err == nil {
			a.offers = agentOffers(listed, signers)
		}
	}
	if !stop() {
		err = context.Cause(ctx)
	}
	a.err = err
}

func agentOffers(listed []*agent.Key, signers []ssh.Signer) []*offer {
	comments := map[string]string{}
	for _, key := range listed {
		comments[string(key.Blob)] = clean(key.Comment)
	}
	var out []*offer
	for _, signer := range signers {
		// The library gives the agent's own type, which hides certificates.
		key, err := ssh.ParsePublicKey(signer.PublicKey().Marshal())
		if err != nil {
			continue // a kind of key that nobody here can offer
		}
		name := fmt.Sprintf("the agent's %s %s", key.Type(), orDefault(comments[string(key.Marshal())], ssh.FingerprintSHA256(key)))
		out = append(out, &offer{public: key, name: name, signer: ready(signer)})
	}
	return out
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
