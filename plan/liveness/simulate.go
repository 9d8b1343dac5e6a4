package liveness

import "github.com/sshform/sshform/schema"

// An Event is something that happens to a silent session.
type Event struct {
	At Seconds `json:"at"`
	// Side is who does it; empty is the network.
	Side schema.Side `json:"side,omitempty"`
	Kind EventKind   `json:"kind"`
	// By is the cause of a HangsUp or Closes.
	By Cause `json:"by,omitempty"`
}

// An EventKind is what happens.
type EventKind string

// The kinds of events.
const (
	Asks       EventKind = "asks"         // a keepalive that arrives
	AsksInVain EventKind = "asks-in-vain" // a keepalive that gets nowhere
	Segment    EventKind = "segment"      // TCP keepalive: traffic for the network only
	Forgets    EventKind = "forgets"      // the network has dropped the connection
	Dies       EventKind = "dies"         // the path swallows everything from here on
	HangsUp    EventKind = "hangs-up"     // a side gives the other up, and the other is not told
	Closes     EventKind = "closes"       // a side ends a healthy session, and the other is told
)

// A session is a silent connection as it goes through time.
type session struct {
	server, client half
	limit          Seconds // of the network; 0 is none
	traffic        Seconds // last packet that crossed the network
	dead           bool
	events         []Event
}

// A half is one side of a session.
type half struct {
	end
	side    schema.Side
	since   Seconds // when its wait began
	heard   Seconds // last segment of the other side
	count   int64   // requests without an answer
	unacked Seconds // first segment nobody acknowledged; Never if there is none
	gone    bool
}

// maxEvents bounds a simulation: more is no picture.
const maxEvents = 20000

// simulate lets a session that fell silent at 0 go on until a moment, with a
// path that dies at cut (Never: only what the network forgets).
func simulate(p Pair, cut, until Seconds) []Event {
	s := &session{
		server: half{end: serverEnd(p.Server), side: schema.Server, unacked: Never},
		client: half{end: clientEnd(p.Client), side: schema.Client, unacked: Never},
		limit:  p.Network.Limit,
	}
	for len(s.events) < maxEvents {
		at, act := s.next(cut)
		if act == nil || at > until {
			break
		}
		act(at)
	}
	return s.events
}

// next returns what happens next. What the network does comes before what the
// sides do in the same second, and the server before the client.
func (s *session) next(cut Seconds) (Seconds, func(Seconds)) {
	at, act := Never, (func(Seconds))(nil)
	offer := func(t Seconds, f func(Seconds)) {
		if t < at {
			at, act = t, f
		}
	}
	if !s.dead {
		offer(cut, s.dies)
		if s.limit > 0 {
			offer(s.traffic+s.limit, s.forgets)
		}
	}
	for _, h := range []*half{&s.server, &s.client} {
		if h.gone {
			continue
		}
		offer(h.kernelGivesUp(s.dead), func(t Seconds) { s.hangUp(t, h, h.kernelCause()) })
		if h.wait > 0 {
			offer(h.since.plus(h.wait), func(t Seconds) { s.waited(t, h) })
		}
		if !s.dead {
			offer(h.heard.plus(h.tcp.every()), func(t Seconds) { s.segment(t, h) })
		}
	}
	return at, act
}

func (s *session) note(at Seconds, side schema.Side, kind EventKind, by Cause) {
	s.events = append(s.events, Event{At: at, Side: side, Kind: kind, By: by})
}

func (s *session) other(h *half) *half {
	if h == &s.server {
		return &s.client
	}
	return &s.server
}

func (s *session) dies(at Seconds)    { s.dead = true; s.note(at, "", Dies, "") }
func (s *session) forgets(at Seconds) { s.dead = true; s.note(at, "", Forgets, "") }

// segment is the kernel's keepalive on a living path: both kernels hear.
func (s *session) segment(at Seconds, h *half) {
	s.traffic, s.server.heard, s.client.heard = at, at, at
	s.note(at, h.side, Segment, "")
}

// waited is the end of a silent wait.
func (s *session) waited(at Seconds, h *half) {
	h.since = at
	if h.closesAtOnce {
		s.hangUp(at, h, ByProbes)
		return
	}
	for range h.perWait {
		h.count++
		if h.drops && h.count > h.countMax {
			s.hangUp(at, h, ByProbes)
			return
		}
		s.ask(at, h)
	}
	if !s.dead {
		s.arrive(at, h)
	}
}

func (s *session) ask(at Seconds, h *half) {
	kind := Asks
	if s.dead {
		kind = AsksInVain
		h.unacked = min(h.unacked, at)
	}
	s.note(at, h.side, kind, "")
}

// arrive is a request, and its answer if it wants one, on a living path.
func (s *session) arrive(at Seconds, h *half) {
	o := s.other(h)
	s.traffic, h.heard, o.heard = at, at, at
	o.count = 0
	if o.restart == onReceive || o.restart == onEither {
		o.since = at
	}
	if h.asks {
		h.count = 0
		if o.restart == onSend {
			o.since = at
		}
	}
}

func (s *session) hangUp(at Seconds, h *half, by Cause) {
	h.gone = true
	if s.dead {
		s.note(at, h.side, HangsUp, by)
		return
	}
	s.other(h).gone = true
	s.note(at, h.side, Closes, by)
}

// kernelGivesUp is when TCP ends the connection; Never on a living path.
func (h *half) kernelGivesUp(dead bool) Seconds {
	switch {
	case !dead:
		return Never
	case h.unacked != Never:
		return h.unacked.plus(RetransmissionEarliest)
	}
	return h.heard.plus(h.tcp.givesUp())
}

func (h *half) kernelCause() Cause {
	if h.unacked != Never {
		return ByRetransmission
	}
	return ByTCPKeepAlive
}
