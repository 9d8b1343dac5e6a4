package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// sshd drives a private sshd for a script:
//
//	sshd start CONFIG   starts one on a loopback port, in $WORK/sshd
//	sshd stop           ends it
//
// CONFIG is a file of the script in which ${PORT} and ${DIR} are filled in; the
// lines that make it private (key, address, authorised key) are put behind its
// first comment by "${PRIVATE}". Afterwards the script has SSHFORM_VAR_port,
// _user, _key, _known_hosts and _config, so that its configuration needs only
// to declare these variables, and $SSHD for the folder.
func sshd(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case neg || len(args) == 0:
		ts.Fatalf("usage: sshd start CONFIG | stop")
	case args[0] == "start" && len(args) == 2:
		startSSHD(ts, args[1])
	case args[0] == "stop":
		stopSSHD(ts)
	default:
		ts.Fatalf("usage: sshd start CONFIG | stop")
	}
}

// sshdKey finds the running sshd in a script's environment.
type sshdKey struct{}

// A private is a running sshd of a script.
type private struct {
	program string
	cmd     *exec.Cmd // nil while none runs
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
	user := ts.Getenv("USER")
	if out, err := exec.Command("id", "-un").Output(); err == nil {
		user = strings.TrimSpace(string(out))
	}
	for name, value := range map[string]string{
		"port": port, "user": user, "key": userKey, "config": path,
		"known_hosts": filepath.Join(dir, "known_hosts"),
	} {
		ts.Setenv("SSHFORM_VAR_"+name, value)
	}
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
		"Subsystem sftp " + sftpServer(),
	}, "\n")
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

// freePort asks the kernel for a port.
func freePort(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	return port
}

// run starts sshd and returns when it says that it listens.
func run(ts *testscript.TestScript, config string) {
	p := ts.Value(sshdKey{}).(*private)
	if os.Geteuid() == 0 {
		// Debian's sshd wants the folder that its service makes at start.
		ts.Check(os.MkdirAll("/run/sshd", 0o755))
	}
	cmd := exec.Command(p.program, "-D", "-e", "-f", config)
	said, err := cmd.StderrPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	p.cmd = cmd
	lines := bufio.NewScanner(said)
	var heard []string
	for lines.Scan() {
		heard = append(heard, lines.Text())
		if strings.Contains(lines.Text(), "Server listening on") {
			// What it says later must not fill the pipe.
			go func() {
				for lines.Scan() {
				}
			}()
			ts.Defer(func() { p.stop() })
			return
		}
	}
	p.stop()
	ts.Fatalf("sshd did not start:\n%s", strings.Join(heard, "\n"))
}

func stopSSHD(ts *testscript.TestScript) { ts.Value(sshdKey{}).(*private).stop() }

// stop ends the sshd by its process and waits for it.
func (p *private) stop() {
	if p.cmd == nil {
		return
	}
	p.cmd.Process.Kill()
	p.cmd.Wait()
	p.cmd = nil
}
