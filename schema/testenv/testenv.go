// Package testenv decides what a test does when the machine lacks something
// it needs: on a laptop it skips with the reason, under `make test` it fails,
// so that nothing is skipped unnoticed.
package testenv

import (
	"os"
	"os/exec"
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
