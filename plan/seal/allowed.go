package seal

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Allowed are the signers that somebody trusts: an allowed_signers file.
type Allowed struct {
	lines   []line
	revoked Revoked
}

// Revoke makes signatures with these keys count no more, whatever lines say.
func (a *Allowed) Revoke(keys Revoked) { a.revoked = keys }

// A line of allowed_signers: who may sign with which key, or whose
// certificates count.
type line struct {
	principals    string // a list of patterns
	key           ssh.PublicKey
	authority     bool
	namespaces    string // a list of patterns; empty is any
	after, before time.Time
}

// ParseAllowed reads an allowed_signers file. Times in it without a Z are
// local times. A line that cannot be read is an error that names it: a trust
// that is not understood is no trust.
func ParseAllowed(text []byte, local *time.Location) (*Allowed, error) {
	var a Allowed
	for number, content := range entries(text) {
		l, err := parseLine(content, local)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		a.lines = append(a.lines, l)
	}
	if len(a.lines) == 0 {
		return nil, errors.New("it names no signer")
	}
	return &a, nil
}

// entries are the lines of a file that say something, with their numbers:
// neither empty ones nor comments.
func entries(text []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for raw := range strings.Lines(string(text)) {
			number++
			content := strings.Trim(raw, " \t\r\n")
			if content != "" && content[0] != '#' && !yield(number, content) {
				return
			}
		}
	}
}

func parseLine(content string, local *time.Location) (line, error) {
	principals, rest, err := cutPrincipals(content)
	if err != nil {
		return line{}, err
	}
	if strings.HasPrefix(rest, "#") {
		return line{}, errors.New("it has no key")
	}
	key, _, options, _, err := ssh.ParseAuthorizedKey([]byte(rest))
	if err != nil {
		return line{}, errors.New("its options or its key cannot be read")
	}
	if _, certified := key.(*ssh.Certificate); certified {
		return line{}, errors.New("it has a certificate where a key belongs; name the authority's key and say cert-authority")
	}
	l := line{principals: principals, key: key}
	seen := map[string]bool{}
	for _, option := range options {
		name, value, valued := strings.Cut(option, "=")
		name = strings.ToLower(name)
		if seen[name] {
			return line{}, fmt.Errorf("it has the option %s twice", name)
		}
		seen[name] = true
		if err := l.option(name, value, valued, local); err != nil {
			return line{}, err
		}
	}
	if !l.after.IsZero() && !l.before.IsZero() && !l.after.Before(l.before) {
		return line{}, errors.New("it is never valid: valid-after is not before valid-before")
	}
	return l, nil
}

func (l *line) option(name, value string, valued bool, local *time.Location) error {
	if name == "cert-authority" && !valued {
		l.authority = true
		return nil
	}
	text, quoted := strings.CutPrefix(value, `"`)
	text, closed := strings.CutSuffix(text, `"`)
	if !quoted || !closed {
		return fmt.Errorf("its option %s needs a value in quotes, or is not known", name)
	}
	text = strings.ReplaceAll(text, `\"`, `"`)
	var err error
	switch name {
	case "namespaces":
		l.namespaces = text
		if text == "" {
			err = errors.New("its option namespaces is empty")
		}
	case "valid-after":
		l.after, err = parseTime(text, local)
	case "valid-before":
		l.before, err = parseTime(text, local)
	default:
		err = fmt.Errorf("there is no option %s", name)
	}
	return err
}

// cutPrincipals takes the first field, which may stand in quotes.
func cutPrincipals(content string) (principals, rest string, err error) {
	if quoted, found := strings.CutPrefix(content, `"`); found {
		principals, rest, found = strings.Cut(quoted, `"`)
		if !found {
			return "", "", errors.New("its quotes are not closed")
		}
	} else if end := strings.IndexAny(content, " \t"); end > 0 {
		principals, rest = content[:end], content[end:]
	}
	rest = strings.TrimLeft(rest, " \t")
	if principals == "" || rest == "" {
		return "", "", errors.New("it is not principals and a key")
	}
	return principals, rest, nil
}

// parseTime reads YYYYMMDD or YYYYMMDDHHMM[SS], with Z for UTC.
func parseTime(text string, local *time.Location) (time.Time, error) {
	digits, utc := strings.CutSuffix(text, "Z")
	if !utc {
		digits, utc = strings.CutSuffix(text, "z")
	}
	if utc {
		local = time.UTC
	}
	for _, layout := range []string{"20060102", "200601021504", "20060102150405"} {
		if len(layout) != len(digits) {
			continue
		}
		if t, err := time.ParseInLocation(layout, digits, local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time as YYYYMMDD[HHMM[SS]][Z]", text)
}

// principals returns who may have signed with a key, by all lines that accept
// it at a time. A refusal says why none does.
func (a *Allowed) principals(key ssh.PublicKey, now time.Time) ([]string, error) {
	var who []string
	why := refusal("no line of the allowed signers has its key")
	if c, certified := key.(*ssh.Certificate); certified {
		why = refusal(fmt.Sprintf("no line of the allowed signers has the authority of its certificate, %s, as cert-authority", ssh.FingerprintSHA256(c.SignatureKey)))
	}
	for _, l := range a.lines {
		if !l.concerns(key) {
			continue
		}
		names, err := l.accept(key, now)
		if err != "" {
			why = err
			continue
		}
		who = append(who, names...)
	}
	if len(who) == 0 {
		return nil, why
	}
	slices.Sort(who)
	return slices.Compact(who), nil
}

// concerns reports whether a line is about this key, or about the authority
// that certified it.
func (l line) concerns(key ssh.PublicKey) bool {
	if c, certified := key.(*ssh.Certificate); certified {
		return l.authority && equal(c.SignatureKey, l.key)
	}
	return !l.authority && equal(key, l.key)
}

func equal(a, b ssh.PublicKey) bool { return bytes.Equal(a.Marshal(), b.Marshal()) }

// accept returns whose the key is, or why the line does not accept it now.
func (l line) accept(key ssh.PublicKey, now time.Time) ([]string, refusal) {
	switch {
	case l.namespaces != "" && !matchList(Namespace, l.namespaces):
		return nil, refusal(fmt.Sprintf("its line of the allowed signers is for the namespaces %q only", l.namespaces))
	case !l.after.IsZero() && now.Before(l.after):
		return nil, refusal("its line of the allowed signers is not valid yet")
	case !l.before.IsZero() && now.After(l.before):
		return nil, refusal("its line of the allowed signers is no longer valid")
	}
	c, certified := key.(*ssh.Certificate)
	if !certified {
		return strings.Split(l.principals, ","), ""
	}
	var names []string
	for _, name := range c.ValidPrincipals {
		if matchList(name, l.principals) {
			names = append(names, name)
		}
	}
	switch {
	case c.CertType != ssh.UserCert:
		return nil, "it has a certificate of a host, not of a user"
	case len(names) == 0:
		return nil, refusal(fmt.Sprintf("no principal of its certificate (%s) matches %q", strings.Join(c.ValidPrincipals, ", "), l.principals))
	}
	// What a certificate restricts logins to does not concern signatures.
	checker := ssh.CertChecker{
		SupportedCriticalOptions: []string{"force-command", "source-address"},
		Clock:                    func() time.Time { return now },
	}
	if err := checker.CheckCert(names[0], c); err != nil {
		return nil, refusal("its certificate is not valid: " + strings.TrimPrefix(err.Error(), "ssh: "))
	}
	return names, ""
}
