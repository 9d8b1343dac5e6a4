package seal

import (
	"bytes"
	"testing"
	"time"
)

// TestRevokedKeys: what is revoked counts no more, and the real ssh-keygen -r
// agrees.
func TestRevokedKeys(t *testing.T) {
	d := newDesk(t)
	message := d.read("plan")
	for _, c := range []struct {
		name, key, allowed, revoked string
		good, unread                bool
	}{
		{name: "none", key: "alice", allowed: d.line(who, "", "alice"), revoked: "# nobody\n\n", good: true},
		{name: "another", key: "alice", allowed: d.line(who, "", "alice"), revoked: string(d.read("other.pub")), good: true},
		{name: "the key", key: "alice", allowed: d.line(who, "", "alice"), revoked: string(d.read("other.pub")) + string(d.read("alice.pub"))},
		{name: "the certified key", key: "certified-cert.pub", allowed: d.line("*", "cert-authority", "ca"), revoked: string(d.read("alice.pub"))},
		{name: "the authority", key: "certified-cert.pub", allowed: d.line("*", "cert-authority", "ca"), revoked: string(d.read("ca.pub"))},
		{name: "a certificate's key", key: "alice", allowed: d.line(who, "", "alice"), revoked: string(d.read("certified-cert.pub"))},
		{name: "no key", key: "alice", allowed: d.line(who, "", "alice"), revoked: "alice\n", unread: true},
		{name: "half a key", key: "alice", allowed: d.line(who, "", "alice"), revoked: string(d.read("alice.pub")[:30]) + "\n", unread: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			signature := d.sign(c.key, Namespace)
			d.write("revoked", []byte(c.revoked))
			if theirs := d.verify(c.allowed, signature, message, "-r", d.path("revoked")); (theirs == nil) != c.good {
				t.Errorf("ssh-keygen says %v, want accepted: %t", theirs, c.good)
			}
			allowed, err := ParseAllowed([]byte(c.allowed), time.Local)
			if err != nil {
				t.Fatal(err)
			}
			revoked, err := ParseRevoked([]byte(c.revoked))
			if (err != nil) != c.unread {
				t.Fatalf("got error %v, want one: %t", err, c.unread)
			}
			if c.unread {
				return
			}
			allowed.Revoke(revoked)
			v, err := allowed.Judge(bytes.NewReader(message), signature, time.Now())
			if err != nil || (v.People() == 1) != c.good {
				t.Errorf("got %+v, %v, want it to count: %t", v, err, c.good)
			}
		})
	}
	d.run("-q", "-k", "-f", d.path("krl"), d.path("alice.pub"))
	if _, err := ParseRevoked(d.read("krl")); err == nil {
		t.Error("a KRL was read as a list that revokes nobody")
	}
}
