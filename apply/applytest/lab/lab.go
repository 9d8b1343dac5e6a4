//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sshform/sshform/schema/testenv"
)

// A Lab is a set of hosts on a network of their own. It ends with the test
// that opened it. Its methods may be called from several goroutines.
type Lab struct {
	t      testing.TB
	dir    string
	number int // of its networks
	images *builder

	mu    sync.Mutex
	hosts []*Host
	slots []*os.File // of the hosts
}

// Open makes an empty lab. Where there can be none the test skips, or fails
// under `make test`.
func Open(t testing.TB) *Lab {
	t.Helper()
	testenv.Need(t, here() == "", here())
	for _, program := range []string{"ip", "nsenter", "ssh-keygen", "mmdebstrap", "cp"} {
		testenv.Program(t, program)
	}
	dir, err := os.MkdirTemp(hostsDir(), "lab-")
	if err != nil {
		t.Fatal(err)
	}
	l := &Lab{t: t, dir: dir, images: newBuilder()}
	t.Cleanup(l.close)
	if l.number, err = makeNetworks(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.KnownHosts(), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", l.Identity()).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %v: %s", err, out)
	}
	return l
}

// Identity is the path of the private key that every host takes.
func (l *Lab) Identity() string { return filepath.Join(l.dir, "id_ed25519") }

// KnownHosts is the path of a known_hosts file with all hosts started so far.
func (l *Lab) KnownHosts() string { return filepath.Join(l.dir, "known_hosts") }

// Start starts a host of each kind, all at once, and waits until they take
// logins. A kind may be written NAME=KIND; without, the host is named as its
// kind. A bastion is started with the first inner host.
func (l *Lab) Start(names ...string) []*Host {
	l.t.Helper()
	var hosts []*Host
	for _, name := range names {
		h, err := l.add(name)
		if err != nil {
			l.t.Fatal(err)
		}
		hosts = append(hosts, h)
	}
	var all []*Host
	l.mu.Lock()
	for _, h := range l.hosts {
		if !h.begun {
			h.begun = true
			all = append(all, h)
		}
	}
	l.mu.Unlock()
	l.wait(all)
	errs := make([]error, len(all))
	var wait sync.WaitGroup
	for i, h := range all {
		wait.Go(func() { errs[i] = h.begin() })
	}
	wait.Wait()
	for i, h := range all {
		if errs[i] != nil && h.Kind.optional {
			l.t.Skipf("no host of kind %s: %v", h.Kind.Name, errs[i])
		}
	}
	seen := map[string]bool{}
	for _, err := range errs {
		if err != nil && !seen[err.Error()] {
			seen[err.Error()] = true
			l.t.Error(err)
		}
	}
	if len(seen) > 0 {
		l.t.FailNow()
	}
	if err := l.writeKnownHosts(); err != nil {
		l.t.Fatal(err)
	}
	return hosts
}

// wait waits until the machine has room for the hosts.
func (l *Lab) wait(hosts []*Host) {
	l.t.Helper()
	needed := 0
	for _, h := range hosts {
		if h.Kind.needsSlot() {
			needed++
		}
	}
	taken, err := takeSlots(needed)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.slots = append(l.slots, taken...)
	if err != nil {
		l.t.Fatal(err)
	}
}

// add notes a host without starting it.
func (l *Lab) add(word string) (*Host, error) {
	name, kindName, named := strings.Cut(word, "=")
	if !named {
		kindName = name
	}
	for _, k := range Kinds() {
		if k.Name != kindName {
			continue
		}
		var jump *Host
		if k.Behind {
			var err error
			if jump, err = l.bastion(); err != nil {
				return nil, err
			}
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		h := &Host{Name: name, Kind: k, Jump: jump, lab: l, number: len(l.hosts) + 2, dir: filepath.Join(l.dir, name)}
		for _, other := range l.hosts {
			if other.Name == name {
				return nil, fmt.Errorf("the lab has a host %s already", name)
			}
		}
		l.hosts = append(l.hosts, h)
		return h, nil
	}
	return nil, fmt.Errorf("no kind of host is named %q", kindName)
}

func (l *Lab) bastion() (*Host, error) {
	l.mu.Lock()
	for _, h := range l.hosts {
		if h.Kind.bothNets {
			l.mu.Unlock()
			return h, nil
		}
	}
	l.mu.Unlock()
	return l.add("bastion")
}

func (l *Lab) writeKnownHosts() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, h := range l.hosts {
		if h.HostKey != "" {
			fmt.Fprintf(&b, "%s %s\n", h.knownName(), h.HostKey)
		}
	}
	return os.WriteFile(l.KnownHosts(), []byte(b.String()), 0o600)
}

func (l *Lab) close() {
	var wait sync.WaitGroup
	for _, h := range l.hosts {
		wait.Go(h.end)
	}
	wait.Wait()
	for _, slot := range l.slots {
		slot.Close()
	}
	l.images.close()
	removeNetworks(l.number)
	if err := os.RemoveAll(l.dir); err != nil {
		l.t.Error(err)
	}
}
