package sshconf

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// listValue is for keywords that take several arguments.
func (d *dialect) listValue(l *logicalLine, c *cursor, had slots, active bool) outcome {
	key := l.row.key()
	if !d.split && l.row.kind == kindMethods && had.isSet(key) {
		c.drop() // up to 8.6 a second line was not even looked at
		return good()
	}
	args, blank := c.all()
	if !d.split && l.row.kind == kindFiles {
		c.drop() // nor was what follows an empty argument
	}
	// Up to 9.6 a keyword with a comment but no argument behind it did nothing.
	if len(args) == 0 && !d.mayBeEmpty(l.row.kind) {
		return d.refuse("no %s specified", l.keyword)
	}
	if blank && l.row.kind != kindPubkeyOptions {
		if l.row.kind == kindList || l.row.kind == kindFiles {
			return soft("%s has an empty argument", l.keyword)
		}
		return d.refuse("%s has an empty argument", l.keyword)
	}
	joined := func() outcome {
		if len(args) == 0 {
			return good()
		}
		return good(effect{slot: key, values: []string{strings.Join(args, " ")}})
	}
	switch l.row.kind {
	case kindFiles:
		if d.release.AtLeast(10, 3) && misplacedNone(args) {
			return soft("none must stand alone behind %s", l.keyword)
		}
		return joined()
	case kindList:
		if misplacedNone(args) {
			return soft("none must stand alone behind %s", l.keyword)
		}
		return joined()
	case kindUsers:
		return d.usersValue(l, args)
	case kindAcceptEnv, kindSendEnv:
		for _, a := range args {
			if strings.Contains(a, "=") {
				return d.refuse("%s takes names of variables, not %q", l.keyword, a)
			}
		}
		return good(effect{slot: key, values: args, how: addition})
	case kindSetEnv:
		return d.setEnvValue(l, args)
	case kindChannels:
		return d.channelsValue(l, args)
	case kindForwards:
		return d.forwardsValue(l, args)
	case kindMethods:
		return d.methodsValue(l, args, had.isSet(key), active)
	case kindPenalties:
		return d.penaltiesValue(l, args)
	default:
		return d.pubkeyOptionsValue(l, args)
	}
}

// mayBeEmpty reports whether a line without arguments passes.
func (d *dialect) mayBeEmpty(k kind) bool {
	switch k {
	case kindForwards, kindMethods, kindPenalties:
		return false
	case kindPubkeyOptions:
		return true
	case kindList:
		return d.side == Client || !d.release.AtLeast(9, 7)
	}
	return !d.release.AtLeast(9, 7)
}

// misplacedNone reports whether none stands beside others.
func misplacedNone(args []string) bool {
	for _, a := range args {
		if same(a, "none") && len(args) > 1 {
			return true
		}
	}
	return false
}

func (d *dialect) usersValue(l *logicalLine, args []string) outcome {
	for _, a := range args {
		at := strings.IndexByte(a, '@')
		if d.release.AtLeast(9, 9) {
			at = strings.LastIndexByte(a, '@')
		}
		if at < 0 || !strings.HasSuffix(l.name, "users") {
			continue
		}
		if _, bad := addressList("", a[at+1:], true); bad {
			return d.refuse("%s has a bad pattern: %q", l.keyword, a)
		}
	}
	return good(effect{slot: l.row.key(), values: args, how: addition})
}

// setEnvValue keeps the first value of a name; since 9.1 only of one line.
func (d *dialect) setEnvValue(l *logicalLine, args []string) outcome {
	var kept []string
	seen := map[string]bool{}
	for _, a := range args {
		name, _, found := strings.Cut(a, "=")
		if !found {
			return d.refuse("%s takes NAME=value, not %q", l.keyword, a)
		}
		if !seen[name] || !d.release.AtLeast(9, 1) {
			kept = append(kept, a)
		}
		seen[name] = true
	}
	if len(kept) == 0 {
		return good()
	}
	return good(effect{slot: l.row.key(), values: kept})
}

// channelsValue judges ChannelTimeout. Up to 9.6 "none" behind other
// arguments passed, and then broke every connection.
func (d *dialect) channelsValue(l *logicalLine, args []string) outcome {
	for i, a := range args {
		if same(a, "none") {
			if i < len(args)-1 || i > 0 && d.release.AtLeast(9, 7) {
				return soft("none must stand alone behind %s", l.keyword)
			}
			continue
		}
		kind, interval, found := strings.Cut(a, "=")
		_, ok := Seconds(interval, d.release)
		if d.release.AtLeast(10, 6) { // decimals are kept
			_, ok = fractionalSeconds(interval)
		}
		if !found || kind == "" || !ok {
			return hard("%s takes type=time, not %q", l.keyword, a)
		}
	}
	if len(args) == 0 {
		return good()
	}
	return good(effect{slot: l.row.key(), values: []string{strings.Join(args, " ")}})
}

// forwardsValue judges PermitOpen and PermitListen.
func (d *dialect) forwardsValue(l *logicalLine, args []string) outcome {
	alone := args[0] == "any" || args[0] == "none"
	if !d.release.AtLeast(9, 7) && alone {
		if len(args) > 1 {
			o := soft("%s has extra arguments behind %s", l.keyword, args[0])
			o.hard = !d.split
			return o
		}
		return good(effect{slot: l.row.key(), values: args})
	}
	shown := make([]string, len(args))
	for i, a := range args {
		shown[i] = a
		if a == "any" || a == "none" {
			if i > 0 {
				return hard("%s must stand alone behind %s", a, l.keyword)
			}
			continue
		}
		number := a
		if l.name == "permitlisten" && !strings.Contains(a, ":") {
			shown[i] = "*:" + a
		} else {
			var numbered, ok bool
			if _, number, numbered, ok = hostPort(a); !ok || !numbered {
				return hard("%s takes host:port, not %q", l.keyword, a)
			}
		}
		if n, ok, known := port(number); number != "*" && known && (!ok || n < 0) {
			return hard("%s has a bad port: %q", l.keyword, a)
		}
	}
	return good(effect{slot: l.row.key(), values: []string{strings.Join(shown, " ")}})
}

// methodNames are all methods that any build knows.
const methodNames = " none publickey password keyboard-interactive hostbased gssapi-with-mic gssapi-keyex "

func (d *dialect) methodsValue(l *logicalLine, args []string, had, active bool) outcome {
	// Up to 9.6 "any" was compared with what earlier lines and, in an active
	// section, earlier arguments gave.
	modern := d.release.AtLeast(9, 7)
	given := had && !modern
	any := false
	for _, a := range args {
		switch {
		case a == "any" && given, a != "any" && any:
			return hard("any must stand alone behind %s", l.keyword)
		case a == "any":
			any = true
		case !knownMethods(a):
			return hard("%s does not know all methods of %q", l.keyword, a)
		}
		given = given || modern || active
	}
	return good(effect{slot: l.row.key(), values: []string{strings.Join(args, " ")}})
}

// knownMethods judges a list of methods.
func knownMethods(list string) bool {
	for method := range strings.SplitSeq(list, ",") {
		name, _, _ := strings.Cut(method, ":")
		if name == "" || !strings.Contains(methodNames, " "+name+" ") {
			return false
		}
	}
	return true
}

func (d *dialect) pubkeyOptionsValue(l *logicalLine, args []string) outcome {
	touch, verify, tests := false, false, ""
	for _, a := range args {
		if number, found := strings.CutPrefix(a, "max-pk-ok:"); found && d.release.AtLeast(10, 6) {
			if _, ok := integer(number, math.MaxInt32); !ok {
				return d.refuse("%s takes a number behind max-pk-ok, not %q", l.keyword, number)
			}
			tests = a
			continue
		}
		switch {
		case same(a, "none"):
		case same(a, "touch-required"):
			touch = true
		case same(a, "verify-required") && d.release.AtLeast(8, 4):
			verify = true
		default:
			return soft("%s does not take %q", l.keyword, a)
		}
	}
	var shown []string
	if touch {
		shown = append(shown, "touch-required")
	}
	if verify {
		shown = append(shown, "verify-required")
	}
	if shown == nil {
		shown = []string{"none"}
	}
	if tests != "" {
		shown = append(shown, tests)
	}
	return good(effect{slot: l.row.key(), values: []string{strings.Join(shown, " ")}})
}

// The parts of PerSourcePenalties: those that are times, in the order in
// which sshd prints them, and the others.
var (
	penaltyTimes  = []string{"crash", "authfail", "noauth", "invaliduser", "grace-exceeded", "refuseconnection", "max", "min"}
	penaltyCounts = []string{"max-sources4", "max-sources6"}
	penaltyModes  = []string{"overflow", "overflow6"}
)

// penaltySince is the first release that knows a part.
func penaltySince(part string) version {
	switch part {
	case "refuseconnection":
		return 909
	case "invaliduser":
		return 1003
	}
	return 0
}

func (d *dialect) penaltiesValue(l *logicalLine, args []string) outcome {
	out := outcome{text: strings.Join(args, " ")}
	enabled := effect{slot: "persourcepenalties/enabled", values: []string{"yes"}}
	for i, a := range args {
		if same(a, "yes") || same(a, "no") {
			if i < len(args)-1 {
				return hard("%s must stand alone behind %s", a, l.keyword)
			}
			enabled.values = []string{lower(a)}
			out.effects = append(out.effects, enabled)
			continue
		}
		part, text, _ := strings.Cut(a, ":")
		value, ok := d.penalty(part, text)
		if !ok {
			return hard("%s does not take %q", l.keyword, a)
		}
		enabled.how = last
		out.effects = append(out.effects,
			effect{slot: "persourcepenalties/" + part, values: []string{value}}, enabled)
		enabled.how = first
	}
	return out
}

// penalty judges one part and returns it as sshd prints it.
func (d *dialect) penalty(part, text string) (string, bool) {
	if since := penaltySince(part); since != 0 && !since.atLeast(d.release) {
		return "", false
	}
	for _, name := range penaltyModes {
		if part == name {
			return text, text == "deny-all" || text == "permissive"
		}
	}
	for _, name := range penaltyCounts {
		if part == name {
			n, ok := integer(text, math.MaxInt32)
			return strconv.FormatInt(n, 10), ok
		}
	}
	for _, name := range penaltyTimes {
		if part != name {
			continue
		}
		if d.release.AtLeast(10, 3) {
			n, ok := fractionalSeconds(text)
			return fmt.Sprintf("%f", n), ok
		}
		n, ok := Seconds(text, d.release)
		return strconv.FormatInt(n, 10), ok
	}
	return "", false
}

// penaltyText puts the parts together as sshd prints them.
func (d *dialect) penaltyText(s slots) string {
	if enabled, _ := s.value("persourcepenalties/enabled"); enabled == "no" {
		return "no"
	}
	defaults := map[string]string{
		"crash": "90", "authfail": "5", "noauth": "1", "invaliduser": "5", "grace-exceeded": "10",
		"refuseconnection": "10", "max": "600", "min": "15", "max-sources4": "65536", "max-sources6": "65536",
		"overflow": "permissive",
	}
	if !d.release.AtLeast(9, 9) {
		defaults["grace-exceeded"] = "20"
	}
	var parts []string
	get := func(part string) string {
		if v, ok := s.value("persourcepenalties/" + part); ok {
			return v
		}
		return defaults[part]
	}
	for _, part := range penaltyTimes {
		if since := penaltySince(part); since != 0 && !since.atLeast(d.release) {
			continue
		}
		v := get(part)
		if d.release.AtLeast(10, 3) && !strings.Contains(v, ".") {
			v += ".000000"
		}
		parts = append(parts, part+":"+v)
	}
	for _, part := range penaltyCounts {
		parts = append(parts, part+":"+get(part))
	}
	defaults["overflow6"] = get("overflow")
	for _, part := range penaltyModes {
		parts = append(parts, part+":"+get(part))
	}
	return strings.Join(parts, " ")
}
