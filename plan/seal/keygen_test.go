package seal

import (
	"bufio"
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/sshform/sshform/schema/testenv"
)

// A desk is a folder with keys, certificates and a plan file, and the real
// ssh-keygen.
type desk struct {
	t      *testing.T
	dir    string
	keygen string
	env    []string
}

const who = "alice@example.com"

func newDesk(t *testing.T) *desk {
	d := &desk{t: t, dir: t.TempDir(), keygen: testenv.Program(t, "ssh-keygen"), env: os.Environ()}
	for name, kind := range map[string]string{"alice": "ed25519", "rsa": "rsa", "ecdsa": "ecdsa", "ca": "ed25519", "other": "ed25519"} {
		d.run("-q", "-t", kind, "-N", "", "-C", "of "+name, "-f", d.path(name))
	}
	certify := func(name, key string, args ...string) {
		// ssh-keygen names the certificate after the key.
		d.write(name+".pub", d.read(key+".pub"))
		d.write(name, d.read(key))
		d.run(append(append([]string{"-q", "-s", d.path("ca"), "-I", name}, args...), d.path(name+".pub"))...)
	}
	certify("certified", "alice", "-n", who+",deploy", "-V", "-1h:+1h")
	certify("certified-rsa", "rsa", "-n", who)
	certify("expired", "alice", "-n", who, "-V", "20200101:20200201")
	certify("nobody", "alice", "-V", "-1h:+1h")
	certify("host", "alice", "-h", "-n", who)
	certify("forced", "alice", "-n", who, "-O", "force-command=/bin/true", "-O", "source-address=192.0.2.0/24")
	d.write("plan", []byte("{\"record\":\"plan\"}\n"))
	return d
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) write(name string, text []byte) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), text, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func (d *desk) read(name string) []byte {
	d.t.Helper()
	text, err := os.ReadFile(d.path(name))
	if err != nil {
		d.t.Fatal(err)
	}
	return text
}

// keygenRun runs ssh-keygen.
func (d *desk) command(stdin []byte, args ...string) ([]byte, error) {
	cmd := exec.Command(d.keygen, args...)
	cmd.Env, cmd.Stdin = d.env, bytes.NewReader(stdin)
	return cmd.CombinedOutput()
}

func (d *desk) run(args ...string) {
	d.t.Helper()
	if out, err := d.command(nil, args...); err != nil {
		d.t.Fatalf("ssh-keygen %q: %v\n%s", args, err, out)
	}
}

// sign has ssh-keygen sign the plan; key is the name of a private key, of a
// certificate, or of a public key whose private half an agent has.
func (d *desk) sign(key, namespace string) []byte {
	d.t.Helper()
	os.Remove(d.path("plan.sig"))
	d.run("-q", "-Y", "sign", "-f", d.path(key), "-n", namespace, d.path("plan"))
	return d.read("plan.sig")
}

// verify asks ssh-keygen whether the signature is of alice.
func (d *desk) verify(allowed string, signature, message []byte, more ...string) error {
	d.t.Helper()
	d.write("allowed_signers", []byte(allowed))
	d.write("verified.sig", signature)
	args := []string{"-Y", "verify", "-f", d.path("allowed_signers"), "-I", who, "-n", Namespace, "-s", d.path("verified.sig")}
	_, err := d.command(message, append(args, more...)...)
	return err
}

// line is a line of allowed_signers.
func (d *desk) line(principals, options, key string) string {
	return strings.Join(strings.Fields(principals+" "+options), " ") + " " + string(d.read(key+".pub"))
}

// TestAgreesWithSSHKeygen signs with the real ssh-keygen and has both judge:
// each case says what both must say.
func TestAgreesWithSSHKeygen(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		name, key, allowed string
		namespace          string // of the signature; empty is ours
		changed            bool   // one byte of the message changed
		good               bool
	}{
		{name: "ed25519", key: "alice", allowed: d.line(who, "", "alice"), good: true},
		{name: "rsa", key: "rsa", allowed: d.line(who, "", "rsa"), good: true},
		{name: "ecdsa", key: "ecdsa", allowed: d.line(who, "", "ecdsa"), good: true},
		{name: "another key", key: "other", allowed: d.line(who, "", "alice")},
		{name: "a changed byte", key: "alice", allowed: d.line(who, "", "alice"), changed: true},
		{name: "Git's namespace", key: "alice", allowed: d.line(who, "", "alice"), namespace: "git"},
		{name: "among others", key: "alice", allowed: "# people\n\n" + d.line("bob@example.com", "", "other") + "  " + d.line(who, "", "alice"), good: true},
		{name: "several principals", key: "alice", allowed: d.line("bob@example.com,"+who, "", "alice"), good: true},
		{name: "quoted principals", key: "alice", allowed: d.line(`"`+who+`"`, "", "alice"), good: true},
		{name: "namespaces", key: "alice", allowed: d.line(who, `namespaces="git,sshform-*"`, "alice"), good: true},
		{name: "namespaces in capitals", key: "alice", allowed: d.line(who, `NameSpaces="sshform-plan@v?"`, "alice"), good: true},
		{name: "other namespaces", key: "alice", allowed: d.line(who, `namespaces="git"`, "alice")},
		{name: "namespaces but ours", key: "alice", allowed: d.line(who, `namespaces="*,!sshform-plan@v1"`, "alice")},
		{name: "not yet", key: "alice", allowed: d.line(who, `valid-after="20990101"`, "alice")},
		{name: "no longer", key: "alice", allowed: d.line(who, `valid-before="20200101"`, "alice")},
		{name: "in between", key: "alice", allowed: d.line(who, `valid-after="202001010000",valid-before="20990101000000"`, "alice"), good: true},
		{name: "one line no longer, one still", key: "alice", allowed: d.line(who, `valid-before="20200101"`, "alice") + d.line(who, "", "alice"), good: true},
		{name: "an authority's own signature", key: "ca", allowed: d.line(who, "cert-authority", "ca")},
		{name: "a certificate", key: "certified-cert.pub", allowed: d.line("*@example.com", "cert-authority", "ca"), good: true},
		{name: "a certificate, and options", key: "certified-cert.pub", allowed: d.line("*", `cert-authority,namespaces="sshform*"`, "ca"), good: true},
		{name: "a certificate of an RSA key", key: "certified-rsa-cert.pub", allowed: d.line("*@example.com", "cert-authority", "ca"), good: true},
		{name: "a certificate for another principal", key: "certified-cert.pub", allowed: d.line("bob@example.com", "cert-authority", "ca")},
		{name: "a certificate whose principal is denied", key: "certified-cert.pub", allowed: d.line("!alice@*,*@example.com", "cert-authority", "ca")},
		{name: "a certificate of another authority", key: "certified-cert.pub", allowed: d.line("*", "cert-authority", "other")},
		{name: "an authority that is not called one", key: "certified-cert.pub", allowed: d.line("*", "", "ca")},
		{name: "a certificate, and its key's line", key: "certified-cert.pub", allowed: d.line(who, "", "alice")},
		{name: "an expired certificate", key: "expired-cert.pub", allowed: d.line("*", "cert-authority", "ca")},
		{name: "a certificate of nobody", key: "nobody-cert.pub", allowed: d.line("*", "cert-authority", "ca")},
		{name: "a host's certificate", key: "host-cert.pub", allowed: d.line("*", "cert-authority", "ca")},
		{name: "a certificate for a command", key: "forced-cert.pub", allowed: d.line("*", "cert-authority", "ca"), good: true},
		{name: "an unknown option", key: "alice", allowed: d.line(who, `no-such-option="x"`, "alice")},
		{name: "an option twice", key: "alice", allowed: d.line(who, `namespaces="*",namespaces="git"`, "alice")},
		{name: "a wrong time", key: "alice", allowed: d.line(who, `valid-after="tomorrow"`, "alice")},
		{name: "nothing", key: "alice", allowed: "# nobody\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			namespace := c.namespace
			if namespace == "" {
				namespace = Namespace
			}
			signature, message := d.sign(c.key, namespace), d.read("plan")
			if c.changed {
				message[3] ^= 1
			}
			theirs := d.verify(c.allowed, signature, message)
			if (theirs == nil) != c.good {
				t.Fatalf("ssh-keygen says %v, want accepted: %t", theirs, c.good)
			}
			allowed, err := ParseAllowed([]byte(c.allowed), time.Local)
			if err != nil {
				if c.good {
					t.Error(err)
				}
				return
			}
			v, err := allowed.Judge(bytes.NewReader(message), signature, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if (len(v.Signers) == 1) != c.good || len(v.Signers)+len(v.Refused) != 1 {
				t.Errorf("got %+v, want accepted: %t", v, c.good)
			}
			if c.good && !slices.Contains(v.Signers[0].Principals, who) {
				t.Errorf("got principals %q without %q", v.Signers[0].Principals, who)
			}
		})
	}
}

// TestSignaturesOfAnAgent: the private key is nowhere but in a real ssh-agent.
func TestSignaturesOfAnAgent(t *testing.T) {
	d := newDesk(t)
	program, add := testenv.Program(t, "ssh-agent"), testenv.Program(t, "ssh-add")
	socket := d.path("agent")
	cmd := exec.Command(program, "-D", "-a", socket)
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	// It says its socket's name once it listens.
	if _, err := bufio.NewReader(said).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	d.env = append(d.env, "SSH_AUTH_SOCK="+socket)
	adding := exec.Command(add, "-q", d.path("certified"))
	adding.Env = d.env
	if out, err := adding.CombinedOutput(); err != nil {
		t.Fatalf("ssh-add: %v\n%s", err, out)
	}
	for _, name := range []string{"certified", "alice"} {
		if err := os.Remove(d.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	for key, allowed := range map[string]string{
		"certified.pub":      d.line(who, "", "certified"),
		"certified-cert.pub": d.line("*@example.com", "cert-authority", "ca"),
	} {
		trusted, err := ParseAllowed([]byte(allowed), time.Local)
		if err != nil {
			t.Fatal(err)
		}
		v, err := trusted.Judge(bytes.NewReader(d.read("plan")), d.sign(key, Namespace), time.Now())
		if err != nil || v.People() != 1 {
			t.Errorf("%s: got %+v, %v, want one signer", key, v, err)
		}
	}
	// The other direction: what Go signs through the agent, ssh-keygen accepts.
	connection, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	signers, err := agent.NewClient(connection).Signers()
	if err != nil || len(signers) != 2 {
		t.Fatalf("got %d keys of the agent and %v, want the key and its certificate", len(signers), err)
	}
	allowed := d.line(who, "", "certified") + d.line("*@example.com", "cert-authority", "ca")
	for _, signer := range signers {
		accepted(t, d, signer, allowed)
	}
}

// TestSSHKeygenAcceptsOurSignatures: the format is the same in both directions.
func TestSSHKeygenAcceptsOurSignatures(t *testing.T) {
	d := newDesk(t)
	for _, key := range []string{"alice", "rsa", "ecdsa"} {
		signer, err := ssh.ParsePrivateKey(d.read(key))
		if err != nil {
			t.Fatal(err)
		}
		accepted(t, d, signer, d.line(who, "", key))
	}
}

func accepted(t *testing.T, d *desk, signer ssh.Signer, allowed string) {
	t.Helper()
	message := d.read("plan")
	for _, hash := range []sshsig.HashAlgorithm{sshsig.HashSHA256, sshsig.HashSHA512} {
		s, err := sshsig.Sign(bytes.NewReader(message), signer, hash, Namespace)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.verify(allowed, sshsig.Armor(s), message); err != nil {
			t.Errorf("%s with %s: ssh-keygen says %v", signer.PublicKey().Type(), hash, err)
		}
	}
}
