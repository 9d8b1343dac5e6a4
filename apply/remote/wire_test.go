package remote

import (
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// stuckChannel takes no byte, and closing it releases nobody: only the end of
// the connection does, as with a host that gives no window and confirms nothing.
type stuckChannel struct{ net.Conn }

func (stuckChannel) Close() error { return nil }

func TestAHostThatTakesNoBytesHoldsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		s := &session{transport: ours, keepalive: 10 * time.Second}
		w := newSFTPWire(ours, stuckChannel{ours}, s)
		began := time.Now()
		request := binary.BigEndian.AppendUint32(nil, 5)
		_, err := bounded(t.Context(), w, 5*time.Second, "sftp-server", func() (int, error) {
			return w.Write(append(request, 1, 0, 0, 0, 3))
		})
		if took := time.Since(began); took != 15*time.Second {
			t.Errorf("whoever wrote was held for %s, want the time of the request and one sign of life", took)
		}
		var late *TimeoutError
		if !errors.As(err, &late) {
			t.Errorf("got %v, want a TimeoutError", err)
		}
		if _, err := w.Write(request); !errors.As(err, &late) {
			t.Errorf("a later write: got %v, want a TimeoutError at once", err)
		}
		s.wg.Wait()
	})
}
