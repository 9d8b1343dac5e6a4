package schema_test

import (
	"testing"

	"github.com/sshform/sshform/schema"
)

func TestAttributeNamesFollowTheKeywords(t *testing.T) {
	for keyword, want := range map[schema.Keyword]string{
		"ClientAliveInterval": "client_alive_interval", "TCPKeepAlive": "tcp_keep_alive",
		"UnusedConnectionTimeout": "unused_connection_timeout", "ConnectTimeout": "connect_timeout",
	} {
		if got := keyword.HCL(); got != want {
			t.Errorf("%s.HCL() = %q, want %q", keyword, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct {
		side          schema.Side
		keyword, text string
		want          schema.Argument // empty: an error
	}{
		{schema.Server, "client_alive_interval", "1m30s", "90"},
		{schema.Server, "client_alive_interval", "1H30M", "5400"},
		{schema.Server, "client_alive_interval", "2147483647", "2147483647"},
		{schema.Server, "client_alive_interval", "2147483648", ""},
		{schema.Server, "client_alive_interval", "-1", ""},
		{schema.Server, "client_alive_interval", "1.5m", ""},
		{schema.Server, "client_alive_interval", " 5", ""},
		{schema.Server, "client_alive_interval", "", ""},
		{schema.Server, "client_alive_interval", "none", ""},
		{schema.Server, "client_alive_interval", "9999999999999999999w", ""},
		{schema.Server, "client_alive_count_max", "3", "3"},
		{schema.Server, "client_alive_count_max", "1m", ""},
		{schema.Server, "unused_connection_timeout", "None", "none"},
		{schema.Server, "unused_connection_timeout", "0", "none"},
		{schema.Server, "tcp_keep_alive", "YES", "yes"},
		{schema.Server, "tcp_keep_alive", "true", ""},
		{schema.Client, "connection_attempts", "0", ""},
	} {
		d, known := schema.Define(c.side, c.keyword)
		if !known {
			t.Fatalf("no keyword %s", c.keyword)
		}
		got, err := d.Text(c.text)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%s.Text(%q) = %q, %v, want %q", c.keyword, c.text, got, err, c.want)
		}
	}
}

func TestList(t *testing.T) {
	d, _ := schema.Define(schema.Server, "ChannelTimeout")
	for _, c := range []struct {
		pairs []string
		want  schema.Argument
	}{
		{nil, "none"},
		{[]string{"session:*=10m", "agent-connection=0"}, "session:*=600 agent-connection=0"},
		{[]string{"session:subsystem:sftp=1h"}, "session:subsystem:sftp=3600"},
		{[]string{"global=5"}, "global=5"},
		{[]string{"session:*"}, ""},
		{[]string{"sesion=5"}, ""},
		{[]string{"session:* x=5"}, ""},
		{[]string{"=5"}, ""},
		{[]string{"*=none"}, ""},
	} {
		got, err := d.List(c.pairs)
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("List(%q) = %q, %v, want %q", c.pairs, got, err, c.want)
		}
	}
}

func TestReleases(t *testing.T) {
	for _, c := range []struct {
		banner, version, vendor string
		ok, debian              bool
	}{
		{"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10\r\n", "9.2p1", "Debian-2+deb12u10", true, true},
		{"SSH-2.0-OpenSSH_10.0p2", "10.0p2", "", true, false},
		{"SSH-2.0-OpenSSH_8.9p1 Ubuntu-3ubuntu0.10", "8.9p1", "Ubuntu-3ubuntu0.10", true, true},
		{"SSH-2.0-OpenSSH_for_Windows_9.5", "9.5p1", "Windows", true, false},
		{"SSH-2.0-OpenSSH_9.7 FreeBSD-20240806", "9.7p1", "FreeBSD-20240806", true, false},
		{"SSH-2.0-OpenSSH_6.6.1p1 Ubuntu-2ubuntu2", "6.6p1", "Ubuntu-2ubuntu2", true, true},
		{"SSH-2.0-dropbear_2022.83", "unknown", "", false, false},
		{"SSH-2.0-OpenSSH_\x1b[31m9.2", "unknown", "", false, false},
	} {
		r, ok := schema.ParseBanner(c.banner)
		if ok != c.ok || r.String() != c.version || r.Vendor != c.vendor || r.Debian() != c.debian {
			t.Errorf("ParseBanner(%q) = %v %q, %v, want %s %q, %v", c.banner, r, r.Vendor, ok, c.version, c.vendor, c.ok)
		}
	}
	if a, b := (schema.Release{Major: 9, Minor: 9, Patch: 1}), (schema.Release{Major: 10, Minor: 0, Patch: 1}); a.Compare(b) >= 0 || a.AtLeast(10, 0) || !b.AtLeast(9, 9) {
		t.Error("9.9p1 is not before 10.0p1")
	}
}
