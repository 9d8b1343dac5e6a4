package liveness_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema/testenv"
)

// The programs come from Debian's packages openssh-client, dropbear-bin,
// putty-tools, python3-paramiko and python3-asyncssh. python3 is
// /usr/bin/python3, which alone knows them.
const python = "/usr/bin/python3"

// goClient is the variable that makes this test program a Go client.
const goClient = "SSHFORM_TEST_LIVENESS_CLIENT"

func TestMain(m *testing.M) {
	if address := os.Getenv(goClient); address != "" {
		if err := beGoClient(address); err != nil {
			fmt.Println(err)
			os.Exit(255)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// command returns a client that logs in, runs a command there, and shows its
// output. It exits when it gives the server up.
func (l *lab) command(t *testing.T, c liveness.Client, addr netip.Addr, remote string) *exec.Cmd {
	interval := strconv.FormatInt(int64(c.Interval), 10)
	count := strconv.FormatInt(c.CountMax, 10)
	var argv []string
	env := os.Environ()
	switch c.Program {
	case liveness.OpenSSH, "":
		argv = []string{
			testenv.Program(t, "ssh"), "-F", "none", "-T", "-i", l.key, "-o", "BatchMode=no",
			"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
			"-o", "ServerAliveInterval=" + interval, "-o", "ServerAliveCountMax=" + count,
			"root@" + addr.String(), remote,
		}
	case liveness.Go:
		argv = []string{"/proc/self/exe"}
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		argv[0] = self
		env = append(env, goClient+"="+strings.Join([]string{addr.String(), l.key, interval, remote}, "|"))
	case liveness.Paramiko:
		argv = []string{l.python(t, "paramiko", paramikoClient), addr.String(), l.key, interval, remote}
	case liveness.AsyncSSH:
		argv = []string{l.python(t, "asyncssh", asyncsshClient), addr.String(), l.key, interval, count, remote}
	case liveness.Dropbear:
		key := filepath.Join(l.dir, "id.dropbear")
		l.once(t, key, "dropbearconvert", "openssh", "dropbear", l.key, key)
		argv = []string{testenv.Program(t, "dbclient"), "-T", "-y", "-y", "-i", key, "-K", interval, "root@" + addr.String(), remote}
	case liveness.PuTTY:
		key := filepath.Join(l.dir, "id.ppk")
		l.once(t, key, "puttygen", l.key, "-O", "private", "-o", key)
		home := t.TempDir()
		l.puttySession(t, home, interval)
		env = append(env, "HOME="+home)
		argv = []string{testenv.Program(t, "plink"), "-load", "trial", "-batch", "-T", "-i", key, "-hostkey", l.hostKey(t), "root@" + addr.String(), remote}
	}
	if argv[0] == "" {
		t.Fatalf("no such client here: %s", c.Program)
	}
	if strings.HasSuffix(argv[0], ".py") {
		argv = append([]string{python}, argv...)
	}
	cmd := exec.Command(testenv.Program(t, "ip"), append([]string{"netns", "exec", l.client}, argv...)...)
	cmd.Env = env
	return cmd
}

// once runs a program that makes a file, if it is not there.
func (l *lab) once(t *testing.T, file, name string, args ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := os.Stat(file); err != nil {
		run(t, name, args...)
	}
}

// puttySession writes a saved session, the only place for PuTTY's keepalive.
func (l *lab) puttySession(t *testing.T, home, interval string) {
	dir := filepath.Join(home, ".putty", "sessions")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	session := "Protocol=ssh\nPingInterval=0\nPingIntervalSecs=" + interval + "\n"
	if err := os.WriteFile(filepath.Join(dir, "trial"), []byte(session), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hostKey is the fingerprint of the key that all trials use as host key too.
func (l *lab) hostKey(t *testing.T) string {
	public, err := os.ReadFile(l.key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return ssh.FingerprintSHA256(key)
}

func (l *lab) python(t *testing.T, name, text string) string {
	testenv.Need(t, exec.Command(python, "-c", "import "+name).Run() == nil, "python3-"+name+" is not installed")
	file := filepath.Join(l.dir, name+"_client.py")
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

const paramikoClient = `
import sys, paramiko
address, key, interval, command = sys.argv[1:]
client = paramiko.SSHClient()
client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
client.connect(address, username="root", key_filename=key, allow_agent=False, look_for_keys=False)
if int(interval):
    client.get_transport().set_keepalive(int(interval))
_, out, _ = client.exec_command(command)
for line in out:
    print(line, end="", flush=True)
`

const asyncsshClient = `
import sys, asyncio, asyncssh
address, key, interval, count, command = sys.argv[1:]
async def main():
    async with asyncssh.connect(address, username="root", client_keys=[key], known_hosts=None,
            agent_path=None, config=None, keepalive_interval=int(interval), keepalive_count_max=int(count)) as c:
        async with c.create_process(command) as p:
            async for line in p.stdout:
                print(line, end="", flush=True)
        print("ended", p.exit_status, flush=True)
asyncio.run(main())
`

// beGoClient is a client such as Go programs are: x/crypto/ssh over
// net.Dialer, with a keepalive request of the program's own if it wants one.
// It puts no deadline on the answer.
func beGoClient(question string) error {
	parts := strings.SplitN(question, "|", 4)
	pem, err := os.ReadFile(parts[1])
	if err != nil {
		return err
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return err
	}
	interval, err := strconv.Atoi(parts[2])
	if err != nil {
		return err
	}
	client, err := ssh.Dial("tcp", net.JoinHostPort(parts[0], "22"), &ssh.ClientConfig{
		User: "root", Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)},
		// The host is one that this test started a moment ago.
		HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	if err != nil {
		return err
	}
	session, err := client.NewSession()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if interval > 0 {
		go func() {
			ticks := time.NewTicker(time.Duration(interval) * time.Second)
			defer ticks.Stop()
			for {
				select {
				case <-ticks.C:
					client.SendRequest("keepalive@openssh.com", true, nil)
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	session.Stdout, session.Stderr = os.Stdout, os.Stderr
	return session.Run(parts[3])
}
