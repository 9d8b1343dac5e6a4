package fleet_test

import (
	"context"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/applytest/fleet"
	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// An openSSH is a real sshd on loopback, behind a way as long as one likes.
type openSSH struct {
	dir    string
	port   int
	dialer *remote.Dialer
	trip   time.Duration
}

func startOpenSSH(t *testing.T) *openSSH {
	t.Helper()
	testenv.Root(t)
	sshd := testenv.Program(t, "sshd")
	must(t, os.MkdirAll("/run/sshd", 0o755))
	s := &openSSH{dir: t.TempDir()}
	keys := fleet.New(1)
	_, _, err := keys.Write(s.dir, false, 0)
	must(t, err)
	out, err := exec.Command(testenv.Program(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", s.in("host")).CombinedOutput()
	if err != nil {
		t.Fatalf("ssh-keygen: %s", out)
	}
	public, err := os.ReadFile(s.in("host.pub"))
	must(t, err)
	s.port, err = testenv.FreePort()
	must(t, err)
	must(t, os.Mkdir(s.in("state"), 0o700))
	s.write(t, "known", fmt.Sprintf("[127.0.0.1]:%d %s", s.port, public))
	s.write(t, "authorized", string(ssh.MarshalAuthorizedKey(keys.Client().PublicKey())))
	s.write(t, "sshd_config", fmt.Sprintf("Port %d\nListenAddress 127.0.0.1\nHostKey %[2]s/host\nPidFile %[2]s/pid\n"+
		"AuthorizedKeysFile %[2]s/authorized\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nSetEnv SSHFORM_STATE=%[2]s/state\n"+
		"Subsystem sftp /usr/lib/openssh/sftp-server\n", s.port, s.dir))
	daemon := exec.Command(sshd, "-D", "-f", s.in("sshd_config"))
	must(t, daemon.Start())
	t.Cleanup(func() {
		daemon.Process.Kill()
		daemon.Wait()
	})
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.port))
		if err == nil {
			conn.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("sshd does not listen")
		}
	}
	s.dialer = &remote.Dialer{User: "root", Home: s.dir, KnownHosts: []string{s.in("known")}, DialTCP: s.dial}
	t.Cleanup(func() { s.dialer.Close() })
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *openSSH) in(name string) string { return filepath.Join(s.dir, name) }

func (s *openSSH) write(t *testing.T, name, content string) {
	t.Helper()
	must(t, os.WriteFile(s.in(name), []byte(content), 0o600))
}

func (s *openSSH) dial(ctx context.Context, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{KeepAlive: -1}).DialContext(ctx, "tcp", address)
	if err != nil || s.trip == 0 {
		return conn, err
	}
	return fleet.Lengthen(conn, s.trip), nil
}

// work plans an interval and applies it, and tells how long both took.
func (s *openSSH) work(t *testing.T, interval int, rehearsal bool, trip time.Duration) (planning, applying time.Duration) {
	t.Helper()
	s.trip = trip
	cfg := &schema.Config{Targets: []schema.Target{{
		Address: schema.Address{Block: "server", Name: "one"}, Host: schema.Host{Name: "one"},
		Connection: schema.Connection{Address: "127.0.0.1", Port: s.port, IdentityFile: s.in("id_ed25519")},
		File:       schema.File{Path: s.in("sshd_config")},
		Settings:   []schema.Setting{{Keyword: "ClientAliveInterval", Argument: schema.Argument(fmt.Sprint(interval))}},
		Verify:     schema.Verify{SkipRehearsal: !rehearsal},
	}}}
	began := time.Now()
	p, diags := plan.Build(cfg, apply.Observe(t.Context(), cfg, apply.ObserveOptions{Dialer: s.dialer, Asks: plan.Asks}), plan.BuildOptions{})
	planning = time.Since(began)
	if diags.HasErrors() {
		t.Fatalf("%+v", diags[0])
	}
	began = time.Now()
	report, err := apply.Run(t.Context(), p, apply.RunOptions{Dialer: s.dialer, Who: "test", Version: "test"})
	must(t, err)
	if report.Hosts[0].Outcome != apply.Changed {
		t.Fatalf("got %+v", report.Hosts[0])
	}
	return planning, time.Since(began)
}

// What a longer way adds, counted in round trips, against a real sshd: what the
// host itself takes is the same with and without it. A busy machine adds to the
// one and not to the other, so that the count is tried again before it is
// believed to be too high.
func TestRoundTripsToOpenSSH(t *testing.T) {
	const trip = 200 * time.Millisecond
	s := startOpenSSH(t)
	interval := 10
	for _, c := range []struct {
		name        string
		rehearsal   bool
		plan, apply float64
	}{
		{"whole", true, 15, 45},
		{"without a rehearsal", false, 15, 34},
	} {
		t.Run(c.name, func(t *testing.T) {
			near, far := never(), never()
			var planned, applied float64
			for range 10 {
				interval += 2
				near.least(s.work(t, interval, c.rehearsal, 0))
				far.least(s.work(t, interval+1, c.rehearsal, trip))
				planned = math.Round(float64(far.plan-near.plan) / float64(trip))
				applied = math.Round(float64(far.apply-near.apply) / float64(trip))
				t.Logf("plan %v, apply %v; near %v, far %v", planned, applied, near, far)
				if planned <= c.plan && applied <= c.apply {
					return
				}
			}
			t.Errorf("got %v round trips for a plan and %v for an apply, want at most %v and %v", planned, applied, c.plan, c.apply)
		})
	}
}

// least are the shortest times that were seen: what a busy machine adds is no
// part of them.
type least struct{ plan, apply time.Duration }

func never() least { return least{math.MaxInt64, math.MaxInt64} }

func (l *least) least(planning, applying time.Duration) {
	l.plan, l.apply = min(l.plan, planning), min(l.apply, applying)
}
