package remote

import (
	"bufio"
	"bytes"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/sshform/sshform/schema"
)

// maxBeforeBanner is how much a server may say before it names itself
// (RFC 4253, section 4.2, allows other lines), in bytes.
const maxBeforeBanner = 16 << 10

// A link is the transport under an SSH connection. It watches the beginning of
// the conversation: what was said before the banner, the banner itself and,
// unless anything is allowed, that it is OpenSSH's.
type link struct {
	net.Conn
	in       *bufio.Reader // of the lines up to the banner; nil when it is used up
	anything bool          // a bastion need not be OpenSSH
	reached  func(Stage)

	mu     sync.Mutex
	before []byte
	line   []byte
	banner string
	sent   time.Time // of the last byte written

	gathering
}

func newLink(conn net.Conn, anything bool, reached func(Stage)) *link {
	return &link{Conn: conn, in: bufio.NewReaderSize(conn, bannerBuffer), anything: anything, reached: reached}
}

// bannerBuffer is long enough for most servers' first line, in bytes. What
// follows is read by the library with a buffer of its own.
const bannerBuffer = 256

// Read is bufio's: the library reads the banner byte by byte, and so spares a
// system call for each.
func (l *link) Read(p []byte) (int, error) {
	if l.in == nil {
		return l.Conn.Read(p)
	}
	n, err := l.in.Read(p)
	if l.in.Buffered() == 0 && l.past() {
		l.in = nil
	}
	if n > 0 {
		if err := l.watch(p[:n]); err != nil {
			return 0, err
		}
	}
	return n, err
}

// Write hides an error before the banner: a server that hangs up at once has
// often said why, and the library would not read it any more. Reading then
// ends by itself.
func (l *link) Write(p []byte) (int, error) {
	l.mu.Lock()
	if l.gathers != nil {
		defer l.mu.Unlock()
		return l.gather(p)
	}
	l.sent = time.Now()
	first := l.banner == ""
	l.mu.Unlock()
	n, err := l.Conn.Write(p)
	if err != nil && first {
		return len(p), nil
	}
	return n, err
}

// watch looks at what arrives until the banner has.
func (l *link) watch(p []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.banner != "" {
		return nil
	}
	for len(p) > 0 {
		i := bytes.IndexByte(p, '\n')
		if i < 0 {
			l.line = append(l.line, p...)
			break
		}
		l.line = append(l.line, p[:i]...)
		p = p[i+1:]
		line := strings.TrimRight(string(l.line), "\r")
		l.line = l.line[:0]
		if strings.HasPrefix(line, "SSH-") {
			l.banner = line
			if _, openSSH := schema.ParseBanner(line); !openSSH && !l.anything {
				return &NotOpenSSHError{Answer: clean(line)}
			}
			l.reached(StageKex)
			return nil
		}
		l.before = append(append(l.before, line...), '\n')
	}
	if len(l.before)+len(l.line) > maxBeforeBanner {
		return &NotOpenSSHError{Answer: clean(string(l.before) + string(l.line))}
	}
	return nil
}

// past reports whether the banner was read.
func (l *link) past() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.banner != ""
}

// said returns the banner, and what came before it.
func (l *link) said() (banner, before string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.banner, clean(string(l.before) + string(l.line))
}

// lastSent is when the last byte went out.
func (l *link) lastSent() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing {
		l.room.Wait()
	}
	return l.sent
}
