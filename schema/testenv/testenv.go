// Package testenv decides what a test does when the machine lacks something
// it needs: on a laptop it skips with the reason, under `make test` it fails,
// so that nothing is skipped unnoticed.
package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Need skips the test with the reason unless ok. Under `make test`, which sets
// SSHFORM_TEST_REQUIRE=1, it fails the test instead.
func Need(t testing.TB, ok bool, reason string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("SSHFORM_TEST_REQUIRE") == "1":
		t.Fatalf("this machine should be able to run this test: %s", reason)
	default:
		t.Skip(reason)
	}
}

// Program returns the path of a program, looking in the sbin folders too,
// which are not in everybody's PATH. A missing one is a Need.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if err == nil {
			break
		}
		path, err = exec.LookPath(dir + "/" + name)
	}
	Need(t, err == nil, name+" is not installed")
	return path
}

// Root is a Need for the superuser.
func Root(t testing.TB) {
	t.Helper()
	Need(t, os.Geteuid() == 0, "needs root")
}

// Note logs a line and appends it to a file of SSHFORM_ARTIFACTS, where that is
// set: go test keeps the log of a test that passes to itself.
func Note(t testing.TB, file, line string) {
	t.Helper()
	t.Log(line)
	dir := os.Getenv("SSHFORM_ARTIFACTS")
	if dir == "" {
		return
	}
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := fmt.Fprintln(f, line); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
