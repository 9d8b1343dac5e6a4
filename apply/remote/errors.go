package remote

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// A Stage is how far the way to a host led.
type Stage string

// The stages of reaching a host, in their order.
const (
	StageResolve Stage = "resolve"      // what is declared, ssh -G
	StageJump    Stage = "jump"         // a bastion on the way
	StageDial    Stage = "dial"         // TCP
	StageBanner  Stage = "banner"       // the identification string
	StageKex     Stage = "key exchange" // and the host key
	StageAuth    Stage = "login"
	StageSession Stage = "session" // a channel, a shell
	StageSudo    Stage = "sudo"
	StageSFTP    Stage = "sftp"
)

// A ReachError says at which stage the way to a host ended.
type ReachError struct {
	Host  string
	Stage Stage
	Err   error
}

func (e *ReachError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Host, e.Stage, e.Err) }

// Unwrap returns the reason.
func (e *ReachError) Unwrap() error { return e.Err }

// reachError wraps err unless it says already where it happened.
func reachError(host string, stage Stage, err error) error {
	var already *ReachError
	if errors.As(err, &already) {
		return err
	}
	return &ReachError{Host: host, Stage: stage, Err: err}
}

// A TimeoutError says that the other side did not answer in time. It counts as
// context.DeadlineExceeded.
type TimeoutError struct{ What string }

func (e *TimeoutError) Error() string { return "no answer in time: " + e.What }

// Timeout reports true, as for net.Error.
func (e *TimeoutError) Timeout() bool { return true }

// Is makes errors.Is(err, context.DeadlineExceeded) true.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// A KeyDoubt says what is wrong with a host key.
type KeyDoubt string

// The doubts about a host key.
const (
	KeyUnknown KeyDoubt = "unknown" // no line names the host
	KeyChanged KeyDoubt = "changed" // lines name the host, with other keys
	KeyRevoked KeyDoubt = "revoked" // a @revoked line names the key
	KeyPinned  KeyDoubt = "pinned"  // not the key that the plan was made against
	KeyInvalid KeyDoubt = "invalid" // a certificate that does not hold
)

// A KnownKey is a line of a known_hosts file.
type KnownKey struct {
	File        string
	Line        int
	Type        string // "ssh-ed25519"
	Fingerprint string // "SHA256:…"
}

// A HostKeyError says that a host proved a key that is not trusted. Nothing
// was sent to the host but the key exchange.
type HostKeyError struct {
	Host        string // as known_hosts has it: name, or [name]:port
	Type        string // of the offered key
	Fingerprint string // of the offered key, "SHA256:…"
	Doubt       KeyDoubt
	// Known are the lines that decided: the host's other keys, or the line
	// that revokes this one.
	Known []KnownKey
	// Want is the pinned fingerprint, for KeyPinned.
	Want string
	// Files are the known_hosts files that were asked.
	Files []string
	// Reason says why a certificate does not hold, for KeyInvalid.
	Reason string
}

func (e *HostKeyError) Error() string {
	key := fmt.Sprintf("%s %s", e.Type, e.Fingerprint)
	switch e.Doubt {
	case KeyChanged:
		return fmt.Sprintf("host key of %s has changed: it proved %s, %s says %s; "+
			"if the host was reinstalled, remove the old line (ssh-keygen -R '%s') and add the new key, else somebody may be listening",
			e.Host, key, e.where(), e.Known[0].Fingerprint, e.Host)
	case KeyRevoked:
		return fmt.Sprintf("host key of %s is revoked: %s is marked @revoked at %s; give the host a new key", e.Host, key, e.where())
	case KeyPinned:
		return fmt.Sprintf("host key of %s is not the one the plan was made against: it proved %s, the plan says %s; make a new plan", e.Host, key, e.Want)
	case KeyInvalid:
		return fmt.Sprintf("host certificate of %s does not hold: %s (%s)", e.Host, e.Reason, key)
	default:
		return fmt.Sprintf("host key of %s is unknown: it proved %s, and no line of %s names the host; "+
			"compare the fingerprint and add it (ssh-keyscan), or declare host_key_checking = \"accept-new\"",
			e.Host, key, strings.Join(e.Files, ", "))
	}
}

func (e *HostKeyError) where() string {
	if len(e.Known) == 0 {
		return "known_hosts"
	}
	return fmt.Sprintf("%s:%d", e.Known[0].File, e.Known[0].Line)
}

// A NotOpenSSHError says that something else than OpenSSH's sshd answered.
type NotOpenSSHError struct{ Answer string }

func (e *NotOpenSSHError) Error() string {
	return fmt.Sprintf("not OpenSSH: %q answered; sshform changes OpenSSH's sshd_config only", e.Answer)
}

// A RefusedError says that the port answered and hung up before it said which
// program it is. With Banned it is a penalty for this address
// (PerSourcePenalties in sshd_config(5)), which ends by itself; otherwise the
// server is busy (MaxStartups) or something on the way hung up.
type RefusedError struct {
	Banned bool
	Said   string // before the connection ended; may be empty
}

// TryAgain reports whether another try at once may get in: while a ban lasts,
// none does.
func (e *RefusedError) TryAgain() bool { return !e.Banned }

func (e *RefusedError) Error() string {
	switch {
	case e.Banned:
		return fmt.Sprintf("sshd refuses this address for a while (PerSourcePenalties), it said %q; wait, and look into its log for what it punishes", e.Said)
	case e.Said != "":
		return fmt.Sprintf("the connection was closed before the banner; it said %q", e.Said)
	}
	return "the connection was closed before the banner: the server is busy (MaxStartups) or refuses this address"
}

// A DroppedError says that sshd hung up in the key exchange, before it was known
// who it is: where each login has an sshd of its own, the end of another login
// may have removed the folder that it needs.
type DroppedError struct{ Err error }

func (e *DroppedError) Error() string {
	return "the connection was closed in the key exchange: " + e.Err.Error()
}

// Unwrap returns how the connection ended.
func (e *DroppedError) Unwrap() error { return e.Err }

// TryAgain reports that another try may get in.
func (e *DroppedError) TryAgain() bool { return true }

// An AuthError says that the host knows none of the keys that were offered.
type AuthError struct {
	User    string
	Offered []string // what was offered, for a person
	Skipped []string // what could not be offered, and why
	Said    string   // sshd's banner message, if any
	Err     error
}

func (e *AuthError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s may not log in: ", e.User)
	switch len(e.Offered) {
	case 0:
		b.WriteString("there is no key to offer")
	default:
		fmt.Fprintf(&b, "the host accepts none of %s", strings.Join(e.Offered, ", "))
	}
	if len(e.Skipped) > 0 {
		fmt.Fprintf(&b, "; not offered: %s", strings.Join(e.Skipped, ", "))
	}
	if e.Said != "" {
		fmt.Fprintf(&b, "; it said %q", e.Said)
	}
	if e.Err != nil {
		fmt.Fprintf(&b, " (%v)", e.Err)
		// sshd's words after MaxAuthTries; the right key may not have been shown.
		if strings.Contains(e.Err.Error(), "Too many authentication failures") {
			b.WriteString("; declare identity_file, so that only the right key is offered")
		}
	}
	return b.String()
}

// Unwrap returns what the library said.
func (e *AuthError) Unwrap() error { return e.Err }

// A ShellError says that /bin/sh did not start where it should have: a forced
// command, a chroot without a shell, an account that may not log in.
type ShellError struct {
	Command string // "/bin/sh" or "sudo -n /bin/sh"
	Status  int    // its exit status; -1 if it ended without one
	Said    string
}

func (e *ShellError) Error() string {
	status := "without a status"
	if e.Status >= 0 {
		status = fmt.Sprintf("with status %d", e.Status)
	}
	said := "it said nothing"
	if e.Said != "" {
		said = fmt.Sprintf("it said %q", e.Said)
	}
	return fmt.Sprintf("%s did not start and ended %s: %s; a ForceCommand, a chroot or the account's login shell may stand in the way", e.Command, status, said)
}

// A SudoDoubt says why sudo gave no root shell.
type SudoDoubt string

// The reasons why sudo gives no root shell.
const (
	SudoMissing  SudoDoubt = "missing"  // no sudo on the host
	SudoPassword SudoDoubt = "password" // wants a password, and there is none to give
	SudoWrong    SudoDoubt = "wrong"    // the password is wrong
	SudoTerminal SudoDoubt = "terminal" // requiretty
	SudoDenied   SudoDoubt = "denied"   // the user may not
)

// A SudoError says why `become = "sudo"` did not work.
type SudoError struct {
	User  string
	Doubt SudoDoubt
	Said  string
}

func (e *SudoError) Error() string {
	var what string
	switch e.Doubt {
	case SudoMissing:
		what = `there is no sudo on the host; log in as root and declare become = "none"`
	case SudoPassword:
		what = "sudo wants a password for " + e.User + "; set SSHFORM_SUDO_ASKPASS or run on a terminal, or allow /bin/sh with NOPASSWD"
	case SudoWrong:
		what = "sudo does not accept the password of " + e.User
	case SudoTerminal:
		what = "sudo wants a terminal (requiretty); put `Defaults:" + e.User + " !requiretty` into sudoers"
	default:
		what = "sudo does not let " + e.User + " run /bin/sh as root"
	}
	if e.Said != "" {
		what += fmt.Sprintf("; it said %q", e.Said)
	}
	return what
}

// A NoSFTPError says that the host has no SFTP at all: neither the subsystem
// nor an sftp-server in one of the known places.
type NoSFTPError struct{ Said string }

func (e *NoSFTPError) Error() string {
	msg := "the host has no SFTP: sshd refuses the subsystem and no sftp-server was found; install openssh-sftp-server or declare the subsystem"
	if e.Said != "" {
		msg += fmt.Sprintf(" (it said %q)", e.Said)
	}
	return msg
}

// A LimitError says that a host has more than we read.
type LimitError struct {
	Path  string
	What  string // "bytes" or "files"
	Limit int64
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: more than %d %s", e.Path, e.Limit, e.What)
}

// maxSaid bounds what is quoted of a host's words, in bytes.
const maxSaid = 500

// clean makes text from a host fit for an error: one line, no control
// characters and no terminal escapes, not too long.
func clean(said string) string {
	said = strings.TrimSpace(strings.ToValidUTF8(said, "?"))
	var b strings.Builder
	space := false
	for _, r := range said {
		if b.Len() >= maxSaid {
			b.WriteString("…")
			break
		}
		switch {
		case unicode.IsSpace(r):
			space = true
			continue
		case !unicode.IsPrint(r):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
