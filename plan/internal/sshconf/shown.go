package sshconf

import (
	"strings"

	"github.com/sshform/sshform/schema"
)

// Shown returns what the program prints for a keyword that is set to an
// argument: times as seconds, yes as the release says it (10.6 prints "true"
// for TCPKeepAlive). complaint is not empty when the release refuses it.
func Shown(side Side, keyword, argument string, release schema.Release) (value, complaint string) {
	d := dialectOf(side, release)
	l, ok := d.line(keyword+" "+argument, 1)
	switch {
	case !ok || l.bare():
		return "", keyword + " has no argument"
	case l.row == nil:
		return "", keyword + " is not known to OpenSSH " + release.String()
	case l.badQuotes:
		return "", "a quote is not closed"
	}
	c := l.cursor(&d)
	o := d.value(&l, c, slots{}, true)
	switch {
	case o.complaint != "":
		return "", o.complaint
	case c.garbage():
		return "", keyword + " has extra arguments"
	}
	r := newRun(NewTree(), side, d)
	r.pass = 1
	r.apply(&frame{active: In}, &l, o)
	row := tableOf(side).find(l.row.key(), release)
	return strings.Join(r.printed(row, l.row.key(), r.now), " "), ""
}

// Default returns what the program prints for a keyword that nothing sets;
// empty when it prints nothing, or it is not known.
func Default(side Side, keyword string, release schema.Release) string {
	d := dialectOf(side, release)
	row := tableOf(side).find(lower(keyword), release)
	if row == nil {
		return ""
	}
	if row.slot != "" {
		row = tableOf(side).find(lower(row.slot), release)
	}
	return strings.Join(newRun(NewTree(), side, d).printed(row, row.key(), slots{}), " ")
}
