//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// roleVar tells a copy of the test binary what it is for:
//
//	(unset)         the binary as go test started it
//	enter           the same tests, first process of new namespaces
//	inside          the tests, or a program they started
//	outside REASON  the tests, where no lab can be had
//	host JSON       about to become PID 1 of a host
const roleVar = "SSHFORM_LAB"

// Files that the first process of the lab is given.
const (
	machineNet = 3 // the machine's network namespace, to build images in
	labCgroup  = 4 // the lab's folder in the cgroup hierarchy, locked
)

// Run runs the tests in the lab's namespaces and returns the exit code. Where
// these cannot be had, the tests run as they are, and Open says why.
//
// A program that a test starts from its own binary passes here too, and its
// m.Run runs in the same namespaces.
func Run(m *testing.M) int {
	role, rest, _ := strings.Cut(os.Getenv(roleVar), " ")
	switch role {
	case "host":
		fmt.Fprintln(os.Stderr, "lab:", become(rest))
		return 1
	case "enter":
		if err := enter(); err != nil {
			fmt.Fprintln(os.Stderr, "lab:", err)
			return 1
		}
	case "":
		code, err := leave()
		if err == nil {
			return code
		}
		os.Setenv(roleVar, "outside "+err.Error())
	}
	return m.Run()
}

// leave runs this program again as the first process of new namespaces. All
// that happens in the lab happens below that process, so its end is the end of
// everything, however it comes about.
func leave() (code int, err error) {
	if os.Geteuid() != 0 {
		return 0, errors.New("needs root")
	}
	// Pdeathsig is sent when the thread that forked ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	network, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return 0, err
	}
	defer network.Close()
	group, remove, err := makeCgroup()
	if err != nil {
		return 0, err
	}
	defer remove()
	self := exec.Command("/proc/self/exe", os.Args[1:]...)
	self.Args[0] = os.Args[0]
	self.Stdin, self.Stdout, self.Stderr = os.Stdin, os.Stdout, os.Stderr
	self.Env = append(os.Environ(), roleVar+"=enter")
	self.ExtraFiles = []*os.File{network, group}
	self.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := self.Start(); err != nil {
		return 0, fmt.Errorf("no new namespaces: %w", err)
	}
	self.Wait()
	if code := self.ProcessState.ExitCode(); code >= 0 {
		return code, nil
	}
	return 2, nil
}

// enter makes the namespaces a place to work in.
func enter() error {
	unix.CloseOnExec(machineNet)
	unix.CloseOnExec(labCgroup)
	os.Setenv(roleVar, "inside")
	os.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("keep mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if err := os.MkdirAll(hostsDir(), 0o755); err != nil {
		return err
	}
	// In memory, and gone with the namespace.
	if err := unix.Mount("lab", hostsDir(), "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount %s: %w", hostsDir(), err)
	}
	return ip("link set lo up")
}

// here says why there is no lab in this process; empty if there is one.
func here() string {
	role, reason, _ := strings.Cut(os.Getenv(roleVar), " ")
	switch {
	case role == "outside":
		return "no lab of hosts: " + reason
	case role == "inside" && os.Getpid() == 1:
		return ""
	}
	return "no lab of hosts: TestMain does not call lab.Run"
}

// makeCgroup makes the lab's folder among the version 2 cgroups, which need
// not be mounted for that, and returns it with what removes it. First it
// removes the folders of labs that ended without doing so: only a living lab
// holds the lock on its folder.
func makeCgroup() (*os.File, func(), error) {
	root, err := cgroups()
	if err != nil {
		return nil, nil, fmt.Errorf("no cgroups of version 2: %w", err)
	}
	top := fmt.Sprintf("/proc/self/fd/%d", root.Fd())
	old, _ := filepath.Glob(top + "/sshform-lab-*")
	for _, path := range old {
		if folder, err := lockFolder(path); err == nil {
			removeCgroup(path)
			folder.Close()
		}
	}
	path := fmt.Sprintf("%s/sshform-lab-%d", top, os.Getpid())
	if err := os.Mkdir(path, 0o755); err != nil {
		root.Close()
		return nil, nil, err
	}
	folder, err := lockFolder(path)
	if err != nil {
		root.Close()
		return nil, nil, err
	}
	return folder, func() {
		removeCgroup(path)
		folder.Close()
		root.Close()
	}, nil
}

func cgroups() (*os.File, error) {
	fs, err := unix.Fsopen("cgroup2", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, err
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "cgroup2"), nil
}

func lockFolder(path string) (*os.File, error) {
	folder, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(folder.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		folder.Close()
		return nil, err
	}
	return folder, nil
}

// removeCgroup removes a folder of cgroups from the leaves up. The kernel
// refuses where a process is left.
func removeCgroup(path string) {
	entries, _ := os.ReadDir(path)
	for _, e := range entries {
		if e.IsDir() {
			removeCgroup(filepath.Join(path, e.Name()))
		}
	}
	unix.Rmdir(path)
}

func cacheDir() string {
	if dir := os.Getenv("SSHFORM_LAB_CACHE"); dir != "" {
		return dir
	}
	return "/var/cache/sshform-lab"
}

// hostsDir is where running hosts have their files: a mount in the lab's
// namespace, an empty folder outside.
func hostsDir() string { return filepath.Join(cacheDir(), "hosts") }
