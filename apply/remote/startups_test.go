//go:build unix

package remote_test

import (
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/schema"
)

// A real sshd drops what is beyond MaxStartups before it says a word. Of many
// hosts that are dialled at once, the bastion sees one connection, and no more
// log in through it at a time than a default sshd takes. None of them ends
// before it is authenticated, which from OpenSSH 9.8 on is punished.
func TestABastionIsNotRushed(t *testing.T) {
	const hosts = 28
	bastion := newSSHD(t, "MaxStartups 2:100:2")
	// Twice what may be in flight: sshd counts a login for a while after it.
	behind := newSSHD(t, "MaxStartups 16:100:16")
	bastionPort, port := bastion.listen(), behind.listen()
	var known strings.Builder
	for port, s := range map[int]*realSSHD{bastionPort: bastion, port: behind} {
		text, err := os.ReadFile(s.in("known_hosts"))
		if err != nil {
			t.Fatal(err)
		}
		known.WriteString(strings.Replace(string(text), s.name, "[127.0.0.1]:"+itoa(port), 1))
	}
	behind.write("known_hosts", known.String())
	keys, err := os.ReadFile(behind.in("authorized_keys"))
	if err != nil {
		t.Fatal(err)
	}
	bastion.write("authorized_keys", string(keys))
	d := behind.dialer()
	d.DialTCP = nil
	var wg sync.WaitGroup
	for i := range hosts {
		wg.Go(func() {
			h, err := d.Dial(t.Context(), apply.Reach{Host: "web-" + itoa(i), Connection: schema.Connection{
				Address: "127.0.0.1", Port: port, User: behind.user, IdentityFile: behind.key,
				ProxyJump: behind.user + "@127.0.0.1:" + itoa(bastionPort), ConnectTimeout: 2 * time.Minute,
			}})
			if err != nil {
				t.Error(err)
				return
			}
			h.Close()
		})
	}
	wg.Wait()
	for name, test := range map[string]struct {
		s      *realSSHD
		logins int
	}{"the bastion": {bastion, 1}, "the hosts": {behind, hosts}} {
		test.s.end()
		test.s.heard.Wait()
		said := test.s.said.String()
		if got := strings.Count(said, "Accepted publickey"); got != test.logins {
			t.Errorf("%s: got %d logins, want %d", name, got, test.logins)
		}
		for line := range strings.Lines(said) {
			unauthenticated := strings.HasSuffix(line, "[preauth]\n") && !strings.HasPrefix(line, "Postponed ")
			if unauthenticated || strings.Contains(line, "past MaxStartups") {
				t.Errorf("%s: sshd says %s", name, line)
			}
		}
	}
}
