package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sshform/sshform/schema/testenv"
)

// TestDiskFull runs testdata/diskfull/*.txtar, whose private sshd has its
// folder on a disk of 512 KiB.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	testenv.Root(t)
	program := testenv.Program(t, "sshd")
	testenv.Program(t, "ssh-keygen")
	runScripts(t, "testdata/diskfull", func(env *testscript.Env) {
		env.Values[sshdKey{}] = &private{program: program}
		smallDisk(t, env, "sshd")
	})
}

// TestJournalDiskFull runs testdata/journalfull/*.txtar, whose journals lie on
// a disk of 512 KiB.
func TestJournalDiskFull(t *testing.T) {
	t.Parallel()
	testenv.Root(t)
	program := testenv.Program(t, "sshd")
	testenv.Program(t, "ssh-keygen")
	runScripts(t, "testdata/journalfull", func(env *testscript.Env) {
		env.Values[fleetKey{}] = &privateFleet{program: program}
		smallDisk(t, env, "journal")
	})
}

// smallDisk puts a folder of a script on a disk of 512 KiB.
func smallDisk(t *testing.T, env *testscript.Env, folder string) {
	t.Helper()
	disk := filepath.Join(env.WorkDir, folder)
	if err := os.MkdirAll(disk, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "size=512k,mode=755"); err != nil {
		testenv.Need(t, false, "no file system can be mounted here: "+err.Error())
	}
	env.Defer(func() {
		// Lazily: a process of the test may still be on its way out.
		if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", disk, err)
		}
	})
}
