package liveness

import (
	"fmt"

	"github.com/sshform/sshform/schema"
)

// A Timeline is a picture of a silent session as data.
type Timeline struct {
	// Title says what is shown.
	Title string `json:"title"`
	// Span is the length of the picture, from the last data on.
	Span Seconds `json:"span"`
	// Events happen within Span, in order.
	Events []Event `json:"events"`
	// Later are the hang-ups beyond Span.
	Later []Event `json:"later,omitempty"`
}

// Quiet is the timeline of a session that falls silent while both programs
// live: who asks, and what the network makes of the silence.
func (x Prediction) Quiet() Timeline {
	horizon := x.Gap.times(4)
	switch {
	case x.Forgets != Never || !x.StaysOpen() && x.Closings[0].Keyword != "ChannelTimeout":
		horizon = Never
	case horizon == Never:
		horizon = 3600
	}
	t := crop(x.pictured(Never, horizon), horizon)
	t.Title = "When nobody types and both programs live"
	return t
}

// Cut is the timeline of a session whose path dies right after the last data.
func (x Prediction) Cut() Timeline {
	t := crop(x.pictured(0, Never), Never)
	t.Title = "When the path dies right after the last data"
	return t
}

// pictured simulates up to the horizon, and without one until the last thing
// that can happen to either side.
func (x Prediction) pictured(cut, horizon Seconds) []Event {
	if horizon == Never {
		horizon = 0
		for _, e := range []Ending{x.Server, x.Client} {
			if e.Latest != Never {
				horizon = max(horizon, e.Latest)
			}
		}
		if x.Forgets != Never {
			horizon = max(horizon, x.Forgets)
		}
		if len(x.Closings) > 0 {
			horizon = max(horizon, x.Closings[0].After)
		}
	}
	return simulate(x.Pair, cut, horizon)
}

// squash is by how much the longest thing shown may exceed the shortest.
const squash = 20

// crop finds the part of the events that makes a readable picture.
func crop(events []Event, horizon Seconds) Timeline {
	var t Timeline
	t.Span = min(horizon, spanOf(events))
	for _, e := range events {
		switch {
		case e.At <= t.Span:
			t.Events = append(t.Events, e)
		case e.Kind == HangsUp:
			t.Later = append(t.Later, e)
		}
	}
	return t
}

// spanOf is the last hang-up that is at most squash times as late as the first
// thing that happens.
func spanOf(events []Event) Seconds {
	first, last := Never, Seconds(0)
	for _, e := range events {
		if e.At > 0 {
			first = min(first, e.At)
		}
	}
	for _, e := range events {
		ends := e.Kind == HangsUp || e.Kind == Closes || e.Kind == Forgets
		if ends && (last == 0 || e.At <= first.times(squash)) {
			last = e.At
		}
	}
	if last == 0 {
		return max(first.times(4), 1)
	}
	return last.plus(max(last/10, 1))
}

// gone is when a side is no longer there within the timeline; Never if it
// still is.
func (t Timeline) gone(side schema.Side) (Seconds, Event) {
	for _, e := range t.Events {
		if e.Kind == HangsUp && e.Side == side || e.Kind == Closes {
			return e.At, e
		}
	}
	return Never, Event{}
}

// broken is when the network no longer carries anything.
func (t Timeline) broken() Seconds {
	for _, e := range t.Events {
		if e.Kind == Forgets || e.Kind == Dies {
			return e.At
		}
	}
	return Never
}

// remark says in a few words what becomes of a side.
func (t Timeline) remark(side schema.Side) string {
	if at, e := t.gone(side); at != Never {
		switch {
		case e.Kind == Closes && e.Side == side:
			return fmt.Sprintf("closes at %s", at)
		case e.Kind == Closes:
			return fmt.Sprintf("closed at %s", at)
		case e.By == ByProbes:
			return fmt.Sprintf("hangs up at %s", at)
		}
		return fmt.Sprintf("TCP gives up at %s", at)
	}
	for _, e := range t.Later {
		if e.Side == side && e.By == ByProbes {
			return fmt.Sprintf("hangs up at %s", e.At.Words())
		}
		if e.Side == side {
			return fmt.Sprintf("TCP gives up at %s", e.At.Words())
		}
	}
	if t.broken() != Never {
		return "never notices"
	}
	return "stays"
}

// remarkNetwork says in a few words what becomes of the path.
func (t Timeline) remarkNetwork() string {
	for _, e := range t.Events {
		switch e.Kind {
		case Forgets:
			return fmt.Sprintf("forgets at %s", e.At)
		case Dies:
			return "dead"
		case Closes:
			return "open"
		}
	}
	return "open"
}
