package plan

import (
	"fmt"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// values finds settings that do not do what people believe.
func (l *linter) values(r *sshconf.Result, everybody bool) {
	values := l.valuesOf(r)
	for _, w := range liveness.Warnings(l.side, l.o.Release, values, l.inMatch(r, values)) {
		at, set := firstLine(r, w.Keyword)
		if !set && !everybody {
			continue // it is about everybody, and was told
		}
		if !set {
			at = sshconf.Place{File: l.main}
		}
		l.add(Finding{ID: w.Code, Severity: w.Severity, Keyword: w.Keyword, Source: sourceAt(at), Summary: w.Summary, Detail: w.Detail})
	}
	l.tcpKeepAlive(r, values)
}

// valuesOf are the settings that some line makes, as far as they are certain.
func (s *scene) valuesOf(r *sshconf.Result) liveness.Values {
	values := liveness.Values{}
	for _, d := range schema.Definitions(s.side) {
		if e := r.Keyword(string(d.Keyword)); len(e.From) > 0 && e.Decided() {
			values[d.Keyword] = canonical(d, e.Values)
		}
	}
	return values
}

// inMatch reports whether a ChannelTimeout stands where sshd reads it from a
// Match block. One in Match all is also a global one; only its none, read
// again in the second pass, does harm.
func (s *scene) inMatch(r *sshconf.Result, values liveness.Values) bool {
	at, set := firstLine(r, "ChannelTimeout")
	d, found := directiveAt(r, at)
	if s.side == schema.Client || !set || !found || d.Block == nil {
		return false
	}
	return !catchAll(d.Block) || values["ChannelTimeout"] == "none"
}

func firstLine(r *sshconf.Result, keyword schema.Keyword) (sshconf.Place, bool) {
	if e := r.Keyword(string(keyword)); keyword != "" && len(e.From) > 0 {
		return e.From[0], true
	}
	return sshconf.Place{}, false
}

// tcpKeepAlive refuses two beliefs about TCPKeepAlive.
func (l *linter) tcpKeepAlive(r *sshconf.Result, values liveness.Values) {
	at, set := firstLine(r, "TCPKeepAlive")
	if !set {
		return
	}
	interval := schema.Keyword("ClientAliveInterval")
	if l.side == schema.Client {
		interval = "ServerAliveInterval"
	}
	probes := values[interval] != "" && values[interval] != "0"
	f := Finding{Keyword: "TCPKeepAlive", Source: sourceAt(at)}
	switch {
	case values["TCPKeepAlive"] == "no" && probes:
		f.ID, f.Severity, f.Summary = "tcp-keepalive-independent", liveness.Note, "The two keepalives do not disturb each other"
		f.Detail = fmt.Sprintf("TCPKeepAlive no is not needed for %s: they are independent. Without it a forgotten session that nothing else ends stays for ever. Leave it out.", interval)
	case values["TCPKeepAlive"] != "no" && !probes:
		f.ID, f.Severity, f.Summary = "tcp-keepalive-too-late", schema.Warning, "TCPKeepAlive keeps no NAT open"
		f.Detail = fmt.Sprintf("TCPKeepAlive yes is the default, and on Linux its first packet goes out after two hours of silence; a NAT or firewall forgets a session after minutes. Set %s to keep sessions alive; this line may go.", interval)
	default:
		return
	}
	l.add(f)
}

// withoutEffect finds keywords besides the table's that a Match block shows
// and does not honour (sshd before 10.5).
func (l *linter) withoutEffect() {
	if l.side == schema.Client || l.o.Release.AtLeast(10, 5) {
		return
	}
	for _, d := range l.everyone.Directives {
		if d.Keyword == "RekeyLimit" && d.Block != nil && !catchAll(d.Block) {
			l.add(Finding{
				ID: "no-effect-in-match", Severity: schema.Error, Keyword: "RekeyLimit", Source: sourceAt(d.Place), Summary: "RekeyLimit has no effect in a Match block",
				Detail: fmt.Sprintf("OpenSSH %s accepts RekeyLimit in a Match block and shows it in sshd -T -C, but sessions do not obey it; 10.5 is the first release where they do. Set it for everybody, or leave it out.", l.o.Release),
			})
		}
	}
}

// times finds times that releases read differently (misc.c, convtime).
func (l *linter) times() {
	for _, d := range l.everyone.Directives {
		definition, managed := schema.Define(l.side, d.Keyword)
		file := l.tree.File(d.File)
		if !managed || file == nil || d.Line > file.Len() {
			continue
		}
		for _, word := range strings.Fields(file.Line(d.Line).Value()) {
			word = strings.Trim(word, `"'`)
			if definition.Kind == schema.Timeouts {
				_, word, _ = strings.Cut(word, "=")
			} else if definition.Kind != schema.Time {
				continue
			}
			l.time(d, word)
		}
	}
}

func (l *linter) time(d sshconf.Directive, word string) {
	if strings.Trim(word, "0123456789") == "" || strings.EqualFold(word, "none") {
		return
	}
	now, taken := sshconf.Seconds(word, l.o.Release)
	if !taken {
		return
	}
	f := Finding{Keyword: schema.Keyword(d.Keyword), Source: sourceAt(d.Place)}
	meant, err := schema.ParseSeconds(word)
	switch other, differs := l.otherReading(word, now); {
	case err == nil && meant != now:
		f.ID, f.Severity, f.Summary = "misread-time", schema.Warning, "Time is not what it seems"
		f.Detail = fmt.Sprintf("%s is %d seconds to OpenSSH %s, not %d: up to 8.3 the unit of one number sticks to the next. Write %d.", word, now, l.o.Release, meant, meant)
	case strings.Contains(word, "."):
		f.ID, f.Severity, f.Summary = "misread-time", schema.Warning, "Time is not what it seems"
		f.Detail = fmt.Sprintf("OpenSSH %s cuts the fraction off: %s is %d seconds. Older releases refuse the line. Write whole seconds.", l.o.Release, word, now)
	case differs:
		f.ID, f.Severity, f.Summary = "unportable-time", liveness.Note, "Other releases read the time differently"
		f.Detail = fmt.Sprintf("%s is %d seconds to OpenSSH %s, but %s. Write plain seconds, which every release reads alike: %d.", word, now, l.o.Release, other, now)
	default:
		return
	}
	l.add(f)
}

// otherReading finds a release that reads a time in another way.
func (l *linter) otherReading(word string, now int64) (string, bool) {
	// One of each age of convtime.
	for _, version := range [][2]int{{8, 3}, {8, 4}, {9, 7}, {10, 2}, {10, 3}} {
		release := schema.Release{Major: version[0], Minor: version[1], Patch: 1}
		switch n, taken := sshconf.Seconds(word, release); {
		case !taken:
			return fmt.Sprintf("%d.%d refuses it", version[0], version[1]), true
		case n != now:
			return fmt.Sprintf("%d seconds to %d.%d", n, version[0], version[1]), true
		}
	}
	return "", false
}
