package plan_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// manyBlocks is a file of a side with n blocks of the given number of lines,
// those of a server by user and by address in turn.
func manyBlocks(side schema.Side, n, lines int) string {
	var b strings.Builder
	for i := range n {
		if side == schema.Client {
			fmt.Fprintf(&b, "Host host%d\n    ServerAliveInterval %d\n    HostName h%d.example\n", i, 10+i%50, i)
		} else {
			criteria := fmt.Sprintf("User user%d", i)
			if i%2 == 0 {
				criteria = fmt.Sprintf("Address 10.%d.%d.0/24", i/256, i%256)
			}
			fmt.Fprintf(&b, "Match %s\n    ClientAliveInterval %d\n    X11Forwarding no\n", criteria, 10+i%50)
		}
		for range lines - 3 {
			b.WriteString("    # why it is so\n")
		}
	}
	return b.String()
}

// manyHost observes a host with such a file and a target for everybody.
func manyHost(tb testing.TB, side schema.Side, n, lines int) (*schema.Config, *plan.Observed) {
	tb.Helper()
	t := schema.Target{
		Address: schema.Address{Block: string(side), Name: "all"}, Host: schema.Host{Name: "h"},
		Settings: []schema.Setting{{Keyword: "ServerAliveInterval", Argument: "420"}, {Keyword: "ServerAliveCountMax", Argument: "7"}},
		Reload:   "none",
	}
	name := "/home/me/.ssh/config"
	if side == schema.Server {
		name = plan.ServerConfig
		t.Settings = []schema.Setting{{Keyword: "ClientAliveInterval", Argument: "420"}, {Keyword: "ClientAliveCountMax", Argument: "7"}}
	}
	o := &plan.Observed{
		Host: "h", Release: schema.Release{Major: 9, Minor: 2, Patch: 1}, Home: "/home/me", User: "me", UID: 1000,
		Connection: plan.Connection{Type: schema.OverSSH, Address: "h.invalid", Port: 22, HostKey: "SHA256:h"},
		Files: map[string]plan.File{
			name: {RealPath: name, Bytes: []byte(manyBlocks(side, n, lines)), Mode: 0o600, UID: 1000},
		},
		Folders: map[string]plan.Folder{}, Answers: map[plan.Login]plan.Answer{},
	}
	targets := []schema.Target{t}
	for {
		asking := plan.Asks(targets, o)
		if asking.Empty() {
			return &schema.Config{Targets: targets}, o
		}
		for _, name := range asking.Files {
			o.Files[name] = plan.File{State: plan.Missing}
		}
		for _, name := range asking.Folders {
			o.Folders[name] = plan.Folder{Missing: true}
		}
		for _, login := range asking.Logins {
			o.Answers[login] = plan.Answer{Values: map[string][]string{}} // says nothing, so contradicts nothing
		}
	}
}

// TestManyBlocks holds the limits: the program is asked about a hundred blocks,
// and the plan says how many it was not asked about.
func TestManyBlocks(t *testing.T) {
	for _, side := range []schema.Side{schema.Server, schema.Client} {
		cfg, o := manyHost(t, side, 3000, 3)
		if got := len(o.Answers); got != 101 {
			t.Errorf("%s: got %d questions, want everybody and 100 blocks", side, got)
		}
		p, diags := plan.Build(cfg, slices.Values([]*plan.Observed{o}), plan.BuildOptions{})
		if diags.HasErrors() || !p.Hosts[0].Changed() {
			t.Fatalf("%s: got %v, want a change", side, diags)
		}
		notes := strings.Join(p.Hosts[0].Changes()[0].Notes, "\n")
		for _, want := range []string{
			"not asked: 2900 more blocks: the host's own program is asked about 100 of them",
			"not proved: 1000 more blocks: the change was proved for everybody and for 2000 of them",
			"user2999 ", "host2999 ",
		} {
			other := map[schema.Side]string{schema.Server: "host2999 ", schema.Client: "user2999 "}[side]
			if want != other && !strings.Contains(notes, want) {
				t.Errorf("%s: the notes do not say %q", side, want)
			}
		}
	}
}

// TestLintOfManyBlocks finds what is wrong in the last of very many blocks.
func TestLintOfManyBlocks(t *testing.T) {
	text := manyBlocks(schema.Server, 5000, 3) + "Match User last\n    ClientAliveInterval 5\n    ClientAliveInterval 6\n"
	found := lint(t, schema.Server, "9.2p1", map[string]string{plan.ServerConfig: text})
	at := slices.IndexFunc(found, func(f plan.Finding) bool { return f.ID == "shadowed" })
	if at < 0 || found[at].Line != 15003 {
		t.Errorf("got no finding about line 15003, want one that is shadowed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	q := plan.Query{Side: schema.Server}
	o := look(t, map[string]string{plan.ServerConfig: text}, "9.2p1", plan.LintAsks, q)
	if _, err := plan.Lint(ctx, q, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want lint to end with its context", err)
	}
}

// A file of n lines has a tenth as many blocks.
func benchmarkMany(b *testing.B, run func(b *testing.B, side schema.Side, lines int)) {
	for _, side := range []schema.Side{schema.Server, schema.Client} {
		for _, lines := range []int{1000, 10_000, 100_000} {
			b.Run(fmt.Sprintf("%s/%d", side, lines), func(b *testing.B) {
				b.ReportAllocs()
				run(b, side, lines)
			})
		}
	}
}

func BenchmarkBuildManyBlocks(b *testing.B) {
	benchmarkMany(b, func(b *testing.B, side schema.Side, lines int) {
		cfg, o := manyHost(b, side, lines/10, 10)
		for b.Loop() {
			p, diags := plan.Build(cfg, slices.Values([]*plan.Observed{o}), plan.BuildOptions{})
			if diags.HasErrors() || !p.Hosts[0].Changed() {
				b.Fatal(diags)
			}
		}
	})
}

func BenchmarkAsksManyBlocks(b *testing.B) {
	benchmarkMany(b, func(b *testing.B, side schema.Side, lines int) {
		cfg, o := manyHost(b, side, lines/10, 10)
		for b.Loop() {
			if !plan.Asks(cfg.Targets, o).Empty() {
				b.Fatal("something is asked")
			}
		}
	})
}

func BenchmarkLintManyBlocks(b *testing.B) {
	benchmarkMany(b, func(b *testing.B, side schema.Side, lines int) {
		_, o := manyHost(b, side, lines/10, 10)
		o.Folders[plan.ServerConfig+".d"] = plan.Folder{Missing: true}
		for b.Loop() {
			if _, err := plan.Lint(b.Context(), plan.Query{Side: side}, o); err != nil {
				b.Fatal(err)
			}
		}
	})
}
