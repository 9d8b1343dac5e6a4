//go:build unix

package remote_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// A server is an SSH server in this process, for what no real sshd does on
// demand. What it runs is real: the shell and the sftp-server of the machine.
type server struct {
	t       *testing.T
	dir     string
	version string
	hostKey ssh.Signer
	client  ssh.Signer
	key     string // the client's identity file

	// accept decides about a user's key; nil takes the client's.
	accept func(ssh.ConnMetadata, ssh.PublicKey) error
	// session serves a session channel's requests; nil is serveSession.
	session func(ssh.Channel, <-chan *ssh.Request)
	// forward serves a direct-tcpip channel to an address; nil refuses.
	forward func(ssh.Channel, string)
	// shell runs in place of /bin/sh, loginShell in place of the user's.
	shell      []string
	loginShell string
	// transport wraps connections, the server's end and the client's.
	transport func() (ours, theirs net.Conn)

	mu    sync.Mutex
	conns []net.Conn
	wg    sync.WaitGroup
}

const openSSHVersion = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3"

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, dir: t.TempDir(), version: openSSHVersion, hostKey: newSigner(t), shell: []string{"/bin/sh"}, transport: instant}
	s.key = filepath.Join(s.dir, "id")
	s.client = writeKey(t, s.key, "")
	s.writeKnown("host.test " + string(ssh.MarshalAuthorizedKey(s.hostKey.PublicKey())))
	t.Cleanup(s.end)
	return s
}

func newSigner(t *testing.T) ssh.Signer {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func (s *server) known() string { return filepath.Join(s.dir, "known_hosts") }

func (s *server) writeKnown(text string) {
	s.t.Helper()
	if err := os.WriteFile(s.known(), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// end cuts all connections and waits.
func (s *server) end() {
	s.mu.Lock()
	conns := s.conns
	s.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
	s.wg.Wait()
}

// dial makes a connection to the server; the address does not matter.
func (s *server) dial(context.Context, string) (net.Conn, error) {
	ours, theirs := s.transport()
	s.mu.Lock()
	s.conns = append(s.conns, ours)
	s.mu.Unlock()
	s.wg.Go(func() { s.serve(ours) })
	return theirs, nil
}

func (s *server) serve(conn net.Conn) {
	defer conn.Close()
	config := &ssh.ServerConfig{
		ServerVersion: s.version,
		PublicKeyCallback: func(meta ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if s.accept != nil {
				return nil, s.accept(meta, key)
			}
			if string(key.Marshal()) != string(s.client.PublicKey().Marshal()) {
				return nil, errors.New("unknown key")
			}
			return nil, nil
		},
	}
	config.AddHostKey(s.hostKey)
	c, chans, reqs, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		for r := range reqs {
			if r.WantReply {
				r.Reply(false, nil)
			}
		}
	})
	for open := range chans {
		wg.Go(func() { s.open(open) })
	}
	c.Wait()
}

func (s *server) open(open ssh.NewChannel) {
	switch open.ChannelType() {
	case "session":
		ch, reqs, err := open.Accept()
		if err != nil {
			return
		}
		if s.session != nil {
			s.session(ch, reqs)
		} else {
			s.serveSession(ch, reqs)
		}
	case "direct-tcpip":
		var to struct {
			Host   string
			Port   uint32
			Origin string
			From   uint32
		}
		if s.forward == nil || ssh.Unmarshal(open.ExtraData(), &to) != nil {
			open.Reject(ssh.Prohibited, "no forwarding here")
			return
		}
		ch, reqs, err := open.Accept()
		if err != nil {
			return
		}
		go ssh.DiscardRequests(reqs)
		s.forward(ch, to.Host)
	default:
		open.Reject(ssh.UnknownChannelType, "no")
	}
}

// serveSession runs one program on a channel, as a real server does.
func (s *server) serveSession(ch ssh.Channel, reqs <-chan *ssh.Request) {
	var wg sync.WaitGroup
	defer wg.Wait()
	started := false
	for r := range reqs {
		cmd := s.command(r)
		if r.WantReply {
			r.Reply(cmd != nil && !started, nil)
		}
		if cmd == nil || started {
			continue
		}
		started = true
		wg.Go(func() { runOn(ch, cmd) })
	}
}

// command is what a request asks for; nil is nothing.
func (s *server) command(r *ssh.Request) *exec.Cmd {
	var word struct{ Text string }
	if ssh.Unmarshal(r.Payload, &word) != nil {
		return nil
	}
	switch {
	case r.Type == "subsystem" && word.Text == "sftp":
		return exec.Command("/usr/lib/openssh/sftp-server")
	case r.Type == "exec" && s.loginShell != "":
		return exec.Command(s.loginShell, "-c", word.Text)
	case r.Type == "exec" && word.Text == "/bin/sh":
		return exec.Command(s.shell[0], s.shell[1:]...)
	}
	return nil
}

// runOn runs a program with a channel as its standard streams.
func runOn(ch ssh.Channel, cmd *exec.Cmd) {
	defer ch.Close()
	in, err := cmd.StdinPipe()
	if err != nil {
		return
	}
	cmd.Stdout, cmd.Stderr = ch, ch.Stderr()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		io.Copy(in, ch)
		in.Close()
		// The client is gone; what it left running must not outlive the test.
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}()
	status := 0
	if err := cmd.Wait(); err != nil {
		status = cmd.ProcessState.ExitCode()
	}
	ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(status)}))
	ch.Close()
	<-copied
}

func (s *server) dialer() *remote.Dialer {
	d := &remote.Dialer{User: "tester", Home: s.dir, KnownHosts: []string{s.known()}, DialTCP: s.dial}
	s.t.Cleanup(func() { d.Close() })
	return d
}

func (s *server) reach() apply.Reach {
	return apply.Reach{Host: "web-1", Connection: schema.Connection{Address: "host.test", IdentityFile: s.key}}
}

// shells are those that stand behind /bin/sh somewhere, and how they are
// called here.
func shells(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, words := range [][]string{{"dash"}, {"bash", "--posix"}, {"busybox", "sh"}, {"ksh"}, {"zsh", "--emulate", "sh"}} {
		all[words[0]] = slices.Concat([]string{testenv.Program(t, words[0])}, words[1:])
	}
	return all
}
