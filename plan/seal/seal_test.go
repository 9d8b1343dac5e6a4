package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

func newSigner(t testing.TB) ssh.Signer {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func signed(t testing.TB, message string, signer ssh.Signer) string {
	t.Helper()
	s, err := sshsig.Sign(strings.NewReader(message), signer, sshsig.HashSHA512, Namespace)
	if err != nil {
		t.Fatal(err)
	}
	return string(sshsig.Armor(s))
}

// TestEverySignatureCounts: blocks stand one behind the other, and one that
// does not count does not spoil the others.
func TestEverySignatureCounts(t *testing.T) {
	alice, bob, stranger := newSigner(t), newSigner(t), newSigner(t)
	key := func(s ssh.Signer) string { return string(ssh.MarshalAuthorizedKey(s.PublicKey())) }
	allowed, err := ParseAllowed([]byte("alice "+key(alice)+"bob "+key(bob)), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	const message = "a plan"
	text := signed(t, message, alice) + "\n" + signed(t, message, stranger) + signed(t, message, bob) + signed(t, message, bob)
	v, err := allowed.Judge(strings.NewReader(message), []byte(text), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if len(v.Signers) != 3 || len(v.Refused) != 1 || v.People() != 2 {
		t.Errorf("got %+v, want alice, bob twice, and a stranger refused", v)
	}
	if want := ssh.FingerprintSHA256(stranger.PublicKey()) + ": no line of the allowed signers has its key"; v.Refused[0] != want {
		t.Errorf("got %q, want %q", v.Refused[0], want)
	}
	for name, text := range map[string]string{
		"nothing":            " \n",
		"not a signature":    "hello",
		"text before":        "hello\n" + text,
		"text behind":        text + "hello",
		"half of one":        text[:200],
		"another kind":       strings.ReplaceAll(text, "SSH SIGNATURE", "RSA PRIVATE KEY"),
		"not base64":         strings.Replace(text, "U1NIU0lH", "!!!!!!!!", 1),
		"too many":           strings.Repeat(signed(t, message, alice), 33),
		"a length too large": begin + "\nU1NIU0lHAAAAAX////8=\n-----END SSH SIGNATURE-----\n",
	} {
		if v, err := allowed.Judge(strings.NewReader(message), []byte(text), time.Now()); err == nil {
			t.Errorf("%s: got %+v, want an error", name, v)
		}
	}
}

// TestAFileThatCannotBeReadIsNoWrongSignature.
func TestAFileThatCannotBeReadIsNoWrongSignature(t *testing.T) {
	alice := newSigner(t)
	allowed, err := ParseAllowed([]byte("alice "+string(ssh.MarshalAuthorizedKey(alice.PublicKey()))), time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	torn := errors.New("input/output error")
	if _, err := allowed.Judge(tornFile{torn}, []byte(signed(t, "x", alice)), time.Now()); !errors.Is(err, torn) {
		t.Errorf("got %v, want %v", err, torn)
	}
}

type tornFile struct{ err error }

func (f tornFile) Read([]byte) (int, error)       { return 0, f.err }
func (f tornFile) Seek(int64, int) (int64, error) { return 0, nil }

var _ io.ReadSeeker = tornFile{}

func TestPeopleAreCountedOnce(t *testing.T) {
	for _, c := range []struct {
		name    string
		signers []Signer
		want    int
	}{
		{"nobody", nil, 0},
		{"two", []Signer{{[]string{"a"}, "1"}, {[]string{"b"}, "2"}}, 2},
		{"one with two keys", []Signer{{[]string{"a"}, "1"}, {[]string{"a"}, "2"}}, 1},
		{"one key under two names", []Signer{{[]string{"a"}, "1"}, {[]string{"b"}, "1"}}, 1},
		{"a shared name", []Signer{{[]string{"a", "team"}, "1"}, {[]string{"b", "team"}, "2"}}, 1},
		{"joined by a third", []Signer{{[]string{"a"}, "1"}, {[]string{"b"}, "2"}, {[]string{"a", "b"}, "3"}}, 1},
	} {
		if got := (Verdict{Signers: c.signers}).People(); got != c.want {
			t.Errorf("%s: got %d people, want %d", c.name, got, c.want)
		}
	}
}

func TestWrongLinesAreNamed(t *testing.T) {
	key := string(ssh.MarshalAuthorizedKey(newSigner(t).PublicKey()))
	for text, want := range map[string]string{
		"# only a comment\n":                                          "it names no signer",
		"alice\n":                                                     "line 1: it is not principals and a key",
		"\nalice " + key + "\"bob " + key:                             "line 3: its quotes are not closed",
		"alice ssh-ed25519 AAAA\n":                                    "line 1: its options or its key cannot be read",
		"alice cert-authority=\"x\" " + key:                           "line 1: there is no option cert-authority",
		"alice namespaces " + key:                                     "line 1: its option namespaces needs a value in quotes, or is not known",
		"alice namespaces=\"\" " + key:                                "line 1: its option namespaces is empty",
		"alice valid-after=\"2026\" " + key:                           `line 1: "2026" is not a time as YYYYMMDD[HHMM[SS]][Z]`,
		"a valid-after=\"20260102\",valid-before=\"20260101\" " + key: "line 1: it is never valid: valid-after is not before valid-before",
	} {
		_, err := ParseAllowed([]byte(text), time.UTC)
		if err == nil || err.Error() != want {
			t.Errorf("%q: got error %v, want %q", text, err, want)
		}
	}
}

func TestTimesOfAllowedSigners(t *testing.T) {
	berlin := time.FixedZone("", 3600)
	for text, want := range map[string]time.Time{
		"20261122":        time.Date(2026, 11, 22, 0, 0, 0, 0, berlin),
		"202611221830":    time.Date(2026, 11, 22, 18, 30, 0, 0, berlin),
		"20261122183005":  time.Date(2026, 11, 22, 18, 30, 5, 0, berlin),
		"20261122183005Z": time.Date(2026, 11, 22, 18, 30, 5, 0, time.UTC),
	} {
		if got, err := parseTime(text, berlin); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
}

func FuzzPatternsEnd(f *testing.F) {
	f.Add("alice@example.com", "*@*.com,!a*")
	f.Fuzz(func(t *testing.T, name, list string) {
		if matchList(name, list) && strings.TrimLeft(list, ",") == "" && name != "" {
			t.Errorf("%q matches the empty list %q", name, list)
		}
	})
}

func FuzzFilesNeverPanic(f *testing.F) {
	alice := newSigner(f)
	f.Add([]byte("alice "+string(ssh.MarshalAuthorizedKey(alice.PublicKey()))), []byte(signed(f, "x", alice)))
	f.Fuzz(func(t *testing.T, signers, signatures []byte) {
		allowed, err := ParseAllowed(signers, time.UTC)
		if err != nil {
			allowed = &Allowed{}
		}
		if v, err := allowed.Judge(bytes.NewReader(nil), signatures, time.Unix(0, 0)); err == nil && len(v.Signers)+len(v.Refused) == 0 {
			t.Error("a file of signatures without any was accepted")
		}
	})
}
