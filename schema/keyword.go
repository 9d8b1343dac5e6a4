package schema

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A Side is an end of an SSH connection, and so a configuration file:
// sshd_config(5) or ssh_config(5).
type Side string

// The two sides. Their names are also the block types of the language.
const (
	Server Side = "server"
	Client Side = "client"
)

// A Keyword is the name of a directive, spelled as the manual pages spell it.
// OpenSSH compares keywords without case.
type Keyword string

// Lower returns the keyword as `sshd -T` and `ssh -G` print it.
func (k Keyword) Lower() string { return strings.ToLower(string(k)) }

// HCL returns the name of the attribute that declares the keyword: the
// keyword in snake_case, mechanically. TCPKeepAlive is tcp_keep_alive.
func (k Keyword) HCL() string {
	var b strings.Builder
	runes := []rune(string(k))
	for i, r := range runes {
		startsWord := unicode.IsUpper(r) && i > 0 &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if startsWord {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// A Kind says what arguments a keyword takes.
type Kind int

// The kinds of arguments.
const (
	// Time is a number of seconds, 0 to 2147483647 (TIME FORMATS in sshd_config(5)).
	Time Kind = iota
	// Count is a plain number, 0 to 2147483647.
	Count
	// Flag is yes or no.
	Flag
	// Timeouts is a list of type=time in order, the first that matches counts.
	Timeouts
)

// Max is the largest number that OpenSSH takes for a time or a count (INT_MAX
// in servconf.c and readconf.c).
const Max = 2147483647

// A Definition is one keyword on one side: what it takes and since when.
type Definition struct {
	Side    Side
	Keyword Keyword
	Kind    Kind
	// Default is what OpenSSH uses when no line sets the keyword; empty where
	// that is the system's own.
	Default Argument
	// Min is the smallest number accepted.
	Min int64
	// None says that the argument "none" is accepted.
	None bool
	// Off is the argument that switches the mechanism off; empty if none does.
	Off Argument
	// Since is the first release that knows the keyword.
	Since Release
	// Match is the first release that accepts the keyword in a Match block;
	// zero means never. Client keywords stand in Host and Match blocks alike.
	Match Release
	// MatchHonoured is the first release where a value in a Match block has an
	// effect. Before it, `sshd -T -C` shows the value and sshd ignores it.
	MatchHonoured Release
	// Note says what people get wrong about the keyword.
	Note string
}

func release(major, minor int) Release { return Release{Major: major, Minor: minor, Patch: 1} }

// definitions is the one table of keywords (servconf.c, readconf.c). The
// order is the order in which settings are shown and written.
var definitions = []Definition{
	{
		Side: Server, Keyword: "ClientAliveInterval", Kind: Time, Default: "0", Off: "0",
		Since: release(2, 9), Match: release(7, 4), MatchHonoured: release(7, 4),
		Note: "Seconds of silence from the client before sshd asks for a sign of life. It is not an idle timeout: a living client answers.",
	},
	{
		Side: Server, Keyword: "ClientAliveCountMax", Kind: Count, Default: "3",
		Since: release(2, 9), Match: release(7, 4), MatchHonoured: release(7, 4),
		Note: "Requests without an answer before sshd gives the client up, after interval x (count + 1) seconds. 0 means never since 8.2, and at the first silent interval before.",
	},
	{
		Side: Server, Keyword: "TCPKeepAlive", Kind: Flag, Default: "yes", Off: "no",
		Since: release(3, 8),
		Note:  "The kernel's own probe: on Linux after two hours of silence. Too late for any NAT, the last resort for forgotten sessions.",
	},
	{
		Side: Server, Keyword: "LoginGraceTime", Kind: Time, Default: "120", Off: "0",
		Since: release(1, 0),
		Note:  "Seconds from connection to the end of authentication; 0 is no limit.",
	},
	{
		Side: Server, Keyword: "ChannelTimeout", Kind: Timeouts, Default: "none", Off: "none",
		Since: release(9, 2), Match: release(9, 2), MatchHonoured: release(10, 5),
		Note: "Closes idle channels by type. A shell is session:shell; the bare type session matches no running session.",
	},
	{
		Side: Server, Keyword: "UnusedConnectionTimeout", Kind: Time, Default: "none", None: true, Off: "none",
		Since: release(9, 2), Match: release(9, 2), MatchHonoured: release(9, 2),
		Note: "Closes connections without open channels. It also ends `ssh -N -R`, since listeners are not channels.",
	},
	{
		Side: Client, Keyword: "ServerAliveInterval", Kind: Time, Default: "0", Off: "0",
		Since: release(3, 8), Match: release(3, 8), MatchHonoured: release(3, 8),
		Note: "Seconds of silence from the server before ssh asks for a sign of life. Debian's ssh uses 300 in batch mode when nothing sets it.",
	},
	{
		Side: Client, Keyword: "ServerAliveCountMax", Kind: Count, Default: "3",
		Since: release(3, 8), Match: release(3, 8), MatchHonoured: release(3, 8),
		Note: "Requests without an answer before ssh gives the server up. 0 disconnects after one silent interval without asking.",
	},
	{
		Side: Client, Keyword: "TCPKeepAlive", Kind: Flag, Default: "yes", Off: "no",
		Since: release(3, 8), Match: release(3, 8), MatchHonoured: release(3, 8),
		Note: "The kernel's own probe: on Linux after two hours of silence.",
	},
	{
		Side: Client, Keyword: "ConnectTimeout", Kind: Time, Off: "0",
		Since: release(3, 7), Match: release(3, 7), MatchHonoured: release(3, 7),
		Note: "Seconds for the TCP connection and the server's banner, for each address and attempt; not for the key exchange.",
	},
	{
		Side: Client, Keyword: "ConnectionAttempts", Kind: Count, Min: 1, Default: "1",
		Since: release(1, 0), Match: release(1, 0), MatchHonoured: release(1, 0),
		Note: "Tries, one second apart; each tries every address.",
	},
	{
		Side: Client, Keyword: "ChannelTimeout", Kind: Timeouts, Default: "none", Off: "none",
		Since: release(9, 6), Match: release(9, 6), MatchHonoured: release(9, 6),
		Note: "Closes idle channels by type, from the client's side.",
	},
}

// named are the definitions of each side, by keyword in lower case and by HCL
// attribute. Attributes have an underscore, keywords have none.
var named = func() map[Side]map[string]Definition {
	all := map[Side]map[string]Definition{Server: {}, Client: {}}
	for _, d := range definitions {
		all[d.Side][d.Keyword.Lower()], all[d.Side][d.Keyword.HCL()] = d, d
	}
	return all
}()

// Definitions returns the keywords of one side, in table order.
func Definitions(side Side) []Definition {
	return slices.DeleteFunc(slices.Clone(definitions), func(d Definition) bool { return d.Side != side })
}

// Define returns the definition of a keyword. The name may be the keyword in
// any case or its HCL attribute.
func Define(side Side, name string) (Definition, bool) {
	d, found := named[side][name]
	if !found && !strings.Contains(name, "_") {
		d, found = named[side][strings.ToLower(name)]
	}
	return d, found
}

// An Argument is what follows a keyword, in the one spelling that sshform
// writes: plain decimal seconds or counts, yes or no, none, or blank-separated
// type=seconds pairs. It compares by ==.
type Argument string

// Seconds returns the number in a time or count argument. It reports false
// for none, yes, no and lists.
func (a Argument) Seconds() (int64, bool) {
	n, err := strconv.ParseInt(string(a), 10, 64)
	return n, err == nil
}

// Number returns the argument for a declared number. The error says what is
// wrong and what to write.
func (d Definition) Number(n int64) (Argument, error) {
	switch {
	case d.Kind == Flag:
		return "", fmt.Errorf("%s takes true or false, not a number", d.Keyword)
	case d.Kind == Timeouts:
		return "", fmt.Errorf(`%s takes a list such as ["session:*=10m"], not a number`, d.Keyword)
	case n < d.Min:
		return "", fmt.Errorf("%s must be at least %d, not %d", d.Keyword, d.Min, n)
	case n > Max:
		return "", fmt.Errorf("%s must be at most %d, not %d", d.Keyword, int64(Max), n)
	case d.None && n == 0:
		// sshd prints 0 as none, and means it.
		return "none", nil
	}
	return Argument(strconv.FormatInt(n, 10)), nil
}

// Bool returns the argument for a declared true or false.
func (d Definition) Bool(b bool) (Argument, error) {
	switch {
	case d.Kind != Flag:
		return "", fmt.Errorf("%s takes %s, not true or false", d.Keyword, d.Kind)
	case b:
		return "yes", nil
	}
	return "no", nil
}

// Text returns the argument for a declared string: a time in OpenSSH's form
// such as "1m30s", read with the correct arithmetic; a count; yes or no; none
// where the keyword takes it.
func (d Definition) Text(s string) (Argument, error) {
	switch {
	case strings.EqualFold(s, "none") && d.None:
		return "none", nil
	case strings.EqualFold(s, "none"):
		return "", fmt.Errorf("%s does not take none; write %s", d.Keyword, d.switchOff())
	case d.Kind == Flag:
		switch strings.ToLower(s) {
		case "yes", "no":
			return Argument(strings.ToLower(s)), nil
		}
		return "", fmt.Errorf("%s takes true or false, not %q", d.Keyword, s)
	case d.Kind == Timeouts:
		return "", fmt.Errorf(`%s takes a list such as ["session:*=10m"], not a string`, d.Keyword)
	case d.Kind == Count:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return "", fmt.Errorf("%s takes a plain number without a unit, not %q", d.Keyword, s)
		}
		return d.Number(n)
	}
	n, err := ParseSeconds(s)
	if err != nil {
		return "", fmt.Errorf("%s: %w", d.Keyword, err)
	}
	return d.Number(n)
}

func (d Definition) switchOff() string {
	switch d.Kind {
	case Flag:
		return "false"
	case Timeouts:
		return "[]"
	}
	return "0 to switch it off, or leave the attribute out"
}

// channelTypes are the types of channels that ChannelTimeout knows
// (sshd_config(5)), "global" excepted, which stands for all of them since 9.7.
func channelTypes() []string {
	return []string{
		"agent-connection", "direct-tcpip", "direct-streamlocal@openssh.com",
		"forwarded-tcpip", "forwarded-streamlocal@openssh.com",
		"session", "session:shell", "session:command", "session:subsystem:",
		"tun-connection", "x11-connection",
	}
}

// List returns the argument for a declared list of type=time pairs, times in
// seconds. The empty list is none.
func (d Definition) List(pairs []string) (Argument, error) {
	if d.Kind != Timeouts {
		return "", fmt.Errorf("%s takes %s, not a list", d.Keyword, d.Kind)
	}
	if len(pairs) == 0 {
		return "none", nil
	}
	written := make([]string, len(pairs))
	for i, pair := range pairs {
		channel, time, found := strings.Cut(pair, "=")
		if !found {
			return "", fmt.Errorf(`%s: %q has no "="; write it like "session:*=10m"`, d.Keyword, pair)
		}
		if err := checkChannel(channel); err != nil {
			return "", fmt.Errorf("%s: %w", d.Keyword, err)
		}
		seconds, err := ParseSeconds(time)
		if err != nil {
			return "", fmt.Errorf("%s: in %q: %w", d.Keyword, pair, err)
		}
		written[i] = fmt.Sprintf("%s=%d", channel, seconds)
	}
	return Argument(strings.Join(written, " ")), nil
}

func checkChannel(channel string) error {
	if channel == "" {
		return fmt.Errorf("a pair needs a type of channel before its \"=\"")
	}
	plain := func(r rune) bool {
		return r > ' ' && r < 0x7f && !strings.ContainsRune(`"'\#=`, r)
	}
	if i := strings.IndexFunc(channel, func(r rune) bool { return !plain(r) }); i >= 0 {
		return fmt.Errorf("the type of channel %q holds a character that cannot stand there", channel)
	}
	if strings.ContainsAny(channel, "*?") || channel == "global" {
		return nil
	}
	for _, known := range channelTypes() {
		if channel == known || strings.HasSuffix(known, ":") && strings.HasPrefix(channel, known) {
			return nil
		}
	}
	return fmt.Errorf("there is no type of channel %q; see ChannelTimeout in sshd_config(5)", channel)
}

// String names the kind in a sentence: "takes …".
func (k Kind) String() string {
	switch k {
	case Time:
		return "a number of seconds"
	case Count:
		return "a plain number"
	case Flag:
		return "true or false"
	}
	return "a list of type=time"
}

// ParseSeconds reads OpenSSH's time form: numbers with an optional unit out of
// s, m, h, d and w in any case, added up; no unit means seconds. It adds
// correctly, unlike OpenSSH up to 8.3, where 1m30s is 1860 seconds (convtime
// in misc.c), and takes only what every release takes.
func ParseSeconds(s string) (int64, error) {
	wrong := fmt.Errorf("%q is not a time; write seconds, or a form like 1m30s", s)
	if s == "" {
		return 0, wrong
	}
	var total int64
	for rest := s; rest != ""; {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return 0, wrong
		}
		rest = rest[digits:]
		unit := int64(1)
		if rest != "" {
			units := map[byte]int64{'s': 1, 'm': 60, 'h': 3600, 'd': 86400, 'w': 604800}
			factor, known := units[rest[0]|0x20]
			if !known {
				return 0, wrong
			}
			unit, rest = factor, rest[1:]
		}
		if n > Max/unit || total+n*unit > Max {
			return 0, fmt.Errorf("%q is more than %d seconds, the most that OpenSSH takes", s, int64(Max))
		}
		total += n * unit
	}
	return total, nil
}
