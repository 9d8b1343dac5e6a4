package liveness

import (
	"fmt"
	"time"
)

// A Watch is what a client sees that opens a session, falls silent, and waits
// for the server's first keepalive request.
type Watch struct {
	// Every is the effective interval; Never when the server does not ask.
	Every Seconds
	// Windows are when the first request arrives after the client's last
	// packet. There are two where a release may be early. None means that no
	// request comes.
	Windows []Window
	// HangsUp is when the server ends the silent session instead of asking;
	// Never for every sane configuration.
	HangsUp Seconds
}

// A Window is a span of time since the last packet, ends included.
type Window struct{ From, To time.Duration }

// The tolerance of a watch: clocks of whole seconds and timers that are a
// little early, a loaded host and a slow path that are late.
const (
	early = 250 * time.Millisecond
	late  = 2 * time.Second
)

// WatchFor returns what a silent client sees of a server.
func WatchFor(s Server) Watch {
	e := serverEnd(s)
	w := Watch{Every: e.every(), HangsUp: Never}
	if e.endsHealthy() {
		w.HangsUp = e.wait
	}
	if w.Every == Never {
		return w
	}
	if doubled(s.Release) {
		// When a second ticks over between two reads of the clock, the
		// comparison with > succeeds one interval early.
		w.Windows = append(w.Windows, window(s.Interval))
	}
	w.Windows = append(w.Windows, window(w.Every))
	return w
}

func window(s Seconds) Window {
	const most = Seconds(1 << 32)
	d := time.Duration(min(s, most)) * time.Second
	return Window{From: d - early, To: d + late}
}

// Wait is how long to watch before it is certain that no request comes; 0
// when none is expected.
func (w Watch) Wait() time.Duration {
	if len(w.Windows) == 0 {
		return 0
	}
	return w.Windows[len(w.Windows)-1].To
}

// Explains reports whether a first request after so long fits the settings.
func (w Watch) Explains(after time.Duration) bool {
	for _, win := range w.Windows {
		if after >= win.From && after <= win.To {
			return true
		}
	}
	return false
}

// TellsFrom reports whether a watch can tell these settings from others,
// such as the ones before a change: no moment fits both.
func (w Watch) TellsFrom(other Watch) bool {
	for _, a := range w.Windows {
		for _, b := range other.Windows {
			if a.From <= b.To && b.From <= a.To {
				return false
			}
		}
	}
	return len(w.Windows)+len(other.Windows) > 0
}

// Verdict says in a sentence what a first request after so long means; a
// negative time stands for none within Wait.
func (w Watch) Verdict(after time.Duration) string {
	seconds := fmt.Sprintf("%.1f s", after.Seconds())
	switch {
	case after < 0 && len(w.Windows) == 0:
		return "the server does not ask, as expected"
	case after < 0:
		return fmt.Sprintf("the server did not ask within %.0f s, though every %s is expected: it does not run these settings", w.Wait().Seconds(), w.Every)
	case len(w.Windows) == 0:
		return fmt.Sprintf("the server asked after %s, though it should not: it does not run these settings", seconds)
	case w.Explains(after):
		return fmt.Sprintf("the server asked after %s, as expected (every %s)", seconds, w.Every)
	}
	return fmt.Sprintf("the server asked after %s, though every %s is expected: it does not run these settings", seconds, w.Every)
}
