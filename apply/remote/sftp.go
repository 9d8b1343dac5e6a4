package remote

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// The script that becomes an SFTP server, where the subsystem cannot be used:
// under sudo, and where sshd has none. It prints the nonce before it does, and
// nothing may be sent to it earlier, since sh reads ahead. What sshd names as
// its subsystem comes second: usually a known place is right without reading
// anything. internal-sftp is no file, and falls through.
const sftpScript = `sshform_sftp() {
	umask 077
	for p in /usr/lib/openssh/sftp-server /usr/libexec/openssh/sftp-server /usr/lib/ssh/sftp-server /usr/libexec/sftp-server /usr/local/libexec/sftp-server /usr/lib/sftp-server /usr/libexec/ssh/sftp-server /run/current-system/sw/libexec/sftp-server \
		$(sed -n 's/^[[:space:]]*[Ss][Uu][Bb][Ss][Yy][Ss][Tt][Ee][Mm][[:space:]=]\{1,\}"\{0,1\}sftp"\{0,1\}[[:space:]]\{1,\}"\{0,1\}\(\/[^"[:space:]]*\).*/\1/p' /etc/ssh/sshd_config /etc/ssh/sshd_config.d/*.conf 2>/dev/null); do
		if [ -x "$p" ]; then
			printf '%s ready\n' NONCE
			exec "$p"
		fi
	done
	printf '%s none\n' NONCE
}
sshform_sftp; exit
`

// An sftpStart is the start of a host's SFTP, made once and waited for by
// everybody who needs it.
type sftpStart struct {
	done   chan struct{}
	cancel context.CancelFunc
	client *sftp.Client
	wire   *sftpWire
	err    error
}

// startSFTP begins SFTP and does not wait.
func (h *host) startSFTP() (*sftpStart, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, io.ErrClosedPipe
	}
	if h.sftp == nil {
		ctx, cancel := context.WithCancel(context.Background())
		start := &sftpStart{done: make(chan struct{}), cancel: cancel}
		h.sftp = start
		go func() {
			defer close(start.done)
			start.client, start.wire, start.err = h.openSFTP(ctx)
		}()
	}
	return h.sftp, nil
}

// endSFTP ends SFTP if it is still the one that was started, and does not wait
// for the host.
func (h *host) endSFTP(start *sftpStart) {
	h.mu.Lock()
	present := h.sftp == start
	if present {
		h.sftp = nil
	}
	h.mu.Unlock()
	if present {
		start.close()
	}
}

// wait returns the client when it is there.
func (s *sftpStart) wait(ctx context.Context) (*sftp.Client, error) {
	select {
	case <-s.done:
		return s.client, s.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// close waits for the end of the start and of the client.
func (s *sftpStart) close() {
	s.cancel()
	<-s.done
	if s.client != nil {
		s.client.Close()
	}
}

func (h *host) openSFTP(ctx context.Context) (*sftp.Client, *sftpWire, error) {
	if h.route.become == sudo {
		return h.execSFTP(ctx)
	}
	client, wire, err := h.subsystemSFTP(ctx)
	if errors.Is(err, errNoSubsystem) {
		return h.execSFTP(ctx)
	}
	return client, wire, err
}

// errNoSubsystem says that sshd knows no subsystem of the name sftp.
var errNoSubsystem = errors.New("the host refuses the sftp subsystem")

// subsystemSFTP asks for the subsystem and begins to speak SFTP in the same
// flight. Whether the subsystem was granted tells a second request: of all
// that ask for a program, only one can succeed on a channel (RFC 4254, section
// 6.5), so if this one does, the first did not.
func (h *host) subsystemSFTP(ctx context.Context) (*sftp.Client, *sftpWire, error) {
	ch, err := h.openSession(ctx)
	if err != nil {
		return nil, nil, err
	}
	if _, err := ch.SendRequest("subsystem", false, ssh.Marshal(struct{ Name string }{"sftp"})); err != nil {
		ch.Close()
		return nil, nil, ch.session.because(err)
	}
	refused := make(chan struct{})
	ch.session.wg.Go(func() {
		if ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{shellWord})); ok && err == nil {
			close(refused)
			ch.Close()
		}
		drain(ch.Stderr())
	})
	client, wire, err := h.speakSFTP(ctx, ch, ch)
	if err == nil {
		return client, wire, nil
	}
	ch.Close()
	select {
	case <-refused:
		return nil, nil, errNoSubsystem
	default:
	}
	if !ch.session.dead() && errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, nil, errNoSubsystem // it is declared, and does not run
	}
	return nil, nil, err
}

// execSFTP starts an sftp-server with the declared privilege.
func (h *host) execSFTP(ctx context.Context) (*sftp.Client, *sftpWire, error) {
	p, verdict, err := h.run(ctx, strings.ReplaceAll(sftpScript, "NONCE", h.nonce))
	if err != nil {
		return nil, nil, err
	}
	if verdict != "ready" {
		p.Close()
		return nil, nil, &NoSFTPError{Said: clean(p.errs.peek())}
	}
	client, wire, err := h.speakSFTP(ctx, p.out, p.channel)
	if err != nil {
		p.Close()
		return nil, nil, &NoSFTPError{Said: clean(p.errs.peek() + " " + err.Error())}
	}
	return client, wire, nil
}

// speakSFTP exchanges versions.
func (h *host) speakSFTP(ctx context.Context, r io.Reader, ch *channel) (*sftp.Client, *sftpWire, error) {
	wire := newSFTPWire(r, ch, ch.session)
	client, err := bounded(ctx, wire, h.dialer.requestTimeout(), "SFTP did not start", func() (*sftp.Client, error) {
		return sftp.NewClientPipe(wire, wire)
	})
	return client, wire, err
}
