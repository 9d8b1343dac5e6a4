package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sshform/sshform/schema/testenv"
)

// TestCtrlCAtAQuestion: whatever waits for a person at a terminal ends when the
// person presses Ctrl-C, and the terminal echoes again. script(1) sends what
// comes on its standard input to the terminal, where it becomes the signal.
func TestCtrlCAtAQuestion(t *testing.T) {
	t.Parallel()
	testenv.Program(t, "script")
	s := slurmTest{T: t, dir: t.TempDir()}
	s.write("main.sshform.hcl", `
variable "plain" {
  type = string
}

variable "secret" {
  type      = string
  sensitive = true
}

output "plain" {
  value = var.plain
}
`)
	s.write("untidy.sshform.hcl", "locals {\na=1\n}\n")
	for _, c := range []struct {
		command, sign string
		hides         bool // what is typed
	}{
		{command: "sshform plan", sign: "var.plain"},
		{command: "sshform plan > plan.txt", sign: "var.plain"}, // asked where a person looks
		{command: "sshform output -var=plain=x", sign: "var.secret", hides: true},
		{command: "sshform console -var=plain=x -var=secret=y", sign: "> "},
		{command: "sshform fmt untidy.sshform.hcl -", sign: "untidy"}, // the second is the terminal
	} {
		t.Run(c.command, func(t *testing.T) {
			s := slurmTest{T: t, dir: s.dir}
			read := func(name string) string {
				text, err := os.ReadFile(filepath.Join(s.dir, name))
				s.must(err)
				return strings.TrimSpace(string(text))
			}
			// A shell that is interrupted itself would not come to the rest.
			command := "tty > tty; stty echo; trap : INT; " + c.command + "; echo $? > ended; stty -a > terminal"
			shown := s.atTerminal(command, c.sign, func(keyboard io.Writer) {
				s.until("the terminal echoes or not", func() bool {
					state, err := s.run("stty", "-a", "-F", read("tty"))
					s.must(err)
					return strings.Contains(state, " -echo ") == c.hides
				})
				s.must(io.WriteString(keyboard, "\x03"))
			})
			if got := read("ended"); got != "1" {
				t.Errorf("got exit code %q, want 1:\n%s", got, shown)
			}
			shows(t, read("terminal"), " echo ")
		})
	}
}
