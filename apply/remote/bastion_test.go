//go:build unix

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema"
)

// A throng is a bastion with many hosts behind it, all the same server.
type throng struct {
	*server
	inside *server
	// handshakes are those under way behind the bastion, most the highest count.
	handshakes, most, bastions atomic.Int32
}

func newThrong(t *testing.T) *throng {
	t.Helper()
	b := &throng{server: newServer(t), inside: newServer(t)}
	b.inside.client = b.client
	b.inside.accept = func(ssh.ConnMetadata, ssh.PublicKey) error {
		now := b.handshakes.Add(1)
		for most := b.most.Load(); now > most && !b.most.CompareAndSwap(most, now); most = b.most.Load() {
		}
		time.Sleep(time.Second) // of the bubble's clock
		b.handshakes.Add(-1)
		return nil
	}
	b.forward = func(ch ssh.Channel, _ string) {
		defer ch.Close()
		ours, theirs := instant()
		b.inside.wg.Go(func() { b.inside.serve(ours) })
		go func() { io.Copy(theirs, ch); theirs.Close() }()
		io.Copy(ch, theirs)
	}
	b.transport = func() (net.Conn, net.Conn) {
		b.bastions.Add(1)
		return instant()
	}
	key := string(ssh.MarshalAuthorizedKey(b.inside.hostKey.PublicKey()))
	b.writeKnown("bastion " + string(ssh.MarshalAuthorizedKey(b.hostKey.PublicKey())) + "web-* " + key)
	return b
}

func (b *throng) behind(i int) apply.Reach {
	name := fmt.Sprintf("web-%d", i)
	return apply.Reach{Host: name, Connection: schema.Connection{Address: name, IdentityFile: b.key, ProxyJump: "bastion", ConnectTimeout: time.Minute}}
}

// Hosts behind a bastion share one connection, and eight at a time log in.
func TestBastionIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newThrong(t)
		d := b.dialer()
		var wg sync.WaitGroup
		hosts := make([]apply.Host, 30)
		for i := range hosts {
			wg.Go(func() {
				var err error
				if hosts[i], err = d.Dial(t.Context(), b.behind(i)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := b.bastions.Load(); got != 1 {
			t.Errorf("got %d connections to the bastion, want 1", got)
		}
		if got := b.most.Load(); got > remote.DefaultHandshakes || got < 2 {
			t.Errorf("got %d logins at a time, want at most %d", got, remote.DefaultHandshakes)
		}
		for _, h := range hosts {
			h.Close()
		}
		// The last one out closed the door; the next opens it again.
		h := mustDial(t, d, b.behind(1))
		if got := b.bastions.Load(); got != 2 {
			t.Errorf("got %d connections to the bastion, want 2", got)
		}
		h.Close()
	})
}

// One host that gives up does not take the others' bastion away.
func TestBastionOutlivesACancel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newThrong(t)
		d := b.dialer()
		slow := make(chan struct{})
		dial := d.DialTCP
		first := true
		d.DialTCP = func(ctx context.Context, a string) (net.Conn, error) {
			if first {
				first = false
				close(slow)
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return dial(ctx, a)
		}
		ctx, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 1)
		go func() {
			_, err := d.Dial(ctx, b.behind(1))
			gone <- err
		}()
		<-slow
		here := make(chan error, 1)
		go func() {
			h, err := d.Dial(t.Context(), b.behind(2))
			if err == nil {
				h.Close()
			}
			here <- err
		}()
		synctest.Wait()
		cancel()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		if err := <-here; err != nil {
			t.Errorf("the other host: %v", err)
		}
	})
}

func TestBastionRefusesToForward(t *testing.T) {
	b := newThrong(t)
	b.forward = nil
	err := failure(t, b.dialer(), b.behind(1))
	atStage(t, err, remote.StageJump)
	if got := err.Error(); !strings.Contains(got, "bastion") || !strings.Contains(got, "no forwarding here") {
		t.Errorf("got %q, want the bastion's name and its words", got)
	}
}
