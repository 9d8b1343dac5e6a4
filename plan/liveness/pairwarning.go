package liveness

import (
	"fmt"

	"github.com/sshform/sshform/schema"
)

// warnings collects what people should know about the pair: what the two sides
// say of themselves, then what only shows when they talk to each other.
func (x Prediction) warnings() []Warning {
	p := x.Pair
	found := serverWarnings(p.Server, p.Server.set())
	if p.Server.Interval > 0 && x.Server.AfterProbes != Never && !serverEnd(p.Server).endsHealthy() {
		found = append(found, noIdleLimit(p.Server))
	}
	if p.Client.Program.traits().program == OpenSSH {
		found = append(found, clientWarnings(p.Client, p.Client.set())...)
	}
	found = append(found, x.networkWarnings()...)
	found = append(found, x.lingerWarnings()...)
	if note := p.Client.Program.Note(); note != "" {
		found = append(found, Warning{
			Code: "client-program", Severity: Note, Side: schema.Client,
			Summary: "About this client", Detail: note,
		})
	}
	if p.Server.Release.IsZero() && p.Server.Interval > 0 {
		found = append(found, Warning{
			Code: "unknown-release", Severity: Note, Side: schema.Server,
			Summary: "The server's release is not known",
			Detail:  "The numbers are those of OpenSSH 9.5 and later. On 9.2 to 9.4 (Debian 12 among them) the server's are twice as long.",
		})
	}
	if x.Prober == BothProbe && p.Client.Program.traits().restart == onReceive {
		found = append(found, Warning{
			Code: "race", Severity: Note,
			Summary: "Both sides ask at the same time",
			Detail:  "The waits of both sides are equal, so either may speak first in each round. It does no harm.",
		})
	}
	return found
}

// noIdleLimit refutes what is most often said of the two numbers.
func noIdleLimit(s Server) Warning {
	return Warning{
		Code: "no-idle-limit", Severity: Note, Side: schema.Server, Keyword: "ClientAliveInterval",
		Summary: "Interval times count is not an idle limit",
		Detail: fmt.Sprintf("Nothing is closed after %d x %d = %s: a living client answers each request, however long nobody types. A client that answers no more is dropped %s after its last data.",
			int64(s.Interval), s.CountMax, s.Interval.times(s.CountMax).Words(), serverEnd(s).byProbes().Words()),
	}
}

// set returns the settings that differ from the default, as a configuration
// that says them would.
func (s Server) set() Values {
	values := Values{}
	if s.ChannelTimeout != "" {
		values["ChannelTimeout"] = s.ChannelTimeout
	}
	return values
}

func (c Client) set() Values {
	if c.Interval == 0 {
		return Values{}
	}
	return Values{"ServerAliveInterval": schema.Argument(fmt.Sprint(int64(c.Interval)))}
}

// The codes of warnings about the network between.
const (
	pathForgets = "path-forgets"
	pathTight   = "path-tight"
)

func (x Prediction) networkWarnings() []Warning {
	n := x.Pair.Network
	if n.Limit == 0 {
		return nil
	}
	advice := fmt.Sprintf("Let one side ask at least every %s: ServerAliveInterval %d, or ClientAliveInterval %d on this server.",
		n.Safe(), int64(n.Safe()), int64(max(n.Safe()/Seconds(clockOf(x.Pair.Server.Release).factor), 1)))
	switch {
	case x.Forgets != Never && x.Gap == Never:
		return []Warning{{
			Code: pathForgets, Severity: schema.Warning,
			Summary: "The network forgets idle sessions",
			Detail:  fmt.Sprintf("The path goes through %s, and nobody ever says anything on an idle session. The session freezes after %s of silence. %s", n, n.Limit, advice),
		}}
	case x.Forgets != Never:
		return []Warning{{
			Code: pathForgets, Severity: schema.Warning,
			Summary: "The network forgets idle sessions",
			Detail:  fmt.Sprintf("The path goes through %s, but nobody says anything before %s. The session freezes after %s of silence, and asking later does not bring it back. %s", n, x.Gap, n.Limit, advice),
		}}
	case x.Gap > n.Safe():
		return []Warning{{
			Code: pathTight, Severity: schema.Warning,
			Summary: "One lost packet freezes the session",
			Detail:  fmt.Sprintf("The path goes through %s, and an idle session says something every %s: more than half of it, so that one lost round is too many. %s", n, x.Gap, advice),
		}}
	case n.Longest > n.Limit:
		return []Warning{{
			Code: "network-range", Severity: Note,
			Summary: "Networks of this kind differ",
			Detail:  fmt.Sprintf("The path goes through %s. The shortest is reckoned with.", n),
		}}
	}
	return nil
}

// lingerSeconds is a delay that people notice as something stuck.
const lingerSeconds Seconds = 3600

func (x Prediction) lingerWarnings() []Warning {
	var found []Warning
	if x.Server.After >= lingerSeconds && x.Client.After < x.Server.After {
		found = append(found, Warning{
			Code: "server-lingers", Severity: schema.Warning, Side: schema.Server,
			Summary: "Dead sessions stay on the server",
			Detail: fmt.Sprintf("When the path dies, the client is gone after %s, and its session stays on the server %s. Locks and forwarded ports (`ssh -R`: remote port forwarding failed) stay with it, and stand in the way of a new login. Set ClientAliveInterval on the server.",
				x.Client.After.Words(), x.stays(x.Server)),
		})
	}
	if x.Client.After >= lingerSeconds {
		found = append(found, Warning{
			Code: "client-lingers", Severity: schema.Warning, Side: schema.Client,
			Summary: "The client does not notice a dead path",
			Detail: fmt.Sprintf("When the path dies, the terminal is frozen %s: a key press is sent again and again for about 15 minutes, and somebody who only waits, waits longer. %s",
				x.stays(x.Client), x.cure()),
		})
	}
	if x.Server.By == ByRetransmission && x.Server.AfterProbes != Never {
		found = append(found, tcpFirst(schema.Server, "ClientAliveInterval", x.Server))
	}
	if x.Client.By == ByRetransmission && x.Client.AfterProbes != Never {
		found = append(found, tcpFirst(schema.Client, "ServerAliveInterval", x.Client))
	}
	return found
}

func (x Prediction) stays(e Ending) string {
	if e.After == Never {
		return "for ever"
	}
	return "for " + e.After.Words()
}

// cure says how this client notices a dead server.
func (x Prediction) cure() string {
	t := x.Pair.Client.Program.traits()
	if t.drops {
		return "Set " + t.program.Setting(30) + "."
	}
	return "No keepalive of " + t.title + " notices it: put a deadline on what the program waits for."
}

func tcpFirst(side schema.Side, keyword schema.Keyword, e Ending) Warning {
	return Warning{
		Code: "tcp-first", Severity: Note, Side: side, Keyword: keyword,
		Summary: "TCP gives up before the count is reached",
		Detail: fmt.Sprintf("The count would end the connection after %s. On a path that swallows everything the kernel gives up earlier: %s after the last data, about 15 minutes after the first unanswered request. The count decides only when the other program hangs and its kernel still answers.",
			e.AfterProbes.Words(), e.After.Words()),
	}
}
