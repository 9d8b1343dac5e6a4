package inventory

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// What one source may hold. A real fleet of 100,000 hosts needs 10 to 30 MB.
const (
	maxHosts  = 1_000_000
	maxValues = 8_000_000 // values of variables, lists and maps counted with what is in them
	maxInHost = 100_000   // values in one host
	maxDepth  = 32        // lists and maps inside each other
	maxName   = 255       // bytes of a host's name
	maxText   = 1 << 20   // bytes of one value

	maxStreamed = 128 << 20 // bytes of CSV, JSON and Ansible's INI, which are read piece by piece
	maxTree     = 64 << 20  // bytes of YAML and of what a program prints, which are held whole
	maxMarks    = 5_000_000 // line ends, commas, colons and brackets of YAML; each can make a node of 200 bytes
)

// limits are those of a whole source that tests make smaller.
type limits struct {
	hosts, values  int
	streamed, tree int64 // bytes
}

func standard() limits {
	return limits{hosts: maxHosts, values: maxValues, streamed: maxStreamed, tree: maxTree}
}

// bytes is the size limit of a kind.
func (l limits) bytes(k Kind) int64 {
	if k == YAML || k == External || k == SSHConfig {
		return l.tree
	}
	return l.streamed
}

// errTooLarge is what a limited reader returns instead of more bytes.
var errTooLarge = errors.New("too large")

// A limited reader fails where io.LimitReader would end quietly: a cut
// inventory must not look like a small one.
type limited struct {
	r    io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, errTooLarge
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, errTooLarge
	}
	return n, err
}

// maxAhead is how many line ends are kept; what reads ahead holds fewer.
const maxAhead = 1 << 20

// errLine is what a lineLimited reader returns for a line that is too long.
var errLine = errors.New("a line is too long")

// A lineLimited reader refuses lines of more than maxText bytes, before a
// reader of tables makes millions of cells of one.
type lineLimited struct {
	r    io.Reader
	line int // bytes since the last line end
}

func (l *lineLimited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	first, last := bytes.IndexByte(p[:n], '\n'), bytes.LastIndexByte(p[:n], '\n')
	switch {
	case first < 0:
		l.line += n
	case l.line+first <= maxText:
		l.line = n - last - 1
	default:
		l.line += first
	}
	if l.line > maxText {
		return 0, errLine
	}
	return n, err
}

// A lines reader knows on which line a byte stands. Offsets asked must not
// decrease, so that only the line ends read ahead are kept.
type lines struct {
	r     io.Reader
	read  int64   // bytes read so far
	ahead []int64 // offsets of the line ends after the last asked
	line  int     // line ends before the last asked
}

func (l *lines) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for from := 0; ; {
		i := bytes.IndexByte(p[from:n], '\n')
		if i < 0 {
			break
		}
		l.ahead = append(l.ahead, l.read+int64(from+i))
		from += i + 1
	}
	l.read += int64(n)
	if len(l.ahead) > maxAhead {
		// Nobody asked for very long: a flood of empty lines. Lines are counted
		// a little too high from here on.
		l.line += maxAhead / 2
		l.ahead = l.ahead[:copy(l.ahead, l.ahead[maxAhead/2:])]
	}
	return n, err
}

// at returns the line, from 1, of the byte at the offset.
func (l *lines) at(offset int64) int {
	passed := 0
	for passed < len(l.ahead) && l.ahead[passed] < offset {
		passed++
	}
	l.line += passed
	l.ahead = l.ahead[:copy(l.ahead, l.ahead[passed:])]
	return l.line + 1
}

// skipMark takes away a byte order mark in UTF-8 and refuses UTF-16 and other
// things that are not text.
func skipMark(r *peeker) error {
	start, _ := r.Peek(4)
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, err := r.Discard(3)
		return err
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return errors.New("is UTF-16; save it as UTF-8")
	case bytes.HasPrefix(start, []byte("\x1f\x8b")):
		return errors.New("is compressed; unpack it first")
	case bytes.HasPrefix(start, []byte("PK\x03\x04")):
		return errors.New("is a spreadsheet or zip file; export it as UTF-8 text")
	case bytes.IndexByte(start, 0) >= 0:
		return fmt.Errorf("is not text: it has a NUL byte at its start")
	}
	return nil
}
