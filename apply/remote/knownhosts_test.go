//go:build unix

package remote

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/skeema/knownhosts"
	"golang.org/x/crypto/ssh"
	xknownhosts "golang.org/x/crypto/ssh/knownhosts"
	"pgregory.net/rapid"

	"github.com/sshform/sshform/schema/testenv"
)

// testKeys are made once: they are slow to make and never secret.
var testKeys = sync.OnceValue(func() []ssh.Signer {
	var out []ssh.Signer
	for range 6 {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		signer, err := ssh.NewSignerFromKey(private)
		if err != nil {
			panic(err)
		}
		out = append(out, signer)
	}
	return out
})

func key(i int) ssh.PublicKey { return testKeys()[i].PublicKey() }

// entry is a line of known_hosts.
func entry(hosts string, k ssh.PublicKey) string {
	return hosts + " " + string(ssh.MarshalAuthorizedKey(k))
}

func indexOf(t *testing.T, text string) *knownHosts {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := readKnownHosts([]string{file, file + ".missing"})
	if err != nil {
		t.Fatal(err)
	}
	return known
}

// doubtOf is what is wrong with a key; empty is nothing.
func doubtOf(t *testing.T, err error) KeyDoubt {
	t.Helper()
	if err == nil {
		return ""
	}
	var doubt *HostKeyError
	if !errors.As(err, &doubt) {
		t.Fatalf("got %v, want a HostKeyError", err)
	}
	return doubt.Doubt
}

func TestKnownHosts(t *testing.T) {
	hash := xknownhosts.HashHostname
	certified := func(authority int, change func(*ssh.Certificate)) ssh.PublicKey {
		cert := &ssh.Certificate{
			Key: key(1), CertType: ssh.HostCert, ValidPrincipals: []string{"web"},
			ValidBefore: uint64(time.Now().Add(time.Hour).Unix()),
		}
		if change != nil {
			change(cert)
		}
		if err := cert.SignCert(rand.Reader, testKeys()[authority]); err != nil {
			t.Fatal(err)
		}
		return cert
	}
	for _, c := range []struct {
		name  string
		lines string
		host  string
		port  int
		alias string
		key   ssh.PublicKey
		want  KeyDoubt
	}{
		{"plain", entry("web", key(0)), "web", 22, "", key(0), ""},
		{"case", entry("WEB", key(0)), "Web", 22, "", key(0), ""},
		{"list", entry("a,web,b", key(0)), "web", 22, "", key(0), ""},
		{"changed", entry("web", key(0)), "web", 22, "", key(1), KeyChanged},
		{"second line", entry("web", key(0)) + entry("web", key(1)), "web", 22, "", key(1), ""},
		{"unknown", entry("db", key(0)), "web", 22, "", key(0), KeyUnknown},
		{"no file", "", "web", 22, "", key(0), KeyUnknown},
		{"comment", "# " + entry("web", key(0)), "web", 22, "", key(0), KeyUnknown},
		{"hashed", entry(hash("web"), key(0)), "web", 22, "", key(0), ""},
		{"hashed, changed", entry(hash("web"), key(0)), "web", 22, "", key(1), KeyChanged},
		{"hashed, another host's key", entry(hash("db"), key(0)) + entry(hash("web"), key(1)), "web", 22, "", key(0), KeyChanged},
		{"hashed, unknown", entry(hash("db"), key(0)), "web", 22, "", key(0), KeyUnknown},
		{"port", entry("[web]:2222", key(0)), "web", 2222, "", key(0), ""},
		{"port, hashed", entry(hash("[web]:2222"), key(0)), "web", 2222, "", key(0), ""},
		{"port, other", entry("[web]:2222", key(0)), "web", 2223, "", key(0), KeyUnknown},
		{"port, line without", entry("web", key(0)), "web", 2222, "", key(0), ""},
		{"port, line without and another key", entry("web", key(0)), "web", 2222, "", key(1), KeyUnknown},
		{"port 22 in brackets", entry("[web]:22", key(0)), "web", 22, "", key(0), KeyUnknown},
		{"ipv6", entry("2001:db8::1", key(0)), "2001:db8::1", 22, "", key(0), ""},
		{"ipv6 and port", entry("[2001:db8::1]:2222", key(0)), "2001:db8::1", 2222, "", key(0), ""},
		{"wildcard", entry("w?b,*.example", key(0)), "web", 22, "", key(0), ""},
		{"wildcard and port", entry("*", key(0)), "web", 2222, "", key(0), ""},
		{"negated", entry("*,!web", key(0)), "web", 22, "", key(0), KeyUnknown},
		{"negated first", entry("!web,*", key(0)), "web", 22, "", key(0), KeyUnknown},
		{"alias", entry("front", key(0)), "web", 2222, "front", key(0), ""},
		{"alias is all", entry("web", key(0)), "web", 22, "front", key(0), KeyUnknown},
		{"revoked", entry("web", key(0)) + "@revoked " + entry("*", key(0)), "web", 22, "", key(0), KeyRevoked},
		{"revoked elsewhere", entry("web", key(0)) + "@revoked " + entry("db", key(0)), "web", 22, "", key(0), ""},
		{"revoked, unknown host", "@revoked " + entry("*", key(0)), "web", 22, "", key(0), KeyRevoked},
		{"unknown mark", "@other " + entry("web", key(0)), "web", 22, "", key(0), KeyUnknown},
		{"bad line before", "web ssh-ed25519\n\x00\nweb ssh-ed25519 %%%\n" + entry("web", key(0)), "web", 22, "", key(0), ""},
		{"type that lies", strings.Replace(entry("web", key(0)), "ssh-ed25519", "ssh-rsa", 1), "web", 22, "", key(0), KeyUnknown},
		{"crlf", strings.ReplaceAll(entry("web", key(0)), "\n", "\r\n"), "web", 22, "", key(0), ""},
		{"certificate", "@cert-authority " + entry("w*", key(2)), "web", 22, "", certified(2, nil), ""},
		{"certificate, hashed", "@cert-authority " + entry(hash("web"), key(2)), "web", 22, "", certified(2, nil), ""},
		{"certificate, other port", "@cert-authority " + entry("web", key(2)), "web", 2222, "", certified(2, nil), ""},
		{"certificate of another authority", "@cert-authority " + entry("web", key(2)), "web", 22, "", certified(3, nil), KeyUnknown},
		{"certificate without authority, key known", entry("web", key(1)), "web", 22, "", certified(3, nil), ""},
		{"authority as a plain key", entry("web", key(2)), "web", 22, "", certified(2, nil), KeyChanged},
		{"authority offered as a key", "@cert-authority " + entry("web", key(2)), "web", 22, "", key(2), KeyUnknown},
		{"certificate for another host", "@cert-authority " + entry("*", key(2)), "db", 22, "", certified(2, nil), KeyInvalid},
		{"certificate expired", "@cert-authority " + entry("*", key(2)), "web", 22, "", certified(2, func(c *ssh.Certificate) { c.ValidBefore = 1 }), KeyInvalid},
		{"certificate of a user", "@cert-authority " + entry("*", key(2)), "web", 22, "", certified(2, func(c *ssh.Certificate) { c.CertType = ssh.UserCert }), KeyInvalid},
		{"authority revoked", "@cert-authority " + entry("*", key(2)) + "@revoked " + entry("*", key(2)), "web", 22, "", certified(2, nil), KeyRevoked},
		{"certified key revoked", "@cert-authority " + entry("*", key(2)) + "@revoked " + entry("*", key(1)), "web", 22, "", certified(2, nil), KeyRevoked},
	} {
		t.Run(c.name, func(t *testing.T) {
			check := newHostCheck(indexOf(t, c.lines), c.host, c.port, c.alias)
			if got := doubtOf(t, check.check(c.key)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// lineGen makes lines of known_hosts about few names and keys, so that they
// meet.
func lineGen(names []string) *rapid.Generator[string] {
	return rapid.Custom(func(r *rapid.T) string {
		k := key(rapid.IntRange(0, 3).Draw(r, "key"))
		name := rapid.SampledFrom(names).Draw(r, "name")
		switch rapid.IntRange(0, 5).Draw(r, "form") {
		case 0:
			name = xknownhosts.HashHostname(name)
		case 1:
			name += "," + rapid.SampledFrom(names).Draw(r, "second")
		case 2:
			name = "*" + name[1:]
		case 3:
			return rapid.SampledFrom([]string{"# comment\n", "\n", "@revoked " + entry("other", key(5))}).Draw(r, "odd")
		}
		return entry(name, k)
	})
}

// The index says what the library says that goes through all lines.
func TestKnownHostsAsTheLibrary(t *testing.T) {
	names := []string{"web", "db", "cache.example"}
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		text := strings.Join(rapid.SliceOfN(lineGen(names), 0, 12).Draw(r, "lines"), "")
		file := filepath.Join(dir, "known_hosts")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			r.Fatal(err)
		}
		db, err := knownhosts.NewDB(file)
		if err != nil {
			r.Fatal(err)
		}
		known, err := readKnownHosts([]string{file})
		if err != nil {
			r.Fatal(err)
		}
		host, k := rapid.SampledFrom(names).Draw(r, "host"), key(rapid.IntRange(0, 4).Draw(r, "offered"))
		want := KeyDoubt("")
		switch err := db.HostKeyCallback()(host+":22", &net.TCPAddr{IP: net.IPv4zero}, k); {
		case knownhosts.IsHostKeyChanged(err):
			want = KeyChanged
		case knownhosts.IsHostUnknown(err):
			want = KeyUnknown
		case err != nil:
			r.Fatal(err)
		}
		if got := doubtOf(t, newHostCheck(known, host, 22, "").check(k)); got != want {
			r.Fatalf("%s with %s: got %q, want %q\n%s", host, ssh.FingerprintSHA256(k), got, want, text)
		}
	})
}

// ssh-keygen -F finds the lines that the index finds, also in a file that
// ssh-keygen -H hashed.
func TestKnownHostsAsSSHKeygen(t *testing.T) {
	keygen := testenv.Program(t, "ssh-keygen")
	text := entry("web", key(0)) + entry("db,10.0.0.1", key(1)) + entry("[db]:2222", key(2)) + entry("*.example,!no.example", key(3)) +
		"@revoked " + entry("web", key(4)) + "@cert-authority " + entry("*.corp", key(5))
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(text+"garbage\n"), 0o600); err != nil { // -H takes no such line
		t.Fatal(err)
	}
	hashed := file + ".hashed"
	if err := os.WriteFile(hashed, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(keygen, "-H", "-f", hashed).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen -H: %v\n%s", err, out)
	}
	for _, f := range []string{file, hashed} {
		known, err := readKnownHosts([]string{f})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"web", "db", "10.0.0.1", "[db]:2222", "a.example", "no.example", "x.corp", "none"} {
			out, _ := exec.Command(keygen, "-F", name, "-f", f).Output() // status 1: not found
			var want []string
			for line := range strings.Lines(string(out)) {
				if fields := strings.Fields(line); len(fields) > 2 && fields[0] != "#" {
					want = append(want, fields[len(fields)-1])
				}
			}
			var got []string
			for _, at := range known.named(name, true) {
				got = append(got, known.line(at).blob)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s in %s (-ssh-keygen +got):\n%s", name, filepath.Base(f), diff)
			}
		}
	}
}

func TestAlgorithmsOfKnownHosts(t *testing.T) {
	rsa := "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQCxjuHbDDtOxAKsAAD5Nl6eWCTXCXeC2xKDlmZpPdN1v4y1uDWH3v7vVxXnY8Aw0lJEgPp0TQnW1nMT6lNNhNyfM9T2vYFYwD1VPNpgLY3rRFy1i8oY+o8O+0f1tY0uX6QkdHrrQUhPuGR1R5Q7WsdGQw6gtlDnrW3tkYlD9l6fXQ==\n"
	for _, c := range []struct {
		name, lines, host string
		port              int
		first             string
		certs             bool
	}{
		{"unknown", "", "web", 22, ssh.KeyAlgoED25519, false},
		{"ed25519", entry("web", key(0)), "web", 22, ssh.KeyAlgoED25519, false},
		{"rsa", "web " + rsa, "web", 22, ssh.KeyAlgoRSASHA512, false},
		{"rsa without the port", "web " + rsa, "web", 2222, ssh.KeyAlgoRSASHA512, false},
		{"revoked counts for nothing", "@revoked web " + rsa, "web", 22, ssh.KeyAlgoED25519, false},
		{"authority", "@cert-authority " + entry("w*", key(0)), "web", 22, ssh.CertAlgoED25519v01, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := newHostCheck(indexOf(t, c.lines), c.host, c.port, "").algorithms()
			if got[0] != c.first {
				t.Errorf("got %s first, want %s", got[0], c.first)
			}
			if has := slices.Contains(got, ssh.CertAlgoED25519v01); has != c.certs {
				t.Errorf("got certificates %v, want %v", has, c.certs)
			}
			if slices.Contains(got, ssh.KeyAlgoRSA) {
				t.Error("asks for SHA-1")
			}
		})
	}
}

// A hashed host of another type is dialled again with its type.
func TestRetryWithTheKnownType(t *testing.T) {
	check := newHostCheck(indexOf(t, entry(xknownhosts.HashHostname("web"), key(0))), "web", 22, "")
	ecdsa := &fakeKey{kind: ssh.KeyAlgoECDSA256}
	err := check.check(ecdsa)
	if doubtOf(t, err) != KeyChanged || !check.retry(err) {
		t.Fatalf("got %v and no retry, want one", err)
	}
	if got := check.algorithms()[0]; got != ssh.KeyAlgoED25519 {
		t.Errorf("got %s first, want ed25519", got)
	}
	if err := check.check(ecdsa); check.retry(err) {
		t.Error("retries for ever")
	}
	same := newHostCheck(check.known, "web", 22, "")
	if err := same.check(key(1)); same.retry(err) {
		t.Error("retries although the type is the same")
	}
}

type fakeKey struct{ kind string }

func (k *fakeKey) Type() string                        { return k.kind }
func (k *fakeKey) Marshal() []byte                     { return []byte(k.kind) }
func (k *fakeKey) Verify([]byte, *ssh.Signature) error { return errors.New("no") }

func TestAcceptNew(t *testing.T) {
	for _, c := range []struct {
		name, before string
		port         int
		want         string
	}{
		{"no file", "\x00", 22, entry("web", key(0))},
		{"plain", entry("db", key(1)), 22, entry("db", key(1)) + entry("web", key(0))},
		{"no line end", strings.TrimSuffix(entry("db", key(1)), "\n"), 22, entry("db", key(1)) + entry("web", key(0))},
		{"port", "", 2222, entry("[web]:2222", key(0))},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "new", "known_hosts")
			if c.before != "\x00" {
				if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(file, []byte(c.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			known, err := readKnownHosts([]string{file})
			if err != nil {
				t.Fatal(err)
			}
			check := newHostCheck(known, "web", c.port, "")
			check.acceptNew, check.logf = true, t.Logf
			for range 2 { // the second time it is known
				if err := check.check(key(0)); err != nil {
					t.Fatal(err)
				}
			}
			if got := doubtOf(t, check.check(key(1))); got != KeyChanged {
				t.Errorf("another key: got %q, want changed", got)
			}
			got, err := os.ReadFile(file)
			if err != nil || string(got) != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
			if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("got %v, %v, want mode 0600", info.Mode(), err)
			}
		})
	}
}

func TestAcceptNewHashesAsTheFileDoes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(entry(xknownhosts.HashHostname("db"), key(1))), 0o600); err != nil {
		t.Fatal(err)
	}
	known, err := readKnownHosts([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	check := newHostCheck(known, "web", 2222, "")
	check.acceptNew, check.logf = true, t.Logf
	if err := check.check(key(0)); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil || bytes.Contains(text, []byte("web")) {
		t.Errorf("got %s, %v, want no name in clear", text, err)
	}
	again, err := readKnownHosts([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	if got := doubtOf(t, newHostCheck(again, "web", 2222, "").check(key(0))); got != "" {
		t.Errorf("read again: got %q", got)
	}
}

// Hosts that are met at the same time leave whole lines.
func TestAcceptNewTogether(t *testing.T) {
	file := filepath.Join(t.TempDir(), "known_hosts")
	known, err := readKnownHosts([]string{file})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			check := newHostCheck(known, fmt.Sprintf("web-%d", i), 22, "")
			check.acceptNew, check.logf = true, t.Logf
			if err := check.check(key(i % 5)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	again, err := readKnownHosts([]string{file})
	if err != nil || len(again.lines) != 50 {
		t.Errorf("got %d lines, %v, want 50", len(again.lines), err)
	}
}

func FuzzMatchPattern(f *testing.F) {
	f.Add("*.example", "a.example")
	f.Add("a*b?c", "axxbxc")
	f.Fuzz(func(t *testing.T, pattern, s string) {
		if len(pattern) > 20 || len(s) > 20 {
			return
		}
		if got, want := matchPattern(pattern, s), slowMatch(pattern, s); got != want {
			t.Errorf("%q with %q: got %v, want %v", pattern, s, got, want)
		}
	})
}

// slowMatch is the definition.
func slowMatch(pattern, s string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		return slowMatch(pattern[1:], s) || s != "" && slowMatch(pattern, s[1:])
	case s == "":
		return false
	}
	return (pattern[0] == '?' || pattern[0] == s[0]) && slowMatch(pattern[1:], s[1:])
}

// BenchmarkKnownHosts looks hosts up that are known: 100,000 lines cost no
// more than 1,000.
func BenchmarkKnownHosts(b *testing.B) {
	for _, lines := range []int{1_000, 100_000} {
		for _, form := range []string{"plain", "hashed"} {
			b.Run(fmt.Sprintf("%s/%d", form, lines), func(b *testing.B) {
				known, keys := manyHosts(b, lines, form == "hashed")
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					n := i % len(keys)
					check := newHostCheck(known, fmt.Sprintf("web-%d.example", n*(lines/len(keys))), 22, "")
					check.algorithms()
					if err := check.check(keys[n]); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestMemoryOfKnownHosts: beside the text, a line costs little.
func TestMemoryOfKnownHosts(t *testing.T) {
	const lines, limit = 10_000, 100 // bytes a line
	live := func() int {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	for form, hashed := range map[string]bool{"plain": false, "hashed": true} {
		known, _ := manyHosts(t, lines, hashed)
		text, err := os.ReadFile(known.files[0])
		if err != nil {
			t.Fatal(err)
		}
		size := len(text)
		with := live()
		runtime.KeepAlive(known)
		got := (with - live() - size) / lines
		t.Logf("%s: %d bytes", form, got)
		if got > limit {
			t.Errorf("%s: got %d bytes for each line beside its text, want at most %d", form, got, limit)
		}
	}
}

// BenchmarkReadKnownHosts reads a file, which is done once a run.
func BenchmarkReadKnownHosts(b *testing.B) {
	known, _ := manyHosts(b, 100_000, true)
	for b.Loop() {
		if _, err := readKnownHosts(known.files); err != nil {
			b.Fatal(err)
		}
	}
}

// manyHosts writes a file with a key of its own for each host, and returns
// some of them, evenly spread.
func manyHosts(b testing.TB, lines int, hashed bool) (*knownHosts, []ssh.PublicKey) {
	b.Helper()
	var text strings.Builder
	var keys []ssh.PublicKey
	for i := range lines {
		var raw [ed25519.PublicKeySize]byte
		rand.Read(raw[:])
		k, err := ssh.NewPublicKey(ed25519.PublicKey(raw[:]))
		if err != nil {
			b.Fatal(err)
		}
		name := fmt.Sprintf("web-%d.example", i)
		if hashed {
			name = xknownhosts.HashHostname(name)
		}
		text.WriteString(entry(name, k))
		if i%(lines/1000) == 0 {
			keys = append(keys, k)
		}
	}
	file := filepath.Join(b.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	known, err := readKnownHosts([]string{file})
	if err != nil {
		b.Fatal(err)
	}
	return known, keys
}
