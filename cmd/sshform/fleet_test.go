//go:build unix

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sshform/sshform/schema/testenv"
)

// fleet drives several private sshds for a script:
//
//	fleet start NAME...   starts them on loopback ports, in $WORK/fleet
//	fleet stop NAME...    ends them
//	fleet hold NAME...    has them stand still: connections hang
//	fleet release NAME... has them go on
//
// The script gets fleet.sshform.hcl, which declares a host for each name that was
// ever started; the variable config of a host is the path of its
// sshd_config. What its sshd says is in fleet/NAME/log.
func fleet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fleet start|stop|hold|release NAME...")
	}
	f := ts.Value(fleetKey{}).(*privateFleet)
	if f.dir == "" {
		f.dir = filepath.Join(ts.Getenv("WORK"), "fleet")
		ts.Defer(f.stopAll)
	}
	for _, name := range args[1:] {
		switch args[0] {
		case "start":
			ts.Check(f.start(name))
		case "stop":
			ts.Check(f.stop(name))
		case "hold":
			ts.Check(f.signal(name, syscall.SIGSTOP))
		case "release":
			ts.Check(f.signal(name, syscall.SIGCONT))
		default:
			ts.Fatalf("fleet %s: unknown", args[0])
		}
	}
	ts.Check(os.WriteFile(ts.MkAbs("fleet.sshform.hcl"), []byte(f.hcl()), 0o644))
}

// fleetKey finds the fleet in a script's environment.
type fleetKey struct{}

// A privateFleet is sshds of this machine, each in a folder of its own with a
// key, a port, a configuration and a state folder of its own.
type privateFleet struct {
	program string // sshd
	dir     string
	hosts   []*fleetHost // by the order of their first start
}

// A fleetHost is one of them.
type fleetHost struct {
	name, dir, port string
	cmd             *exec.Cmd // nil while it does not run
}

func (f *privateFleet) host(name string) *fleetHost {
	i := slices.IndexFunc(f.hosts, func(h *fleetHost) bool { return h.name == name })
	if i < 0 {
		return nil
	}
	return f.hosts[i]
}

// start starts a host and returns when it listens; one that ran before gets
// its old port, key and configuration.
func (f *privateFleet) start(name string) error {
	h := f.host(name)
	if h == nil {
		h = &fleetHost{name: name, dir: filepath.Join(f.dir, name)}
		if err := f.furnish(h); err != nil {
			return err
		}
		f.hosts = append(f.hosts, h)
	}
	cmd := exec.Command(f.program, "-D", "-e", "-f", filepath.Join(h.dir, "sshd_config"))
	said, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	h.cmd = cmd
	lines := bufio.NewScanner(said)
	for lines.Scan() {
		if strings.Contains(lines.Text(), listening) {
			log, err := os.OpenFile(filepath.Join(h.dir, "log"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
			go func() {
				for lines.Scan() { // so that sshd never waits for a reader
					fmt.Fprintln(log, lines.Text())
				}
				log.Close()
			}()
			return err
		}
	}
	return fmt.Errorf("the sshd of %s ended", name)
}

// furnish makes the folder of a host, and the key that all of them let in.
func (f *privateFleet) furnish(h *fleetHost) error {
	if err := os.MkdirAll(h.dir, 0o755); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		// Debian's sshd wants the folder that its service makes at start.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return err
		}
	}
	userKey := filepath.Join(f.dir, "id_ed25519")
	for _, key := range []string{userKey, filepath.Join(h.dir, "host_key")} {
		if _, err := os.Stat(key); err == nil {
			continue
		}
		if err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "sshform-test", "-f", key).Run(); err != nil {
			return fmt.Errorf("ssh-keygen: %w", err)
		}
	}
	public, err := os.ReadFile(userKey + ".pub")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(h.dir, "authorized_keys"), public, 0o600); err != nil {
		return err
	}
	port, err := testenv.FreePort()
	if err != nil {
		return err
	}
	h.port = strconv.Itoa(port)
	if err := f.know(h); err != nil {
		return err
	}
	text := privateLines(h.dir, h.port) + "\n#ClientAliveInterval 0\n"
	return os.WriteFile(filepath.Join(h.dir, "sshd_config"), []byte(text), 0o600)
}

// know adds the host's key to what clients know.
func (f *privateFleet) know(h *fleetHost) error {
	proof, err := os.ReadFile(filepath.Join(h.dir, "host_key.pub"))
	if err != nil {
		return err
	}
	known, err := os.OpenFile(filepath.Join(f.dir, "known_hosts"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(known, "[127.0.0.1]:%s %s", h.port, proof)
	if closed := known.Close(); err == nil {
		err = closed
	}
	return err
}

func (f *privateFleet) signal(name string, s os.Signal) error {
	h := f.host(name)
	if h == nil || h.cmd == nil {
		return fmt.Errorf("%s does not run", name)
	}
	return h.cmd.Process.Signal(s)
}

func (f *privateFleet) stop(name string) error {
	if err := f.signal(name, syscall.SIGKILL); err != nil {
		return err
	}
	h := f.host(name)
	h.cmd.Wait() // says that it was killed
	h.cmd = nil
	return nil
}

func (f *privateFleet) stopAll() {
	for _, h := range f.hosts {
		if h.cmd != nil {
			h.cmd.Process.Kill()
			h.cmd.Wait()
			h.cmd = nil
		}
	}
}

// hcl declares how the hosts are reached.
func (f *privateFleet) hcl() string {
	me := os.Getenv("USER")
	if current, err := user.Current(); err == nil {
		me = current.Username
	}
	var b strings.Builder
	fmt.Fprintf(&b, "connection {\n  user             = %q\n  identity_file    = %q\n  known_hosts_file = %q\n  connect_timeout  = \"120s\"\n}\n",
		me, filepath.Join(f.dir, "id_ed25519"), filepath.Join(f.dir, "known_hosts"))
	for i, h := range f.hosts {
		fmt.Fprintf(&b, "\nhost %q {\n  address = \"127.0.0.1\"\n  port    = %s\n  vars = {\n    config = %q\n    rack   = %q\n  }\n}\n",
			h.name, h.port, filepath.Join(h.dir, "sshd_config"), string(rune('a'+i/3)))
	}
	return b.String()
}

// fleetRollout sets an interval on every host of a private fleet and begins the
// rollout; waves and the closing brace are still to come.
const fleetRollout = `
server "fleet" {
  for_each              = host
  host                  = each.value
  client_alive_interval = 30

  file {
    path = each.value.vars.config
  }
}

rollout "fleet" {
  targets = server.fleet
`
