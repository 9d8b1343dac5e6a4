package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sshform/sshform/schema/testenv"
)

// sshd drives a private sshd for a script:
//
//	sshd start CONFIG   starts one on a loopback port, in $WORK/sshd
//	sshd stop           ends it
//	sshd reload         has it read its files again
//
// CONFIG is a file of the script in which ${PORT}, ${DIR} and ${PRIVATE} are
// filled in; the last stands for the lines that make the sshd private (key,
// address, authorised key). The script gets private.sshform.hcl, which declares
// the host "web" and, in local.config, the path of its sshd_config; and $SSHD
// and $PORT.
func sshd(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case neg || len(args) == 0:
		ts.Fatalf("usage: sshd start CONFIG | stop | reload")
	case args[0] == "start" && len(args) == 2:
		startSSHD(ts, args[1])
	case args[0] == "stop":
		ts.Value(sshdKey{}).(*private).stop()
	case args[0] == "reload":
		ts.Value(sshdKey{}).(*private).reload(ts)
	default:
		ts.Fatalf("usage: sshd start CONFIG | stop | reload")
	}
}

// listening is what sshd says when it is ready.
const listening = "Server listening on"

// sshdKey finds the running sshd in a script's environment.
type sshdKey struct{}

// A private is a running sshd of a script.
type private struct {
	program  string
	dropbear string
	cmd      *exec.Cmd   // nil while none runs
	said     chan string // its lines on the standard error
}

func startSSHD(ts *testscript.TestScript, config string) {
	dir := filepath.Join(ts.Getenv("WORK"), "sshd")
	ts.Check(os.MkdirAll(filepath.Join(dir, "sshd_config.d"), 0o755))
	keygen := func(path string) {
		if _, err := os.Stat(path); err != nil {
			ts.Check(exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "sshform-test", "-f", path).Run())
		}
	}
	hostKey, userKey := filepath.Join(dir, "host_key"), filepath.Join(dir, "id_ed25519")
	keygen(hostKey)
	keygen(userKey)
	public, err := os.ReadFile(userKey + ".pub")
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(dir, "authorized_keys"), public, 0o600))

	port := freePort(ts)
	proof, err := os.ReadFile(hostKey + ".pub")
	ts.Check(err)
	known := fmt.Sprintf("[127.0.0.1]:%s %s", port, proof)
	ts.Check(os.WriteFile(filepath.Join(dir, "known_hosts"), []byte(known), 0o600))

	path := filepath.Join(dir, "sshd_config")
	text := os.Expand(ts.ReadFile(config), func(name string) string {
		return map[string]string{"PORT": port, "DIR": dir, "PRIVATE": privateLines(dir, port)}[name]
	})
	ts.Check(os.WriteFile(path, []byte(text), 0o600))

	run(ts, path)
	ts.Check(os.WriteFile(ts.MkAbs("private.sshform.hcl"), []byte(privateHCL(dir, port)), 0o644))
	ts.Setenv("SSHD", dir)
	ts.Setenv("PORT", port)
}

// privateLines are what lets an sshd run beside the machine's own.
func privateLines(dir, port string) string {
	return strings.Join([]string{
		"Port " + port,
		"ListenAddress 127.0.0.1",
		"HostKey " + dir + "/host_key",
		"PidFile " + dir + "/sshd.pid",
		"AuthorizedKeysFile " + dir + "/authorized_keys",
		"StrictModes no",
		"UsePAM no",
		"PasswordAuthentication no",
		"SetEnv SSHFORM_STATE=" + dir + "/state",
		"Subsystem sftp " + sftpServer(),
	}, "\n")
}

// privateHCL declares how the sshd is reached.
func privateHCL(dir, port string) string {
	me := os.Getenv("USER")
	if current, err := user.Current(); err == nil {
		me = current.Username
	}
	return fmt.Sprintf(`locals {
  config = %q
}

connection {
  user             = %q
  identity_file    = %q
  known_hosts_file = %q
}

host "web" {
  address = "127.0.0.1"
  port    = %s
}
`, dir+"/sshd_config", me, dir+"/id_ed25519", dir+"/known_hosts", port)
}

// sftpServer is where distributions keep it.
func sftpServer() string {
	for _, path := range []string{"/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/lib/ssh/sftp-server", "/usr/libexec/sftp-server"} {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}
	return "internal-sftp"
}

// freePort finds a port for a server of the script.
func freePort(ts *testscript.TestScript) string {
	port, err := testenv.FreePort()
	ts.Check(err)
	return strconv.Itoa(port)
}

// run starts sshd and returns when it says that it listens.
func run(ts *testscript.TestScript, config string) {
	if os.Geteuid() == 0 {
		// Debian's sshd wants the folder that its service makes at start.
		ts.Check(os.MkdirAll("/run/sshd", 0o755))
	}
	p := ts.Value(sshdKey{}).(*private)
	p.start(ts, exec.Command(p.program, "-D", "-e", "-f", config), listening)
}

// start starts a server and returns when it has said ready.
func (p *private) start(ts *testscript.TestScript, cmd *exec.Cmd, ready string) {
	said, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	p.cmd, p.said = cmd, make(chan string, 10000)
	ts.Defer(p.stop)
	go func() {
		defer close(p.said)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			p.said <- lines.Text()
		}
	}()
	p.await(ts, ready)
}

// await returns when the server says ready.
func (p *private) await(ts *testscript.TestScript, ready string) {
	var heard []string
	for line := range p.said {
		heard = append(heard, line)
		if strings.Contains(line, ready) {
			return
		}
	}
	p.stop()
	ts.Fatalf("the server ended:\n%s", strings.Join(heard, "\n"))
}

// reload has sshd read its files again and returns when it listens anew.
func (p *private) reload(ts *testscript.TestScript) {
	for len(p.said) > 0 {
		<-p.said
	}
	ts.Check(p.cmd.Process.Signal(syscall.SIGHUP))
	p.await(ts, listening)
}

// dropbear starts an SSH server that is not OpenSSH, with the host key and
// the authorised key of the script's sshd, on its port: dropbear start.
func dropbear(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] != "start" {
		ts.Fatalf("usage: dropbear start")
	}
	p := ts.Value(sshdKey{}).(*private)
	dir := ts.Getenv("SSHD")
	key := filepath.Join(dir, "dropbear_key")
	ts.Check(exec.Command("dropbearconvert", "openssh", "dropbear", filepath.Join(dir, "host_key"), key).Run())
	p.start(ts, exec.Command(p.dropbear, "-F", "-E", "-p", "127.0.0.1:"+ts.Getenv("PORT"), "-r", key), "Not backgrounding")
}

// stop ends the sshd by its process and waits for it.
func (p *private) stop() {
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Kill()
	p.cmd.Wait()
	p.cmd = nil
}
