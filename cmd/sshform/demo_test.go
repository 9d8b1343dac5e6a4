//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sshform/sshform/schema/testenv"
)

// TestDemo runs what `make demo` runs, as the user of this test and, as root,
// as a plain user too.
func TestDemo(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"sshd", "ssh", "ssh-keygen"} {
		testenv.Program(t, program)
	}
	if os.Geteuid() == 0 {
		// Else the demo would make it, and remove it under the tests beside it.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "sshform")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	t.Run("this user", func(t *testing.T) { demo(t, program, nil) })
	t.Run("plain user", func(t *testing.T) {
		testenv.Root(t)
		// nobody may pass the temporary folder and read the program there.
		for at := dir; strings.HasPrefix(at, os.TempDir()+"/"); at = filepath.Dir(at) {
			if err := os.Chmod(at, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		demo(t, program, plainUser(t))
	})
}

// plainUser makes a user who may log in, for as long as the test runs.
func plainUser(t *testing.T) *syscall.Credential {
	t.Helper()
	name := fmt.Sprintf("sshform-t%d", os.Getpid())
	run := func(program string, args ...string) {
		if out, err := exec.Command(testenv.Program(t, program), args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", program, err, out)
		}
	}
	// A password of "*" is none, and unlike "!" it does not lock the account.
	run("useradd", "--system", "--no-create-home", "--user-group", "--shell", "/bin/sh", "--password", "*", name)
	// The watchdog of the user's last run may still be about to end.
	t.Cleanup(func() { run("userdel", "--force", name) })
	made, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(made.Uid, 10, 32)
	gid, _ := strconv.ParseUint(made.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

func demo(t *testing.T, program string, as *syscall.Credential) {
	home, err := os.MkdirTemp("", "sshform-demo-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	files, err := filepath.Glob("../../examples/quickstart/*")
	if err != nil || len(files) < 2 {
		t.Fatalf("the quickstart is not whole: %v, %v", files, err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(home, "examples/quickstart", filepath.Base(name)), string(content))
	}
	if as != nil {
		err := filepath.WalkDir(home, func(path string, _ os.DirEntry, err error) error {
			if err == nil {
				err = os.Chown(path, int(as.Uid), int(as.Gid))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("sh", "examples/quickstart/demo.sh", program)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR=/tmp", "SSH_AUTH_SOCK=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("demo: %v\n%s", err, out)
	}
	for _, want := range []string{
		"Plan: 0 to add, 1 to change, 0 to destroy.",
		"Apply complete! Resources: 0 added, 1 changed, 0 destroyed.",
		"No changes. Your infrastructure matches the configuration.",
		"+ClientAliveInterval 3", "keepalive@openssh.com",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the demo does not show %q:\n%s", want, out)
		}
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
