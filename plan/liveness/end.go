package liveness

// An end is one side of a connection, reduced to what counts: how it waits,
// asks and gives up. Release and program are gone from it.
type end struct {
	// wait is the silence after which something happens; 0 is off.
	wait Seconds
	// closesAtOnce says that the first silent wait ends the connection, and
	// nothing is asked.
	closesAtOnce bool
	// perWait requests are counted in each silent wait; drops says that more
	// than countMax of them end the connection.
	perWait  int64
	countMax int64
	drops    bool
	// asks says that a request wants an answer.
	asks    bool
	restart restart
	tcp     tcpKeepAlive
}

func serverEnd(s Server) end {
	c := clockOf(s.Release)
	e := end{
		wait:     s.Interval.times(c.factor),
		perWait:  c.perWait,
		countMax: s.CountMax,
		drops:    s.CountMax > 0,
		asks:     true,
		restart:  onReceive,
		tcp:      linuxDefault(),
	}
	e.closesAtOnce = s.Interval > 0 && s.CountMax == 0 && c.zeroCloses
	if s.NoTCPKeepAlive {
		e.tcp = noTCPKeepAlive()
	}
	return e
}

func clientEnd(c Client) end {
	t := c.Program.traits()
	e := end{
		wait:     c.Interval,
		perWait:  1,
		countMax: c.CountMax,
		drops:    t.drops,
		asks:     t.asks,
		restart:  t.restart,
		tcp:      t.tcp,
	}
	if t.program == Dropbear {
		e.countMax = t.countMax
	}
	e.closesAtOnce = t.zeroCloses && c.Interval > 0 && c.CountMax == 0
	if t.program == OpenSSH && c.NoTCPKeepAlive {
		e.tcp = noTCPKeepAlive()
	}
	return e
}

// asksFirst reports whether the end sends anything by itself.
func (e end) asksFirst() bool { return e.wait > 0 && !e.closesAtOnce }

// every is how often a quiet connection carries something because of this
// end's waits; Never if it does not.
func (e end) every() Seconds {
	if !e.asksFirst() {
		return Never
	}
	return e.wait
}

// waits is how many silent waits it takes to the end of the connection; 0 is
// none ever.
func (e end) waits() int64 {
	switch {
	case e.wait == 0:
		return 0
	case e.closesAtOnce:
		return 1
	case !e.drops:
		return 0
	}
	return e.countMax/e.perWait + 1
}

// byProbes is when the end hangs up because of its own counting, from the last
// data it received.
func (e end) byProbes() Seconds {
	if e.waits() == 0 {
		return Never
	}
	return e.wait.times(e.waits())
}

// endsHealthy reports whether a healthy but silent other side is hung up on
// too, because the first silent wait leaves no time for an answer.
func (e end) endsHealthy() bool { return e.waits() == 1 && (e.closesAtOnce || e.perWait > 1) }

// A Cause is what ends a connection.
type Cause string

// The causes.
const (
	ByProbes         Cause = "probes"         // unanswered requests were counted
	ByRetransmission Cause = "retransmission" // the kernel had sent a segment again and again
	ByTCPKeepAlive   Cause = "tcp-keepalive"  // the kernel's own probes
	ByNothing        Cause = "nothing"        // it stays for ever
)

// ending is what becomes of the end when the path dies right after the last
// data. gap is how often the path carried something before.
func (e end) ending(gap Seconds) Ending {
	x := Ending{
		Wait:        e.wait,
		AfterProbes: e.byProbes(),
		After:       Never,
		Latest:      Never,
		By:          ByNothing,
	}
	// A kernel that has something unanswered sends it again and no longer
	// probes (tcp_keepalive_timer in tcp_timer.c).
	if e.asksFirst() && e.wait < e.tcp.givesUp() {
		x.take(ByRetransmission, e.wait.plus(RetransmissionEarliest), e.wait.plus(RetransmissionLatest))
	} else {
		x.take(ByTCPKeepAlive, e.tcp.givesUp(), e.tcp.givesUp())
	}
	x.take(ByProbes, x.AfterProbes, x.AfterProbes)
	x.FromDeathEarliest = x.After
	if gap != Never {
		x.FromDeathEarliest = x.After.minus(gap)
	}
	x.FromDeathLatest = x.Latest
	x.Probes, x.ProbeCount = e.unanswered(x.After)
	return x
}

// take adds a cause that ends the connection between earliest and latest.
func (x *Ending) take(by Cause, earliest, latest Seconds) {
	if earliest < x.After {
		x.After, x.By = earliest, by
	}
	x.Latest = min(x.Latest, latest)
}

// maxProbes is how many times of requests a prediction lists.
const maxProbes = 16

// unanswered lists when the end asks in vain before it is over at until, and
// how often.
func (e end) unanswered(until Seconds) ([]Seconds, int64) {
	if !e.asksFirst() || until == Never {
		return nil, 0
	}
	count := int64(until/e.wait) * e.perWait
	if e.drops {
		count = min(count, e.countMax)
	}
	var times []Seconds
	for i := range min(count, maxProbes) {
		times = append(times, e.wait.times(i/e.perWait+1))
	}
	return times, count
}
