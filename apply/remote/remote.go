// Package remote reaches hosts over SSH and SFTP: it is the one door to both.
// A Dialer turns a declared connection into an apply.Host.
//
// It reads key files and known_hosts files, and nothing else of this machine:
// no environment, no terminal, no ssh_config of its own. What it needs of those
// (the agent's socket, a passphrase, a sudo password, the answer of `ssh -G`)
// is handed to the Dialer. It decides nothing about settings.
//
// Everything a host says is hostile: sizes are limited, waits have deadlines,
// and text is cleaned before it gets into an error.
package remote

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/sshform/sshform/apply"
)

// Limits on what is read from a host.
const (
	// MaxFileSize is the longest file that is read, in bytes.
	MaxFileSize = 1 << 20
	// MaxFiles is how many different files of one host are read.
	MaxFiles = 1000
	// MaxAnswer is the longest standard output of one step, in bytes. Of its
	// standard error, the first 64 KiB are kept.
	MaxAnswer = 4 << 20
)

// Defaults of a Dialer.
const (
	DefaultConnectTimeout = 15 * time.Second
	DefaultRequestTimeout = 30 * time.Second
	DefaultKeepalive      = 15 * time.Second
	DefaultHandshakes     = 8
)

// A Dialer reaches hosts. What all hosts share lives in it: parsed keys, the
// index of known_hosts, quoted scripts, answers of ssh -G, connections to bastions. Fields must
// not change after the first Dial; it may be used by many goroutines. Close
// ends what it holds.
type Dialer struct {
	// User is who logs in where nothing else is declared: the current user.
	User string
	// Home is what "~/" stands for in file names, and the folder under which
	// the default identities (.ssh/id_*) and known_hosts files are looked for.
	Home string
	// AgentSocket is the ssh-agent's socket (SSH_AUTH_SOCK); empty is no agent.
	AgentSocket string
	// DialAgent opens the agent's socket; nil dials it as a Unix socket.
	DialAgent func(ctx context.Context, socket string) (net.Conn, error)
	// KnownHosts are the files used where none is declared. Empty is the
	// user's two and the system's two, as ssh has them. Missing ones are empty.
	KnownHosts []string
	// SSHConfig runs `ssh -G` with these further arguments and returns what it
	// prints. It is asked only for connections with an ssh_alias; nil makes
	// those an error.
	SSHConfig func(ctx context.Context, args ...string) ([]byte, error)
	// Passphrase asks for the passphrase of an identity file. It is asked once
	// for each file, and only when a server accepts its key. nil refuses
	// encrypted files.
	Passphrase func(ctx context.Context, path string) ([]byte, error)
	// SudoPassword asks for the password with which user runs sudo on host. It
	// is asked once for each connection whose sudo wants one. nil refuses.
	SudoPassword func(ctx context.Context, user, host string) ([]byte, error)
	// RequestTimeout is how long one request to a host may stay unanswered; 0
	// is DefaultRequestTimeout. Steps of a shell are not requests: they end
	// with their context or with the connection.
	RequestTimeout time.Duration
	// Keepalive is after how much time a host is asked for a sign of life, and
	// how long it has for it; 0 is DefaultKeepalive.
	Keepalive time.Duration
	// Handshakes is how many hosts behind the same bastion are being dialled
	// at a time; 0 is DefaultHandshakes.
	Handshakes int
	// DialTCP opens a connection to a host or a first bastion; nil dials TCP.
	DialTCP func(ctx context.Context, address string) (net.Conn, error)
	// Logf is told what a person may want to know: a host key that was
	// accepted anew. nil tells nobody.
	Logf func(format string, args ...any)

	mu       sync.Mutex
	closed   bool
	keys     keyring
	words    quoter
	buffers  buffers
	known    map[string]*knownHosts
	aliases  aliasCache
	bastions map[string]*bastion
}

var _ apply.Dialer = (*Dialer)(nil)

// Dial reaches the host: it connects, checks the host key and logs in. The
// error is a *ReachError that says at which stage it ended.
func (d *Dialer) Dial(ctx context.Context, reach apply.Reach) (apply.Host, error) {
	route, err := d.route(ctx, reach)
	if err != nil {
		return nil, reachError(reach.Host, StageResolve, err)
	}
	h, err := d.open(ctx, route)
	if err != nil {
		return nil, err
	}
	return h, nil
}

// Close ends the connections to bastions and to the agent. Hosts that were
// dialled have to be closed first.
func (d *Dialer) Close() error {
	d.mu.Lock()
	d.closed = true
	bastions := d.bastions
	d.bastions = nil
	d.mu.Unlock()
	var errs []error
	for _, b := range bastions {
		errs = append(errs, b.close())
	}
	errs = append(errs, d.keys.close())
	return errors.Join(errs...)
}

func (d *Dialer) requestTimeout() time.Duration {
	return orDefault(d.RequestTimeout, DefaultRequestTimeout)
}

func (d *Dialer) keepalive() time.Duration {
	return orDefault(d.Keepalive, DefaultKeepalive)
}

func (d *Dialer) logf(format string, args ...any) {
	if d.Logf != nil {
		d.Logf(format, args...)
	}
}

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}
