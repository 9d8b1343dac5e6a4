package seal

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// A token signs as a FIDO authenticator does (PROTOCOL.u2f), with keys that lie
// in memory: it signs the application's digest, its flags, its counter and the
// message's digest.
type token struct {
	public ssh.PublicKey
	flags  byte // 0x01 is that somebody touched it, 0x04 that it knows who
	sign   func(blob []byte) []byte
}

const (
	application = "ssh:"
	touch       = 0x01
	verified    = 0x04
)

func (k *token) PublicKey() ssh.PublicKey { return k.public }

func (k *token) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, message := sha256.Sum256([]byte(application)), sha256.Sum256(data)
	proof := binary.BigEndian.AppendUint32([]byte{k.flags}, 7)
	blob := append(append(app[:], proof...), message[:]...)
	return &ssh.Signature{Format: k.public.Type(), Blob: k.sign(blob), Rest: proof}, nil
}

func newToken(t *testing.T, kind string, flags byte) *token {
	t.Helper()
	k := &token{flags: flags}
	var wire []byte
	switch kind {
	case ssh.KeyAlgoSKED25519:
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		wire = ssh.Marshal(struct{ Kind, Key, Application string }{kind, string(public), application})
		k.sign = func(blob []byte) []byte { return ed25519.Sign(private, blob) }
	case ssh.KeyAlgoSKECDSA256:
		private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		point, err := private.PublicKey.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		wire = ssh.Marshal(struct{ Kind, Curve, Point, Application string }{kind, "nistp256", string(point), application})
		k.sign = func(blob []byte) []byte {
			digest := sha256.Sum256(blob)
			r, s, err := ecdsa.Sign(rand.Reader, private, digest[:])
			if err != nil {
				t.Fatal(err)
			}
			return ssh.Marshal(struct{ R, S *big.Int }{r, s})
		}
	}
	var err error
	if k.public, err = ssh.ParsePublicKey(wire); err != nil {
		t.Fatal(err)
	}
	return k
}

// TestKeysOnTokens: FIDO keys count, and the real ssh-keygen agrees.
func TestKeysOnTokens(t *testing.T) {
	d := newDesk(t)
	message := d.read("plan")
	for _, kind := range []string{ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256} {
		for _, c := range []struct {
			name    string
			flags   byte
			spoil   func(*ssh.Signature)
			options string
			good    bool
			keygen  bool // ssh-keygen accepts it all the same
		}{
			{name: "touched", flags: touch, good: true},
			{name: "touched, PIN", flags: touch | verified, good: true},
			// ssh-keygen -Y verify does not ask for a touch, as sshd does; we do.
			{name: "untouched", flags: 0, keygen: true},
			{name: "only a PIN", flags: verified, keygen: true},
			{name: "a touch claimed", flags: 0, spoil: func(s *ssh.Signature) { s.Rest[0] = touch }},
			{name: "another counter", flags: touch, spoil: func(s *ssh.Signature) { s.Rest[4]++ }},
			{name: "no longer", flags: touch, options: `valid-before="20200101"`},
		} {
			t.Run(kind+"/"+c.name, func(t *testing.T) {
				k := newToken(t, kind, c.flags)
				s, err := sshsig.Sign(bytes.NewReader(message), k, sshsig.HashSHA512, Namespace)
				if err != nil {
					t.Fatal(err)
				}
				if c.spoil != nil {
					c.spoil(s.Signature)
				}
				line := strings.TrimSpace(who+" "+c.options) + " " + string(ssh.MarshalAuthorizedKey(k.public))
				if theirs := d.verify(line, sshsig.Armor(s), message); (theirs == nil) != (c.good || c.keygen) {
					t.Errorf("ssh-keygen says %v, want accepted: %t", theirs, c.good || c.keygen)
				}
				allowed, err := ParseAllowed([]byte(line), time.Local)
				if err != nil {
					t.Fatal(err)
				}
				v, err := allowed.Judge(bytes.NewReader(message), sshsig.Armor(s), time.Now())
				if c.keygen && !strings.Contains(strings.Join(v.Refused, ""), "nobody touched") {
					t.Errorf("got %q, want the reason", v.Refused)
				}
				if err != nil || (v.People() == 1) != c.good {
					t.Errorf("got %+v, %v, want it to count: %t", v, err, c.good)
				}
			})
		}
	}
}
