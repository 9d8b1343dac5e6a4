package sshconf

import (
	"fmt"
	"math"
	"strconv"
)

// qosNone stands for "none": 0 is cs0.
const qosNone = math.MaxInt32

// qosNames are the classes of IPQoS in the order in which a number finds its
// name (misc.c).
var qosNames = []struct {
	name  string
	value int64
}{
	{"none", qosNone},
	{"af11", 0x28}, {"af12", 0x30}, {"af13", 0x38},
	{"af21", 0x48}, {"af22", 0x50}, {"af23", 0x58},
	{"af31", 0x68}, {"af32", 0x70}, {"af33", 0x78},
	{"af41", 0x88}, {"af42", 0x90}, {"af43", 0x98},
	{"cs0", 0x00}, {"cs1", 0x20}, {"cs2", 0x40}, {"cs3", 0x60},
	{"cs4", 0x80}, {"cs5", 0xa0}, {"cs6", 0xc0}, {"cs7", 0xe0},
	{"ef", 0xb8}, {"le", 0x04}, {"va", 0xb0},
	{"lowdelay", 0x10}, {"throughput", 0x08}, {"reliability", 0x04},
}

// qosKnown reports whether the release has a name for a class.
func (d *dialect) qosKnown(name string) bool {
	switch name {
	case "le":
		return d.release.AtLeast(8, 2)
	case "va":
		return d.release.AtLeast(10, 3)
	}
	return true
}

// qosGone reports whether a class is one of the old type-of-service names,
// which mean the system's default since 10.1; Debian's 10.0 has that change.
func (d *dialect) qosGone(name string) bool {
	if !d.release.AtLeast(10, 1) && !(d.release.Debian() && d.release.AtLeast(10, 0)) {
		return false
	}
	return name == "lowdelay" || name == "throughput" || name == "reliability"
}

func (d *dialect) parseQoS(s string) (int64, bool) {
	for _, q := range qosNames {
		if !same(s, q.name) || !d.qosKnown(q.name) {
			continue
		}
		if d.qosGone(q.name) {
			return qosNone, true
		}
		if q.name == "le" && !d.release.AtLeast(8, 8) {
			return 1, true // a wrong number, mended in 8.8 or 8.9
		}
		return q.value, true
	}
	if d.release.AtLeast(9, 8) {
		return integer(s, 255)
	}
	return strtolAny(s)
}

// strtolAny reads 0 to 255 in decimal, octal or hexadecimal.
func strtolAny(s string) (int64, bool) {
	for s != "" && (s[0] == ' ' || s[0] >= '\t' && s[0] <= '\r') {
		s = s[1:]
	}
	sign := ""
	if s != "" && (s[0] == '+' || s[0] == '-') {
		sign, s = s[:1], s[1:]
	}
	base := 10
	switch {
	case len(s) > 1 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'):
		base, s = 16, s[2:]
	case len(s) > 1 && s[0] == '0':
		base = 8
	}
	n, err := strconv.ParseUint(s, base, 32)
	if err != nil || n > 255 || sign == "-" && n != 0 {
		return 0, false
	}
	return int64(n), true
}

func (d *dialect) qosText(n int64) string {
	if !d.release.AtLeast(8, 8) && n == 4 {
		return "reliability"
	}
	for _, q := range qosNames {
		if n == 1 && q.name == "le" && d.qosKnown(q.name) && !d.release.AtLeast(8, 8) {
			return q.name
		}
		if q.value == n && d.qosKnown(q.name) && !d.qosGone(q.name) {
			return q.name
		}
	}
	return fmt.Sprintf("0x%02x", n)
}

func (d *dialect) qosValue(l *logicalLine, c *cursor) outcome {
	arg, ok := c.next()
	if !ok || arg == "" {
		return d.missing(l)
	}
	interactive, ok := d.parseQoS(arg)
	if !ok {
		return d.refuse("%s does not know the class %q", l.keyword, arg)
	}
	bulk := interactive
	if arg, more := c.next(); more && (d.split || arg != "") {
		if bulk, ok = d.parseQoS(arg); !ok {
			return d.refuse("%s does not know the class %q", l.keyword, arg)
		}
	}
	how := first
	if d.side == Server && !d.release.AtLeast(10, 3) || !d.release.AtLeast(8, 7) {
		how = last
	}
	return good(effect{slot: l.row.key(), values: []string{d.qosText(interactive) + " " + d.qosText(bulk)}, how: how})
}

// qosDefault is what is printed when nothing sets IPQoS. Debian kept the old
// names up to 12.
func (d *dialect) qosDefault() string {
	switch {
	case d.release.AtLeast(10, 1):
		return "ef cs0"
	case d.release.Debian() && d.release.AtLeast(10, 0):
		return "ef cs1"
	case d.release.Debian():
		return "lowdelay throughput"
	case d.release.AtLeast(7, 8):
		return "af21 cs1"
	}
	return "lowdelay throughput"
}
