//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"github.com/sshform/sshform/apply/applytest/fleet"
)

// declared is the fleet as a person declares it.
const declared = `
connection {
  user             = "root"
  port             = %d
  identity_file    = %q
  known_hosts_file = %q
}

inventory "fleet" {
  source "csv" {
    path = "hosts.csv"
  }
}

server "fleet" {
  for_each = inventory.fleet.hosts
  host     = each.value

  client_alive_interval  = 30
  client_alive_count_max = 2
}
`

// plansDeclared has the built program itself plan the hosts, from HCL and a table
// to the text on the screen.
func (o options) plansDeclared(ctx context.Context, dir string, port, hosts int, t *table) error {
	if o.program == "" {
		return nil
	}
	program, err := filepath.Abs(o.program)
	if err != nil {
		return err
	}
	if err := writeDeclared(dir, port, hosts); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, "plan", "-parallelism=100", "-out=fleet.sshplan")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "SSHFORM_STATE="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sshform plan: %w: %s", err, out)
	}
	used := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	t.add(fmt.Sprintf("sshform plan -out of %d hosts, from HCL and CSV: peak", hosts), float64(used.Maxrss)/1024, "MiB", 0)
	t.add(fmt.Sprintf("sshform plan -out of %d hosts, from HCL and CSV", hosts),
		float64((cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()).Microseconds())/1e3/float64(hosts), "ms CPU/host", 0)
	return nil
}

func writeDeclared(dir string, port, hosts int) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f := fleet.New(0)
	f.Port = port
	key, known, err := f.Write(dir, false, hosts)
	if err != nil {
		return err
	}
	var rows bytes.Buffer
	fmt.Fprintln(&rows, "name,address,region,role")
	for i := range hosts {
		fmt.Fprintf(&rows, "%s,%s,r%d,web\n", fleet.Name(i), fleet.Address(i), i%7)
	}
	if err := os.WriteFile(filepath.Join(dir, "hosts.csv"), rows.Bytes(), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "main.sshform.hcl"), fmt.Appendf(nil, declared, port, key, known), 0o600)
}
