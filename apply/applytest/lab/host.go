//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// bootTime is how long a host may take until its sshd listens: a second or
// two, many times as long on a busy machine.
const bootTime = 5 * time.Minute

// A Host is a running machine of the lab.
type Host struct {
	Name string
	Kind Kind
	// Address is where its sshd listens, at Kind.Port.
	Address string
	// HostKey is its ed25519 key, as in an authorized_keys file.
	HostKey string
	// Jump is the bastion in front of it; nil if it is reached directly.
	Jump *Host

	lab    *Lab
	number int
	dir    string
	begun  bool

	cgroup *os.File
	root   *os.File      // its root folder
	cmd    *exec.Cmd     // its PID 1
	dead   chan struct{} // closed when that has ended
}

// begin starts the host for the first time.
func (h *Host) begin() error {
	h.Address = h.legs()[0].address
	if err := os.Mkdir(h.dir, 0o755); err != nil {
		return err
	}
	if _, err := h.lab.images.layers(h.Kind.image); err != nil {
		return err
	}
	if err := h.boot(h.furnish()); err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	key, err := h.ReadFile("/etc/ssh/ssh_host_ed25519_key.pub")
	if err != nil {
		return fmt.Errorf("host %s: %w", h.Name, err)
	}
	fields := strings.Fields(string(key))
	if len(fields) < 2 {
		return fmt.Errorf("host %s: host key %q", h.Name, key)
	}
	h.HostKey = fields[0] + " " + fields[1]
	return nil
}

// furnish is the shell text that makes a particular host out of an image.
func (h *Host) furnish() string {
	return `
hostname=$(uname -n)
echo "$hostname" > /etc/hostname
printf '127.0.0.1 localhost\n%s %s\n' "$ADDRESS" "$hostname" > /etc/hosts
tr -d - < /proc/sys/kernel/random/uuid > /etc/machine-id
for user in root ` + strings.Join(users, " ") + `; do
  home=/home/$user; [ $user != root ] || home=/root
  install -d -m 700 -o $user -g $user $home/.ssh
  printf %s "$KEY" > $home/.ssh/authorized_keys
  chown $user: $home/.ssh/authorized_keys; chmod 600 $home/.ssh/authorized_keys
done
if [ -d /etc/dropbear ]; then
  mkdir -p /etc/ssh
  dropbearkey -y -f /etc/dropbear/dropbear_ed25519_host_key | grep ^ssh- > /etc/ssh/ssh_host_ed25519_key.pub
else
  for type in ed25519 ecdsa; do
    ssh-keygen -q -t $type -N '' -C "root@$hostname" -f /etc/ssh/ssh_host_${type}_key
  done
fi
( :
` + h.Kind.setup + `
)
mkdir /var/lab
cp -a /etc/ssh /var/lab/ssh
# A manager for each user costs time at each login, and three of the inotify
# instances that all hosts share.
ln -s /dev/null /etc/systemd/system/user@.service 2>/dev/null || :
`
}

// boot starts the host's PID 1, after the shell text before, and waits until
// its sshd listens and ordinary users may log in.
func (h *Host) boot(before string) error {
	layers, err := h.lab.images.layers(h.Kind.image)
	if err != nil {
		return err
	}
	key, err := os.ReadFile(h.lab.Identity() + ".pub")
	if err != nil {
		return err
	}
	console, err := os.OpenFile(h.console(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer console.Close()
	if h.cgroup, err = cgroupFolder(fmt.Sprintf("host-%d-%d", h.lab.number, h.number)); err != nil {
		return err
	}
	s := system{
		Name: h.Name, Lower: layers, Net: h.inside(), Script: before + h.Kind.start.init,
		Upper: filepath.Join(h.dir, "upper"), Work: filepath.Join(h.dir, "work"), Root: filepath.Join(h.dir, "root"),
		Env: []string{"container=lab", "KEY=" + string(key), "ADDRESS=" + h.Address},
	}
	cmd, gate, err := s.start(h.cgroup, true, console)
	if err != nil {
		return err
	}
	h.cmd, h.dead = cmd, make(chan struct{})
	go func(dead chan struct{}) {
		cmd.Wait()
		close(dead)
	}(h.dead)
	err = h.plug(cmd.Process.Pid)
	gate.Close()
	if err != nil {
		return err
	}
	if err := h.Ready(); err != nil {
		return err
	}
	return h.openRoot()
}

// openRoot keeps hold of the host's root folder. The number of a process that
// ended may become another's, whose root is this machine's.
func (h *Host) openRoot() error {
	root, err := os.Open(fmt.Sprintf("/proc/%d/root", h.cmd.Process.Pid))
	if err != nil {
		return err
	}
	theirs, err := root.Stat()
	if err != nil {
		return err
	}
	ours, err := os.Stat("/")
	if err != nil {
		return err
	}
	if os.SameFile(ours, theirs) {
		return errors.New("the host has this machine's files")
	}
	h.root = root
	return nil
}

// Ready waits until the host's sshd listens and ordinary users may log in. It
// asks the kernel and not sshd, which would count a connection without a login
// against us (PerSourcePenalties in sshd_config(5)).
func (h *Host) Ready() error {
	deadline := time.NewTimer(bootTime)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if h.Listens() && h.letsIn() {
			return nil
		}
		select {
		case <-tick.C:
		case <-h.dead:
			return endOf(h.console(), errors.New("its PID 1 ended (systemd does so, silently, when fs.inotify.max_user_instances are used up: five a host)"))
		case <-deadline.C:
			return endOf(h.console(), fmt.Errorf("no sshd after %v", bootTime))
		}
	}
}

// letsIn reports whether systemd has begun to let ordinary users log in; other
// systems always do.
func (h *Host) letsIn() bool {
	_, err := os.Lstat(fmt.Sprintf("/proc/%d/root/run/nologin", h.cmd.Process.Pid))
	return errors.Is(err, os.ErrNotExist)
}

// Listens reports whether a socket listens on the host's SSH port.
func (h *Host) Listens() bool {
	for _, table := range []string{"tcp", "tcp6"} {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", h.cmd.Process.Pid, table))
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) > 3 && f[3] == "0A" && strings.HasSuffix(f[1], fmt.Sprintf(":%04X", h.Kind.Port)) {
				return true
			}
		}
	}
	return false
}

// Alive reports whether the host's PID 1 runs.
func (h *Host) Alive() bool {
	select {
	case <-h.dead:
		return false
	default:
		return true
	}
}

// halt ends all processes of the host, as a loss of power does.
func (h *Host) halt() {
	if h.cmd != nil {
		h.cmd.Process.Kill()
		<-h.dead
	}
	h.unplug()
	if h.root != nil {
		h.root.Close()
	}
	if h.cgroup != nil {
		removeCgroup(h.cgroup.Name())
		h.cgroup.Close()
	}
	h.cmd, h.cgroup, h.root = nil, nil, nil
}

func (h *Host) end() {
	if text, err := os.ReadFile(h.console()); err == nil && len(text) > 0 && h.lab.t.Failed() {
		h.lab.t.Logf("the console of host %s: %v", h.Name, endOf(h.console(), errors.New("test failed")))
	}
	h.halt()
}

// Reboot ends all processes of the host and starts it again. Its files are
// kept, except for those in memory.
func (h *Host) Reboot() error {
	h.halt()
	return h.boot("")
}

// Exec runs a program as root on the host, not over SSH, and returns what it
// printed. An error has what it printed as an error.
func (h *Host) Exec(ctx context.Context, argv ...string) (string, error) {
	args := append([]string{"--target", strconv.Itoa(h.cmd.Process.Pid), "--mount", "--uts", "--ipc", "--net", "--pid",
		"--cgroup", "--root", "--wd"}, argv...)
	cmd := exec.CommandContext(ctx, "nsenter", args...)
	cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(h.cgroup.Fd()), Setpgid: true}
	// nsenter has a child, which shall not outlive it.
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("%q on %s: %w: %s", argv, h.Name, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

func (h *Host) knownName() string {
	if h.Kind.Port == 22 {
		return h.Address
	}
	return fmt.Sprintf("[%s]:%d", h.Address, h.Kind.Port)
}

func (h *Host) console() string { return filepath.Join(h.dir, "console.log") }
