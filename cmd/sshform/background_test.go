package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// background runs one program beside the script, so that it can be signalled:
//
//	background start PROGRAM ARG…   what it says goes to $WORK/said
//	background says TEXT            returns when it has said so
//	background signal INT           or HUP, TERM, KILL
//	background ends CODE            waits, and demands the exit code; -1 is a signal
func background(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: background start PROGRAM | says TEXT | signal NAME | ends CODE")
	}
	b := ts.Value(besideKey{}).(*beside)
	switch args[0] {
	case "start":
		b.start(ts, args[1], args[2:])
	case "says":
		for line := range b.lines {
			if strings.Contains(line, args[1]) {
				return
			}
		}
		ts.Fatalf("it ended without saying %q:\n%s", args[1], ts.ReadFile("said"))
	case "signal":
		signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "HUP": syscall.SIGHUP, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL}
		ts.Check(b.cmd.Process.Signal(signals[args[1]]))
	case "ends":
		for range b.lines { // to the end of what it says
		}
		b.reading.Wait()
		b.cmd.Wait()
		if got := strconv.Itoa(b.cmd.ProcessState.ExitCode()); got != args[1] {
			ts.Fatalf("got exit code %s, want %s:\n%s", got, args[1], ts.ReadFile("said"))
		}
	}
}

type besideKey struct{}

// A beside is the program that runs beside a script.
type beside struct {
	cmd     *exec.Cmd
	lines   chan string
	reading sync.WaitGroup
}

func (b *beside) start(ts *testscript.TestScript, program string, args []string) {
	path, err := exec.LookPath(program)
	ts.Check(err)
	b.cmd = exec.Command(path, args...)
	b.cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "HOME", "SSHFORM_STATE", "SSHFORM_POLICY", "TERM", "TZ", "WORK"} {
		b.cmd.Env = append(b.cmd.Env, name+"="+ts.Getenv(name))
	}
	// A suite that runs under nohup would hand down that SIGHUP is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	said, err := os.Create(ts.MkAbs("said"))
	ts.Check(err)
	out, err := b.cmd.StdoutPipe()
	ts.Check(err)
	b.cmd.Stderr = b.cmd.Stdout
	ts.Check(b.cmd.Start())
	ts.Defer(func() { b.cmd.Process.Kill() })
	b.lines = make(chan string, 10000)
	b.reading.Go(func() {
		defer said.Close()
		defer close(b.lines)
		for lines := bufio.NewScanner(io.TeeReader(out, said)); lines.Scan(); {
			b.lines <- lines.Text()
		}
	})
}
