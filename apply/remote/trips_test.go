//go:build unix

package remote_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/apply"
)

// oneWay is the delay of the way in tests that count round trips: long, so
// that nothing else shows.
const oneWay = 50 * time.Millisecond

// goSession serves SFTP and the conductor without any process, so that time
// passes only on the way.
func goSession(ch ssh.Channel, reqs <-chan *ssh.Request) {
	var wg sync.WaitGroup
	defer wg.Wait()
	started := false
	for r := range reqs {
		runs := !started && (r.Type == "exec" || r.Type == "subsystem")
		if r.WantReply {
			r.Reply(runs, nil)
		}
		if !runs {
			continue
		}
		started = true
		wg.Go(func() {
			defer ch.Close()
			if r.Type == "exec" {
				answerSteps(ch)
				return
			}
			if server, err := sftp.NewServer(ch); err == nil {
				server.Serve()
			}
		})
	}
}

// answerSteps answers each step with status 0.
func answerSteps(ch ssh.Channel) {
	lines := bufio.NewReader(ch)
	nonce := ""
	for steps := 0; ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		switch {
		case nonce == "" && strings.Contains(line, "printf"):
			nonce = nonceOf(line)
		case strings.HasPrefix(line, "printf '%s 0 0"):
			io.WriteString(ch, nonce+" 0 0\n")
			io.WriteString(ch.Stderr(), nonce+" 0\n")
		case strings.HasPrefix(line, "sshform_step "):
			steps++
			fmt.Fprintf(ch, "%s %d 0\n", nonce, steps)
			fmt.Fprintf(ch.Stderr(), "%s %d\n", nonce, steps)
		}
	}
}

// trips counts the round trips of work on a host that was just dialled.
func trips(t *testing.T, work func(*testing.T, apply.Host, string)) (dial, total float64) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"main", "10.conf", "20.conf"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(strings.Repeat("# a line\n", 400)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t)
		s.session = goSession
		s.transport = func() (net.Conn, net.Conn) { return newWire(oneWay) }
		began := time.Now()
		h := mustDial(t, s.dialer(), s.reach())
		dial = float64(time.Since(began)) / float64(2*oneWay)
		work(t, h, dir)
		total = float64(time.Since(began)) / float64(2*oneWay)
	})
	return dial, total
}

// What travels together costs one trip. The counts are for a server in Go and
// without TCP's own trip; they may fall, not grow.
func TestRoundTrips(t *testing.T) {
	step := func(t *testing.T, h apply.Host, n int) {
		shell, err := h.Shell(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			if _, err := shell.Do(t.Context(), apply.Step{Name: "step", Script: ":"}); err != nil {
				t.Fatal(err)
			}
		}
	}
	read := func(t *testing.T, h apply.Host, dir string, names ...string) {
		files, err := h.FS(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for _, name := range names {
			wg.Go(func() {
				if _, err := fs.ReadFile(files, filepath.Join(dir, name)[1:]); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	}
	for _, c := range []struct {
		name string
		work func(*testing.T, apply.Host, string)
		want float64
	}{
		{"login", func(*testing.T, apply.Host, string) {}, 0},
		{"one step", func(t *testing.T, h apply.Host, _ string) { step(t, h, 1) }, 2},
		{"three steps", func(t *testing.T, h apply.Host, _ string) { step(t, h, 3) }, 4},
		{"one file", func(t *testing.T, h apply.Host, dir string) { read(t, h, dir, "main") }, 4},
		{"three files", func(t *testing.T, h apply.Host, dir string) { read(t, h, dir, "main", "10.conf", "20.conf") }, 4},
		{"a folder", func(t *testing.T, h apply.Host, dir string) {
			files, err := h.FS(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fs.ReadDir(files, dir[1:]); err != nil {
				t.Fatal(err)
			}
		}, 4},
		{"steps and files", func(t *testing.T, h apply.Host, dir string) {
			var wg sync.WaitGroup
			wg.Go(func() { step(t, h, 3) })
			wg.Go(func() { read(t, h, dir, "main") })
			wg.Wait()
		}, 4},
		{"stage", func(t *testing.T, h apply.Host, dir string) {
			var staged []apply.Staged
			for i := range 3 {
				staged = append(staged, apply.Staged{Path: filepath.Join(dir, fmt.Sprint("new", i)), Bytes: []byte("new"), Mode: 0o644, UID: -1, GID: -1})
			}
			if err := h.Stage(t.Context(), staged); err != nil {
				t.Fatal(err)
			}
		}, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			dial, total := trips(t, c.work)
			if dial > 6 {
				t.Errorf("got %v trips for the login, want at most 6", dial)
			}
			if got := total - dial; got > c.want {
				t.Errorf("got %v trips after the login, want at most %v", got, c.want)
			}
			t.Logf("login %v, then %v", dial, total-dial)
		})
	}
}

// A flightCounter counts how often a connection's client speaks after it has
// listened: in a conversation where one waits for the other, round trips.
type flightCounter struct {
	net.Conn

	mu       sync.Mutex
	heard    bool
	spoken   int
	received int
}

func (c *flightCounter) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = c.heard || n > 0
	c.received += n
	return n, err
}

func (c *flightCounter) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.heard || c.spoken == 0 {
		c.spoken++
	}
	c.heard = false
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *flightCounter) flights() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.spoken
}

// The same against OpenSSH, whose answers may come in pieces.
func TestFlightsToOpenSSH(t *testing.T) {
	s := newSSHD(t)
	var count *flightCounter
	d := s.dialer()
	d.DialTCP = func(ctx context.Context, address string) (net.Conn, error) {
		conn, err := s.dial(ctx, address)
		count = &flightCounter{Conn: conn}
		return count, err
	}
	h := mustDial(t, d, s.reach())
	login := count.flights()
	if login > 8 {
		t.Errorf("got %d flights for the login, want at most 8", login)
	}
	mustDo(t, h, ":")
	step := count.flights() - login
	if step > 4 {
		t.Errorf("got %d flights for a shell and a step, want at most 4", step)
	}
	t.Logf("login %d, a shell and a step %d", login, step)
}
