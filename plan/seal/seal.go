// Package seal says who signed a plan file: SSH signatures, as ssh-keygen -Y
// sign makes them, judged by an allowed_signers file, as ssh-keygen -Y verify
// reads it (ssh-keygen(1), ALLOWED SIGNERS). It opens no file and no
// connection, and decides nothing about how many signatures are enough.
package seal

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Namespace is what a signature of a plan is for: ssh-keygen -Y sign -n. A
// signature for anything else, such as Git's, never counts.
const Namespace = "sshform-plan@v1"

// maxSignatures bounds the blocks of a signature file, each of which costs a
// pass over the plan.
const maxSignatures = 32

// A Signer is somebody whose signature counts.
type Signer struct {
	// Principals are who it was: those of the line of a key, or those of a
	// certificate that the line of its authority accepts.
	Principals []string
	// Key is the fingerprint of the key, in a certificate the certified one's.
	Key string
}

// A Verdict is what the signatures of a file are worth.
type Verdict struct {
	Signers []Signer // of the signatures that count, in their order
	// Refused says for each other signature why it does not count.
	Refused []string
}

// People returns how many different people signed for certain: signatures that
// share a key or a principal count as one person's.
func (v Verdict) People() int {
	var people [][]string // the names and keys of each person so far
	for _, s := range v.Signers {
		person := append([]string{s.Key}, s.Principals...)
		people = slices.DeleteFunc(people, func(other []string) bool {
			same := slices.ContainsFunc(other, func(name string) bool { return slices.Contains(person, name) })
			if same {
				person = append(person, other...)
			}
			return same
		})
		people = append(people, person)
	}
	return len(people)
}

// Judge says whose the signatures of a message are, at a time. Signatures are
// blocks of armoured text, one behind the other: ssh-keygen -Y sign writes one,
// and writing the next behind it adds a second. An error means that there is no
// block, one that cannot be read, or that the message cannot be read.
func (a *Allowed) Judge(message io.ReadSeeker, signatures []byte, now time.Time) (Verdict, error) {
	parsed, err := parse(signatures)
	if err != nil {
		return Verdict{}, err
	}
	var v Verdict
	for _, s := range parsed {
		signer, err := a.judge(message, s, now)
		var refused refusal
		switch {
		case errors.As(err, &refused):
			v.Refused = append(v.Refused, fmt.Sprintf("%s: %s", ssh.FingerprintSHA256(plain(s.PublicKey)), string(refused)))
		case err != nil:
			return Verdict{}, err
		default:
			v.Signers = append(v.Signers, signer)
		}
	}
	return v, nil
}

// A refusal is why a signature does not count.
type refusal string

func (r refusal) Error() string { return string(r) }

// begin opens each block of armoured text (PROTOCOL.sshsig).
const begin = "-----BEGIN SSH SIGNATURE-----"

func parse(text []byte) ([]*sshsig.Signature, error) {
	blocks := strings.SplitAfter(string(text), "-----END SSH SIGNATURE-----")
	if last := len(blocks) - 1; strings.TrimSpace(blocks[last]) == "" {
		blocks = blocks[:last]
	}
	switch {
	case len(blocks) == 0:
		return nil, errors.New("it holds no signature")
	case len(blocks) > maxSignatures:
		return nil, fmt.Errorf("it holds more than %d signatures", maxSignatures)
	}
	var signatures []*sshsig.Signature
	for i, block := range blocks {
		block = strings.TrimSpace(block)
		if !strings.HasPrefix(block, begin) {
			return nil, fmt.Errorf("block %d does not begin with %s", i+1, begin)
		}
		s, err := sshsig.Unarmor([]byte(block))
		if err != nil {
			return nil, fmt.Errorf("block %d: %w", i+1, err)
		}
		signatures = append(signatures, s)
	}
	return signatures, nil
}

func (a *Allowed) judge(message io.ReadSeeker, s *sshsig.Signature, now time.Time) (Signer, error) {
	if s.Namespace != Namespace {
		return Signer{}, refusal(fmt.Sprintf("it was made for %q; sign with ssh-keygen -Y sign -n %s", s.Namespace, Namespace))
	}
	// SHA-1, which OpenSSH refuses in signatures, also with a certificate.
	if s.Signature.Format == ssh.KeyAlgoRSA {
		return Signer{}, refusal("it uses SHA-1")
	}
	if strings.HasPrefix(s.Signature.Format, "sk-") && !touched(s.Signature) {
		return Signer{}, refusal("nobody touched the token that made it, so a program could have")
	}
	if _, err := message.Seek(0, io.SeekStart); err != nil {
		return Signer{}, err
	}
	counted := &readErrors{Reader: message}
	if err := sshsig.Verify(counted, s, s.PublicKey, s.HashAlgorithm, Namespace); err != nil {
		if counted.err != nil {
			return Signer{}, counted.err
		}
		return Signer{}, refusal("it is not a signature of this file")
	}
	if a.revoked.has(s.PublicKey) {
		return Signer{}, refusal("its key, or the authority that certified it, is revoked")
	}
	principals, err := a.principals(s.PublicKey, now)
	return Signer{principals, ssh.FingerprintSHA256(plain(s.PublicKey))}, err
}

// touched reports whether a token says that somebody was there when it signed:
// the first bit of the flags, which follow the signature (PROTOCOL.u2f). sshd
// demands it, too, unless a key says otherwise, which no line of
// allowed_signers can.
func touched(s *ssh.Signature) bool { return len(s.Rest) > 0 && s.Rest[0]&1 != 0 }

// readErrors tells a file that cannot be read from a wrong signature.
type readErrors struct {
	io.Reader
	err error
}

// Read reads and remembers an error.
func (r *readErrors) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// plain is the key itself, without a certificate around it.
func plain(key ssh.PublicKey) ssh.PublicKey {
	if c, certified := key.(*ssh.Certificate); certified {
		return c.Key
	}
	return key
}
