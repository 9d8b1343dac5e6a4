package sshconf

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// An effect is what a directive wants to do to one slot.
type effect struct {
	slot   string
	values []string
	how    rule
	unset  bool // leaves the slot open, but is a value as written
	// anyway: it counts although its block does not (ssh forgot to ask).
	anyway bool
}

// An outcome is what a directive means: effects, or a complaint. A hard
// complaint ends the program at once, a soft one at the end of the file.
type outcome struct {
	effects   []effect
	complaint string
	hard      bool
	// doubt says what about the line only the host knows.
	doubt string
}

func good(effects ...effect) outcome { return outcome{effects: effects} }

// hard and soft are the two ways in which OpenSSH refuses a line.
func hard(format string, a ...any) outcome {
	return outcome{complaint: fmt.Sprintf(format, a...), hard: true}
}

func soft(format string, a ...any) outcome {
	return outcome{complaint: fmt.Sprintf(format, a...)}
}

// refuse is how the side refuses bad values: sshd at once, ssh at the end of
// the file.
func (d *dialect) refuse(format string, a ...any) outcome {
	o := soft(format, a...)
	o.hard = d.side == Server
	return o
}

func (d *dialect) missing(l *logicalLine) outcome {
	return d.refuse("%s has no argument", l.keyword)
}

// value judges the arguments of a directive and says what they do. had is
// what earlier lines of the same pass gave, on which a few keywords depend.
func (d *dialect) value(l *logicalLine, c *cursor, had slots, active bool) outcome {
	key := l.row.key()
	one := func(values ...string) outcome { return good(effect{slot: key, values: values}) }
	switch l.row.kind {
	case kindDeprecated, kindIgnored, kindUnsupported:
		c.drop()
		return good()
	case kindAny:
		c.drop()
		return one(argumentText(l))
	case kindRaw, kindVersion, kindCommand, kindProxy, kindJump:
		return d.rawValue(l, c, had)
	case kindList, kindFiles, kindUsers, kindAcceptEnv, kindSendEnv, kindSetEnv, kindChannels,
		kindForwards, kindMethods, kindPubkeyOptions, kindPenalties:
		return d.listValue(l, c, had, active)
	case kindFlag, kindEnum:
		return d.enumValue(l, c)
	case kindTime, kindUnused:
		return d.timeValue(l, c)
	case kindRekey:
		return d.rekeyValue(l, c)
	case kindIPQoS:
		return d.qosValue(l, c)
	case kindListen:
		return d.listenValue(l, c)
	case kindSubsystem:
		return d.subsystemValue(l, c, had, active)
	}
	arg, ok := c.next()
	if !ok || arg == "" {
		return d.missing(l)
	}
	switch l.row.kind {
	case kindInt:
		n, ok := integer(arg, math.MaxInt32)
		if !ok {
			return d.refuse("%s takes a whole number from 0 to 2147483647, not %q", l.keyword, arg)
		}
		return one(strconv.FormatInt(n, 10))
	case kindPort, kindClientPort:
		n, ok, known := port(arg)
		if known && (!ok || n == 0) {
			return d.refuse("%s takes a port number, not %q", l.keyword, arg)
		}
		text := arg
		if known {
			text = strconv.FormatInt(n, 10)
		}
		o := one(text)
		if l.row.kind == kindPort {
			o.effects[0].how = addition
		}
		if !known {
			o.doubt = l.keyword + ": the name " + arg + " is looked up in the services of the host"
		}
		return o
	case kindHostKey, kindIdentity:
		return good(effect{slot: key, values: []string{arg}, how: addition})
	case kindPath:
		return one(d.pathText(arg))
	case kindMaxStartups:
		return d.startupsValue(l, arg)
	case kindNetBlock:
		return d.netBlockValue(l, arg)
	case kindPerSource:
		return d.perSourceValue(l, arg)
	case kindExempt:
		if _, bad := addressList("", arg, true); bad {
			return d.refuse("%s takes a list of addresses, not %q", l.keyword, arg)
		}
		return one(arg)
	case kindMask:
		return d.maskValue(l, arg)
	case kindHash:
		return d.hashValue(l, arg)
	case kindLevel:
		if d.release.Debian() {
			return d.nameValue(l, arg, debianLevels)
		}
		return d.nameValue(l, arg, logLevels)
	case kindFacility:
		o := d.nameValue(l, arg, facilities)
		for i := range o.effects {
			o.effects[i].anyway = d.side == Client
		}
		return o
	case kindAgentPath:
		path, shared := strings.CutPrefix(arg, "shared:")
		if !same(arg, "none") && !strings.HasPrefix(arg, "user:") && !(shared && strings.HasPrefix(path, "/")) {
			return d.refuse("%s takes user:PATH or shared:/PATH, not %q", l.keyword, arg)
		}
		return one(arg)
	case kindUserEnv:
		return one(arg)
	case kindTunnel:
		if !slices.Contains([]string{"no", "point-to-point", "ethernet", "yes"}, arg) {
			return d.refuse("%s takes yes, no, point-to-point or ethernet, not %q", l.keyword, arg)
		}
		return one(arg)
	case kindRDomain:
		if d.release.Debian() {
			return d.refuse("%s is not supported on Linux", l.keyword)
		}
		return one(arg)
	case kindPersist:
		return d.persistValue(l, arg)
	case kindKeystrokes:
		return d.keystrokesValue(l, arg)
	case kindRefuse:
		if active {
			return hard("RefuseConnection: %s", arg)
		}
		return good()
	}
	if l.row.fallback == "none" && same(arg, "none") {
		return one("none")
	}
	return one(arg)
}

// argumentText is the arguments as written, for values that are not judged.
func argumentText(l *logicalLine) string {
	if len(l.args) > 0 {
		return strings.Join(l.args, " ")
	}
	return strings.TrimRight(l.raw.s, trailing)
}

// pathText anchors a path where sshd was started. What "~" stands for is not
// known here.
func (d *dialect) pathText(arg string) string {
	switch {
	case same(arg, "none"):
		return "none"
	case same(arg, "internal"), arg == "SSH_AUTH_SOCK", arg[0] == '/', arg[0] == '~':
		return arg
	}
	return strings.TrimSuffix(d.workDir, "/") + "/" + arg
}

func (d *dialect) rawValue(l *logicalLine, c *cursor, had slots) outcome {
	c.drop()
	if l.bare() {
		return d.missing(l)
	}
	key := l.row.key()
	text := skipBlanks(l.raw.s)
	if d.side == Client && l.row.kind != kindVersion {
		text = strings.TrimLeft(text, blanks+"=")
	}
	none := same(text, "none")
	switch l.row.kind {
	case kindVersion:
		if strings.Contains(text, "\r") {
			return hard("%s may not hold a carriage return", l.keyword)
		}
	case kindCommand:
		if !strings.HasPrefix(text, "/") && !none {
			return d.refuse("%s takes an absolute path", l.keyword)
		}
		if d.release.AtLeast(8, 7) && !d.release.AtLeast(9, 4) && key == "authorizedprincipalscommand" {
			// servconf.c looked at the wrong variable: see 9.4's change.
			return good(effect{slot: key, values: []string{text}, how: last, unset: had.isSet("authorizedkeyscommand")})
		}
	}
	if none {
		text = "none"
	}
	return good(effect{slot: key, values: []string{text}})
}

// enumValue is for yes and no, and for words; case does not matter.
func (d *dialect) enumValue(l *logicalLine, c *cursor) outcome {
	arg, ok := c.next()
	if !ok || arg == "" {
		return d.missing(l)
	}
	choices := l.row.words
	if l.row.kind == kindFlag {
		choices = yesNo
	}
	for _, w := range choices {
		if same(arg, w.written) {
			return good(effect{slot: l.row.key(), values: []string{w.printed}})
		}
	}
	if !l.row.built(d.release) {
		return good(effect{slot: l.row.key(), values: []string{arg}})
	}
	return d.refuse("%s does not take %q", l.keyword, arg)
}

var yesNo = words("yes", "yes", "no", "no")

func (d *dialect) timeValue(l *logicalLine, c *cursor) outcome {
	key := l.row.key()
	arg, ok := c.next()
	if !ok || arg == "" {
		return d.missing(l)
	}
	switch {
	case l.row.kind == kindUnused && same(arg, "none"):
		// Stored without a look at what is there.
		return good(effect{slot: key, values: []string{"none"}, how: last})
	case d.side == Client && arg == "none":
		return good(effect{slot: key, values: []string{"none"}, unset: true})
	}
	n, ok := Seconds(arg, d.release)
	if !ok {
		return d.refuse("%s takes a time, not %q", l.keyword, arg)
	}
	text := strconv.FormatInt(n, 10)
	if l.row.kind == kindUnused && n == 0 {
		text = "none"
	}
	return good(effect{slot: key, values: []string{text}})
}

func (d *dialect) rekeyValue(l *logicalLine, c *cursor) outcome {
	arg, ok := c.next()
	if !ok || arg == "" {
		return d.missing(l)
	}
	volume := int64(0)
	if arg != "default" {
		if volume, ok = size(arg); !ok {
			return d.refuse("%s takes a size, not %q", l.keyword, arg)
		}
		if volume != 0 && volume < 16 {
			return d.refuse("%s is too small: at least 16 bytes", l.keyword)
		}
	}
	out := good(effect{slot: "rekeylimit/volume", values: []string{strconv.FormatInt(volume, 10)}})
	if !c.some() {
		return out
	}
	if arg, ok = c.next(); !ok || arg == "" {
		return d.missing(l)
	}
	if arg == "none" {
		out.effects = append(out.effects, effect{slot: "rekeylimit/time", values: []string{"none"}, unset: true})
		return out
	}
	n, ok := Seconds(arg, d.release)
	if !ok {
		return d.refuse("%s takes a time, not %q", l.keyword, arg)
	}
	out.effects = append(out.effects, effect{slot: "rekeylimit/time", values: []string{strconv.FormatInt(n, 10)}})
	return out
}

func (d *dialect) startupsValue(l *logicalLine, arg string) outcome {
	fields := scanInts(arg, 3)
	begin, rate, full := int64(0), int64(-1), int64(0)
	switch len(fields) {
	case 3:
		begin, rate, full = fields[0], fields[1], fields[2]
		if begin > full || rate > 100 || rate < 1 {
			return d.refuse("%s takes start:rate:full, not %q", l.keyword, arg)
		}
	case 1:
		begin, full = fields[0], fields[0]
	default:
		return d.refuse("%s takes start:rate:full, not %q", l.keyword, arg)
	}
	if (begin <= 0 || full <= 0) && d.release.AtLeast(9, 2) {
		return d.refuse("%s takes numbers above 0, not %q", l.keyword, arg)
	}
	how := last
	if d.release.AtLeast(10, 1) {
		how = first
		if rate < 0 {
			rate = 30
			if !d.release.AtLeast(10, 3) {
				begin = 10 // a slip of 10.1 and 10.2: the single number is full only
			}
		}
	}
	number := func(part string, n int64) effect {
		return effect{slot: "maxstartups/" + part, values: []string{strconv.FormatInt(n, 10)}, how: how}
	}
	out := good(number("begin", begin), number("full", full))
	if rate >= 0 {
		out.effects = append(out.effects, number("rate", rate))
	}
	return out
}

func (d *dialect) netBlockValue(l *logicalLine, arg string) outcome {
	fields := scanInts(arg, 2)
	if len(fields) == 0 || fields[0] < 0 || fields[0] > 32 || len(fields) == 2 && (fields[1] < 0 || fields[1] > 128) {
		return d.refuse("%s takes prefix lengths, not %q", l.keyword, arg)
	}
	how := last
	if d.release.AtLeast(10, 1) {
		how = first
	}
	six := int64(128)
	switch {
	case len(fields) == 2:
		six = fields[1]
	case !d.release.AtLeast(10, 3):
		six = 0 // really undefined: sshd never writes it
	}
	return good(effect{slot: l.row.key(), values: []string{fmt.Sprintf("%d:%d", fields[0], six)}, how: how})
}

func (d *dialect) perSourceValue(l *logicalLine, arg string) outcome {
	how := last
	if d.release.AtLeast(9, 5) {
		how = first
	}
	text := "none"
	if arg != "none" {
		n, ok := integer(arg, math.MaxInt32)
		if !ok {
			return d.refuse("%s takes a whole number or none, not %q", l.keyword, arg)
		}
		if n != math.MaxInt32 {
			text = strconv.FormatInt(n, 10)
		}
	}
	return good(effect{slot: l.row.key(), values: []string{text}, how: how})
}

// scanInts reads numbers separated by ':' as sscanf("%d:%d…") does, which
// does not mind what follows.
func scanInts(s string, most int) []int64 {
	var out []int64
	for len(out) < most {
		n, left, ok := strtol(s)
		if !ok {
			break
		}
		out = append(out, int64(int32(n)))
		if !strings.HasPrefix(left, ":") {
			break
		}
		s = left[1:]
	}
	return out
}

func (d *dialect) maskValue(l *logicalLine, arg string) outcome {
	text := strings.TrimLeft(arg, " \t\n\v\f\r")
	negative := strings.HasPrefix(text, "-")
	text = strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+")
	end := 0
	for end < len(text) && text[end] >= '0' && text[end] <= '7' {
		end++
	}
	n, err := strconv.ParseInt(text[:end], 8, 64)
	if err != nil || n > 0o777 || negative && n != 0 {
		return d.refuse("%s takes an octal mode, not %q", l.keyword, arg)
	}
	e := effect{slot: l.row.key(), values: []string{fmt.Sprintf("0%o", n)}}
	if !d.release.AtLeast(10, 6) {
		e.how, e.anyway = last, d.side == Client
	}
	return good(e)
}

func (d *dialect) hashValue(l *logicalLine, arg string) outcome {
	for _, name := range []string{"MD5", "SHA1", "SHA256", "SHA384", "SHA512"} {
		if same(arg, name) {
			how := last
			if d.side == Client {
				how = first
			}
			return good(effect{slot: l.row.key(), values: []string{name}, how: how})
		}
	}
	return d.refuse("%s does not know the hash %q", l.keyword, arg)
}

var (
	logLevels = words("QUIET", "QUIET", "FATAL", "FATAL", "ERROR", "ERROR", "INFO", "INFO", "VERBOSE", "VERBOSE",
		"DEBUG", "DEBUG", "DEBUG1", "DEBUG", "DEBUG2", "DEBUG2", "DEBUG3", "DEBUG3")
	// Debian has an old name for QUIET, and prints it.
	debianLevels = append(words("SILENT", "SILENT", "QUIET", "SILENT"), logLevels[1:]...)
	facilities   = words("DAEMON", "DAEMON", "USER", "USER", "AUTH", "AUTH", "AUTHPRIV", "AUTHPRIV",
		"LOCAL0", "LOCAL0", "LOCAL1", "LOCAL1", "LOCAL2", "LOCAL2", "LOCAL3", "LOCAL3", "LOCAL4", "LOCAL4",
		"LOCAL5", "LOCAL5", "LOCAL6", "LOCAL6", "LOCAL7", "LOCAL7")
)

func (d *dialect) nameValue(l *logicalLine, arg string, names []word) outcome {
	for _, w := range names {
		if same(arg, w.written) {
			return good(effect{slot: l.row.key(), values: []string{w.printed}})
		}
	}
	return d.refuse("%s does not take %q", l.keyword, arg)
}

func (d *dialect) persistValue(l *logicalLine, arg string) outcome {
	text := ""
	switch arg {
	case "no", "false":
		text = "no"
	case "yes", "true":
		text = "yes"
	default:
		n, ok := Seconds(arg, d.release)
		if !ok {
			return d.refuse("%s takes yes, no or a time, not %q", l.keyword, arg)
		}
		text = strconv.FormatInt(n, 10)
		if n == 0 {
			text = "yes"
		}
	}
	return good(effect{slot: l.row.key(), values: []string{text}})
}

func (d *dialect) keystrokesValue(l *logicalLine, arg string) outcome {
	text := ""
	switch {
	case arg == "yes" || arg == "true":
		text = "yes"
	case arg == "no" || arg == "false":
		text = "no"
	case strings.HasPrefix(arg, "interval:"):
		n, ok := integer(arg[len("interval:"):], 1000)
		if !ok || n == 0 {
			return d.refuse("%s takes an interval from 1 to 1000, not %q", l.keyword, arg)
		}
		text = strconv.FormatInt(n, 10)
		if n == 20 {
			text = "yes"
		}
	default:
		return d.refuse("%s does not take %q", l.keyword, arg)
	}
	return good(effect{slot: l.row.key(), values: []string{text}})
}

// listenValue judges "address", "address:port" and "[address]:port".
func (d *dialect) listenValue(l *logicalLine, c *cursor) outcome {
	arg, ok := c.next()
	if !ok || arg == "" {
		return d.missing(l)
	}
	host := arg
	if strings.Contains(arg, "[") || strings.Count(arg, ":") < 2 {
		var number string
		var numbered, ok bool
		if host, number, numbered, ok = hostPort(arg); !ok {
			return d.refuse("%s takes address:port, not %q", l.keyword, arg)
		}
		if n, good, known := port(number); numbered && known && (!good || n == 0) {
			return d.refuse("%s has a bad port: %q", l.keyword, arg)
		}
	}
	if strings.Trim(host, "[]") == "" {
		return d.refuse("%s has no address: %q", l.keyword, arg)
	}
	if extra, more := c.next(); more && (d.split || extra != "") {
		if domain, ok := c.next(); extra != "rdomain" || !ok || d.release.Debian() && domain != "" {
			return d.refuse("%s has a bad routing domain", l.keyword)
		}
	}
	return good(effect{slot: l.row.key(), values: []string{arg}, how: addition})
}

// hostPort cuts at the colon as hpdelim does.
func hostPort(s string) (host, number string, numbered, ok bool) {
	end := strings.IndexAny(s, ":/")
	if strings.HasPrefix(s, "[") {
		i := strings.IndexByte(s, ']')
		if i < 0 {
			return "", "", false, false
		}
		end = i + 1
		if end == len(s) {
			end = -1
		} else if s[end] != ':' && s[end] != '/' {
			return "", "", false, false
		}
	}
	switch {
	case end < 0:
		return s, "", false, true
	case s[end] == '/':
		return "", "", false, false
	}
	return s[:end], s[end+1:], true, true
}

func (d *dialect) subsystemValue(l *logicalLine, c *cursor, had slots, active bool) outcome {
	name, ok := c.next()
	if !ok || name == "" {
		return d.missing(l)
	}
	strict := d.release.AtLeast(10, 3)
	if !active && !strict {
		c.drop()
		return good()
	}
	key := "subsystem/" + name
	if had.isSet(key) && !strict {
		if !d.release.AtLeast(9, 5) {
			return d.refuse("subsystem %s is already defined", name)
		}
		c.drop()
		return good()
	}
	command, ok := c.next()
	if !ok || command == "" {
		return d.refuse("subsystem %s has no command", name)
	}
	args, _ := c.all()
	text := name + " " + command
	for _, a := range args {
		text += " " + a
	}
	return good(effect{slot: key, values: []string{text}})
}
