package liveness_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan/liveness"
)

func predict(t *testing.T, q liveness.Question) liveness.Prediction {
	t.Helper()
	p, err := q.Pair()
	if err != nil {
		t.Fatal(err)
	}
	return liveness.Predict(p)
}

const never = liveness.Never

// Worked examples, with the numbers that people ask for on the phone.
func TestPredict(t *testing.T) {
	type want struct {
		Prober                     liveness.Prober
		Gap, Forgets               liveness.Seconds
		ServerCounts, ServerAfter  liveness.Seconds
		ClientCounts, ClientAfter  liveness.Seconds
		ServerEarliest, ServerLate liveness.Seconds
		First                      liveness.First
		Open                       bool
	}
	for _, test := range []struct {
		name string
		q    liveness.Question
		want want
	}{
		{
			"600/3 and 0, no limit",
			liveness.Question{Server: "600/3", Client: "0", ServerRelease: "9.6p1"},
			want{"server", 600, never, 2400, 1524, never, 7875, 924, 1644, "server", true},
		},
		{
			"600/3 and 0 on Debian 12",
			liveness.Question{Server: "600/3", Client: "0", ServerRelease: "9.2p1"},
			want{"server", 1200, never, 4800, 2124, never, 7875, 924, 2244, "server", true},
		},
		{
			"600/3 and 0 behind a limit of 300",
			liveness.Question{Server: "600/3", Client: "0", ServerRelease: "9.6p1", Network: "300"},
			want{"server", 600, 300, 2400, 1524, never, 7875, 1224, 1644, "server", false},
		},
		{
			"0 and 30: the client drops after 90 to 120 s, the server lingers",
			liveness.Question{Server: "0", Client: "30", ServerRelease: "9.6p1", Network: "60"},
			want{"client", 30, never, never, 7875, 120, 120, 7845, 7875, "client", true},
		},
		{
			"15/3 and 60/3",
			liveness.Question{Server: "15/3", Client: "60/3", ServerRelease: "9.6p1"},
			want{"server", 15, never, 60, 60, 240, 240, 45, 60, "server", true},
		},
		{
			"15/3 and 60/3 on Debian 12",
			liveness.Question{Server: "15/3", Client: "60/3", ServerRelease: "9.2p1"},
			want{"server", 30, never, 120, 120, 240, 240, 90, 120, "server", true},
		},
		{
			"60/3 on Debian 12 and 90/3: the client is the prober",
			liveness.Question{Server: "60/3", Client: "90/3", ServerRelease: "9.2p1"},
			want{"client", 90, never, 480, 480, 360, 360, 390, 480, "client", true},
		},
		{
			"60/3 and 90/3 elsewhere",
			liveness.Question{Server: "60/3", Client: "90/3", ServerRelease: "10.5"},
			want{"server", 60, never, 240, 240, 360, 360, 180, 240, "server", true},
		},
		{
			"nobody asks",
			liveness.Question{Server: "0", Client: "0", Network: "aws-nat"},
			want{"nobody", 7200, 350, never, 7875, never, 7875, 7525, 7875, "both", false},
		},
		{
			"count 0 since 8.2: TCP decides",
			liveness.Question{Server: "15/0", Client: "0", ServerRelease: "8.2"},
			want{"server", 15, never, never, 939, never, 7875, 924, 1059, "server", true},
		},
		{
			"count 0 before 8.2 closes healthy sessions",
			liveness.Question{Server: "15/0", Client: "0", ServerRelease: "8.1"},
			want{"nobody", 7200, never, 15, 15, never, 7875, 0, 15, "server", false},
		},
		{
			"count 1 on 7.9 closes healthy sessions",
			liveness.Question{Server: "4/1", Client: "0", ServerRelease: "7.9"},
			want{"server", 4, never, 4, 4, never, 7875, 0, 4, "server", false},
		},
		{
			"count 2 on 7.9",
			liveness.Question{Server: "3/2", Client: "0", ServerRelease: "7.9"},
			want{"server", 3, never, 6, 6, never, 7875, 3, 6, "server", true},
		},
		{
			"count 1 on 7.9 with a client that speaks first",
			liveness.Question{Server: "60/1", Client: "30", ServerRelease: "7.9"},
			want{"client", 30, never, 60, 60, 120, 120, 30, 60, "server", true},
		},
		{
			"ServerAliveCountMax 0",
			liveness.Question{Server: "0", Client: "20/0"},
			want{"nobody", 7200, never, never, 7875, 20, 20, 675, 7875, "client", false},
		},
		{
			"ServerAliveCountMax 0 and a server that asks more often",
			liveness.Question{Server: "10", Client: "20/0"},
			want{"server", 10, never, 40, 40, 20, 20, 30, 40, "client", true},
		},
		{
			"paramiko without keepalive",
			liveness.Question{Server: "30", Client: "paramiko", ServerRelease: "9.6"},
			want{"server", 30, never, 120, 120, never, never, 90, 120, "server", true},
		},
		{
			"paramiko with keepalive never counts",
			liveness.Question{Server: "0", Client: "paramiko:30"},
			want{"client", 30, never, never, 7875, never, 954, 7845, 7875, "client", true},
		},
		{
			"Go: TCP keepalive of 15 s keeps the path",
			liveness.Question{Server: "0", Client: "go", Network: "azure-lb"},
			want{"nobody", 15, never, never, 7875, never, 150, 7860, 7875, "client", true},
		},
		{
			"dbclient gives up after three intervals",
			liveness.Question{Server: "0", Client: "dropbear:20"},
			want{"client", 20, never, never, 7875, 60, 60, 7855, 7875, "client", true},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			x := predict(t, test.q)
			got := want{
				x.Prober, x.Gap, x.Forgets, x.Server.AfterProbes, x.Server.After, x.Client.AfterProbes, x.Client.After,
				x.Server.FromDeathEarliest, x.Server.FromDeathLatest, x.First, x.StaysOpen(),
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

// When the other program hangs, its kernel still answers, and only counting
// ends the session: 40 minutes for 600/3, not 30, and 80 on Debian 12.
func TestRequestsInVain(t *testing.T) {
	for release, want := range map[string][]liveness.Seconds{
		"9.6": {600, 1200}, "9.2p1": {1200},
	} {
		x := predict(t, liveness.Question{Server: "600/3", ServerRelease: release})
		if diff := cmp.Diff(want, x.Server.Probes); diff != "" {
			t.Errorf("%s: want -, got +:\n%s", release, diff)
		}
	}
	x := predict(t, liveness.Question{Server: "3/3", ServerRelease: "7.9"})
	if diff := cmp.Diff([]liveness.Seconds{3, 3, 6}, x.Server.Probes); diff != "" {
		t.Errorf("7.9 counts two requests in a wait: want -, got +:\n%s", diff)
	}
}
