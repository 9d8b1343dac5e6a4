package liveness_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

func TestQuestion(t *testing.T) {
	for _, test := range []struct {
		q    liveness.Question
		want string // of the error, or empty
	}{
		{liveness.Question{}, ""},
		{liveness.Question{Server: "600/3", Client: "0", ServerRelease: "9.2p1", Network: "aws-nat"}, ""},
		{liveness.Question{Server: "1m30s/2", Client: "putty:60", ServerRelease: "SSH-2.0-OpenSSH_8.4p1 Debian-5", Network: "5m"}, ""},
		{liveness.Question{Client: "openssh:30/2"}, ""},
		{liveness.Question{Client: "asyncssh:30/2"}, ""},
		{liveness.Question{Server: "often"}, "not an interval"},
		{liveness.Question{Server: "600/"}, "behind the slash"},
		{liveness.Question{Server: "600/-1"}, "behind the slash"},
		{liveness.Question{Client: "nossh:5"}, "known are openssh, go, paramiko"},
		{liveness.Question{Client: "paramiko:30/3"}, "has no count to set; write paramiko:30"},
		{liveness.Question{Client: "dropbear:30/3"}, "has no count"},
		{liveness.Question{Client: "asyncssh:30/0"}, "write 1 or more"},
		{liveness.Question{ServerRelease: "new"}, "not an OpenSSH release"},
		{liveness.Question{Network: "aws"}, "known are aws-nat"},
	} {
		_, err := test.q.Pair()
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%+v: got %v, want no error", test.q, err)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%+v: got error %v, want one with %q", test.q, err, test.want)
		}
	}
	got, err := liveness.Question{Server: "1m30s/2", Client: "putty:60", ServerRelease: "8.4p1", Network: "5m"}.Pair()
	if err != nil {
		t.Fatal(err)
	}
	want := liveness.Pair{
		Server:  liveness.Server{Release: release(t, "8.4p1"), Interval: 90, CountMax: 2, LoginGraceTime: 120, ChannelTimeout: "none"},
		Client:  liveness.Client{Program: liveness.PuTTY, Interval: 60},
		Network: liveness.Network{Limit: 300},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestNotice(t *testing.T) {
	for _, test := range []struct {
		side          schema.Side
		release       string
		before, after liveness.Values
		want          string
	}{
		{schema.Server, "9.6", liveness.Values{"ClientAliveInterval": "0"}, liveness.Values{"ClientAliveInterval": "30"},
			"dead clients noticed after 120 s instead of 7875 s (2 h 11 min); silent clients asked every 30 s instead of never"},
		{schema.Server, "9.2p1", liveness.Values{"TCPKeepAlive": "no"}, liveness.Values{"TCPKeepAlive": "no", "ClientAliveInterval": "15"},
			"dead clients noticed after 120 s instead of never; silent clients asked every 30 s instead of never"},
		{schema.Server, "9.6", liveness.Values{"ClientAliveInterval": "30"}, liveness.Values{"ClientAliveInterval": "30", "ClientAliveCountMax": "1"},
			"dead clients noticed after 60 s instead of 120 s"},
		{schema.Server, "9.6", nil, liveness.Values{"TCPKeepAlive": "no"}, "dead clients never noticed instead of 7875 s (2 h 11 min)"},
		{schema.Server, "9.6", nil, liveness.Values{"LoginGraceTime": "60"}, ""},
		{schema.Client, "9.6", nil, liveness.Values{"ServerAliveInterval": "30"},
			"dead servers noticed after 120 s instead of 7875 s (2 h 11 min); silent servers asked every 30 s instead of never"},
	} {
		if got := liveness.Notice(test.side, release(t, test.release), test.before, test.after); got != test.want {
			t.Errorf("got  %q\nwant %q", got, test.want)
		}
	}
}

func TestClosings(t *testing.T) {
	server := func(release schema.Release, argument schema.Argument, inMatch bool) liveness.Pair {
		return liveness.Pair{Server: liveness.Server{Release: release, ChannelTimeout: argument, ChannelTimeoutInMatch: inMatch}}
	}
	for _, test := range []struct {
		name string
		pair liveness.Pair
		want liveness.Seconds
	}{
		{"shell", server(release(t, "9.2"), "session:shell=600", false), 600},
		{"wildcard", server(release(t, "9.2"), "x11-connection=5 session:*=600", false), 600},
		{"the first that matches counts", server(release(t, "9.2"), "session:sh*=0 session:*=600", false), never},
		{"bare session", server(release(t, "9.2"), "session=600", false), never},
		{"too old", server(release(t, "9.1"), "session:*=600", false), never},
		{"in Match", server(release(t, "9.6"), "session:*=600", true), never},
		{"in Match from 10.5 on", server(release(t, "10.5"), "session:*=600", true), 600},
		{"global", server(release(t, "9.7"), "global=900", false), 900},
		{"global is no wildcard's", server(release(t, "9.7"), "glob*=900", false), never},
		{"ssh", liveness.Pair{Client: liveness.Client{Release: release(t, "9.6"), ChannelTimeout: "session:*=300"}}, 300},
		{"ssh too old", liveness.Pair{Client: liveness.Client{Release: release(t, "9.5"), ChannelTimeout: "session:*=300"}}, never},
		{"hostile", server(release(t, "9.6"), "[[=5 ***********************=x =", false), never},
	} {
		if got := liveness.Predict(test.pair).Summary().IdleClosed; got != test.want {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

// The shape of the JSON is a promise; the file is what readers rely on.
func TestSummaryJSON(t *testing.T) {
	x := predict(t, liveness.Question{Server: "15/3", Client: "60/3", ServerRelease: "9.2p1", Network: "aws-nat"})
	got, err := json.MarshalIndent(x.Summary(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	file := filepath.Join("testdata", "summary.json")
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	var back liveness.Summary
	if err := json.Unmarshal(got, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(x.Summary(), back); diff != "" {
		t.Errorf("read back: want -, got +:\n%s", diff)
	}
}

// What a plan changes is shown as before and after; an equal pair once.
func TestChangeText(t *testing.T) {
	before := predict(t, liveness.Question{Server: "0", ServerRelease: "9.6"})
	after := predict(t, liveness.Question{Server: "30", ServerRelease: "9.6"})
	got := liveness.Change{Before: before, After: after}.Text(80, false)
	now, then := strings.Index(got, "Now: An idle session stays open: nothing but TCP keepalive"), strings.Index(got, "With the plan:\n\nAn idle session stays open: the server asks every 30 s")
	if now != 0 || then < now {
		t.Errorf("got %s, want what is now and then what will be", got)
	}
	if got := (liveness.Change{Before: after, After: after}).Text(80, false); got != after.Text(80, false) {
		t.Errorf("got %s, want it explained once", got)
	}
}

// The JSON of a picture names its events in words.
func TestExplanationJSON(t *testing.T) {
	x := predict(t, liveness.Question{Server: "4/1", ServerRelease: "9.6"})
	text, err := json.Marshal(x.Explanation().Cut)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"title":"When the path dies right after the last data","span":9,"events":[{"at":0,"kind":"dies"},` +
		`{"at":4,"side":"server","kind":"asks-in-vain"},{"at":8,"side":"server","kind":"hangs-up","by":"probes"}],` +
		`"later":[{"at":7875,"side":"client","kind":"hangs-up","by":"tcp-keepalive"}]}`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
}

func TestGroups(t *testing.T) {
	a := liveness.Pair{Server: liveness.Server{Interval: 15, CountMax: 3}}
	b := liveness.Pair{Server: liveness.Server{Interval: 30, CountMax: 3}}
	groups := liveness.Groups([]liveness.Link{
		{Client: "laptop", Server: "db-1", Pair: a},
		{Client: "laptop", Server: "web-1", Pair: b},
		{Client: "laptop", Server: "db-2", Pair: a},
	})
	if len(groups) != 2 || len(groups[0].Links) != 2 || groups[0].Links[1].Server != "db-2" || groups[1].Prediction.Server.After != 120 {
		t.Errorf("got %+v, want db-1 with db-2, then web-1", groups)
	}
}

func TestWatch(t *testing.T) {
	server := func(r string, interval, count int) liveness.Server {
		s := alive(interval, count)
		s.Release = release(t, r)
		return s
	}
	for _, test := range []struct {
		name   string
		server liveness.Server
		after  time.Duration
		want   bool
	}{
		{"on time", server("9.6", 30, 3), 30 * time.Second, true},
		{"a little late", server("9.6", 30, 3), 31500 * time.Millisecond, true},
		{"too late", server("9.6", 30, 3), 33 * time.Second, false},
		{"too early", server("9.6", 30, 3), 29 * time.Second, false},
		{"doubled", server("9.2", 30, 3), 60 * time.Second, true},
		{"doubled, the first may come after one", server("9.2", 30, 3), 30 * time.Second, true},
		{"doubled, between", server("9.2", 30, 3), 45 * time.Second, false},
		{"off", server("9.6", 0, 3), 30 * time.Second, false},
		{"hangs up instead", server("8.1", 30, 0), 30 * time.Second, false},
	} {
		w := liveness.WatchFor(test.server)
		if got := w.Explains(test.after); got != test.want {
			t.Errorf("%s: got %v, want %v", test.name, got, test.want)
		}
		expected := strings.Contains(w.Verdict(test.after), "as expected")
		if expected != test.want {
			t.Errorf("%s: got %q, want it to agree with %v", test.name, w.Verdict(test.after), test.want)
		}
	}
	if w := liveness.WatchFor(server("8.1", 30, 0)); w.HangsUp != 30 {
		t.Errorf("got hang-up after %s, want 30 s", w.HangsUp)
	}
	if got := liveness.WatchFor(server("9.2", 30, 3)).Wait(); got != 62*time.Second {
		t.Errorf("got a wait of %v, want 62 s", got)
	}
	old, wanted := liveness.WatchFor(server("9.6", 60, 3)), liveness.WatchFor(server("9.6", 30, 3))
	if !wanted.TellsFrom(old) || wanted.TellsFrom(wanted) {
		t.Error("30 s and 60 s can be told apart, 30 s and 30 s cannot")
	}
	if doubled := liveness.WatchFor(server("9.2", 15, 3)); doubled.TellsFrom(liveness.WatchFor(server("9.2", 30, 3))) {
		t.Error("15 s and 30 s of a doubled clock share a moment, so one watch cannot tell them apart")
	}
	if off := liveness.WatchFor(server("9.6", 0, 3)); off.Verdict(-1) != "the server does not ask, as expected" || !off.TellsFrom(wanted) {
		t.Errorf("got %q", off.Verdict(-1))
	}
	if !strings.Contains(wanted.Verdict(-1), "does not run these settings") {
		t.Errorf("got %q", wanted.Verdict(-1))
	}
}

// Names of networks are what people type and must not move; every limit says
// who says so.
func TestPresets(t *testing.T) {
	last := ""
	for _, m := range schema.Middleboxes() {
		if m.Name <= last || m.Source == "" || m.Title == "" || m.IdleTimeout <= 0 || m.Longest != 0 && m.Longest < m.IdleTimeout {
			t.Errorf("got %+v, want a sorted name, a limit and a source", m)
		}
		last = m.Name
		n, err := liveness.ParseNetwork(m.Name)
		if declared := liveness.NetworkOf(schema.Network{Name: m.Name, Kind: m.Name}); err != nil || n != declared || n.Limit == 0 {
			t.Errorf("%s: got %v, %v, want %v", m.Name, n, err, declared)
		}
	}
	for name, want := range map[string]liveness.Seconds{
		"aws-nat": 350, "aws-nlb": 350, "azure-lb": 240, "gcp-vpc": 600, "linux-conntrack": 432000, "none": 0, "7m": 420,
	} {
		if n, err := liveness.ParseNetwork(name); err != nil || n.Limit != want {
			t.Errorf("%s: got %v, %v, want %s", name, n, err, want)
		}
	}
	n := liveness.NetworkOf(schema.Network{Name: "office", IdleTimeout: 350 * time.Second})
	if n.Limit != 350 || n.Safe() != 175 || n.String() != "office (forgets after 350 s)" {
		t.Errorf("got %v, safe %s", n, n.Safe())
	}
}

// A network that the configuration calls by the name of a kind is that kind.
func TestNetworkOfAKind(t *testing.T) {
	n := liveness.NetworkOf(schema.Network{Name: "office", Kind: "home-router"})
	if n.Limit != 240 || n.Longest != 86400 || !strings.HasPrefix(n.String(), "office, home-router (forgets after 240 s to ") {
		t.Errorf("got %v", n)
	}
}

func TestArgumentsThatAreNoNumbers(t *testing.T) {
	if _, err := liveness.ServerWith(schema.Release{}, liveness.Values{"ClientAliveInterval": "soon"}); err == nil {
		t.Error("got no error for ClientAliveInterval soon")
	}
	if _, err := liveness.ClientWith(schema.Release{}, liveness.Values{"ServerAliveCountMax": "-1"}); err == nil {
		t.Error("got no error for ServerAliveCountMax -1")
	}
	if _, err := liveness.ClientOf(schema.Peer{Library: "telnet"}); err == nil {
		t.Error("got no error for the library telnet")
	}
	if got := liveness.Warnings(schema.Server, schema.Release{}, liveness.Values{"ClientAliveInterval": "soon"}, false); got != nil {
		t.Errorf("got %v about what cannot be read, want nothing", got)
	}
}

// Lines of a picture fit the terminal.
func TestTextFits(t *testing.T) {
	for _, width := range []int{60, 80, 100, 200} {
		for _, q := range drawings() {
			for line := range strings.Lines(predict(t, q).Text(width, true)) {
				if len([]rune(strings.TrimRight(line, "\n"))) > width {
					t.Errorf("width %d: got %d columns: %s", width, len([]rune(line)), line)
				}
			}
		}
	}
}
