package apply_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/local"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// clientPlan writes text, line by line, into a client file that is absent or
// holds old, and demands the interval for a destination.
func clientPlan(t *testing.T, file, old, text, interval string) *plan.Plan {
	t.Helper()
	host, err := (&local.Dialer{}).Dial(t.Context(), apply.Reach{})
	must(t, err)
	address := schema.Address{Block: "client", Name: "here"}
	edit := plan.FileEdit{
		Path: file, RealPath: file, Role: plan.ClientFile, Mode: 0o600, UID: -1, GID: -1,
		Edits: []plan.Edit{{Op: plan.Insert, Line: 1, New: text, Address: address.String()}},
		After: plan.Sum([]byte(text + old)), BeforeSize: int64(len(old)),
	}
	action := plan.Create
	if old != "" {
		edit.Before, action = plan.Sum([]byte(old)), plan.Update
	}
	login := plan.Login{Client: true, File: file, Host: "anywhere.example.net"}
	return &plan.Plan{
		Mode: plan.Normal,
		Hosts: []plan.HostPlan{plan.HostPlan{
			Host: schema.ThisMachine, Wave: "rest",
		}.Via(host.Facts().Connection).With(plan.Decision{
			Run:   plan.Run{ConfirmTimeout: plan.DefaultConfirmTimeout},
			Files: []plan.FileEdit{edit},
			Changes: []plan.Change{{
				Address: address, Host: schema.ThisMachine, Action: action, File: file,
				Settings: []plan.Difference{{Keyword: "ServerAliveInterval"}},
				Expect: []plan.Expectation{{Login: login, Values: map[schema.Keyword]schema.Argument{
					"ServerAliveInterval": schema.Argument(interval),
				}}},
			}},
		})},
		Rollout: plan.Rollout{Waves: []plan.Wave{{Name: "rest", Hosts: 1, OnFailure: "stop"}}},
	}
}

func TestClientFile(t *testing.T) {
	testenv.Program(t, "ssh")
	for _, test := range []struct {
		name, old, text, interval string
		mode                      os.FileMode
		outcome                   apply.Outcome
	}{
		{"absent", "", "ServerAliveInterval 41\n", "41", 0o600, apply.Changed},
		{"edited", "Host a\n\tPort 3\n", "ServerAliveInterval 41\n", "41", 0o644, apply.Changed},
		{"not what was promised", "Host a\n", "ServerAliveInterval 41\n", "42", 0o600, apply.Failed},
		{"refused by ssh", "Host a\n", "ServerAliveInterval forty\n", "41", 0o600, apply.Failed},
	} {
		t.Run(test.name, func(t *testing.T) {
			home := t.TempDir()
			file := filepath.Join(home, ".ssh", "config")
			if test.old != "" {
				must(t, os.Mkdir(filepath.Join(home, ".ssh"), 0o700))
				must(t, os.WriteFile(file, []byte(test.old), test.mode))
			}
			made := clientPlan(t, file, test.old, test.text, test.interval)
			d := &faulty{state: home}
			report, err := apply.Run(t.Context(), made, apply.RunOptions{Dialer: d, Who: "a test"})
			must(t, err)
			if got := report.Hosts[0]; got.Outcome != test.outcome {
				t.Fatalf("got %s, %v; want %s", got.Outcome, got.Err, test.outcome)
			}
			want := test.old
			if test.outcome == apply.Changed {
				want = test.text + test.old
			}
			text, err := os.ReadFile(file)
			must(t, err)
			if diff := cmp.Diff(want, string(text)); diff != "" {
				t.Errorf("the file (-want +got):\n%s", diff)
			}
			info, err := os.Stat(file)
			must(t, err)
			if info.Mode().Perm() != test.mode {
				t.Errorf("got mode %o, want %o", info.Mode().Perm(), test.mode)
			}
			left, err := filepath.Glob(filepath.Join(home, ".ssh", ".*"))
			if err != nil || len(left) > 0 {
				t.Errorf("got %v left, %v; want nothing", left, err)
			}
		})
	}
}
