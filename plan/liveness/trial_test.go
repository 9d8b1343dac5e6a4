package liveness_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// A trial is a pair of programs and what is done to them.
type trial struct {
	name string
	// sshd is the root of a file system with another release; empty is this
	// machine's.
	sshd   string
	server liveness.Server // without release
	client liveness.Client
	what   deed
	// chatty sessions print twice a second.
	chatty bool
	// quiet is how long to watch before the deed at most; 0 is until three
	// requests were seen, or as long as they would take.
	quiet time.Duration
}

// A deed is how the other side is lost.
type deed string

const (
	cut          deed = "path cut"
	freezeClient deed = "client stopped" // SIGSTOP: its kernel still answers
	freezeServer deed = "server stopped"
	leave        deed = "left alone"
)

func seconds(n int) liveness.Seconds { return liveness.Seconds(n) }

func alive(interval, count int) liveness.Server {
	return liveness.Server{Interval: seconds(interval), CountMax: int64(count)}
}

func openssh(interval, count int) liveness.Client {
	return liveness.Client{Program: liveness.OpenSSH, Interval: seconds(interval), CountMax: int64(count)}
}

func other(t *testing.T, program liveness.Program, interval int) liveness.Client {
	c, err := liveness.ClientOf(schema.Peer{Library: string(program), Keepalive: time.Duration(interval) * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// trials are run against the sshd of this machine.
func trials(t *testing.T) []trial {
	return []trial{
		{name: "server asks", server: alive(2, 1), client: openssh(0, 3), what: cut},
		{name: "server asks, count 2", server: alive(1, 2), client: openssh(0, 3), what: cut},
		{name: "client asks", server: alive(0, 3), client: openssh(2, 1), what: cut},
		{name: "client asks, count 2", server: alive(0, 3), client: openssh(2, 2), what: cut},
		{name: "server shorter", server: alive(1, 2), client: openssh(3, 1), what: cut},
		{name: "client shorter", server: alive(2, 1), client: openssh(3, 1), what: cut},
		{name: "nobody asks", server: alive(0, 3), client: openssh(0, 3), what: cut, quiet: 2 * time.Second},
		{name: "server count 0", server: alive(1, 0), client: openssh(0, 3), what: cut},
		{name: "client count 0", server: alive(0, 3), client: openssh(3, 0), what: leave, quiet: time.Millisecond},
		{name: "client count 0, server shorter", server: alive(1, 2), client: openssh(3, 0), what: cut},
		{name: "client hangs", server: alive(1, 2), client: openssh(0, 3), what: freezeClient},
		{name: "client of a busy session hangs", server: alive(1, 1), client: openssh(0, 3), what: freezeClient, chatty: true, quiet: time.Second},
		{name: "server hangs", server: alive(0, 3), client: openssh(2, 2), what: freezeServer},
		{name: "ChannelTimeout session:*", server: withChannels(alive(1, 3), "session:*=3"), client: openssh(0, 3), what: leave, quiet: time.Millisecond},
		{name: "ChannelTimeout session", server: withChannels(alive(1, 3), "session=3"), client: openssh(0, 3), what: leave, quiet: time.Millisecond},
		{name: "paramiko", server: alive(2, 1), client: other(t, liveness.Paramiko, 0), what: cut},
		{name: "paramiko, keepalive", server: alive(2, 1), client: other(t, liveness.Paramiko, 3), what: cut},
		{name: "paramiko alone", server: alive(0, 3), client: other(t, liveness.Paramiko, 2), what: cut},
		{name: "Go", server: alive(2, 1), client: other(t, liveness.Go, 0), what: cut},
		{name: "Go, keepalive", server: alive(0, 3), client: other(t, liveness.Go, 2), what: cut},
		{name: "Go, TCP keepalive only", server: alive(0, 3), client: other(t, liveness.Go, 0), what: leave, quiet: 17 * time.Second},
		{name: "asyncssh", server: alive(2, 1), client: other(t, liveness.AsyncSSH, 0), what: cut},
		{name: "asyncssh, keepalive", server: alive(0, 3), client: other(t, liveness.AsyncSSH, 2), what: cut},
		{name: "dbclient", server: alive(2, 1), client: other(t, liveness.Dropbear, 0), what: cut},
		{name: "dbclient, keepalive", server: alive(0, 3), client: other(t, liveness.Dropbear, 2), what: cut},
		{name: "plink", server: alive(2, 1), client: other(t, liveness.PuTTY, 0), what: cut},
		// plink can be silent for two of its intervals: a server that waits
		// longer than one and shorter than two would ask every now and then.
		{name: "plink, keepalive", server: alive(3, 1), client: other(t, liveness.PuTTY, 2), what: cut},
		{name: "plink alone", server: alive(0, 3), client: other(t, liveness.PuTTY, 2), what: cut},
	}
}

func withChannels(s liveness.Server, argument schema.Argument) liveness.Server {
	s.ChannelTimeout = argument
	return s
}

// releaseTrials are run against the sshd of every other release at hand.
func releaseTrials(root string) []trial {
	return []trial{
		{name: "server asks", sshd: root, server: alive(2, 1), client: openssh(0, 3), what: cut},
		{name: "server asks, count 2", sshd: root, server: alive(1, 2), client: openssh(0, 3), what: cut},
		{name: "client shorter", sshd: root, server: alive(2, 1), client: openssh(3, 1), what: cut},
		{name: "server count 0", sshd: root, server: alive(1, 0), client: openssh(0, 3), what: cut},
		{name: "client hangs", sshd: root, server: alive(1, 2), client: openssh(0, 3), what: freezeClient},
		{name: "client of a busy session hangs", sshd: root, server: alive(1, 1), client: openssh(0, 3), what: freezeClient, chatty: true, quiet: time.Second},
	}
}

// A result is a trial, its prediction, and what was seen.
type result struct {
	trial
	release    schema.Release
	prediction liveness.Prediction
	// asker and gap are of the quiet path; an empty asker is nobody.
	asker liveness.Prober
	gap   time.Duration
	// server and client are when each side gave up, from the last data it
	// received; negative is not within patience.
	server, client time.Duration
	patience       time.Duration
}

const unseen = time.Duration(-1)

// wantServer is when the server is expected to give up, from the last data.
func (r *result) wantServer() liveness.Seconds {
	switch {
	case r.what == leave, r.what == freezeServer:
		return liveness.Never
	case r.chatty && r.release.AtLeast(9, 2):
		return liveness.Never
	case r.what == freezeClient:
		return r.prediction.Server.AfterProbes
	}
	return r.prediction.Server.After
}

func (r *result) wantClient() liveness.Seconds {
	switch {
	case r.what == leave && len(r.prediction.Closings) > 0 && r.prediction.Closings[0].Certain:
		return r.prediction.Closings[0].After
	case r.what == leave, r.what == freezeClient:
		return liveness.Never
	case r.what == freezeServer:
		return r.prediction.Client.AfterProbes
	}
	return r.prediction.Client.After
}

func toDuration(s liveness.Seconds) time.Duration {
	if s > math.MaxInt32 {
		return math.MaxInt64 / 4
	}
	return time.Duration(s) * time.Second
}

// table is what was predicted and measured, as Markdown.
func table(results []result) string {
	var b strings.Builder
	b.WriteString("| server | client | what | who asks, how often: predicted | measured | server gives up: predicted | measured | client gives up: predicted | measured |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range results {
		if r.release.IsZero() {
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
			r.serverWords(), r.clientWords(), r.deedWords(), r.predictedAsking(), r.measuredAsking(),
			r.expected(r.wantServer()), r.seen(r.server),
			r.expected(r.wantClient()), r.seen(r.client))
	}
	return b.String()
}

func (r *result) serverWords() string {
	s := fmt.Sprintf("%s, %d/%d", r.release, r.trial.server.Interval, r.trial.server.CountMax)
	if c := r.trial.server.ChannelTimeout; c != "" {
		s += ", " + string(c)
	}
	return s
}

func (r *result) clientWords() string {
	c := r.trial.client
	if c.Program == liveness.OpenSSH {
		return fmt.Sprintf("ssh, %d/%d", c.Interval, c.CountMax)
	}
	return fmt.Sprintf("%s, %d", c.Program, c.Interval)
}

func (r *result) deedWords() string {
	if r.chatty {
		return "busy, " + string(r.what)
	}
	return string(r.what)
}

// unwatched trials do not look at who asks.
func (r *result) unwatched() bool {
	return r.chatty || r.what == leave && r.quiet < time.Second
}

func (r *result) predictedAsking() string {
	switch {
	case r.unwatched():
		return ""
	case r.prediction.Gap > 3600:
		return string(r.prediction.Prober)
	case r.prediction.GapByTCP:
		return "TCP keepalive, " + r.prediction.Gap.String()
	}
	return fmt.Sprintf("%s, %s", r.prediction.Prober, r.prediction.Gap)
}

func (r *result) measuredAsking() string {
	switch {
	case r.unwatched():
		return ""
	case r.gap == 0:
		return "nobody"
	case r.asker == "":
		return fmt.Sprintf("TCP keepalive, %.1f s", r.gap.Seconds())
	}
	return fmt.Sprintf("%s, %.1f s", r.asker, r.gap.Seconds())
}

func (r *result) expected(s liveness.Seconds) string { return s.String() }

func (r *result) seen(d time.Duration) string {
	if d == unseen {
		return fmt.Sprintf("> %.0f s", r.patience.Seconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
