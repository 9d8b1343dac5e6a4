package liveness

import "github.com/sshform/sshform/schema"

// A clock is how the releases of sshd from since on count silence
// (serverloop.c). Clients of OpenSSH have counted in one way since 3.8.
type clock struct {
	major, minor int
	// factor is how many intervals of silence it takes until a wait runs out.
	factor int64
	// perWait is how many requests are counted each time a wait runs out.
	perWait int64
	// zeroCloses says that ClientAliveCountMax 0 closes at the first silent
	// wait. Otherwise it never closes.
	zeroCloses bool
	// busy is what keeps a request from being sent while the client is silent.
	busy busyness
}

// A busyness is what holds requests off.
type busyness int

const (
	// nothingHolds: requests are due by time since the client's last data.
	nothingHolds busyness = iota
	// forwardingHolds: traffic of forwarded ports can hold requests off.
	forwardingHolds
	// anythingHolds: a request needs a whole wait in which nothing woke the
	// process, output of the user's own program included.
	anythingHolds
)

// clocks is the table of releases, oldest first.
//
// The second factor of 9.2 is a comparison with > instead of >= on whole
// seconds. The two requests of 7.6 are counted by one pass of the loop. 8.2
// changed the meaning of 0.
func clocks() []clock {
	return []clock{
		{major: 0, minor: 0, factor: 1, perWait: 1, zeroCloses: true, busy: forwardingHolds},
		{major: 7, minor: 6, factor: 1, perWait: 2, zeroCloses: true, busy: nothingHolds},
		{major: 8, minor: 0, factor: 1, perWait: 1, zeroCloses: true, busy: nothingHolds},
		{major: 8, minor: 2, factor: 1, perWait: 1, busy: nothingHolds},
		{major: 9, minor: 2, factor: 2, perWait: 1, busy: anythingHolds},
		{major: 9, minor: 5, factor: 1, perWait: 1, busy: anythingHolds},
	}
}

// clockOf returns how a release counts. An unknown one counts as the newest.
func clockOf(r schema.Release) clock {
	table := clocks()
	if r.IsZero() {
		return table[len(table)-1]
	}
	found := table[0]
	for _, c := range table {
		if r.AtLeast(c.major, c.minor) {
			found = c
		}
	}
	return found
}

// doubled reports whether a release waits two intervals instead of one.
func doubled(r schema.Release) bool { return clockOf(r).factor == 2 }

// channelTimeouts reports whether a release closes idle channels at all, and
// inMatch whether it does so for a value in a Match block.
func channelTimeouts(r schema.Release, inMatch bool) bool {
	if r.IsZero() {
		return true
	}
	definition, _ := schema.Define(schema.Server, "ChannelTimeout")
	since := definition.Since
	if inMatch {
		since = definition.MatchHonoured
	}
	return r.AtLeast(since.Major, since.Minor)
}
