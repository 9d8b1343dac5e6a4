//go:build linux

package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// A system is a tree of processes to start on files of its own: a host, or the
// build of an image.
type system struct {
	Name   string
	Lower  []string // folders of images, topmost first
	Upper  string   // what the system writes
	Work   string   // for the overlay
	Root   string   // where it is mounted
	Net    string   // lines for ip(8), in its own network namespace
	Script string   // what its PID 1 runs, with /bin/sh -eu
	Env    []string // besides PATH and LANG
}

// startGate is a pipe that the first process of a system is given: it does
// nothing before the other end is closed.
const startGate = 3

// become turns this process into PID 1 of the system; it returns only errors.
// It is in new namespaces already, except for the cgroups': that one takes the
// cgroup of its maker as its root.
func become(spec string) error {
	runtime.LockOSThread()
	var s system
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, os.NewFile(startGate, "gate")); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("cgroup namespace: %w", err)
	}
	if s.Net != "" {
		if err := ip(s.Net); err != nil {
			return err
		}
	}
	if err := s.mount(); err != nil {
		return err
	}
	if err := unix.Sethostname([]byte(s.Name)); err != nil {
		return err
	}
	for _, c := range []uintptr{unix.CAP_SYS_MODULE, unix.CAP_SYS_RAWIO, unix.CAP_SYS_TIME, unix.CAP_MAC_ADMIN, unix.CAP_WAKE_ALARM} {
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	syscall.Umask(0o022)
	env := append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}, s.Env...)
	return syscall.Exec("/bin/sh", []string{"sh", "-euc", s.Script}, env)
}

// mount makes the system's files the only ones it sees.
func (s system) mount() error {
	const quiet = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	layers := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", strings.Join(s.Lower, ":"), s.Upper, s.Work)
	in := func(name string) string { return filepath.Join(s.Root, name) }
	for _, m := range []struct {
		kind, path string
		flags      uintptr
		options    string
	}{
		{"", "", unix.MS_REC | unix.MS_PRIVATE, ""},
		{"overlay", s.Root, 0, layers},
		{"proc", in("proc"), quiet, ""},
		{"sysfs", in("sys"), quiet | unix.MS_RDONLY, ""},
		{"cgroup2", in("sys/fs/cgroup"), quiet, ""},
		{"tmpfs", in("run"), unix.MS_NOSUID | unix.MS_NODEV, "mode=755"},
		{"tmpfs", in("dev"), unix.MS_NOSUID, "mode=755"},
	} {
		if m.path == "" {
			m.path = "/"
		}
		if err := unix.Mount(m.kind, m.path, m.kind, m.flags, m.options); err != nil {
			return fmt.Errorf("mount %s: %w", m.path, err)
		}
	}
	if err := s.devices(); err != nil {
		return err
	}
	// The machine's own settings are not a host's to change.
	if err := unix.Mount(in("proc/sys"), in("proc/sys"), "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind /proc/sys: %w", err)
	}
	if err := unix.Mount("", in("proc/sys"), "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("protect /proc/sys: %w", err)
	}
	if err := unix.Chdir(s.Root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	return unix.Chdir("/")
}

func (s system) devices() error {
	dev := filepath.Join(s.Root, "dev")
	syscall.Umask(0)
	for name, number := range map[string][2]uint32{
		"null": {1, 3}, "zero": {1, 5}, "full": {1, 7}, "random": {1, 8}, "urandom": {1, 9}, "tty": {5, 0},
	} {
		if err := unix.Mknod(filepath.Join(dev, name), unix.S_IFCHR|0o666, int(unix.Mkdev(number[0], number[1]))); err != nil {
			return fmt.Errorf("make /dev/%s: %w", name, err)
		}
	}
	for name, target := range map[string]string{
		"ptmx": "pts/ptmx", "fd": "/proc/self/fd",
		"stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, filepath.Join(dev, name)); err != nil {
			return err
		}
	}
	for name, options := range map[string]string{"pts": "newinstance,ptmxmode=0666,mode=620,gid=5", "shm": ""} {
		kind := map[string]string{"pts": "devpts", "shm": "tmpfs"}[name]
		if err := os.Mkdir(filepath.Join(dev, name), 0o755); err != nil {
			return err
		}
		if err := unix.Mount(kind, filepath.Join(dev, name), kind, unix.MS_NOSUID|unix.MS_NOEXEC, options); err != nil {
			return fmt.Errorf("mount /dev/%s: %w", name, err)
		}
	}
	return nil
}

// start starts this program to become the system, in the cgroup given and, if
// ownNet, with a network of its own. It does nothing yet: it waits until gate
// is closed.
func (s system) start(cgroup *os.File, ownNet bool, console *os.File) (cmd *exec.Cmd, gate *os.File, err error) {
	for _, dir := range []string{s.Upper, s.Work, s.Root} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, nil, err
		}
	}
	spec, err := json.Marshal(s)
	if err != nil {
		return nil, nil, err
	}
	wait, gate, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer wait.Close()
	cmd = exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"=host "+string(spec))
	cmd.ExtraFiles = []*os.File{wait}
	cmd.Stdout, cmd.Stderr = console, console
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Setsid:      true,
		UseCgroupFD: true,
		CgroupFD:    int(cgroup.Fd()),
	}
	if ownNet {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWNET
	}
	if err := cmd.Start(); err != nil {
		gate.Close()
		return nil, nil, err
	}
	return cmd, gate, nil
}

// ip runs lines of ip(8) in this process's network namespace.
func ip(lines string) error {
	cmd := exec.Command("ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(lines + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip %q: %w: %s", lines, err, out)
	}
	return nil
}
