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
	// text is the value of the whole line where the effects do not spell it.
	text string
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

var (
	logLevels = words("QUIET", "QUIET", "FATAL", "FATAL", "ERROR", "ERROR", "INFO", "INFO", "VERBOSE", "VERBOSE",
		"DEBUG", "DEBUG", "DEBUG1", "DEBUG", "DEBUG2", "DEBUG2", "DEBUG3", "DEBUG3")
	// Debian has an old name for QUIET, and prints it.
	debianLevels = append(words("SILENT", "SILENT", "QUIET", "SILENT"), logLevels[1:]...)
	facilities   = words("DAEMON", "DAEMON", "USER", "USER", "AUTH", "AUTH", "AUTHPRIV", "AUTHPRIV",
		"LOCAL0", "LOCAL0", "LOCAL1", "LOCAL1", "LOCAL2", "LOCAL2", "LOCAL3", "LOCAL3", "LOCAL4", "LOCAL4",
		"LOCAL5", "LOCAL5", "LOCAL6", "LOCAL6", "LOCAL7", "LOCAL7")
)
