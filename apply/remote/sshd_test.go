//go:build unix

package remote_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// A realSSHD is OpenSSH's sshd with a configuration and keys of its own. It
// needs no port: every connection is an `sshd -i` on a socket pair, unless the
// test asks it to listen.
type realSSHD struct {
	t       *testing.T
	dir     string
	path    string
	user    string
	hostKey ssh.Signer // the ed25519 one
	key     string     // the client's identity file
	name    string     // what known_hosts calls it
	wrap    []string   // runs sshd as somebody else

	mu    sync.Mutex
	dials int
	procs []*exec.Cmd
	heard sync.WaitGroup // daemons that are listened to
	said  bytes.Buffer   // what they said, once heard
}

// newSSHD prepares an sshd whose configuration begins with the lines, so that
// they win.
func newSSHD(t *testing.T, lines ...string) *realSSHD {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	s := &realSSHD{t: t, dir: t.TempDir(), path: testenv.Program(t, "sshd"), user: me.Username, name: "host.test"}
	if os.Geteuid() == 0 {
		_, err := os.Stat("/run/sshd")
		testenv.Need(t, err == nil, "sshd's privilege separation folder /run/sshd is missing")
	}
	s.hostKey = s.makeKey("host_ed25519")
	s.key = filepath.Join(s.dir, "id_ed25519")
	public := s.makeKey("id_ed25519").PublicKey()
	s.write("authorized_keys", string(ssh.MarshalAuthorizedKey(public)))
	s.write("known_hosts", s.name+" "+string(ssh.MarshalAuthorizedKey(s.hostKey.PublicKey())))
	sftp := "/usr/lib/openssh/sftp-server"
	config := append(slices.Clone(lines),
		"HostKey "+s.in("host_ed25519"), "AuthorizedKeysFile "+s.in("authorized_keys"),
		"PidFile "+s.in("pid"), "UsePAM no", "StrictModes no", "PermitRootLogin yes", "LogLevel VERBOSE",
	)
	if !strings.Contains(strings.Join(lines, "\n"), "Subsystem") {
		config = append(config, "Subsystem sftp "+sftp)
	}
	s.write("sshd_config", strings.Join(config, "\n")+"\n")
	if out, err := exec.Command(s.path, "-t", "-f", s.in("sshd_config")).CombinedOutput(); err != nil {
		t.Fatalf("sshd -t: %v\n%s", err, out)
	}
	t.Cleanup(s.end)
	return s
}

func (s *realSSHD) in(name string) string { return filepath.Join(s.dir, name) }

func (s *realSSHD) write(name, content string) {
	s.t.Helper()
	if err := os.WriteFile(s.in(name), []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// makeKey writes a new key in OpenSSH's format.
func (s *realSSHD) makeKey(name string) ssh.Signer {
	s.t.Helper()
	return writeKey(s.t, s.in(name), "")
}

func writeKey(t *testing.T, path, passphrase string) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "test")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "test", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

// dial starts an sshd for one connection.
func (s *realSSHD) dial(context.Context, string) (net.Conn, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	words := append(s.wrap, s.path, "-i", "-e", "-f", s.in("sshd_config"))
	cmd := exec.Command(words[0], words[1:]...)
	log := &logWriter{path: s.in("log")}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, log
	err = cmd.Start()
	theirs.Close()
	if err != nil {
		ours.Close()
		return nil, err
	}
	s.mu.Lock()
	s.dials++
	s.procs = append(s.procs, cmd)
	s.mu.Unlock()
	return ours, nil
}

// A logWriter appends to a file.
type logWriter struct{ path string }

func (l *logWriter) Write(p []byte) (int, error) {
	f, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	return f.Write(p)
}

// socketPair is a connected pair of stream sockets: one for us, one for a
// program. TCP on loopback, since sshd -i asks its socket for addresses.
func socketPair() (net.Conn, *os.File, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	theirs, err := l.Accept()
	if err != nil {
		ours.Close()
		return nil, nil, err
	}
	defer theirs.Close()
	f, err := theirs.(*net.TCPConn).File()
	if err != nil {
		ours.Close()
		return nil, nil, err
	}
	return ours, f, nil
}

// listen starts a daemon on a loopback port and returns the port.
func (s *realSSHD) listen() int {
	s.t.Helper()
	for range 5 {
		port, err := testenv.FreePort()
		if err != nil {
			s.t.Fatal(err)
		}
		if s.daemon(port) {
			return port
		}
	}
	s.t.Fatal("sshd found no port to listen on")
	return 0
}

// daemon starts sshd -D and waits until it says that it listens.
func (s *realSSHD) daemon(port int) bool {
	s.t.Helper()
	cmd := exec.Command(s.path, "-D", "-e", "-f", s.in("sshd_config"), "-o", "ListenAddress=127.0.0.1", "-p", fmt.Sprint(port))
	r, w, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stderr = w
	err = cmd.Start()
	w.Close()
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.procs = append(s.procs, cmd)
	s.mu.Unlock()
	var said bytes.Buffer
	buf := make([]byte, 4096)
	for !strings.Contains(said.String(), "Server listening") {
		n, err := r.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			r.Close()
			return false
		}
	}
	s.heard.Go(func() { // until sshd and its children end
		defer r.Close()
		io.Copy(&s.said, r)
	})
	return true
}

// end ends every sshd that was started.
func (s *realSSHD) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, cmd := range s.procs {
		cmd.Process.Kill()
		cmd.Wait()
	}
	s.procs = nil
	if s.t.Failed() {
		log, _ := os.ReadFile(s.in("log"))
		s.t.Logf("sshd said:\n%s", log)
	}
}

// dialer reaches the sshd with its client's key.
func (s *realSSHD) dialer() *remote.Dialer {
	d := &remote.Dialer{User: s.user, Home: s.dir, KnownHosts: []string{s.in("known_hosts")}, DialTCP: s.dial}
	s.t.Cleanup(func() { d.Close() })
	return d
}

// reach is how the sshd is declared.
func (s *realSSHD) reach() apply.Reach {
	return apply.Reach{Host: "web-1", Connection: schema.Connection{Address: s.name, IdentityFile: s.key}}
}

// mustDial reaches a host that has to be there.
func mustDial(t *testing.T, d *remote.Dialer, r apply.Reach) apply.Host {
	t.Helper()
	h, err := d.Dial(t.Context(), r)
	if err != nil {
		t.Fatalf("dial: %v", err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// mustDo runs a step that has to succeed.
func mustDo(t *testing.T, h apply.Host, script string, args ...string) apply.Answer {
	t.Helper()
	shell, err := h.Shell(t.Context())
	if err != nil {
		t.Fatalf("shell: %v", err)
	}
	defer shell.Close()
	answer, err := shell.Do(t.Context(), apply.Step{Name: "test", Script: script, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}
