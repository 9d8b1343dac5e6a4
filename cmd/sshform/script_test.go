//go:build unix

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sshform/sshform/schema/testenv"
)

// TestMain makes this test binary the command sshform for scripts.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sshform": main})
}

// TestScript runs testdata/script/*.txtar. UPDATE_SCRIPTS=1 rewrites the
// expected outputs that stand in the scripts.
func TestScript(t *testing.T) {
	t.Parallel()
	runScripts(t, "testdata/script", func(*testscript.Env) {})
}

// TestRealSSHD runs testdata/sshd/*.txtar, in which sshform changes a private
// sshd.
func TestRealSSHD(t *testing.T) {
	t.Parallel()
	program := testenv.Program(t, "sshd")
	testenv.Program(t, "ssh-keygen")
	other := testenv.Program(t, "dropbear")
	testenv.Program(t, "dropbearconvert")
	testenv.Program(t, "git")
	runScripts(t, "testdata/sshd", func(env *testscript.Env) {
		env.Values[sshdKey{}] = &private{program: program, dropbear: other}
	})
}

// TestFleet runs testdata/fleet/*.txtar, in which sshform changes several
// private sshds.
func TestFleet(t *testing.T) {
	t.Parallel()
	program := testenv.Program(t, "sshd")
	testenv.Program(t, "ssh-keygen")
	runScripts(t, "testdata/fleet", func(env *testscript.Env) {
		env.Values[fleetKey{}] = &privateFleet{program: program}
	})
}

func runScripts(t *testing.T, dir string, prepare func(*testscript.Env)) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		UpdateScripts:       os.Getenv("UPDATE_SCRIPTS") == "1",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Values[silentKey{}] = &silent{}
			env.Values[besideKey{}] = &beside{}
			prepare(env)
			return setUp(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": exitStatus, "valid": keepsSchema,
			"sshd": sshd, "fleet": fleet, "another": another, "dropbear": dropbear, "hang": hang, "background": background,
			"recipe": recipe,
		},
	})
}

// setUp gives every script a home of its own and none of the machine's
// settings.
func setUp(env *testscript.Env) error {
	home := filepath.Join(env.WorkDir, "home")
	if err := os.MkdirAll(filepath.Join(home, ".ssh"), 0o700); err != nil {
		return err
	}
	env.Setenv("HOME", home)
	env.Setenv("SSH_AUTH_SOCK", "")
	env.Setenv("SSHFORM_STATE", filepath.Join(env.WorkDir, "state"))
	env.Setenv("TERM", "xterm")
	env.Setenv("TZ", "UTC")
	// sshd is not in everybody's PATH.
	env.Setenv("PATH", strings.Join([]string{env.Getenv("PATH"), "/usr/sbin", "/sbin", "/usr/local/sbin"}, string(os.PathListSeparator)))
	return nil
}
