package remote_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema"
)

// A real sshd that has as many connections as MaxStartups allows says so and
// hangs up; it is dialled once more, and found free or not.
func TestABusySSHDIsDialledTwice(t *testing.T) {
	for name, frees := range map[string]bool{"free by then": true, "still busy": false} {
		t.Run(name, func(t *testing.T) {
			s := newSSHD(t, "MaxStartups 1:100:1")
			port := s.listen()
			text, err := os.ReadFile(s.in("known_hosts"))
			if err != nil {
				t.Fatal(err)
			}
			s.write("known_hosts", strings.Replace(string(text), s.name, "[127.0.0.1]:"+itoa(port), 1))
			// Somebody who takes the only place, and says nothing.
			silent, err := net.Dial("tcp", "127.0.0.1:"+itoa(port))
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			if n, err := silent.Read(make([]byte, 64)); n == 0 {
				t.Fatal(err)
			}
			d := s.dialer()
			d.DialTCP = func(ctx context.Context, address string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", address)
			}
			reach := apply.Reach{Host: "web", Connection: schema.Connection{
				Address: "127.0.0.1", Port: port, User: s.user, IdentityFile: s.key, ConnectTimeout: time.Minute,
			}}
			var told []error
			h, err := apply.DialTwice(t.Context(), d, reach, func(e apply.Event) {
				told = append(told, e.Err)
				if frees {
					silent.Close()
					childless(t, s)
				}
			})
			if err == nil {
				h.Close()
			}
			var refused *remote.RefusedError
			if len(told) != 1 || !errors.As(told[0], &refused) || refused.Banned || !strings.Contains(refused.Said, "MaxStartups") {
				t.Errorf("got told %v, want once that sshd is busy", told)
			}
			if frees != (err == nil) || !frees && !errors.As(err, &refused) {
				t.Errorf("got %v, want it to get in: %t", err, frees)
			}
		})
	}
}

// childless waits until the daemon has no process for a connection any more.
func childless(t *testing.T, s *realSSHD) {
	s.mu.Lock()
	pid := s.procs[len(s.procs)-1].Process.Pid
	s.mu.Unlock()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
		if err != nil {
			t.Error(err)
			return
		}
		if len(children) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			return
		}
	}
}
