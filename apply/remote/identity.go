package remote

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"

	"golang.org/x/crypto/ssh"
)

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
