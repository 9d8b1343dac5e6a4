// Package fleet simulates many hosts: SSH and SFTP servers on loopback or in
// memory, with files in memory, whose shell answers the steps of the
// transaction as a Debian 12 with OpenSSH 9.2 under systemd does. It is for
// what no machine can hold thousands of: benchmarks, the faults of a few among
// a thousand, and counting round trips without a process in the way.
//
// A simulated host knows the project's own scripts by their first line and
// does by hand what they would do; a script it does not know is a step that
// fails. Tests hold its answers against those of a real sshd. It proves
// nothing about OpenSSH: that is what apply/applytest/e2e is for.
package fleet

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/schema"
)

// Version is the identification string of every host.
const Version = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"

// A Fleet is some simulated hosts. All of them take one client key. Fields must
// not change after the first connection, SetFault's excepted.
type Fleet struct {
	// Port is where the hosts listen; 0 is 22, for connections in memory.
	Port int
	// RoundTrip is how long the way to the hosts and back is; 0 is instant.
	RoundTrip time.Duration
	// DropIns is how many files sshd_config includes, each with a comment.
	DropIns int
	// Seed makes the keys: fleets of one seed have the same.
	Seed int64

	hosts  []Host
	serves serving
}

// New makes n hosts. Nothing is spent on one before it is first reached.
func New(n int) *Fleet {
	f := &Fleet{hosts: make([]Host, n)}
	for i := range f.hosts {
		f.hosts[i].fleet, f.hosts[i].number = f, i
	}
	return f
}

// Len is the number of hosts.
func (f *Fleet) Len() int { return len(f.hosts) }

// Name is the name of host number i.
func Name(i int) string { return fmt.Sprintf("web-%05d", i) }

// Address is the loopback address of host number i, up to 2^24 of them.
func Address(i int) string {
	n := i + 1<<16 // 127.1.0.0 and up: 127.0.0.1 is the machine's own
	return net.IPv4(127, byte(n>>16), byte(n>>8), byte(n)).String()
}

// numberOf is the host that an address belongs to; -1 if none.
func (f *Fleet) numberOf(ip net.IP) int {
	ip = ip.To4()
	if ip == nil || ip[0] != 127 {
		return -1
	}
	n := int(ip[1])<<16 + int(ip[2])<<8 + int(ip[3]) - 1<<16
	if n < 0 || n >= len(f.hosts) {
		return -1
	}
	return n
}

func (f *Fleet) port() int {
	if f.Port == 0 {
		return 22
	}
	return f.Port
}

// key is the ed25519 key of a number: hosts count up from 0, the client is -1.
func (f *Fleet) key(number int) ssh.Signer {
	var seed [ed25519.SeedSize]byte
	binary.BigEndian.PutUint64(seed[:], uint64(f.Seed))
	binary.BigEndian.PutUint64(seed[8:], uint64(number)+1)
	signer, err := ssh.NewSignerFromKey(ed25519.NewKeyFromSeed(seed[:]))
	if err != nil {
		panic(err) // an ed25519 key is always taken
	}
	return signer
}

// Client is the key that every host takes.
func (f *Fleet) Client() ssh.Signer { return f.key(-1) }

// HostKey is the public key of host number i.
func (f *Fleet) HostKey(i int) ssh.PublicKey { return f.key(i).PublicKey() }

// Write writes what a client needs into a folder: its key and known_hosts, with
// a line for each of the fleet's hosts and as many further ones as others says.
// Hashed ones cannot be read without trying.
func (f *Fleet) Write(dir string, hashed bool, others int) (key, known string, err error) {
	key, known = filepath.Join(dir, "id_ed25519"), filepath.Join(dir, "known_hosts")
	var seed [ed25519.SeedSize]byte
	binary.BigEndian.PutUint64(seed[:], uint64(f.Seed))
	block, err := ssh.MarshalPrivateKey(ed25519.NewKeyFromSeed(seed[:]), "fleet")
	if err != nil {
		return "", "", err
	}
	if err := os.WriteFile(key, pem.EncodeToMemory(block), 0o600); err != nil {
		return "", "", err
	}
	var lines bytes.Buffer
	for i := range len(f.hosts) + others {
		name := knownName(Address(i), f.port())
		if hashed {
			name = hashName(name)
		}
		fmt.Fprintf(&lines, "%s %s", name, ssh.MarshalAuthorizedKey(f.HostKey(i)))
	}
	return key, known, os.WriteFile(known, lines.Bytes(), 0o600)
}

// knownName is how known_hosts spells a host (sshd(8), SSH_KNOWN_HOSTS FILE
// FORMAT).
func knownName(address string, port int) string {
	if port == 22 {
		return address
	}
	return "[" + address + "]:" + strconv.Itoa(port)
}

// hashName is what HashKnownHosts writes (hostfile.c, host_hash).
func hashName(name string) string {
	salt := make([]byte, sha1.Size)
	rand.Read(salt) // never fails
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return "|1|" + base64.StdEncoding.EncodeToString(salt) + "|" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Targets declares an interval, and two missed messages, for the first n hosts.
func (f *Fleet) Targets(n int, interval int, key string) []schema.Target {
	// As a block with for_each has it: what all hosts have in common is there
	// once.
	settings := []schema.Setting{
		{Keyword: "ClientAliveInterval", Argument: schema.Argument(strconv.Itoa(interval))},
		{Keyword: "ClientAliveCountMax", Argument: "2"},
	}
	targets := make([]schema.Target, n)
	for i := range targets {
		name := Name(i)
		targets[i] = schema.Target{
			Address:    schema.Address{Block: "server", Name: "fleet", Key: name, HasKey: true},
			Host:       schema.Host{Name: name},
			Connection: schema.Connection{Address: Address(i), Port: f.port(), User: "root", IdentityFile: key},
			Settings:   settings,
		}
	}
	return targets
}

// A Host is one simulated host.
type Host struct {
	fleet  *Fleet
	number int

	mu    sync.Mutex
	files map[string]*file
	tick  int64 // of the host's clock, in microseconds
	// loaded is the configuration that the daemon runs, as sshd -T prints it.
	loaded  []byte
	reloads int
	load    int64 // when the daemon read its files
	lock    string
	runs    map[string]*run
	fault   Fault
	logins  int
}

// Host is host number i.
func (f *Fleet) Host(i int) *Host { return &f.hosts[i] }

// Reloads is how often the daemon has read its files since it was started.
func (h *Host) Reloads() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.reloads
}

// Logins is how often somebody has logged in.
func (h *Host) Logins() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.logins
}

// Config is the main file as it is now.
func (h *Host) Config() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.boot()
	return string(h.files[mainFile].bytes)
}

// Locked reports whether a run holds the host.
func (h *Host) Locked() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.lock != ""
}

// SetFault breaks the host from the next connection on, or mends it.
func (h *Host) SetFault(fault Fault) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fault = fault
}

func (h *Host) faulty() Fault {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.fault
}
