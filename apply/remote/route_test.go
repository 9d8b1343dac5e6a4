package remote

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

func TestParseHop(t *testing.T) {
	for text, want := range map[string]plan.Hop{
		"bastion":                   {Address: "bastion"},
		" bastion ":                 {Address: "bastion"},
		"bastion:2222":              {Address: "bastion", Port: 2222},
		"ops@bastion":               {User: "ops", Address: "bastion"},
		"ops@corp@bastion:22":       {User: "ops@corp", Address: "bastion", Port: 22},
		"ssh://ops@bastion:2222":    {User: "ops", Address: "bastion", Port: 2222},
		"ssh://bastion/":            {Address: "bastion"},
		"2001:db8::1":               {Address: "2001:db8::1"},
		"[2001:db8::1]:2222":        {Address: "2001:db8::1", Port: 2222},
		"ops@[2001:db8::1]":         {User: "ops", Address: "2001:db8::1"},
		"ssh://[2001:db8::1]:2222/": {Address: "2001:db8::1", Port: 2222},
	} {
		got, err := parseHop(text)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "@", "ops@", "bastion:", "bastion:x", "bastion:0", "bastion:65536", "bastion:-1", "-oProxyCommand=x", "a b", "[::1", "[::1]x", "ops@:22", "a\nb", "*"} {
		if got, err := parseHop(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

func FuzzParseHop(f *testing.F) {
	f.Add("ops@bastion:2222")
	f.Add("ssh://[::1]:22/")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHop(text)
		if err == nil && (h.Address == "" || strings.ContainsAny(h.Address, " \n,|*") || h.Port < 0 || h.Port > 65535) {
			t.Errorf("%q: got %+v", text, h)
		}
	})
}

// The order of precedence, argument by argument.
func TestPrecedence(t *testing.T) {
	d := &Dialer{User: "me", Home: "/home/me"}
	r, err := d.route(t.Context(), apply.Reach{
		Host:       "web-1",
		Connection: schema.Connection{User: "declared", ProxyJump: "b1,x@b2:99"},
		Fallback:   &schema.Connection{User: "fallback", Port: 2222, Become: "sudo", KnownHostsFile: "~/known"},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := plan.Connection{
		Type: "ssh", Address: "web-1", Port: 2222, User: "declared", Become: "sudo", KnownHostsFile: "~/known",
		HostKeyChecking: "yes", ConnectTimeout: DefaultConnectTimeout,
		Jump: []plan.Hop{{User: "declared", Address: "b1", Port: 22}, {User: "x", Address: "b2", Port: 99}},
	}
	if diff := cmp.Diff(want, r.facts); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if got := r.end.knownHosts; !cmp.Equal(got, []string{"/home/me/known"}) {
		t.Errorf("got known_hosts %q", got)
	}
	// A plan records everything, so the way back is the same.
	want.HostKey = "SHA256:x"
	again, err := (&Dialer{User: "other", Home: "/home/me"}).route(t.Context(), apply.Reach{Host: "web-1", Pinned: &want})
	if err != nil {
		t.Fatal(err)
	}
	if again.pinned != "SHA256:x" {
		t.Errorf("got pin %q", again.pinned)
	}
	want.HostKey = ""
	if diff := cmp.Diff(want, again.facts); diff != "" {
		t.Errorf("pinned facts (-want +got):\n%s", diff)
	}
	if len(again.jumps) != 2 || again.jumps[1].id() != r.jumps[1].id() {
		t.Errorf("got jumps %+v, want %+v", again.jumps, r.jumps)
	}
}

// A forged plan cannot smuggle lines into known_hosts or options anywhere.
func TestForgedPlans(t *testing.T) {
	d := &Dialer{User: "me", Home: "/home/me"}
	good := plan.Connection{Address: "web", Port: 22, User: "me"}
	for name, change := range map[string]func(*plan.Connection){
		"address":   func(c *plan.Connection) { c.Address = "web\nevil ssh-ed25519 AAAA" },
		"option":    func(c *plan.Connection) { c.Address = "-oProxyCommand=x" },
		"wildcard":  func(c *plan.Connection) { c.Address = "*" },
		"alias":     func(c *plan.Connection) { c.HostKeyAlias = "x\nevil" },
		"port":      func(c *plan.Connection) { c.Port = 70000 },
		"jump":      func(c *plan.Connection) { c.Jump = []plan.Hop{{Address: "a b"}} },
		"jump port": func(c *plan.Connection) { c.Jump = []plan.Hop{{Address: "a", Port: -1}} },
		"user":      func(c *plan.Connection) { c.User = "a\nb" },
		"become":    func(c *plan.Connection) { c.Become = "sh -c evil" },
		"type":      func(c *plan.Connection) { c.Type = "local" },
	} {
		c := good
		change(&c)
		if r, err := d.route(t.Context(), apply.Reach{Host: "web", Pinned: &c}); err == nil {
			t.Errorf("%s: got %+v, want an error", name, r.facts)
		}
	}
}

func TestCleanTakesEscapesAway(t *testing.T) {
	for text, want := range map[string]string{
		"plain":                        "plain",
		" two\r\nlines\t":              "two lines",
		"\x1b[31mred\x1b[0m\a":         "[31mred[0m",
		"\u009b31m\u202ereversed\x7f":  "31mreversed",
		"\xff\xfe":                     "?",
		strings.Repeat("x", 2*maxSaid): strings.Repeat("x", maxSaid) + "…",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
