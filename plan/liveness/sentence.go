package liveness

import (
	"fmt"
	"strings"

	"github.com/sshform/sshform/schema"
)

// Sentence says in two or three sentences what becomes of the pair.
func (x Prediction) Sentence() string {
	return strings.Join([]string{x.idle(), x.dead()}, " ")
}

// idle is about a session that is silent and healthy.
func (x Prediction) idle() string {
	if x.Forgets != Never {
		if x.Gap == Never {
			return fmt.Sprintf("An idle session freezes after %s: nobody ever says anything, and the network forgets it then.", x.Forgets.Words())
		}
		return fmt.Sprintf("An idle session freezes after %s: the network forgets it then, and nobody says anything before %s.", x.Forgets.Words(), x.Gap.Words())
	}
	if len(x.Closings) > 0 && x.Closings[0].Certain {
		c := x.Closings[0]
		return fmt.Sprintf("An idle session is closed by the %s after %s (%s).", c.Side, c.After.Words(), c.Keyword)
	}
	switch {
	case x.Gap == Never:
		return "An idle session stays open for as long as the network remembers it: nobody ever says anything."
	case x.GapByTCP && x.Prober == NobodyProbes:
		return fmt.Sprintf("An idle session stays open: nothing but TCP keepalive is sent, every %s.", x.Gap.Words())
	case x.GapByTCP:
		return fmt.Sprintf("An idle session stays open: TCP keepalive is sent every %s, and %s.", x.Gap.Words(), x.asking())
	}
	return fmt.Sprintf("An idle session stays open: %s.", x.asking())
}

// asking says who asks how often.
func (x Prediction) asking() string {
	switch x.Prober {
	case ServerProbes:
		return fmt.Sprintf("the server asks every %s and the client answers", x.Server.Wait.Words())
	case ClientProbes:
		if !x.Pair.Client.Program.traits().asks {
			return fmt.Sprintf("the client sends something every %s that wants no answer", x.Client.Wait.Words())
		}
		return fmt.Sprintf("the client asks every %s and the server answers", x.Client.Wait.Words())
	}
	return fmt.Sprintf("both sides ask, every %s", min(x.Server.Wait, x.Client.Wait).Words())
}

// dead is about a path that died, or that the network forgot.
func (x Prediction) dead() string {
	when, s, c := "If the path dies", x.Server, x.Client
	if x.Forgets != Never {
		when = "After that"
	}
	switch x.First {
	case NeitherHangUp:
		return when + ", neither side ever notices."
	case BothAtOnce:
		return fmt.Sprintf("%s, both sides hang up %s after the last data%s.", when, s.After.Words(), tcp(s))
	case ServerFirst:
		return fmt.Sprintf("%s, the server hangs up first, %s after the last data%s; the client %s.", when, s.After.Words(), tcp(s), later(c))
	}
	return fmt.Sprintf("%s, the client hangs up first, %s after the last data%s; the server %s.", when, c.After.Words(), tcp(c), later(s))
}

func tcp(e Ending) string {
	switch e.By {
	case ByRetransmission:
		return ", when TCP gives up"
	case ByTCPKeepAlive:
		return ", by TCP keepalive"
	}
	return ""
}

func later(e Ending) string {
	if e.After == Never {
		return "never notices"
	}
	return "after " + e.After.Words() + tcp(e)
}

// Rows are the numbers with their names, for people.
func (x Prediction) Rows() [][2]string {
	rows := [][2]string{
		{"server", x.Pair.Server.describe()},
		{"client", x.Pair.Client.describe()},
		{"network", x.Pair.Network.describe()},
		{"who asks", x.whoAsks()},
		{"idle path sees traffic", everyWords(x.Gap)},
		{"server notices death", x.Server.describe()},
		{"client notices death", x.Client.describe()},
	}
	for _, c := range x.Closings {
		rows = append(rows, [2]string{"closes healthy sessions", c.Text})
	}
	return rows
}

func (x Prediction) whoAsks() string {
	if x.Prober == NobodyProbes {
		return "nobody"
	}
	return x.asking()
}

func everyWords(s Seconds) string {
	if s == Never {
		return "never"
	}
	return "every " + s.Words()
}

func (n Network) describe() string {
	for _, m := range schema.Middleboxes() {
		if m.Name == n.Kind && m.Then != "" {
			return n.String() + "; then " + m.Then
		}
	}
	return n.String()
}

func (s Server) describe() string {
	text := "sshd of unknown release"
	if !s.Release.IsZero() {
		text = "OpenSSH " + s.Release.String()
	}
	if s.Interval == 0 {
		return text + ", ClientAliveInterval 0 (never asks)"
	}
	text += fmt.Sprintf(", ClientAliveInterval %d, ClientAliveCountMax %d", int64(s.Interval), s.CountMax)
	if doubled(s.Release) {
		text += fmt.Sprintf(" (this release waits %s)", serverEnd(s).wait)
	}
	return text
}

func (c Client) describe() string {
	t := c.Program.traits()
	if t.program != OpenSSH {
		if c.Interval == 0 {
			return t.title + ", no keepalive"
		}
		return t.title + ", " + t.program.Setting(c.Interval)
	}
	text := t.title
	if !c.Release.IsZero() {
		text += " " + c.Release.String()
	}
	if c.Interval == 0 {
		return text + ", ServerAliveInterval 0 (never asks)"
	}
	return text + fmt.Sprintf(", ServerAliveInterval %d, ServerAliveCountMax %d", int64(c.Interval), c.CountMax)
}

func (e Ending) describe() string {
	if e.After == Never {
		return "never"
	}
	text := fmt.Sprintf("%s after the last data", e.After.Words())
	switch e.By {
	case ByRetransmission:
		text += fmt.Sprintf(" (TCP gives up on the first unanswered request, by %s at the latest)", e.Latest)
	case ByTCPKeepAlive:
		text += " (TCP keepalive)"
	}
	if e.FromDeathEarliest < e.FromDeathLatest {
		text += fmt.Sprintf("; %d to %s after the death", int64(e.FromDeathEarliest), e.FromDeathLatest)
	}
	if e.AfterProbes != Never && e.AfterProbes != e.After {
		text += fmt.Sprintf("; %s if only the other program hangs", e.AfterProbes.Words())
	}
	return text
}

// Notice is the plan's one line about a side whose settings change: when a
// dead peer is noticed and how often a silent one is asked, where that
// changes. It is empty where it does not.
func Notice(side schema.Side, release schema.Release, before, after Values) string {
	was, errWas := endOf(side, release, before)
	is, errIs := endOf(side, release, after)
	if errWas != nil || errIs != nil {
		return ""
	}
	peers := "clients"
	if side == schema.Client {
		peers = "servers"
	}
	var parts []string
	if a, b := was.ending(Never).After, is.ending(Never).After; a != b {
		parts = append(parts, fmt.Sprintf("dead %s noticed after %s instead of %s", peers, b.Words(), a.Words()))
	}
	if a, b := was.every(), is.every(); a != b {
		parts = append(parts, fmt.Sprintf("silent %s asked %s instead of %s", peers, everyWords(b), everyWords(a)))
	}
	return strings.ReplaceAll(strings.Join(parts, "; "), "noticed after never", "never noticed")
}

func endOf(side schema.Side, release schema.Release, values Values) (end, error) {
	if side == schema.Client {
		c, err := ClientWith(release, values)
		return clientEnd(c), err
	}
	s, err := ServerWith(release, values)
	return serverEnd(s), err
}
