package sshconf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

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
	out.text = fmt.Sprintf("%d:%d:%d", begin, rateText(rate), full)
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
	six, doubt := int64(128), ""
	switch {
	case len(fields) == 2:
		six = fields[1]
	case !d.release.AtLeast(10, 3):
		six, doubt = 0, l.keyword+" without a length for IPv6: sshd takes a number that nobody wrote, often 0"
	}
	o := good(effect{slot: l.row.key(), values: []string{fmt.Sprintf("%d:%d", fields[0], six)}, how: how})
	o.doubt = doubt
	return o
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

func (d *dialect) persistValue(l *logicalLine, arg string) outcome {
	text := ""
	switch arg {
	case "no", "false":
		text = "no"
	case "yes", "true":
		text = "yes"
	default:
		n, ok := Seconds(arg, d.release)
		if !ok || n < 0 {
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

// rateText is the rate of MaxStartups as far as one line says it.
func rateText(rate int64) int64 {
	if rate < 0 {
		return 30
	}
	return rate
}
