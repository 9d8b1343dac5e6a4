//go:build unix

package remote_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema/testenv"
)

// talk makes a dialer whose connections are served by f.
func talk(t *testing.T, f func(net.Conn)) (*remote.Dialer, apply.Reach) {
	t.Helper()
	s := newServer(t)
	d := s.dialer()
	d.DialTCP = func(context.Context, string) (net.Conn, error) {
		ours, theirs := instant()
		s.conns = append(s.conns, ours)
		s.wg.Go(func() { f(ours) })
		return theirs, nil
	}
	return d, s.reach()
}

// failure dials a host that cannot be reached and returns why.
func failure(t *testing.T, d *remote.Dialer, r apply.Reach) *remote.ReachError {
	t.Helper()
	h, err := d.Dial(t.Context(), r)
	if err == nil {
		h.Close()
		t.Fatal("got a host, want an error")
	}
	var reach *remote.ReachError
	if !errors.As(err, &reach) {
		t.Fatalf("got %v (%T), want a ReachError", err, err)
	}
	return reach
}

func atStage(t *testing.T, err *remote.ReachError, want remote.Stage) {
	t.Helper()
	if err.Stage != want {
		t.Errorf("got stage %q, want %q: %v", err.Stage, want, err)
	}
}

// Each hang ends with its stage's time. The clock is the bubble's.
func TestHangsEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(*server, net.Conn)
		want  remote.Stage
	}{
		{"no banner", func(_ *server, c net.Conn) { io.Copy(io.Discard, c) }, remote.StageBanner},
		{"half a banner", func(_ *server, c net.Conn) { io.WriteString(c, "SSH-2.0-Open"); io.Copy(io.Discard, c) }, remote.StageBanner},
		{"no key exchange", func(_ *server, c net.Conn) {
			io.WriteString(c, openSSHVersion+"\r\n")
			io.Copy(io.Discard, c)
		}, remote.StageKex},
		{"no login", func(s *server, c net.Conn) { s.serve(c) }, remote.StageAuth},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				hang := make(chan struct{})
				t.Cleanup(func() { close(hang) })
				s.accept = func(ssh.ConnMetadata, ssh.PublicKey) error { <-hang; return errors.New("no") }
				d := s.dialer()
				d.DialTCP = func(context.Context, string) (net.Conn, error) {
					ours, theirs := instant()
					s.conns = append(s.conns, ours)
					s.wg.Go(func() { c.serve(s, ours) })
					return theirs, nil
				}
				r := s.reach()
				r.Connection.ConnectTimeout = 3 * time.Second
				err := failure(t, d, r)
				atStage(t, err, c.want)
				var timeout *remote.TimeoutError
				if !errors.As(err, &timeout) || !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v, want a TimeoutError", err)
				}
			})
		})
	}
}

func TestDialTakesNoLongerThanItsContext(t *testing.T) {
	d, r := talk(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	ctx, cancel := context.WithCancel(t.Context())
	d.DialTCP = func(dial func(context.Context, string) (net.Conn, error)) func(context.Context, string) (net.Conn, error) {
		return func(ctx context.Context, a string) (net.Conn, error) {
			defer cancel()
			return dial(ctx, a)
		}
	}(d.DialTCP)
	if _, err := d.Dial(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestWhatAnswers(t *testing.T) {
	say := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			io.WriteString(c, text)
			c.Close()
		}
	}
	t.Run("an HTTP server", func(t *testing.T) {
		d, r := talk(t, say("HTTP/1.1 400 Bad Request\r\nServer: \x1b[31mx\r\n\r\n"))
		err := failure(t, d, r)
		var refused *remote.RefusedError
		if !errors.As(err, &refused) || refused.Banned || !strings.Contains(refused.Said, "HTTP/1.1 400 Bad Request") || strings.Contains(refused.Said, "\x1b") {
			t.Errorf("got %v, want what it said, cleaned", err)
		}
	})
	t.Run("dropbear", func(t *testing.T) {
		d, r := talk(t, func(c net.Conn) {
			io.WriteString(c, "SSH-2.0-dropbear_2022.83 \x1b[2J\r\n")
			io.Copy(io.Discard, c)
		})
		err := failure(t, d, r)
		atStage(t, err, remote.StageBanner)
		var other *remote.NotOpenSSHError
		if !errors.As(err, &other) || other.Answer != "SSH-2.0-dropbear_2022.83 [2J" {
			t.Errorf("got %v, want a NotOpenSSHError with the banner", err)
		}
	})
	t.Run("a flood of lines", func(t *testing.T) {
		d, r := talk(t, func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, strings.Repeat("x", 100)+"\n"); err != nil {
					return
				}
			}
		})
		atStage(t, failure(t, d, r), remote.StageBanner)
	})
	t.Run("a flood without lines", func(t *testing.T) {
		d, r := talk(t, func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, strings.Repeat("x", 1000)); err != nil {
					return
				}
			}
		})
		atStage(t, failure(t, d, r), remote.StageBanner)
	})
	t.Run("a penalty", func(t *testing.T) {
		d, r := talk(t, say("Not allowed at this time\r\n"))
		var refused *remote.RefusedError
		if err := failure(t, d, r); !errors.As(err, &refused) || !refused.Banned {
			t.Errorf("got %v, want a ban", err)
		}
	})
	t.Run("a busy server", func(t *testing.T) {
		d, r := talk(t, say("Exceeded MaxStartups\r\n"))
		var refused *remote.RefusedError
		if err := failure(t, d, r); !errors.As(err, &refused) || refused.Banned || refused.Said != "Exceeded MaxStartups" {
			t.Errorf("got %v, want a refusal that is no ban", err)
		}
	})
	t.Run("nothing", func(t *testing.T) {
		d, r := talk(t, say(""))
		var refused *remote.RefusedError
		if err := failure(t, d, r); !errors.As(err, &refused) || refused.Said != "" {
			t.Errorf("got %v, want a refusal without words", err)
		}
	})
}

func TestNobodyListens(t *testing.T) {
	port, err := testenv.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	d := s.dialer()
	d.DialTCP = nil
	r := s.reach()
	r.Connection.Address, r.Connection.Port = "127.0.0.1", port
	atStage(t, failure(t, d, r), remote.StageDial)
}

func TestRefusedKeysAreNamed(t *testing.T) {
	s := newServer(t)
	s.accept = func(ssh.ConnMetadata, ssh.PublicKey) error { return errors.New("no") }
	err := failure(t, s.dialer(), s.reach())
	atStage(t, err, remote.StageAuth)
	var auth *remote.AuthError
	if !errors.As(err, &auth) || len(auth.Offered) != 1 || auth.Offered[0] != s.key || auth.User != "tester" {
		t.Errorf("got %+v, want an AuthError that names the key", err)
	}
}

// A peer that died without a word is found by our own requests.
func TestDeadPeerIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.session = silentSession
		d := s.dialer()
		d.Keepalive = 10 * time.Second
		var line *wire
		s.transport = func() (net.Conn, net.Conn) {
			a, b := newWire(time.Millisecond)
			line = b.(*wire)
			return a, b
		}
		h := mustDial(t, d, s.reach())
		shell, err := h.Shell(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := shell.Do(t.Context(), apply.Step{Name: "wait", Script: "wait"})
			ended <- err
		}()
		synctest.Wait()
		line.freeze()
		err = <-ended
		var timeout *remote.TimeoutError
		if !errors.As(err, &timeout) {
			t.Errorf("got %v, want a TimeoutError", err)
		}
	})
}

// silentSession answers the conductor's beginning and then no step.
func silentSession(ch ssh.Channel, reqs <-chan *ssh.Request) {
	defer ch.Close()
	go func() {
		buf := make([]byte, 32<<10)
		n, _ := ch.Read(buf)
		nonce := nonceOf(string(buf[:n]))
		io.WriteString(ch, nonce+" 0 0\n")
		io.WriteString(ch.Stderr(), nonce+" 0\n")
		io.Copy(io.Discard, ch)
	}()
	ssh.DiscardRequests(reqs)
}

// nonceOf finds the nonce in the conductor's preamble.
func nonceOf(text string) string {
	_, rest, _ := strings.Cut(text, "printf '%s %s %s\\n' ")
	nonce, _, _ := strings.Cut(rest, " ")
	return nonce
}

// A connection that is cut while a step runs is an error, not an answer.
func TestCutInAStep(t *testing.T) {
	s := newServer(t)
	h := mustDial(t, s.dialer(), s.reach())
	shell, err := h.Shell(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shell.Do(t.Context(), apply.Step{Name: "first", Script: ":"}); err != nil {
		t.Fatal(err)
	}
	// kill -9 of the conductor itself.
	answer, err := shell.Do(t.Context(), apply.Step{Name: "suicide", Script: `kill -9 $$`})
	if err == nil || !strings.Contains(err.Error(), "suicide") {
		t.Errorf("got %+v, %v, want an error that names the step", answer, err)
	}
	if got := string(mustDo(t, h, "echo again").Stdout); got != "again\n" {
		t.Errorf("got %q from another shell, want again", got)
	}
}

func TestConnectionDiesInAStep(t *testing.T) {
	s := newServer(t)
	h := mustDial(t, s.dialer(), s.reach())
	shell, err := h.Shell(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	started := t.TempDir() + "/started"
	mustDo(t, h, `mkfifo "$1"`, started)
	ended := make(chan error, 1)
	go func() {
		_, err := shell.Do(t.Context(), apply.Step{Name: "long", Script: `echo x >"$1"; exec sleep 600`, Args: []string{started}})
		ended <- err
	}()
	mustDo(t, h, `cat "$1"`, started)
	s.conns[0].Close()
	if err := <-ended; !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want io.ErrUnexpectedEOF", err)
	}
	files, err := h.FS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.ReadFile(files, "etc/passwd"); err == nil {
		t.Error("read a file over a dead connection")
	}
}

func TestOutputIsBounded(t *testing.T) {
	s := newServer(t)
	h := mustDial(t, s.dialer(), s.reach())
	shell, err := h.Shell(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	_, err = shell.Do(t.Context(), apply.Step{Name: "flood", Script: `while :; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; done`})
	var limit *remote.LimitError
	if !errors.As(err, &limit) {
		t.Errorf("got %v, want a LimitError", err)
	}
	// Words on the other stream are cut, not fatal.
	answer := mustDo(t, h, `i=0; while [ $i -lt 40000 ]; do echo 01234567890123456789012345678901234567890123456789 >&2; i=$((i+1)); done; echo done`)
	if got := string(answer.Stdout); got != "done\n" || len(answer.Stderr) > 64<<10 {
		t.Errorf("got %q and %d bytes of words", got, len(answer.Stderr))
	}
}

func TestChatterIsDropped(t *testing.T) {
	s := newServer(t)
	s.shell = []string{"/bin/sh", "-c", "echo 'Welcome to the host'; echo 'Last login' >&2; printf 'no line end'; exec /bin/sh"}
	h := mustDial(t, s.dialer(), s.reach())
	answer := mustDo(t, h, `echo x; echo y >&2`)
	if string(answer.Stdout) != "x\n" || string(answer.Stderr) != "y\n" {
		t.Errorf("got %q and %q, want x and y", answer.Stdout, answer.Stderr)
	}
}

func TestNoShell(t *testing.T) {
	for name, words := range map[string][]string{
		"nologin":        {"/bin/sh", "-c", "echo 'This account is currently not available.'; exit 1"},
		"forced command": {"/bin/sh", "-c", "cat >/dev/null & echo 'no shell for you' >&2; exit 7"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.shell = words
			h := mustDial(t, s.dialer(), s.reach())
			shell, err := h.Shell(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_, err = shell.Do(t.Context(), apply.Step{Name: "any", Script: ":"})
			var noShell *remote.ShellError
			if !errors.As(err, &noShell) || noShell.Said == "" || noShell.Status <= 0 {
				t.Errorf("got %v, want a ShellError with the status and the words", err)
			}
		})
	}
}

// serveSFTP makes a session that answers the subsystem request with f.
func serveSFTP(f func(ssh.Channel)) func(ssh.Channel, <-chan *ssh.Request) {
	return func(ch ssh.Channel, reqs <-chan *ssh.Request) {
		defer ch.Close()
		done := make(chan struct{})
		for r := range reqs {
			if r.Type == "subsystem" {
				go func() { defer close(done); f(ch) }()
			}
			if r.WantReply {
				r.Reply(false, nil)
			}
		}
		<-done
	}
}

func TestHostileSFTP(t *testing.T) {
	version := []byte{0, 0, 0, 5, 2, 0, 0, 0, 3}
	for name, serve := range map[string]func(ssh.Channel){
		"a packet of 4 GiB": func(ch ssh.Channel) { ch.Write([]byte{0xff, 0xff, 0xff, 0xff, 2}); io.Copy(io.Discard, ch) },
		"a flood nobody asked for": func(ch ssh.Channel) {
			ch.Write(version)
			packet := make([]byte, 4+60_000)
			binary.BigEndian.PutUint32(packet, 60_000)
			packet[4] = 103
			binary.BigEndian.PutUint32(packet[5:], 1)
			for {
				if _, err := ch.Write(packet); err != nil {
					return
				}
			}
		},
		"death after the version": func(ch ssh.Channel) { ch.Write(version); ch.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.session = serveSFTP(serve)
			h := mustDial(t, s.dialer(), s.reach())
			files, err := h.FS(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, err := fs.ReadFile(files, "etc/passwd"); err == nil {
				t.Errorf("got %d bytes, want an error", len(got))
			}
		})
	}
}

// liar is an SFTP server with one file, whose size is negative.
type liar struct{ fs.FileInfo }

func (l liar) Size() int64 { return -1 << 62 }

func (l liar) Fileread(*sftp.Request) (io.ReaderAt, error) {
	return strings.NewReader("Port 22\n"), nil
}

func (l liar) Filelist(*sftp.Request) (sftp.ListerAt, error) { return l, nil }

func (l liar) ListAt(into []fs.FileInfo, offset int64) (int, error) {
	if offset > 0 {
		return 0, io.EOF
	}
	into[0] = l
	return 1, io.EOF
}

func TestANegativeSizeIsNoSize(t *testing.T) {
	info, err := os.Stat("faults_test.go")
	if err != nil {
		t.Fatal(err)
	}
	s := newServer(t)
	s.session = serveSFTP(func(ch ssh.Channel) {
		sftp.NewRequestServer(ch, sftp.Handlers{FileGet: liar{info}, FileList: liar{info}}).Serve()
	})
	h := mustDial(t, s.dialer(), s.reach())
	files, err := h.FS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fs.ReadFile(files, "etc/ssh/sshd_config"); err != nil || string(got) != "Port 22\n" {
		t.Errorf("got %q, %v, want the file", got, err)
	}
}

func TestFilesAreBounded(t *testing.T) {
	s := newServer(t)
	h := mustDial(t, s.dialer(), s.reach())
	dir := t.TempDir()
	mustDo(t, h, `cd "$1" && dd if=/dev/zero of=most bs=1024 count=1024 2>/dev/null && cp most more && echo >>more && mkfifo fifo && i=0 && while [ $i -lt 1001 ]; do : >f$i; i=$((i+1)); done`, dir)
	files, err := h.FS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got, err := fs.ReadFile(files, dir[1:]+"/most"); err != nil || len(got) != remote.MaxFileSize {
		t.Errorf("got %d bytes, %v, want the whole file", len(got), err)
	}
	var limit *remote.LimitError
	if _, err := fs.ReadFile(files, dir[1:]+"/more"); !errors.As(err, &limit) || limit.Limit != remote.MaxFileSize {
		t.Errorf("got %v, want a LimitError", err)
	}
	for i := range 1001 {
		if _, err = fs.ReadFile(files, dir[1:]+"/f"+itoa(i)); err != nil {
			break
		}
	}
	if !errors.As(err, &limit) || limit.What != "files" {
		t.Errorf("got %v, want a LimitError about files", err)
	}
}

// Files whose size stat does not tell are read to their end.
func TestFilesOfProc(t *testing.T) {
	s := newServer(t)
	h := mustDial(t, s.dialer(), s.reach())
	files, err := h.FS(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := fs.ReadFile(files, "proc/version")
	if err != nil || len(got) == 0 {
		t.Errorf("got %q, %v, want the kernel's version", got, err)
	}
}

func TestPinnedHostKey(t *testing.T) {
	s := newServer(t)
	d := s.dialer()
	h := mustDial(t, d, s.reach())
	pinned := h.Facts().Connection
	again := mustDial(t, d, apply.Reach{Host: "web-1", Pinned: &pinned})
	if got := again.Facts().Connection.HostKey; got != ssh.FingerprintSHA256(s.hostKey.PublicKey()) {
		t.Errorf("got %s", got)
	}
	pinned.HostKey = "SHA256:another"
	var doubt *remote.HostKeyError
	if err := failure(t, d, apply.Reach{Host: "web-1", Pinned: &pinned}); !errors.As(err, &doubt) || doubt.Doubt != remote.KeyPinned {
		t.Errorf("got %v, want doubt about the pinned key", err)
	}
}
