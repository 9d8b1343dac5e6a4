package sshconf

import (
	"strings"
)

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

func (d *dialect) nameValue(l *logicalLine, arg string, names []word) outcome {
	for _, w := range names {
		if same(arg, w.written) {
			return good(effect{slot: l.row.key(), values: []string{w.printed}})
		}
	}
	return d.refuse("%s does not take %q", l.keyword, arg)
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
