//go:build linux

package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/sshform/sshform/apply/applytest/fleet"
)

// serve is the hosts' side, in a process of its own so that its work is not
// counted. It tells its port and ends with its standard input.
func serve(args []string) error {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	hosts := flags.Int("hosts", 100, "")
	trip := flags.Duration("trip", 0, "")
	flags.Parse(args)
	f := fleet.New(*hosts)
	f.RoundTrip = *trip
	if err := f.Listen(); err != nil {
		return err
	}
	fmt.Println(f.Port)
	io.Copy(io.Discard, os.Stdin)
	return f.Close()
}

// A served is such a process.
type served struct {
	port int
	in   io.Closer
	cmd  *exec.Cmd
}

func startServer(hosts int, trip time.Duration) (*served, error) {
	cmd := exec.Command("/proc/self/exe", "serve", "-hosts", strconv.Itoa(hosts), "-trip", trip.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the hosts did not start: %w", err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(line))
	return &served{port, in, cmd}, err
}

func (s *served) end() error {
	s.in.Close()
	return s.cmd.Wait()
}
