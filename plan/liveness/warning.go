package liveness

import (
	"fmt"
	"strings"

	"github.com/sshform/sshform/schema"
)

// Note is the severity of what is good to know and no reason to act.
const Note schema.Severity = "note"

// A Warning tells where a value does not do what people believe. Severity is
// schema.Error where the setting would lock people out or do nothing at all,
// schema.Warning, or Note.
type Warning struct {
	// Code is stable, for machines: "doubled-clock".
	Code     string          `json:"code"`
	Severity schema.Severity `json:"severity"`
	Side     schema.Side     `json:"side,omitempty"`
	// Keyword is the setting it is about; empty when it is about the pair.
	Keyword schema.Keyword `json:"keyword,omitempty"`
	// Summary is a few words, Detail full sentences: what, why, what to do.
	Summary string `json:"summary"`
	Detail  string `json:"detail"`
}

// Diagnostic returns the warning as a diagnostic of the configuration. A note
// becomes a warning; drop notes before if they are not wanted.
func (w Warning) Diagnostic() schema.Diagnostic {
	severity := w.Severity
	if severity == Note {
		severity = schema.Warning
	}
	return schema.Diagnostic{Severity: severity, Summary: w.Summary, Detail: w.Detail}
}

// OfNetwork reports whether the warning is about what lies between the sides.
func (w Warning) OfNetwork() bool { return w.Code == pathForgets || w.Code == pathTight }

// Warnings returns what is wrong or surprising about the settings of one side
// on a release, in the order of the keyword table. inMatch says that they
// stand in a Match block. An argument that cannot be read is not judged here.
func Warnings(side schema.Side, release schema.Release, values Values, inMatch bool) []Warning {
	if side == schema.Client {
		client, err := ClientWith(release, values)
		if err != nil {
			return nil
		}
		return clientWarnings(client, values)
	}
	server, err := ServerWith(release, values)
	if err != nil {
		return nil
	}
	server.ChannelTimeoutInMatch = inMatch
	return serverWarnings(server, values)
}

func (v Values) sets(keyword schema.Keyword) bool { return v[keyword] != "" }

func serverWarnings(s Server, values Values) []Warning {
	var found []Warning
	add := func(w Warning) {
		w.Side = schema.Server
		found = append(found, w)
	}
	c := clockOf(s.Release)
	if s.Interval > 0 && c.factor > 1 {
		add(Warning{
			Code: "doubled-clock", Severity: schema.Warning, Keyword: "ClientAliveInterval",
			Summary: "sshd waits twice as long as configured",
			Detail: fmt.Sprintf("OpenSSH %s asks a silent client every %s, not every %s, and %s. The releases 9.2 to 9.4 compare whole seconds with > instead of >=; 9.5 does not. "+
				"Configure half of the seconds you want, or reckon with the double.",
				s.Release, serverEnd(s).wait, s.Interval, exceeded(serverEnd(s).byProbes())),
		})
	}
	if s.Interval > 0 && s.CountMax == 0 {
		add(zeroServerCount(s, c))
	}
	if s.Interval > 0 && s.CountMax > 0 && c.perWait > 1 {
		add(pairedCount(s))
	}
	if s.Interval == 0 && values.sets("ClientAliveCountMax") {
		add(Warning{
			Code: "count-without-interval", Severity: schema.Warning, Keyword: "ClientAliveCountMax",
			Summary: "Count without an interval",
			Detail:  "ClientAliveCountMax counts requests that ClientAliveInterval 0 never sends, so it does nothing. Set ClientAliveInterval too, or leave both out.",
		})
	}
	if w, few := hasty(serverEnd(s).byProbes(), "ClientAliveInterval", "sshd"); few {
		add(w)
	}
	if s.Interval == 0 && s.NoTCPKeepAlive {
		add(Warning{
			Code: "never-notices", Severity: schema.Warning, Keyword: "TCPKeepAlive",
			Summary: "Dead clients are never noticed",
			Detail:  "Without ClientAliveInterval and with TCPKeepAlive no, a session whose client vanished stays for ever if it has nothing to send. Set ClientAliveInterval, or leave TCPKeepAlive on as the last resort.",
		})
	}
	if s.Interval > 0 && c.busy == anythingHolds {
		add(Warning{
			Code: "busy-session", Severity: Note, Keyword: "ClientAliveInterval",
			Summary: "A busy session is not asked",
			Detail: fmt.Sprintf("From OpenSSH 9.2 on a request needs %s in which nothing at all happens in the session. One that prints more often is never asked; TCP finds its dead client, after about 15 minutes on Linux.",
				serverEnd(s).wait),
		})
	}
	if s.Interval > 0 && c.busy == forwardingHolds {
		add(Warning{
			Code: "busy-session", Severity: Note, Keyword: "ClientAliveInterval",
			Summary: "A busy session is not asked",
			Detail:  "Up to OpenSSH 7.5 traffic of forwarded ports can hold the requests off for as long as it lasts.",
		})
	}
	if s.LoginGraceTime == 0 && values.sets("LoginGraceTime") {
		add(Warning{
			Code: "no-login-grace", Severity: schema.Warning, Keyword: "LoginGraceTime",
			Summary: "Logins without a time limit",
			Detail:  "LoginGraceTime 0 lets a connection stay unauthenticated for ever. Before authentication there are no keepalive requests either, so a vanished client holds one of MaxStartups' places until TCP gives up. Set a number of seconds.",
		})
	}
	for _, w := range channelWarnings(s.Release, s.ChannelTimeout, s.ChannelTimeoutInMatch) {
		add(w)
	}
	if s.UnusedConnectionTimeout > 0 {
		add(Warning{
			Code: "unused-hits-listeners", Severity: Note, Keyword: "UnusedConnectionTimeout",
			Summary: "Connections that only listen are closed",
			Detail:  "UnusedConnectionTimeout also ends `ssh -N -R`, because a forwarded port that listens is not an open channel.",
		})
	}
	return found
}

func exceeded(after Seconds) string {
	if after == Never {
		return "its count is never exceeded"
	}
	return "its count is exceeded " + after.Words() + " after the last data"
}

func zeroServerCount(s Server, c clock) Warning {
	w := Warning{Severity: schema.Warning, Keyword: "ClientAliveCountMax"}
	switch {
	case s.Release.IsZero():
		w.Code = "count-zero"
		w.Summary = "A count of 0 means opposite things"
		w.Detail = fmt.Sprintf("Up to OpenSSH 8.1, ClientAliveCountMax 0 hangs up on every client that is silent for %s, alive or not; since 8.2 it never hangs up. Write a count of 1 or more.", s.Interval)
	case c.zeroCloses:
		w.Code = "count-zero-closes"
		w.Summary = "Living clients are hung up on"
		w.Detail = fmt.Sprintf("Up to OpenSSH 8.1, ClientAliveCountMax 0 hangs up on every client that is silent for %s without asking, alive or not. From 8.2 on the same line means never. Write a count of 1 or more.", s.Interval)
	default:
		w.Code = "count-zero-never"
		w.Summary = "Dead clients are not dropped by count"
		w.Detail = "Since OpenSSH 8.2, ClientAliveCountMax 0 means that sshd never hangs up, however many requests stay unanswered. It logs nobody out for being idle, whatever old advice says: no value does with a living client. Write a count of 1 or more; to close idle shells, use ChannelTimeout session:shell."
	}
	return w
}

func pairedCount(s Server) Warning {
	e := serverEnd(s)
	w := Warning{Keyword: "ClientAliveCountMax"}
	if e.endsHealthy() {
		w.Code, w.Severity = "count-one-closes", schema.Warning
		w.Summary = "Living clients are hung up on"
		w.Detail = fmt.Sprintf("OpenSSH 7.6 to 7.9 count two requests in each interval. With ClientAliveCountMax 1 the first silent interval of %s ends the session, alive or not. Write 2 or more.", s.Interval)
		return w
	}
	w.Code, w.Severity = "count-halved", schema.Warning
	w.Summary = "The count is used up twice as fast"
	w.Detail = fmt.Sprintf("OpenSSH 7.6 to 7.9 count two requests in each interval, so a dead client is dropped after %s instead of %s.", e.byProbes(), s.Interval.times(s.CountMax+1))
	return w
}

// hastySeconds is below what a change of Wi-Fi or a paused laptop takes.
const hastySeconds Seconds = 15

func hasty(after Seconds, keyword schema.Keyword, program string) (Warning, bool) {
	if after >= hastySeconds || after == 0 {
		return Warning{}, false
	}
	return Warning{
		Code: "hasty", Severity: schema.Warning, Keyword: keyword,
		Summary: "Short interruptions end sessions",
		Detail: fmt.Sprintf("%s hangs up after %s without an answer. Changing the Wi-Fi or a moment of bad reception takes that long, and a session that would have gone on is lost. Use a longer interval or a larger count.",
			program, after),
	}, true
}

func clientWarnings(c Client, values Values) []Warning {
	var found []Warning
	add := func(w Warning) {
		w.Side = schema.Client
		found = append(found, w)
	}
	if c.Interval > 0 && c.CountMax == 0 {
		add(Warning{
			Code: "count-zero-closes", Severity: schema.Warning, Keyword: "ServerAliveCountMax",
			Summary: "Living servers are hung up on",
			Detail: fmt.Sprintf("ServerAliveCountMax 0 makes ssh hang up after %s without data from the server, without asking, in every release. It is not the opposite of sshd's 0, which means never since 8.2. Write a count of 1 or more.",
				c.Interval),
		})
	}
	if c.Interval == 0 && values.sets("ServerAliveCountMax") {
		add(Warning{
			Code: "count-without-interval", Severity: schema.Warning, Keyword: "ServerAliveCountMax",
			Summary: "Count without an interval",
			Detail:  "ServerAliveCountMax counts requests that ServerAliveInterval 0 never sends, so it does nothing. Set ServerAliveInterval too, or leave both out.",
		})
	}
	if c.CountMax > 0 {
		if w, few := hasty(clientEnd(c).byProbes(), "ServerAliveInterval", "ssh"); few {
			add(w)
		}
	}
	if !values.sets("ServerAliveInterval") && c.Release.Debian() {
		add(Warning{
			Code: "batch-mode", Severity: Note, Keyword: "ServerAliveInterval",
			Summary: "Batch mode has its own interval",
			Detail:  "ssh of Debian and Ubuntu uses ServerAliveInterval 300 when BatchMode is yes and nothing sets it.",
		})
	}
	if values.sets("ServerAliveInterval") {
		add(Warning{
			Code: "new-connections-only", Severity: Note, Keyword: "ServerAliveInterval",
			Summary: "Running connections keep their values",
			Detail:  "ssh reads its files when it starts. Running sessions, and new ones through a running ControlMaster, keep the old values.",
		})
	}
	if c.Interval == 0 && c.NoTCPKeepAlive {
		add(Warning{
			Code: "never-notices", Severity: schema.Warning, Keyword: "TCPKeepAlive",
			Summary: "Dead servers are never noticed",
			Detail:  "Without ServerAliveInterval and with TCPKeepAlive no, ssh waits for ever for a server that vanished, until somebody types. Set ServerAliveInterval.",
		})
	}
	if values.sets("ConnectTimeout") {
		add(Warning{
			Code: "connect-timeout-scope", Severity: Note, Keyword: "ConnectTimeout",
			Summary: "The key exchange is not covered",
			Detail:  "ConnectTimeout covers the TCP connection and the server's banner, for each address and attempt. A server that hangs in the key exchange is given up after ServerAliveInterval times ServerAliveCountMax.",
		})
	}
	for _, w := range channelWarnings(c.Release, c.ChannelTimeout, false) {
		add(w)
	}
	return found
}

// channelWarnings judges a ChannelTimeout.
func channelWarnings(release schema.Release, argument schema.Argument, inMatch bool) []Warning {
	if inMatch && argument == "none" {
		return []Warning{{
			Code: "channel-timeout-none-in-match", Severity: schema.Error, Keyword: "ChannelTimeout",
			Summary: "This line would lock users out",
			Detail:  "ChannelTimeout none inside a Match block passes sshd -t and -T, and then every login that matches dies with an internal error, in all releases from 9.2 to 10.5. Write *=0 instead.",
		}}
	}
	if argument == "" || argument == "none" {
		return nil
	}
	var found []Warning
	if inMatch && !release.IsZero() && !channelTimeouts(release, true) {
		found = append(found, Warning{
			Code: "channel-timeout-in-match", Severity: schema.Error, Keyword: "ChannelTimeout",
			Summary: "ChannelTimeout has no effect in a Match block",
			Detail: fmt.Sprintf("OpenSSH %s accepts ChannelTimeout in a Match block and shows it in sshd -T -C, but sessions do not obey it; 10.5 is the first release where they do. Declare it for everybody, or leave it out.",
				release),
		})
	}
	for _, pair := range strings.Fields(string(argument)) {
		channel, limit, _ := strings.Cut(pair, "=")
		if channel != "session" || limit == "0" {
			continue
		}
		found = append(found, Warning{
			Code: "bare-session", Severity: schema.Warning, Keyword: "ChannelTimeout",
			Summary: "The type session matches nothing",
			Detail:  "Running sessions have the types session:shell, session:command and session:subsystem:NAME. A bare session matches none of them in any release, although some manuals show it. Write session:*.",
		})
	}
	return found
}
