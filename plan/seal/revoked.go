package seal

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"
)

// Revoked are keys whose signatures count no more. The zero value is none.
type Revoked struct{ keys [][]byte }

// ParseRevoked reads a list of public keys, one a line, as ssh-keygen -Y verify
// -r does. A line that cannot be read is an error: a revocation that is not
// understood must not be passed over. So is a KRL, its binary form.
func ParseRevoked(text []byte) (Revoked, error) {
	if bytes.HasPrefix(text, []byte("SSHKRL\n")) {
		return Revoked{}, errors.New("it is a KRL; write the public keys that are revoked into a file, one a line")
	}
	var r Revoked
	for number, content := range entries(text) {
		key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(content))
		if err != nil || len(options) > 0 {
			return Revoked{}, fmt.Errorf("line %d: it is not a public key", number)
		}
		r.keys = append(r.keys, plain(key).Marshal())
	}
	return r, nil
}

// has reports whether a key is revoked; of a certificate, its key or the
// authority's.
func (r Revoked) has(key ssh.PublicKey) bool {
	asked := [][]byte{plain(key).Marshal()}
	if c, certified := key.(*ssh.Certificate); certified {
		asked = append(asked, plain(c.SignatureKey).Marshal())
	}
	for _, revoked := range r.keys {
		for _, k := range asked {
			if bytes.Equal(k, revoked) {
				return true
			}
		}
	}
	return false
}
