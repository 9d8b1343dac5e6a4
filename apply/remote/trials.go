package remote

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/crypto/ssh"
)

// trials are the offers of one login, and what became of them.
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
