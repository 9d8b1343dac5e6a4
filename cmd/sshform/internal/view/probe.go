package view

import (
	"fmt"
	"io"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan/liveness"
)

// Probed is what was measured at a host, and what was expected of it.
type Probed struct {
	Host  string // its name in the configuration
	Facts apply.Facts
	// Server is what the host's files declare for the login, Watch what that
	// means for a silent client.
	Server liveness.Server
	Watch  liveness.Watch
	// Requests are how long each request came after the packet before it.
	Requests []time.Duration
	// SilentFor is how long was waited in vain for another one; 0 if for none.
	SilentFor time.Duration
	Cut       *ProbeCut // nil when nobody played dead
}

// A ProbeCut is what sshd did with a session that did not answer any more.
type ProbeCut struct {
	// Window is when it was to hang up; zero if never.
	Window liveness.Window
	// Vain are when it asked and After when it hung up, since the last answer.
	Vain  []time.Duration
	After time.Duration
	// OpenAfter is how long was waited for it in vain; 0 if it hung up.
	OpenAfter time.Duration
}

// Dropped is when a server gives up a client that hangs. sshd counts whole
// seconds in each wait; releases that wait doubly may end one early.
func (p Probed) Dropped() liveness.Window {
	after := liveness.Predict(liveness.Pair{Server: p.Server}).Server.AfterProbes
	if after == liveness.Never || len(p.Watch.Windows) == 0 && p.Watch.HangsUp == liveness.Never {
		return liveness.Window{}
	}
	every := p.Watch.Every
	if every == liveness.Never {
		every = p.Watch.HangsUp
	}
	waits := time.Duration(after / every)
	window := liveness.Window{From: duration(after) - waits*time.Second, To: duration(after) + waits*time.Second + 2*time.Second}
	if len(p.Watch.Windows) > 1 {
		window.From = duration(after)/2 - waits*time.Second
	}
	window.From = max(window.From, 0)
	return window
}

func duration(s liveness.Seconds) time.Duration {
	const most = liveness.Seconds(1 << 32)
	return time.Duration(min(s, most)) * time.Second
}

// Fits reports whether the server did what its settings say.
func (p Probed) Fits() bool {
	for _, after := range p.Requests {
		if !p.Watch.Explains(after) {
			return false
		}
	}
	// A wait that was cut short by -wait proves nothing.
	overdue := p.Watch.Wait() > 0 && p.SilentFor >= p.Watch.Wait()
	return !overdue && (p.Cut == nil || p.Cut.fits())
}

func (c *ProbeCut) fits() bool {
	if c.OpenAfter > 0 {
		return c.Window == (liveness.Window{}) || c.OpenAfter < c.Window.To
	}
	return c.After >= c.Window.From && c.After <= c.Window.To
}

// ProbeBegins says what is going to be awaited.
func (h *Human) ProbeBegins(p Probed) {
	release := p.Facts.Release.String()
	h.print("%s\n", h.out.paint(strong, fmt.Sprintf("%s: OpenSSH %s, ClientAliveInterval %d, ClientAliveCountMax %d for %s",
		h.line(p.Host), h.line(release), p.Server.Interval, p.Server.CountMax, h.line(p.Facts.Connection.User))))
	if wait := p.Watch.Wait(); wait > 0 {
		h.print("Expected: a request every %s. Silent from now on.\n", p.Watch.Every)
	} else if p.Watch.HangsUp != liveness.Never {
		h.print("Expected: no request; sshd hangs up after %s. Silent from now on.\n", p.Watch.HangsUp)
	} else {
		h.print("Expected: no request. Silent from now on.\n")
	}
}

// Probe prints what was measured.
func (h *Human) Probe(p Probed) {
	for _, after := range p.Requests {
		h.verdict(p.Watch.Explains(after), p.Watch.Verdict(after))
	}
	switch {
	case p.SilentFor == 0:
	case p.Watch.Wait() > p.SilentFor:
		h.verdict(true, fmt.Sprintf("the server did not ask within %s, and need not have: every %s is expected", tenths(p.SilentFor), p.Watch.Every))
	default:
		h.verdict(p.Watch.Wait() == 0, p.Watch.Verdict(-1))
	}
	if p.Cut != nil {
		h.verdict(p.Cut.fits(), p.Cut.verdict())
	}
}

// verdict prints a sentence of the measurement with its mark.
func (h *Human) verdict(fits bool, text string) {
	mark := h.out.paint(green, "ok  ")
	if !fits {
		mark = h.out.paint(red, "not ")
	}
	h.print("%s %s\n", mark, h.line(text))
}

func (c *ProbeCut) verdict() string {
	expected := "is not expected ever"
	if c.Window != (liveness.Window{}) {
		expected = fmt.Sprintf("is expected after %s to %s", tenths(c.Window.From), tenths(c.Window.To))
	}
	asked := "without asking"
	if n := len(c.Vain); n > 0 {
		asked = "having asked in vain " + times(n)
	}
	switch {
	case c.OpenAfter > 0:
		return fmt.Sprintf("the server had not hung up %s after the last answer, %s; the end %s", tenths(c.OpenAfter), asked, expected)
	case c.fits():
		return fmt.Sprintf("the server hung up %s after the last answer, %s, as expected", tenths(c.After), asked)
	}
	return fmt.Sprintf("the server hung up %s after the last answer, %s; that %s", tenths(c.After), asked, expected)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

func tenths(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

type windowJSON struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

func windowsJSON(windows ...liveness.Window) []windowJSON {
	all := []windowJSON{}
	for _, w := range windows {
		if w != (liveness.Window{}) {
			all = append(all, windowJSON{w.From.Seconds(), w.To.Seconds()})
		}
	}
	return all
}

type probeCutJSON struct {
	Expected  []windowJSON `json:"expected"`
	Requests  []float64    `json:"requests"`
	Dropped   *float64     `json:"dropped_after"`
	OpenAfter *float64     `json:"open_after,omitempty"`
	Fits      bool         `json:"fits"`
	Verdict   string       `json:"verdict"`
}

// ProbeJSON writes what was measured as one document. Times are seconds since
// the packet before.
func ProbeJSON(w io.Writer, p Probed) error {
	document := struct {
		FormatVersion string           `json:"format_version"`
		Host          string           `json:"host"`
		Address       string           `json:"address"`
		User          string           `json:"user"`
		Release       string           `json:"release"`
		Interval      liveness.Seconds `json:"client_alive_interval"`
		CountMax      int64            `json:"client_alive_count_max"`
		Every         liveness.Seconds `json:"expected_every"`
		HangsUp       liveness.Seconds `json:"expected_hang_up"`
		Expected      []windowJSON     `json:"expected"`
		Requests      []float64        `json:"requests"`
		SilentFor     *float64         `json:"silent_for,omitempty"`
		Cut           *probeCutJSON    `json:"cut,omitempty"`
		Fits          bool             `json:"fits"`
	}{
		FormatVersion: reportVersion, Host: p.Host, Address: p.Facts.Connection.Address, User: p.Facts.Connection.User,
		Release: p.Facts.Release.String(), Interval: p.Server.Interval, CountMax: p.Server.CountMax,
		Every: p.Watch.Every, HangsUp: p.Watch.HangsUp, Expected: windowsJSON(p.Watch.Windows...),
		Requests: inSeconds(p.Requests), SilentFor: secondsOrNone(p.SilentFor), Fits: p.Fits(),
	}
	if c := p.Cut; c != nil {
		document.Cut = &probeCutJSON{
			Expected: windowsJSON(c.Window), Requests: inSeconds(c.Vain), OpenAfter: secondsOrNone(c.OpenAfter),
			Dropped: secondsOrNone(c.After), Fits: c.fits(), Verdict: c.verdict(),
		}
	}
	return encode(w, document)
}

func inSeconds(ds []time.Duration) []float64 {
	all := []float64{}
	for _, d := range ds {
		all = append(all, d.Seconds())
	}
	return all
}

func secondsOrNone(d time.Duration) *float64 {
	if d == 0 {
		return nil
	}
	s := d.Seconds()
	return &s
}
