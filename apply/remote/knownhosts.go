package remote

import (
	"crypto/hmac"
	"crypto/sha1" // #nosec: known_hosts hashes names with it (hostfile.c)
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// maxKnownHosts bounds a known_hosts file, in bytes: some million hosts.
const maxKnownHosts = 1 << 30

// A knownHosts is the index of a set of known_hosts files (sshd(8),
// SSH_KNOWN_HOSTS FILE FORMAT). It keeps the text once and little more: a line
// is split again, and its key parsed, when a host needs it.
//
// Names are looked up by their text and keys by their blob, which stands in
// clear beside a hashed name too: so the offered key leads to the few lines
// whose names have to be hashed. Only when no line has it are all hashed names
// tried, to tell a changed key from an unknown host. 100,000 hosts cost a
// lookup no more than ten do.
type knownHosts struct {
	files []string

	mu      sync.RWMutex
	lines   []linePlace
	names   lineIndex // by plain name, in lower case
	blobs   lineIndex // by key, in base64
	pattern []int32   // lines with wildcards or negations
	hashed  []int32   // lines with a hashed name
	// hashes says that the first file has hashed names, so that new ones are
	// hashed as well. torn says that it does not end with a line end.
	hashes, torn bool
}

// A linePlace is a line that counts, and where it stands. One that was accepted
// in this run has no number.
type linePlace struct {
	text string // of the whole file's, so that it costs no memory of its own
	line int32
	file uint16
}

// A knownLine is a line of a file, in its parts.
type knownLine struct {
	marker string // "", "@cert-authority" or "@revoked"
	hosts  string // comma-separated patterns, or one hashed name
	kind   string // the key's type
	blob   string // the key in base64
}

const (
	markAuthority = "@cert-authority"
	markRevoked   = "@revoked"
)

// knownHosts returns the index of the files, read once.
func (d *Dialer) knownHosts(files []string) (*knownHosts, error) {
	id := fmt.Sprintf("%q", files)
	d.mu.Lock()
	defer d.mu.Unlock()
	if k, ok := d.known[id]; ok {
		return k, nil
	}
	k, err := readKnownHosts(files)
	if err != nil {
		return nil, err
	}
	if d.known == nil {
		d.known = map[string]*knownHosts{}
	}
	d.known[id] = k
	return k, nil
}

func readKnownHosts(files []string) (*knownHosts, error) {
	k := &knownHosts{files: files, names: newLineIndex(), blobs: newLineIndex()}
	for i, file := range files {
		raw, err := readKnownFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("known_hosts: %w", err)
		}
		k.read(uint16(i), string(raw))
	}
	return k, nil
}

func readKnownFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, maxKnownHosts+1))
	if err == nil && len(raw) > maxKnownHosts {
		err = &LimitError{Path: file, What: "bytes", Limit: maxKnownHosts}
	}
	return raw, err
}

// read indexes a file. Lines that make no sense are passed over, as ssh does.
func (k *knownHosts) read(file uint16, text string) {
	if file == 0 {
		k.torn = text != "" && !strings.HasSuffix(text, "\n")
	}
	const shortest = 80 // bytes of a line with a key
	expected := min(strings.Count(text, "\n"), len(text)/shortest) + 1
	k.lines = slices.Grow(k.lines, expected)
	k.blobs.grow(expected)
	number := int32(0)
	for line := range strings.Lines(text) {
		number++
		k.add(linePlace{line, number, file})
	}
}

func splitKnownLine(line string) (knownLine, bool) {
	var l knownLine
	word := func() (w string) {
		line = strings.TrimLeft(line, " \t")
		end := strings.IndexAny(line, " \t\r\n")
		if end < 0 {
			end = len(line)
		}
		w, line = line[:end], line[end:]
		return w
	}
	l.hosts = word()
	if strings.HasPrefix(l.hosts, "#") {
		return l, false
	}
	if strings.HasPrefix(l.hosts, "@") {
		l.marker = l.hosts
		if l.marker != markAuthority && l.marker != markRevoked {
			return l, false
		}
		l.hosts = word()
	}
	l.kind, l.blob = word(), word()
	return l, l.hosts != "" && l.blob != ""
}

// add puts a line into the index, if it makes sense.
func (k *knownHosts) add(p linePlace) {
	l, ok := splitKnownLine(p.text)
	if !ok {
		return
	}
	at := int32(len(k.lines))
	k.lines = append(k.lines, p)
	k.blobs.add(l.blob, at)
	switch {
	case strings.HasPrefix(l.hosts, "|"):
		k.hashed = append(k.hashed, at)
		k.hashes = k.hashes || p.file == 0
	case strings.ContainsAny(l.hosts, "*?!"):
		k.pattern = append(k.pattern, at)
	default:
		for name := range strings.SplitSeq(l.hosts, ",") {
			k.names.add(strings.ToLower(name), at)
		}
	}
}

// line returns a line in its parts.
func (k *knownHosts) line(at int32) knownLine {
	l, _ := splitKnownLine(k.lines[at].text) // add has seen that it makes sense
	return l
}

// matches reports whether the line speaks of the host (hostfile.c).
func (l knownLine) matches(name string) bool {
	if strings.HasPrefix(l.hosts, "|") {
		return matchesHash(l.hosts, name)
	}
	found := false
	for pattern := range strings.SplitSeq(strings.ToLower(l.hosts), ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if pattern != "" && matchPattern(pattern, name) {
			if negated {
				return false
			}
			found = true
		}
	}
	return found
}

// matchesHash compares a name with "|1|salt|hash".
func matchesHash(hashed, name string) bool {
	parts := strings.Split(hashed, "|")
	if len(parts) != 4 || parts[1] != "1" {
		return false
	}
	salt, err1 := base64.StdEncoding.DecodeString(parts[2])
	want, err2 := base64.StdEncoding.DecodeString(parts[3])
	if err1 != nil || err2 != nil {
		return false
	}
	mac := hmac.New(sha1.New, salt)
	mac.Write([]byte(name))
	return hmac.Equal(mac.Sum(nil), want)
}

// matchPattern is match.c's match_pattern: * and ? are the wildcards.
func matchPattern(pattern, s string) bool {
	star, mark := -1, 0
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

// key parses the line's key. What the line says of its type has to be true.
func (l knownLine) key() (ssh.PublicKey, bool) {
	raw, err := base64.StdEncoding.DecodeString(l.blob)
	if err != nil {
		return nil, false
	}
	key, err := ssh.ParsePublicKey(raw)
	if err != nil || key.Type() != l.kind {
		return nil, false
	}
	return key, true
}

// known describes a line for an error.
func (k *knownHosts) known(at int32) KnownKey {
	p, l := k.lines[at], k.line(at)
	out := KnownKey{File: k.files[p.file], Line: int(p.line), Type: l.kind}
	if key, ok := l.key(); ok {
		out.Fingerprint = ssh.FingerprintSHA256(key)
	}
	return out
}

// named lists the lines that name the host: those found by text and patterns,
// and, if asked, those whose hash has to be computed.
func (k *knownHosts) named(name string, hashes bool) (out []int32) {
	candidates := [][]int32{k.names.lines(name), k.pattern}
	if hashes {
		candidates = append(candidates, k.hashed)
	}
	for _, lines := range candidates {
		for _, at := range lines {
			if k.line(at).matches(name) {
				out = append(out, at)
			}
		}
	}
	slices.Sort(out)
	return out
}

// A writtenKey is a key as known_hosts has it.
type writtenKey struct{ kind, blob string }

func written(key ssh.PublicKey) writtenKey {
	return writtenKey{key.Type(), base64.StdEncoding.EncodeToString(key.Marshal())}
}

// withKey finds a line with the marker that has the key and names the host.
func (k *knownHosts) withKey(key writtenKey, name, marker string) (int32, bool) {
	for _, at := range k.blobs.lines(key.blob) {
		l := k.line(at)
		if l.blob == key.blob && l.marker == marker && l.kind == key.kind && l.matches(name) {
			return at, true
		}
	}
	return 0, false
}
