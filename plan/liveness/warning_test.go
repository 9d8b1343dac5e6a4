package liveness_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

func release(t *testing.T, s string) schema.Release {
	t.Helper()
	if s == "" {
		return schema.Release{}
	}
	version, vendor, _ := strings.Cut(s, " ")
	r, err := schema.ParseRelease(version)
	if err != nil {
		t.Fatal(err)
	}
	r.Vendor = vendor
	return r
}

func TestWarnings(t *testing.T) {
	server, client := schema.Server, schema.Client
	for _, test := range []struct {
		name    string
		side    schema.Side
		release string
		values  liveness.Values
		inMatch bool
		want    []string // severity and code
	}{
		{"sane", server, "8.4", liveness.Values{"ClientAliveInterval": "30"}, false, nil},
		{"doubled clock", server, "9.2p1", liveness.Values{"ClientAliveInterval": "30"}, false, []string{"warning doubled-clock", "note busy-session"}},
		{"fixed in 9.5", server, "9.5p1", liveness.Values{"ClientAliveInterval": "30"}, false, []string{"note busy-session"}},
		{"off: no doubled clock", server, "9.2p1", liveness.Values{"ClientAliveInterval": "0"}, false, nil},
		{"count 0 since 8.2", server, "8.2", liveness.Values{"ClientAliveInterval": "30", "ClientAliveCountMax": "0"}, false, []string{"warning count-zero-never"}},
		{"count 0 before", server, "8.1", liveness.Values{"ClientAliveInterval": "30", "ClientAliveCountMax": "0"}, false, []string{"warning count-zero-closes"}},
		{"count 0 on an unknown release", server, "", liveness.Values{"ClientAliveInterval": "30", "ClientAliveCountMax": "0"}, false, []string{"warning count-zero", "note busy-session"}},
		{"count 1 on 7.9", server, "7.9", liveness.Values{"ClientAliveInterval": "30", "ClientAliveCountMax": "1"}, false, []string{"warning count-one-closes"}},
		{"count 3 on 7.9", server, "7.9", liveness.Values{"ClientAliveInterval": "30"}, false, []string{"warning count-halved"}},
		{"forwarded ports hold off", server, "7.4", liveness.Values{"ClientAliveInterval": "30"}, false, []string{"note busy-session"}},
		{"count without interval", server, "8.4", liveness.Values{"ClientAliveCountMax": "5"}, false, []string{"warning count-without-interval"}},
		{"hasty", server, "8.4", liveness.Values{"ClientAliveInterval": "2", "ClientAliveCountMax": "1"}, false, []string{"warning hasty"}},
		{"never notices", server, "8.4", liveness.Values{"TCPKeepAlive": "no"}, false, []string{"warning never-notices"}},
		{"no grace", server, "8.4", liveness.Values{"LoginGraceTime": "0"}, false, []string{"warning no-login-grace"}},
		{"bare session", server, "9.6", liveness.Values{"ChannelTimeout": "session=600"}, false, []string{"warning bare-session"}},
		{"session:*", server, "9.6", liveness.Values{"ChannelTimeout": "session:*=600"}, false, nil},
		{"ignored in Match", server, "10.4", liveness.Values{"ChannelTimeout": "session:*=600"}, true, []string{"error channel-timeout-in-match"}},
		{"obeyed in Match", server, "10.5", liveness.Values{"ChannelTimeout": "session:*=600"}, true, nil},
		{"none in Match locks out", server, "10.5", liveness.Values{"ChannelTimeout": "none"}, true, []string{"error channel-timeout-none-in-match"}},
		{"none for everybody", server, "10.5", liveness.Values{"ChannelTimeout": "none"}, false, nil},
		{"unused", server, "9.6", liveness.Values{"UnusedConnectionTimeout": "60"}, false, []string{"note unused-hits-listeners"}},
		{"client", client, "9.6", liveness.Values{"ServerAliveInterval": "30"}, false, []string{"note new-connections-only"}},
		{"client count 0", client, "9.6", liveness.Values{"ServerAliveInterval": "30", "ServerAliveCountMax": "0"}, false, []string{"warning count-zero-closes", "note new-connections-only"}},
		{"client count only", client, "9.6", liveness.Values{"ServerAliveCountMax": "2"}, false, []string{"warning count-without-interval"}},
		{"client hasty", client, "9.6", liveness.Values{"ServerAliveInterval": "5", "ServerAliveCountMax": "1"}, false, []string{"warning hasty", "note new-connections-only"}},
		{"Debian's batch mode", client, "9.2p1 Debian-2", liveness.Values{}, false, []string{"note batch-mode"}},
		{"client never notices", client, "9.6", liveness.Values{"TCPKeepAlive": "no"}, false, []string{"warning never-notices"}},
		{"connect timeout", client, "9.6", liveness.Values{"ConnectTimeout": "5"}, false, []string{"note connect-timeout-scope"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, w := range liveness.Warnings(test.side, release(t, test.release), test.values, test.inMatch) {
				got = append(got, string(w.Severity)+" "+w.Code)
				d := w.Diagnostic()
				if w.Side != test.side || d.Summary == "" || !strings.HasSuffix(d.Detail, ".") || d.Severity == liveness.Note {
					t.Errorf("got %+v, want a side and whole sentences", w)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("want -, got +:\n%s", diff)
			}
		})
	}
}

func TestWarningsAboutPairs(t *testing.T) {
	for _, test := range []struct {
		q    liveness.Question
		want string
	}{
		{liveness.Question{Server: "600", ServerRelease: "8.4", Network: "aws-nat"}, "path-forgets"},
		{liveness.Question{Network: "aws-nat"}, "path-forgets"},
		{liveness.Question{Server: "200", ServerRelease: "8.4", Network: "aws-nat"}, "path-tight"},
		{liveness.Question{Server: "30", ServerRelease: "8.4", Network: "home-router"}, "network-range"},
		{liveness.Question{Client: "30", ServerRelease: "8.4"}, "server-lingers"},
		{liveness.Question{Server: "30", ServerRelease: "8.4"}, "client-lingers"},
		{liveness.Question{Server: "600/3", ServerRelease: "8.4"}, "tcp-first"},
		{liveness.Question{Client: "600/3", ServerRelease: "8.4"}, "tcp-first"},
		{liveness.Question{Server: "30", Client: "paramiko", ServerRelease: "8.4"}, "client-program"},
		{liveness.Question{Server: "30"}, "unknown-release"},
		{liveness.Question{Server: "30", Client: "30", ServerRelease: "8.4"}, "race"},
	} {
		var got []string
		for _, w := range predict(t, test.q).Warnings {
			got = append(got, w.Code)
		}
		if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+test.want+" ") {
			t.Errorf("%+v: got %v, want %s among them", test.q, got, test.want)
		}
	}
	calm := predict(t, liveness.Question{Server: "30", Client: "60", ServerRelease: "8.4", Network: "aws-nat"})
	for _, w := range calm.Warnings {
		if w.Severity != liveness.Note {
			t.Errorf("got %s, want nothing to worry about", w.Code)
		}
	}
}
