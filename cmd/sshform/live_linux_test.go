package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sshform/sshform/schema/testenv"
)

// TestLiveArea gives sshform a real terminal, by script(1), and a host that
// does not answer until the live area has shown it among the slowest.
func TestLiveArea(t *testing.T) {
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
	s.write("fleet.sshform.hcl", strings.Replace(f.hcl(), `"5s"`, `"60s"`, 1))
	s.write("main.sshform.hcl", liveFleet)
	s.must(s.run("go", "build", "-o", filepath.Join(dir, "sshform"), "."))
	s.must(s.run("./sshform", "plan", "-out=saved.plan"))
	s.must(f.signal("h2", syscall.SIGSTOP))

	cmd := exec.Command(s.path("script"), "-qec", "stty cols 120 rows 30; ./sshform apply saved.plan", "/dev/null")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
	screen, err := cmd.StdoutPipe()
	s.must(err)
	s.must(cmd.Start())
	var seen bytes.Buffer
	othersDone := []byte("1/2  1 changed")
	for piece := make([]byte, 4096); ; {
		n, err := screen.Read(piece)
		before := bytes.Contains(seen.Bytes(), othersDone)
		seen.Write(piece[:n])
		if !before && bytes.Contains(seen.Bytes(), othersDone) {
			s.must(f.signal("h2", syscall.SIGCONT))
		}
		if err != nil {
			break
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("apply: %v", err)
	}
	shown := seen.String()
	for _, want := range []string{
		"Wave first [", "Wave second [", "1/2  1 changed", "h2: connect for ", // the area
		"server.fleet[\"h3\"]: Modifications complete after", // above it
		"Apply complete! Resources: 0 added, 3 changed, 0 destroyed.",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("the terminal did not show %q:\n%q", want, shown)
		}
	}
	if end := shown[strings.LastIndex(shown, "Apply complete!"):]; strings.Contains(end, "Wave second [") {
		t.Errorf("the live area is still there at the end:\n%q", end)
	}
	if strings.Contains(shown, "Still modifying") {
		t.Errorf("got lines for pipelines on a terminal:\n%q", shown)
	}
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
