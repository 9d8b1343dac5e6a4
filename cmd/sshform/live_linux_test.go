package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sshform/sshform/schema/testenv"
)

// TestLiveArea gives sshform a real terminal, by script(1), and a host that
// does not answer until the live area has shown it among the slowest.
func TestLiveArea(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sshd", "ssh-keygen", "script"} {
		testenv.Program(t, name)
	}
	dir := t.TempDir()
	f := &privateFleet{program: testenv.Program(t, "sshd"), dir: filepath.Join(dir, "fleet")}
	t.Cleanup(f.stopAll)
	for _, name := range []string{"h1", "h2", "h3"} {
		if err := f.start(name); err != nil {
			t.Fatal(err)
		}
	}
	s := slurmTest{T: t, dir: dir}
	s.write("fleet.sshform.hcl", f.hcl())
	s.write("main.sshform.hcl", liveFleet)
	hold, release := func() { s.must(f.signal("h2", syscall.SIGSTOP)) }, func() { s.must(f.signal("h2", syscall.SIGCONT)) }

	hold()
	shown := s.onTerminal("sshform plan -out=saved.plan", "2/3  2 read", release)
	shows(t, shown, "Reading [", "2/3  2 read", "h2: reading for ")
	shows(t, shown[strings.LastIndex(shown, "Reading ["):], "Reading 3 files on 3 hosts... done in ", "Plan: 0 to add, 3 to change, 0 to destroy.")

	hold()
	shown = s.onTerminal("sshform apply saved.plan", "1/2  1 changed", release)
	shows(t, shown, "Wave first [", "Wave second [", "1/2  1 changed", "h2: connect for ", // the area
		"server.fleet[\"h3\"]: Modifications complete after") // above it
	shows(t, shown[strings.LastIndex(shown, "Wave second ["):], "Apply complete! Resources: 0 added, 3 changed, 0 destroyed.")
	if strings.Contains(shown, "Still modifying") {
		t.Errorf("got lines for pipelines on a terminal:\n%q", shown)
	}

	// The area is on the standard error alone, and with -json there is none.
	s.onTerminal("sshform plan > plan.txt", "", nil)
	plain, err := os.ReadFile(filepath.Join(dir, "plan.txt"))
	s.must(err)
	if got := string(plain); !strings.HasPrefix(got, "Reading 3 files on 3 hosts... done in ") || strings.Contains(got, "\x1b") {
		t.Errorf("got %q in the file, want text without an area", got)
	}
	if shown := s.onTerminal("sshform plan -json > plan.json", "", nil); shown != "" {
		t.Errorf("got %q on a terminal with -json, want nothing", shown)
	}
	if shown := s.onTerminal("TERM=dumb sshform plan", "", nil); strings.Contains(shown, "\x1b") || !strings.Contains(shown, "Reading 3 files on 3 hosts... done in ") {
		t.Errorf("got %q on a terminal that cannot move, want lines", shown)
	}
}

// shows fails for every piece of text that did not appear.
func shows(t *testing.T, shown string, want ...string) {
	t.Helper()
	for _, text := range want {
		if !strings.Contains(shown, text) {
			t.Errorf("the terminal did not show %q:\n%q", text, shown)
		}
	}
}

// onTerminal runs a command on a terminal and returns all that was shown. When
// sign appears it calls then.
func (s slurmTest) onTerminal(command, sign string, then func()) string {
	s.Helper()
	return s.atTerminal(command, sign, func(io.Writer) {
		if then != nil {
			then()
		}
	})
}

// atTerminal is onTerminal for those who also type.
func (s slurmTest) atTerminal(command, sign string, then func(keyboard io.Writer)) string {
	s.Helper()
	cmd := s.command("script", "-qec", "stty cols 120 rows 30; "+command, "/dev/null")
	cmd.Env = append(cmd.Env, "TERM=xterm", "NO_COLOR=1")
	screen, err := cmd.StdoutPipe()
	s.must(err)
	keyboard, err := cmd.StdinPipe()
	s.must(err)
	s.must(cmd.Start())
	var seen bytes.Buffer
	for piece := make([]byte, 4096); ; {
		n, err := screen.Read(piece)
		seen.Write(piece[:n])
		if then != nil && bytes.Contains(seen.Bytes(), []byte(sign)) {
			then(keyboard)
			then = nil
		}
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		s.Errorf("%s: %v\n%q", command, err, seen.String())
	}
	return seen.String()
}

const liveFleet = fleetRollout + `
  wave "first" {
    hosts = [host.h1]
  }

  wave "second" {
    percent = 100
  }
}
`
