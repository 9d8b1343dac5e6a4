package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryCommandOfTheReadmeIsRun holds the README to its word: a command in
// it stands in readme.txtar, which runs it against a real sshd; what make does
// is TestDemo's, or this very run.
func TestEveryCommandOfTheReadmeIsRun(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile("testdata/sshd/readme.txtar")
	if err != nil {
		t.Fatal(err)
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, block := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```").FindAllSubmatch(readme, -1) {
		for line := range strings.Lines(string(block[1])) {
			command, _, _ := strings.Cut(line, "#")
			command = strings.TrimSpace(command)
			target, make := strings.CutPrefix(command, "make ")
			switch {
			case command == "":
				continue
			case make && !strings.Contains(string(makefile), "\n"+target+":"):
				t.Errorf("README: the Makefile has no target %q", target)
			case !make && !regexp.MustCompile(`(?m)^(exec|code \d+|! exec) `+regexp.QuoteMeta(command)+`$`).Match(script):
				t.Errorf("README: readme.txtar does not run %q", command)
			}
			commands++
		}
	}
	if commands < 5 {
		t.Errorf("found %d commands in the README, want more", commands)
	}
}
