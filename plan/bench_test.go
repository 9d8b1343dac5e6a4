package plan_test

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// stockFleet is n hosts with Debian's own sshd_config and what sshd -T says
// about it. With distinct, no two hosts have the same file.
func stockFleet(tb testing.TB, n int, distinct bool) (*schema.Config, []*plan.Observed) {
	tb.Helper()
	stock, err := os.ReadFile("internal/sshconf/testdata/golden/debian-12/etc/ssh/sshd_config")
	if err != nil {
		tb.Fatal(err)
	}
	cfg := &schema.Config{}
	var observed []*plan.Observed
	for i := range n {
		name := fmt.Sprintf("web-%05d", i)
		target := schema.Target{
			Address: schema.Address{Block: "server", Name: "web", Key: name, HasKey: true},
			Host:    schema.Host{Name: name},
			Settings: []schema.Setting{
				{Keyword: "ClientAliveInterval", Argument: "30"},
				{Keyword: "ClientAliveCountMax", Argument: "4"},
			},
		}
		cfg.Targets = append(cfg.Targets, target)
		text := stock
		if distinct {
			text = append(slices.Clone(stock), "# host "+name+"\n"...)
		}
		observed = append(observed, stockHost(tb, target, text))
	}
	return cfg, observed
}

func stockHost(tb testing.TB, target schema.Target, text []byte) *plan.Observed {
	tb.Helper()
	name := target.Host.Name
	o := &plan.Observed{
		Host: name, Release: schema.Release{Major: 9, Minor: 2, Patch: 1, Vendor: "Debian-2+deb12u3"}, OS: "Debian GNU/Linux 12",
		Home: "/root", User: "root", Answers: map[plan.Login]plan.Answer{},
		Connection: plan.Connection{Type: schema.OverSSH, Address: name + ".example.net", Port: 22, User: "root", HostKey: "SHA256:" + name},
		Files: map[string]plan.File{
			plan.ServerConfig: {RealPath: plan.ServerConfig, Bytes: text, Mode: 0o644},
		},
		Folders:  map[string]plan.Folder{"/etc/ssh/sshd_config.d": {Names: []string{}}},
		Listener: plan.Listener{Path: "/usr/sbin/sshd", Args: []string{"-D"}, ConfigFile: plan.ServerConfig, Reload: plan.SystemdUnit, Unit: "ssh.service"},
	}
	for {
		asking := plan.Asks([]schema.Target{target}, o)
		if asking.Empty() {
			return o
		}
		if len(asking.Files)+len(asking.Folders) > 0 {
			tb.Fatalf("a stock host lacks %v %v", asking.Files, asking.Folders)
		}
		for _, login := range asking.Logins {
			o.Answers[login] = plan.Answer{Values: stockAnswer()}
		}
	}
}

// stockAnswer is as long as sshd's own.
func stockAnswer() map[string][]string {
	values := map[string][]string{}
	for line := range strings.Lines("clientaliveinterval 0\nclientalivecountmax 3\ntcpkeepalive yes\nlogingracetime 120\nunusedconnectiontimeout none\n") {
		keyword, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		values[keyword] = []string{value}
	}
	for i := range 90 {
		values[fmt.Sprintf("otherkeyword%d", i)] = []string{"value"}
	}
	return values
}

func benchmarkBuild(b *testing.B, distinct bool) {
	for _, n := range []int{1, 100, 1000, 5000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			cfg, observed := stockFleet(b, n, distinct)
			b.ReportAllocs()
			for b.Loop() {
				p, diags := plan.Build(cfg, slices.Values(observed), plan.BuildOptions{})
				if diags.HasErrors() || len(p.Hosts) != n || !p.Hosts[n-1].Changed() {
					b.Fatal(diags)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(n), "µs/host")
		})
	}
}

func BenchmarkBuildEqual(b *testing.B)    { benchmarkBuild(b, false) }
func BenchmarkBuildDistinct(b *testing.B) { benchmarkBuild(b, true) }

// BenchmarkAsks is one round of questions about a host that is fully known.
func BenchmarkAsks(b *testing.B) {
	cfg, observed := stockFleet(b, 1, false)
	b.ReportAllocs()
	for b.Loop() {
		if !plan.Asks(cfg.Targets, observed[0]).Empty() {
			b.Fatal("something is asked")
		}
	}
}

// BenchmarkScan reads the plan of 5,000 hosts.
func BenchmarkScan(b *testing.B) {
	head := samplePlan()
	head.Hosts = nil
	var file bytes.Buffer
	if _, err := plan.WriteHosts(&file, head, manyHosts(5000), false); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(file.Len()))
	for b.Loop() {
		if _, _, err := plan.Scan(bytes.NewReader(file.Bytes()), func(plan.HostPlan) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
