package liveness

import (
	"github.com/sshform/sshform/schema"
)

// A Prober is who speaks first on a quiet, healthy connection.
type Prober string

// The probers. Equal waits race, and either may win a round.
const (
	ServerProbes Prober = "server"
	ClientProbes Prober = "client"
	BothProbe    Prober = "both"
	NobodyProbes Prober = "nobody"
)

// A First is who hangs up first on a path that died.
type First string

// Who hangs up first.
const (
	ServerFirst   First = "server"
	ClientFirst   First = "client"
	BothAtOnce    First = "both"
	NeitherHangUp First = "neither"
)

// A Prediction is what becomes of a pair.
type Prediction struct {
	Pair Pair
	// Prober is who asks on a quiet path.
	Prober Prober
	// Gap is how often a quiet, healthy path carries something in both
	// directions; Never if nothing is ever sent.
	Gap Seconds
	// GapByTCP says that the gap is due to the kernel's keepalive, which
	// neither program notices.
	GapByTCP bool
	// Forgets is when the network forgets the quiet connection; Never if it
	// does not.
	Forgets Seconds
	// Server and Client are what becomes of each side when the path dies.
	Server, Client Ending
	// First is who hangs up first then. The other side is not told.
	First First
	// Closings are what ends a healthy idle session, the certain and the
	// earliest first.
	Closings []Closing
	// Warnings are what people should know about this pair.
	Warnings []Warning
}

// An Ending is what becomes of one side when the path swallows everything
// after the last data.
type Ending struct {
	// Wait is the silence after which the side asks, its effective interval; 0
	// when it never does.
	Wait Seconds
	// Probes are when it asks in vain, the first sixteen, and ProbeCount is how
	// often it does.
	Probes     []Seconds
	ProbeCount int64
	// AfterProbes is when its own counting ends the connection. It is what
	// counts when the other program hangs and its kernel still answers.
	AfterProbes Seconds
	// After and Latest are when the connection ends, whatever the cause, from
	// the last data; By is the cause of After.
	After, Latest Seconds
	By            Cause
	// FromDeathEarliest and FromDeathLatest are the same from the moment of
	// death, which falls anywhere between two signs of life.
	FromDeathEarliest, FromDeathLatest Seconds
}

// A Closing is what ends a session that is idle and healthy.
type Closing struct {
	// Side is who closes it.
	Side schema.Side
	// Keyword is the setting that does; empty where it is the program's nature.
	Keyword schema.Keyword
	// After is the idle time, in seconds.
	After Seconds
	// Certain is false where it depends on what the session does.
	Certain bool
	// Text says what is closed and why, as a sentence.
	Text string
}

// Predict returns what becomes of a pair.
func Predict(p Pair) Prediction {
	server, client := serverEnd(p.Server), clientEnd(p.Client)
	x := Prediction{Pair: p, Prober: prober(server, client), Forgets: Never}
	x.Gap, x.GapByTCP = gap(server, client)
	if p.Network.Limit > 0 && x.Gap >= p.Network.Limit {
		x.Forgets = p.Network.Limit
	}
	x.Server, x.Client = server.ending(x.lastSign()), client.ending(x.lastSign())
	x.First = first(x.Server, x.Client)
	x.Closings = closings(p, server, client)
	x.Warnings = x.warnings()
	return x
}

func prober(server, client end) Prober {
	s, c := server.every(), client.every()
	switch {
	case s == Never && c == Never:
		return NobodyProbes
	case s == c:
		return BothProbe
	case s < c && client.restart == onNothing && c != Never:
		return BothProbe
	case s < c:
		return ServerProbes
	}
	return ClientProbes
}

func gap(server, client end) (Seconds, bool) {
	probes := min(server.every(), client.every())
	kernel := min(server.tcp.every(), client.tcp.every())
	return min(probes, kernel), kernel < probes
}

// lastSign is how long before the death of the path the last sign of life can
// be.
func (x Prediction) lastSign() Seconds { return min(x.Gap, x.Forgets) }

func first(server, client Ending) First {
	switch {
	case server.After == Never && client.After == Never:
		return NeitherHangUp
	case server.After == client.After:
		return BothAtOnce
	case server.After < client.After:
		return ServerFirst
	}
	return ClientFirst
}

// StaysOpen reports whether a healthy idle session lasts: nothing certain
// closes it and the network does not forget it.
func (x Prediction) StaysOpen() bool {
	return x.Forgets == Never && (len(x.Closings) == 0 || !x.Closings[0].Certain)
}
