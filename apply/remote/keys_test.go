//go:build unix

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// agentOf starts OpenSSH's agent with the keys of the files.
func agentOf(t *testing.T, files ...string) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "agent") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	cmd := exec.Command(testenv.Program(t, "ssh-agent"), "-D", "-a", socket)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if _, err := out.Read(make([]byte, 1)); err != nil { // it says where it listens
		t.Fatal(err)
	}
	for _, file := range files {
		add := exec.Command(testenv.Program(t, "ssh-add"), file)
		add.Env = append(os.Environ(), "SSH_AUTH_SOCK="+socket)
		if out, err := add.CombinedOutput(); err != nil {
			t.Fatalf("ssh-add: %v\n%s", err, out)
		}
	}
	return socket
}

// run runs a program of OpenSSH.
func run(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(testenv.Program(t, name), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func TestAgent(t *testing.T) {
	s := newSSHD(t)
	other := s.in("other")
	writeKey(t, other, "")
	d := s.dialer()
	d.AgentSocket = agentOf(t, other, s.key)
	r := s.reach()
	r.Connection.IdentityFile = ""
	h := mustDial(t, d, r)
	again, err := h.Redial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	// The first login offered both keys, the second only the one that fits.
	log, err := os.ReadFile(s.in("log"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(string(log), "Failed publickey"); got != 1 {
		t.Errorf("got %d refused keys, want 1\n%s", got, log)
	}
}

func TestDeclaredIdentityIsTheOnlyOne(t *testing.T) {
	s := newSSHD(t)
	other := s.in("other")
	writeKey(t, other, "")
	d := s.dialer()
	d.AgentSocket = agentOf(t, s.key)
	r := s.reach()
	r.Connection.IdentityFile = other
	var auth *remote.AuthError
	if err := failure(t, d, r); !errors.As(err, &auth) || len(auth.Offered) != 1 || auth.Offered[0] != other {
		t.Errorf("got %v, want an AuthError about %s", err, other)
	}
}

// The private part may be in the agent only.
func TestIdentityInTheAgent(t *testing.T) {
	s := newSSHD(t)
	d := s.dialer()
	d.AgentSocket = agentOf(t, s.key)
	run(t, "ssh-keygen", "-y", "-f", s.key) // it is readable
	out, err := exec.Command("ssh-keygen", "-y", "-f", s.key).Output()
	if err != nil {
		t.Fatal(err)
	}
	s.write("elsewhere.pub", string(out))
	r := s.reach()
	for _, name := range []string{"elsewhere", "elsewhere.pub"} {
		r.Connection.IdentityFile = s.in(name)
		mustDial(t, d, r).Close()
	}
}

func TestDefaultIdentities(t *testing.T) {
	s := newSSHD(t)
	if err := os.Mkdir(s.in(".ssh"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(s.key, s.in(".ssh/id_ed25519")); err != nil {
		t.Fatal(err)
	}
	r := s.reach()
	r.Connection.IdentityFile = ""
	h := mustDial(t, s.dialer(), r)
	if got := h.Facts().Connection.IdentityFile; got != "" {
		t.Errorf("got %q in the plan, want nothing: nobody declared it", got)
	}
	r.Connection.IdentityFile = "~/.ssh/id_ed25519"
	mustDial(t, s.dialer(), r)
}

func TestEncryptedIdentity(t *testing.T) {
	s := newSSHD(t)
	public := writeKey(t, s.key, "secret").PublicKey()
	s.write("authorized_keys", string(ssh.MarshalAuthorizedKey(public)))
	t.Run("asked once", func(t *testing.T) {
		var asked atomic.Int32
		d := s.dialer()
		d.Passphrase = func(_ context.Context, path string) ([]byte, error) {
			asked.Add(1)
			if path != s.key {
				t.Errorf("got %q, want %q", path, s.key)
			}
			return []byte("secret"), nil
		}
		hosts := make(chan error, 3)
		for range 3 {
			go func() {
				h, err := d.Dial(t.Context(), s.reach())
				if err == nil {
					h.Close()
				}
				hosts <- err
			}()
		}
		for range 3 {
			if err := <-hosts; err != nil {
				t.Error(err)
			}
		}
		if got := asked.Load(); got != 1 {
			t.Errorf("got asked %d times, want once", got)
		}
	})
	t.Run("wrong", func(t *testing.T) {
		d := s.dialer()
		d.Passphrase = func(context.Context, string) ([]byte, error) { return []byte("guess"), nil }
		if err := failure(t, d, s.reach()); !strings.Contains(err.Error(), s.key) {
			t.Errorf("got %v, want the file's name", err)
		}
	})
	t.Run("nobody to ask", func(t *testing.T) {
		if err := failure(t, s.dialer(), s.reach()); !strings.Contains(err.Error(), "ssh-add") {
			t.Errorf("got %v, want the remedy", err)
		}
	})
	t.Run("not wanted", func(t *testing.T) {
		// A key that no server accepts is not asked for.
		s.write("authorized_keys", "")
		d := s.dialer()
		d.Passphrase = func(context.Context, string) ([]byte, error) {
			t.Error("asked for a key that is not accepted")
			return nil, errors.New("no")
		}
		failure(t, d, s.reach())
	})
}

func TestWrongIdentityFiles(t *testing.T) {
	s := newSSHD(t)
	s.write("text", "this is no key\n")
	open := s.in("open")
	writeKey(t, open, "")
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"missing": "no such file", "text": "no private key", "open": "chmod 600"} {
		r := s.reach()
		r.Connection.IdentityFile = s.in(name)
		err := failure(t, s.dialer(), r)
		atStage(t, err, remote.StageResolve)
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q in it", name, err, want)
		}
	}
}

// Certificates of ssh-keygen, for users and for hosts.
func TestCertificates(t *testing.T) {
	s := newSSHD(t)
	s.makeKey("ca")
	run(t, "ssh-keygen", "-y", "-f", s.in("ca"))
	public := func(name string) string {
		out, err := exec.Command("ssh-keygen", "-y", "-f", s.in(name)).Output()
		if err != nil {
			t.Fatal(err)
		}
		s.write(name+".pub", string(out))
		return string(out)
	}
	ca := public("ca")
	public("id_ed25519")
	public("host_ed25519")
	run(t, "ssh-keygen", "-q", "-s", s.in("ca"), "-I", "user", "-n", s.user, s.in("id_ed25519.pub"))
	run(t, "ssh-keygen", "-q", "-s", s.in("ca"), "-I", "host", "-h", "-n", s.name, s.in("host_ed25519.pub"))
	config, err := os.ReadFile(s.in("sshd_config"))
	if err != nil {
		t.Fatal(err)
	}
	s.write("sshd_config", string(config)+"TrustedUserCAKeys "+s.in("ca.pub")+"\nHostCertificate "+s.in("host_ed25519-cert.pub")+"\n")
	s.write("authorized_keys", "")
	s.write("known_hosts", "@cert-authority *.test "+ca)

	t.Run("beside the key", func(t *testing.T) {
		h := mustDial(t, s.dialer(), s.reach())
		if got, want := h.Facts().Connection.HostKey, ssh.FingerprintSHA256(s.hostKey.PublicKey()); got != want {
			t.Errorf("got host key %s, want %s", got, want)
		}
		again, err := h.Redial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		again.Close()
	})
	t.Run("declared", func(t *testing.T) {
		if err := os.Rename(s.in("id_ed25519-cert.pub"), s.in("moved.pub")); err != nil {
			t.Fatal(err)
		}
		r := s.reach()
		failure(t, s.dialer(), r)
		r.Connection.CertificateFile = s.in("moved.pub")
		mustDial(t, s.dialer(), r)
	})
	t.Run("for a time", func(t *testing.T) {
		r := s.reach()
		r.Connection.CertificateFile = s.in("moved.pub")
		if got := mustDial(t, s.dialer(), r).Facts().Expires; !got.IsZero() {
			t.Errorf("got a certificate until %s, want one for ever", got)
		}
		run(t, "ssh-keygen", "-q", "-s", s.in("ca"), "-I", "user", "-n", s.user, "-V", "20200101:20991231", s.in("id_ed25519.pub"))
		want := time.Date(2099, 12, 31, 0, 0, 0, 0, time.Local)
		if got := mustDial(t, s.dialer(), s.reach()).Facts().Expires; !got.Equal(want) {
			t.Errorf("got a certificate until %s, want %s", got, want)
		}
		if err := os.Remove(s.in("id_ed25519-cert.pub")); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("in the agent", func(t *testing.T) {
		if err := os.Rename(s.in("moved.pub"), s.in("id_ed25519-cert.pub")); err != nil {
			t.Fatal(err)
		}
		d := s.dialer()
		d.AgentSocket = agentOf(t, s.key)
		r := s.reach()
		r.Connection.IdentityFile = ""
		mustDial(t, d, r)
	})
	t.Run("revoked", func(t *testing.T) {
		s.write("known_hosts", "@cert-authority *.test "+ca+"@revoked * "+ca)
		var doubt *remote.HostKeyError
		if err := failure(t, s.dialer(), s.reach()); !errors.As(err, &doubt) || doubt.Doubt != remote.KeyRevoked {
			t.Errorf("got %v, want a revoked authority", err)
		}
	})
}

// The key of another type that known_hosts has is asked for, hashed or not.
func TestHostKeyTypeOfKnownHosts(t *testing.T) {
	for _, hash := range []bool{false, true} {
		t.Run(fmt.Sprintf("hashed %v", hash), func(t *testing.T) {
			s := newSSHD(t)
			run(t, "ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", s.in("host_ecdsa"))
			config, _ := os.ReadFile(s.in("sshd_config"))
			s.write("sshd_config", "HostKey "+s.in("host_ecdsa")+"\n"+string(config))
			ecdsa, err := os.ReadFile(s.in("host_ecdsa.pub"))
			if err != nil {
				t.Fatal(err)
			}
			s.write("known_hosts", s.name+" "+string(ecdsa))
			if hash {
				run(t, "ssh-keygen", "-H", "-f", s.in("known_hosts"))
			}
			mustDial(t, s.dialer(), s.reach())
			want := 1
			if hash {
				want = 2 // the first dial learns that there is another type
			}
			if s.dials != want {
				t.Errorf("got %d dials, want %d", s.dials, want)
			}
		})
	}
}

func TestAcceptNewOverSSH(t *testing.T) {
	s := newSSHD(t)
	s.write("known_hosts", "")
	var doubt *remote.HostKeyError
	if err := failure(t, s.dialer(), s.reach()); !errors.As(err, &doubt) || doubt.Doubt != remote.KeyUnknown || !strings.Contains(err.Error(), "accept-new") {
		t.Errorf("got %v, want an unknown host and a remedy", err)
	}
	r := s.reach()
	r.Connection.HostKeyChecking = "accept-new"
	mustDial(t, s.dialer(), r)
	mustDial(t, s.dialer(), s.reach()) // it is known now
}

// What ssh -G says of an alias, asked from the real ssh.
func TestAlias(t *testing.T) {
	s := newSSHD(t)
	bin := testenv.Program(t, "ssh")
	config := s.in("ssh_config")
	s.write("ssh_config", "Host front\n  HostName "+s.name+"\n  User "+s.user+"\n  Port 2222\n  IdentityFile "+s.key+
		"\n  HostKeyAlias known\nHost proxied\n  ProxyCommand nc %h %p\nHost behind\n  HostName inner.test\n  ProxyJump front\n")
	s.write("known_hosts", "known "+string(ssh.MarshalAuthorizedKey(s.hostKey.PublicKey())))
	d := s.dialer()
	var asked atomic.Int32
	d.SSHConfig = func(ctx context.Context, args ...string) ([]byte, error) {
		asked.Add(1)
		if args[0] != "-F" {
			args = append([]string{"-F", config}, args...)
		}
		return exec.CommandContext(ctx, bin, append([]string{"-G"}, args...)...).Output()
	}
	r := apply.Reach{Host: "web-1", Connection: schema.Connection{SSHAlias: "front"}, Fallback: &schema.Connection{Port: 2200}}
	h := mustDial(t, d, r)
	got := h.Facts().Connection
	if got.Address != s.name || got.Port != 2222 || got.User != s.user || got.IdentityFile != s.key || got.HostKeyAlias != "known" {
		t.Errorf("got %+v", got)
	}
	mustDial(t, d, r)
	if got := asked.Load(); got != 2 {
		t.Errorf("got ssh asked %d times, want twice for an alias", got)
	}
	// A saved plan is applied without asking ssh.
	d.SSHConfig = nil
	mustDial(t, d, apply.Reach{Host: "web-1", Pinned: &got})

	t.Run("proxy command", func(t *testing.T) {
		d := s.dialer()
		d.SSHConfig = func(ctx context.Context, args ...string) ([]byte, error) {
			return exec.CommandContext(ctx, bin, append([]string{"-G", "-F", config}, args...)...).Output()
		}
		if err := failure(t, d, apply.Reach{Host: "x", Connection: schema.Connection{SSHAlias: "proxied"}}); !strings.Contains(err.Error(), "ProxyCommand") {
			t.Errorf("got %v, want a word about ProxyCommand", err)
		}
	})
	t.Run("an option as a name", func(t *testing.T) {
		if err := failure(t, d, apply.Reach{Host: "x", Connection: schema.Connection{SSHAlias: "-oProxyCommand=touch /tmp/x"}}); err.Stage != remote.StageResolve {
			t.Errorf("got %v", err)
		}
	})
}

// An agent full of keys uses up MaxAuthTries; the remedy is named.
func TestTooManyKeys(t *testing.T) {
	s := newSSHD(t, "MaxAuthTries 2")
	var files []string
	for i := range 4 {
		files = append(files, s.in(fmt.Sprint("other", i)))
		writeKey(t, files[i], "")
	}
	d := s.dialer()
	d.AgentSocket = agentOf(t, append(files, s.key)...)
	r := s.reach()
	r.Connection.IdentityFile = ""
	if err := failure(t, d, r); !strings.Contains(err.Error(), "declare identity_file") {
		t.Errorf("got %v, want the remedy", err)
	}
	r.Connection.IdentityFile = s.key
	mustDial(t, d, r)
}

// Of several files that ssh names for an alias, the plan records the one whose
// key was accepted.
func TestAliasWithSeveralIdentities(t *testing.T) {
	s := newSSHD(t)
	bin := testenv.Program(t, "ssh")
	other := s.in("other")
	writeKey(t, other, "")
	s.write("ssh_config", "Host front\n  HostName "+s.name+"\n  IdentityFile "+other+"\n  IdentityFile "+s.key+"\n")
	d := s.dialer()
	d.SSHConfig = func(ctx context.Context, args ...string) ([]byte, error) {
		if args[0] != "-F" {
			args = append([]string{"-F", s.in("ssh_config")}, args...)
		}
		return exec.CommandContext(ctx, bin, append([]string{"-G"}, args...)...).Output()
	}
	h := mustDial(t, d, apply.Reach{Host: "web-1", Connection: schema.Connection{SSHAlias: "front", User: s.user}})
	if got := h.Facts().Connection.IdentityFile; got != s.key {
		t.Errorf("got %q, want %q", got, s.key)
	}
}
