package liveness

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/sshform/sshform/schema"
)

// closings lists what ends a healthy idle session of the pair.
func closings(p Pair, server, client end) []Closing {
	var found []Closing
	if c, closes := serverCounts(p, server, client); closes {
		found = append(found, c)
	}
	if c, closes := clientCounts(client, server); closes {
		found = append(found, c)
	}
	if p.Client.Program.traits().readsInCallsOnly && server.byProbes() != Never {
		found = append(found, Closing{
			Side: schema.Server, Keyword: "ClientAliveInterval", After: server.byProbes(),
			Text: "The program answers the server only while it is inside a call that reads: when it waits elsewhere, the server takes it for dead.",
		})
	}
	found = append(found, idleChannels(p)...)
	if limit := p.Server.UnusedConnectionTimeout; limit > 0 && channelTimeouts(p.Server.Release, false) {
		found = append(found, Closing{
			Side: schema.Server, Keyword: "UnusedConnectionTimeout", After: limit,
			Text: fmt.Sprintf("UnusedConnectionTimeout closes a connection that has had no session or forwarded connection for %s, such as ssh -N or a ControlMaster.", limit),
		})
	}
	slices.SortStableFunc(found, func(a, b Closing) int {
		if a.Certain != b.Certain {
			if a.Certain {
				return -1
			}
			return 1
		}
		return cmp.Compare(a.After, b.After)
	})
	return found
}

// serverCounts is the server that hangs up without leaving time for an answer:
// ClientAliveCountMax 0 before 8.2, and 1 on 7.6 to 7.9. A client that speaks
// first keeps it off.
func serverCounts(p Pair, server, client end) (Closing, bool) {
	if !server.endsHealthy() || client.every() < server.wait {
		return Closing{}, false
	}
	return Closing{
		Side: schema.Server, Keyword: "ClientAliveCountMax", After: server.wait,
		Certain: client.every() > server.wait,
		Text: fmt.Sprintf("OpenSSH %s with ClientAliveCountMax %d hangs up on every client that is silent for %s, alive or not.",
			p.Server.Release, p.Server.CountMax, server.wait),
	}, true
}

// clientCounts is the client with ServerAliveCountMax 0. A server that asks
// more often keeps it off.
func clientCounts(client, server end) (Closing, bool) {
	if !client.endsHealthy() || server.every() < client.wait {
		return Closing{}, false
	}
	return Closing{
		Side: schema.Client, Keyword: "ServerAliveCountMax", After: client.wait,
		Certain: server.every() > client.wait,
		Text:    fmt.Sprintf("ServerAliveCountMax 0 makes ssh hang up after %s without data from the server, without asking.", client.wait),
	}, true
}

// idleChannels is what ChannelTimeout of both sides closes. Probes are not
// traffic of a channel.
func idleChannels(p Pair) []Closing {
	var found []Closing
	if channelTimeouts(p.Server.Release, p.Server.ChannelTimeoutInMatch) {
		found = append(found, sessionTimeouts(schema.Server, p.Server.ChannelTimeout)...)
	}
	r := p.Client.Release
	if p.Client.Program.traits().program == OpenSSH && (r.IsZero() || r.AtLeast(9, 6)) {
		found = append(found, sessionTimeouts(schema.Client, p.Client.ChannelTimeout)...)
	}
	return found
}

// sessionTimeouts returns the idle limits of a ChannelTimeout for an
// interactive shell and for other sessions.
func sessionTimeouts(side schema.Side, argument schema.Argument) []Closing {
	var found []Closing
	for _, kind := range []struct {
		channel, words string
		certain        bool
	}{
		{"session:shell", "an idle shell", true},
		{"session:command", "an idle command", false},
		{"session:subsystem:sftp", "an idle SFTP session", false},
		{"global", "all channels when none of them has traffic", true},
	} {
		limit := timeoutOf(argument, kind.channel)
		if limit == 0 {
			continue
		}
		found = append(found, Closing{
			Side: side, Keyword: "ChannelTimeout", After: limit, Certain: kind.certain,
			Text: fmt.Sprintf("ChannelTimeout closes %s after %s without traffic of its own; probes do not count as traffic.", kind.words, limit),
		})
	}
	return found
}

// timeoutOf returns the seconds of the first pair of a ChannelTimeout that
// matches a type of channel; 0 is none.
func timeoutOf(argument schema.Argument, channel string) Seconds {
	for _, pair := range strings.Fields(string(argument)) {
		pattern, value, _ := strings.Cut(pair, "=")
		if !matches(pattern, channel) {
			continue
		}
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return 0
		}
		return Seconds(n)
	}
	return 0
}

// matches reports whether a pattern with * and ? matches a type of channel, as
// match_pattern in match.c does. "global" is matched by its own name only.
func matches(pattern, channel string) bool {
	if channel == "global" || pattern == "global" || strings.ContainsAny(pattern, `[\`) {
		return pattern == channel
	}
	matched, err := path.Match(pattern, channel)
	return err == nil && matched
}
