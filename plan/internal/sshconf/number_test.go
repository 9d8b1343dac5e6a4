package sshconf

import (
	"math"
	"testing"

	"github.com/sshform/sshform/schema"
)

// TestSeconds is the table of section "Time grammar" in the notes on OpenSSH:
// each value was read off a real sshd of the release. -1 stands for an error.
func TestSeconds(t *testing.T) {
	releases := []string{"8.3", "8.4", "9.7", "10.2", "10.3"}
	for _, row := range []struct {
		in   string
		want [5]int64
	}{
		{"0", [5]int64{0, 0, 0, 0, 0}},
		{"1h30m", [5]int64{5400, 5400, 5400, 5400, 5400}},
		{"90", [5]int64{90, 90, 90, 90, 90}},
		{"1M", [5]int64{60, 60, 60, 60, 60}},
		{"1m30s", [5]int64{1860, 90, 90, 90, 90}},
		{"1h5", [5]int64{21600, 3605, 3605, 3605, 3605}},
		{"1w2d3h4m5s", [5]int64{604800 + 2*86400 + 3*3600 + 4*60 + 5*60, 788645, 788645, 788645, 788645}},
		{"+5", [5]int64{5, 5, 5, -1, -1}},
		{"-0", [5]int64{0, 0, 0, -1, -1}},
		{" 5", [5]int64{5, 5, 5, -1, -1}},
		{"5m 30s", [5]int64{2100, 330, 330, -1, -1}},
		{"5s5s", [5]int64{10, 10, 10, 10, -1}},
		{"5s5", [5]int64{10, 10, 10, 10, -1}},
		{"1.9", [5]int64{-1, -1, -1, -1, 1}},
		{"0.5", [5]int64{-1, -1, -1, -1, 0}},
		{".5", [5]int64{-1, -1, -1, -1, 0}},
		{"5.", [5]int64{-1, -1, -1, -1, -1}},
		{"1.5m", [5]int64{-1, -1, -1, -1, -1}},
		{"1.2.3", [5]int64{-1, -1, -1, -1, -1}},
		{"2147483647", [5]int64{2147483647, 2147483647, 2147483647, 2147483647, 2147483647}},
		{"2147483648", [5]int64{math.MinInt32, math.MinInt32, -1, -1, -1}},
		{"4294967301", [5]int64{5, 5, -1, -1, -1}},
		{"4294967295", [5]int64{-1, -1, -1, -1, -1}},
		{"99999999999999999999", [5]int64{-1, -1, -1, -1, -1}},
		{"010", [5]int64{10, 10, 10, 10, 10}},
		{"3551w", [5]int64{-2147322496, -2147322496, -1, -1, -1}},
		{"", [5]int64{-1, -1, -1, -1, -1}},
		{"s", [5]int64{-1, -1, -1, -1, -1}},
		{"-1", [5]int64{-1, -1, -1, -1, -1}},
		{"1ms", [5]int64{-1, -1, -1, -1, -1}},
		{"none", [5]int64{-1, -1, -1, -1, -1}},
		{"1e3", [5]int64{-1, -1, -1, -1, -1}},
		{"0x10", [5]int64{-1, -1, -1, -1, -1}},
		{"5x", [5]int64{-1, -1, -1, -1, -1}},
	} {
		for i, name := range releases {
			got, ok := Seconds(row.in, mustRelease(name))
			if !ok {
				got = -1
			}
			if got != row.want[i] {
				t.Errorf("Seconds(%q) of %s: got %d, want %d", row.in, name, got, row.want[i])
			}
		}
	}
}

func TestSize(t *testing.T) {
	for in, want := range map[string]int64{
		"0": 0, "16": 16, "1K": 1024, "1k": 1024, "1.5K": 1536, "1G": 1 << 30, "2E": 2 << 60, "K": 0, "": 0,
		"0.5G": 1 << 29, "+1K": 1024, " 7": 7, "-1": -1, "-0.5K": -512, "1B": 1,
	} {
		if got, ok := size(in); !ok || got != want {
			t.Errorf("size(%q): got %d, %v, want %d", in, got, ok, want)
		}
	}
	for _, in := range []string{"1X", "1KK", "1K2", "1.2.3K", "x", "--1", "9999999999G", "999999999999999999999", "1-"} {
		if got, ok := size(in); ok {
			t.Errorf("size(%q): got %d, want an error", in, got)
		}
	}
}

func TestShown(t *testing.T) {
	for _, c := range []struct {
		side              Side
		keyword, argument string
		release           string
		want              string
	}{
		{Server, "ClientAliveInterval", "1m30s", "9.2", "90"},
		{Server, "clientaliveinterval", "15 # why", "9.2", "15"},
		{Server, "KeepAlive", "no", "9.2", "no"},
		{Server, "TCPKeepAlive", "no", "10.6", "false"},
		{Client, "TCPKeepAlive", "yes", "10.6", "true"},
		{Server, "UnusedConnectionTimeout", "0", "9.2", "none"},
		{Server, "ChannelTimeout", "none", "9.2", ""},
		{Server, "ChannelTimeout", "none", "9.3", "none"},
		{Server, "RekeyLimit", "1G", "9.2", "1073741824 0"},
		{Server, "MaxStartups", "20", "9.2", "20:30:20"},
		{Server, "MaxStartups", "20", "10.1", "10:30:20"},
		{Client, "ConnectTimeout", "none", "9.2", "none"},
		{Client, "ControlPersist", "0", "9.2", "yes"},
		{Server, "IPQoS", "ef", "9.2", "ef ef"},
	} {
		got, complaint := Shown(c.side, c.keyword, c.argument, mustRelease(c.release))
		if complaint != "" || got != c.want {
			t.Errorf("%s %s on %s: got %q (%s), want %q", c.keyword, c.argument, c.release, got, complaint, c.want)
		}
	}
	for _, c := range [][3]string{
		{"ClientAliveInterval", "none", "9.2"}, {"ChannelTimeout", "*=0", "9.1"}, {"TCPKeepAlive", "true", "10.5"},
		{"TCPKeepAlive", "yes no", "9.2"}, {"TCPKeepAlive", "'yes", "9.2"}, {"TCPKeepAlive", "", "9.2"}, {"Nonsense", "1", "9.2"},
	} {
		if got, complaint := Shown(Server, c[0], c[1], mustRelease(c[2])); complaint == "" {
			t.Errorf("%s %s on %s: got %q, want a complaint", c[0], c[1], c[2], got)
		}
	}
}

func TestDefault(t *testing.T) {
	for _, c := range []struct {
		side    Side
		keyword string
		release string
		want    string
	}{
		{Server, "ClientAliveCountMax", "9.2", "3"},
		{Server, "keepalive", "9.2", "yes"},
		{Server, "TCPKeepAlive", "10.6", "true"},
		{Server, "IPQoS", "9.2p1 Debian-2", "lowdelay throughput"},
		{Server, "IPQoS", "9.2", "af21 cs1"},
		{Server, "IPQoS", "10.1", "ef cs0"},
		{Server, "ChannelTimeout", "9.2", ""},
		{Server, "MaxStartups", "9.2", "10:30:100"},
		{Client, "ServerAliveInterval", "9.2", "0"},
		{Client, "ConnectTimeout", "9.2", "none"},
		{Client, "Unknown", "9.2", ""},
	} {
		if got := Default(c.side, c.keyword, mustRelease(c.release)); got != c.want {
			t.Errorf("%s on %s: got %q, want %q", c.keyword, c.release, got, c.want)
		}
	}
}

func TestLookup(t *testing.T) {
	for _, c := range []struct {
		side    Side
		name    string
		release string
		found   bool
		want    Keyword
	}{
		{Server, "CLIENTALIVEINTERVAL", "9.2", true, Keyword{"ClientAliveInterval", "ClientAliveInterval", true, false}},
		{Server, "KeepAlive", "9.2", true, Keyword{"KeepAlive", "TCPKeepAlive", false, false}},
		{Server, "Include", "8.1", false, Keyword{}},
		{Server, "ChannelTimeout", "9.1", false, Keyword{}},
		{Server, "UseLogin", "9.2", true, Keyword{"UseLogin", "UseLogin", false, true}},
		{Client, "ChannelTimeout", "9.5", false, Keyword{}},
		{Client, "SetupTimeOut", "9.2p1 Debian-2", true, Keyword{"SetupTimeOut", "ServerAliveInterval", true, false}},
		{Client, "SetupTimeOut", "9.9p1 Debian-3", true, Keyword{"SetupTimeOut", "ConnectTimeout", true, false}},
		{Client, "SetupTimeOut", "9.2", false, Keyword{}},
		{Server, "ServerAliveInterval", "9.2", false, Keyword{}},
		{Server, "LogLevel", "7.4", true, Keyword{"LogLevel", "LogLevel", false, false}},
	} {
		got, found := Lookup(c.side, c.name, mustRelease(c.release))
		if found != c.found || got != c.want {
			t.Errorf("%s on %s: got %+v, %v, want %+v, %v", c.name, c.release, got, found, c.want, c.found)
		}
	}
}

// TestTables demands that no release has two rows of one name, and that each
// slot that is named exists on that release.
func TestTables(t *testing.T) {
	var releases []schema.Release
	for _, vendor := range []string{"", "Debian-1"} {
		for minor := 4; minor <= 9; minor++ {
			releases = append(releases, schema.Release{Major: 7, Minor: minor, Patch: 1, Vendor: vendor})
		}
		for minor := 0; minor <= 9; minor++ {
			releases = append(releases, schema.Release{Major: 8, Minor: minor, Patch: 1, Vendor: vendor},
				schema.Release{Major: 9, Minor: minor, Patch: 1, Vendor: vendor}, schema.Release{Major: 10, Minor: minor, Patch: 1, Vendor: vendor})
		}
	}
	for _, side := range []Side{Server, Client} {
		for name, rows := range tableOf(side) {
			for _, release := range releases {
				n := 0
				for _, row := range rows {
					if !row.holds(release) {
						continue
					}
					if n++; n > 1 {
						t.Errorf("%v %s of %v %s: more than one row", side, name, release, release.Vendor)
					}
					if row.slot != "" && tableOf(side).find(lower(row.slot), release) == nil {
						t.Errorf("%v %s of %v %s: slot %s is not there", side, name, release, release.Vendor, row.slot)
					}
				}
			}
		}
	}
}
