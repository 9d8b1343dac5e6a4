package apply_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sshform/sshform/schema/testenv"
)

// What shellcheck may not say of our scripts, and why.
var shellcheckExclusions = map[string]string{
	"SC2317": "functions are called by name, through traps and variables",
	"SC2012": "ls -ldn is POSIX's only way to tell owner and mode of one file; stat and find -printf are not",
}

func TestShellcheck(t *testing.T) {
	shellcheck := testenv.Program(t, "shellcheck")
	scripts, err := filepath.Glob("scripts/*.sh")
	must(t, err)
	if len(scripts) < 7 {
		t.Fatalf("got %v, want all scripts", scripts)
	}
	args := []string{"--shell=sh", "--format=gcc"}
	for code := range shellcheckExclusions {
		args = append(args, "--exclude="+code)
	}
	if out, err := exec.Command(shellcheck, append(args, scripts...)...).CombinedOutput(); err != nil {
		t.Errorf("got %v:\n%s\nwant nothing", err, out)
	}
}
