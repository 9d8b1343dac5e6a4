package fleet

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema/testenv"
)

// What the simulated sshd prints is what the real one prints for the same file,
// and both refuse the same.
func TestSimulatedSSHDAgreesWithTheRealOne(t *testing.T) {
	testenv.Root(t)
	sshd := testenv.Program(t, "sshd")
	version, _ := exec.Command(sshd, "-V").CombinedOutput()
	if !strings.Contains(string(version), "OpenSSH_9.2") {
		t.Skipf("the simulated sshd is 9.2, this one is %s", version)
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key := filepath.Join(dir, "key")
	if out, err := exec.Command(testenv.Program(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %s", out)
	}
	for name, added := range map[string]string{
		"stock":       "",
		"a change":    "ClientAliveInterval 30\nClientAliveCountMax 2\n",
		"first wins":  "ClientAliveInterval 30\nclientaliveinterval 60\nTCPKeepAlive no\nLoginGraceTime 30\n",
		"bad keyword": "ClientAliveIntervall 30\n",
	} {
		t.Run(name, func(t *testing.T) {
			// The real one shall not read this machine's own drop-ins.
			text := added + strings.Replace(string(stock), "Include /etc/ssh", "Include "+dir, 1)
			file := filepath.Join(dir, "sshd_config")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			real, err := exec.Command(sshd, "-T", "-f", file, "-h", key).Output()
			simulated, said, status := check(func(string) ([]byte, bool) { return []byte(added + string(stock)), true }, nil)
			if (err == nil) != (status == 0) {
				t.Fatalf("the real one says %v, the simulated one status %d: %s", err, status, said)
			}
			if err != nil {
				return
			}
			if diff := cmp.Diff(lines(real), lines(simulated)); diff != "" {
				t.Errorf("sshd -T (-real +simulated):\n%s", diff)
			}
		})
	}
}

// lines are those of a dump, but for the host key's path.
func lines(dump []byte) []string {
	all := strings.Split(string(dump), "\n")
	return slices.DeleteFunc(all, func(line string) bool { return strings.HasPrefix(line, "hostkey /") })
}

// Every script that a host knows is one that the project has.
func TestStepsAreTheProjectsScripts(t *testing.T) {
	first := map[string]bool{`run=$1 verb=$2; shift 2; /bin/sh "$run/transact.sh" "$verb" "$run" "$@"`: true}
	scripts, err := filepath.Glob("../../scripts/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatal("no scripts were found", err)
	}
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		line, _, _ := strings.Cut(string(text), "\n")
		first[line] = true
	}
	for line := range steps {
		if !first[line] {
			t.Errorf("no script begins with %q", line)
		}
	}
}
