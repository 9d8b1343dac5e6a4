//go:build linux

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Freeze stops all processes of the host where they are, until Thaw.
func (h *Host) Freeze() error { return h.setFrozen("1") }

// Thaw ends a Freeze.
func (h *Host) Thaw() error { return h.setFrozen("0") }

func (h *Host) setFrozen(value string) error {
	return os.WriteFile(filepath.Join(h.cgroup.Name(), "cgroup.freeze"), []byte(value), 0)
}

// A process of a host, numbered as the tests see it.
type process struct {
	pid, parent int
	name        string // as the kernel has it
	title       string // the command line, blanks between
}

// processes lists the processes in the host's own PID namespace.
func (h *Host) processes() ([]process, error) {
	home, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", h.cmd.Process.Pid))
	if err != nil {
		return nil, err
	}
	pids, err := members(h.cgroup.Name())
	if err != nil {
		return nil, err
	}
	var found []process
	for _, pid := range pids {
		folder := fmt.Sprintf("/proc/%d", pid)
		ns, _ := os.Readlink(folder + "/ns/pid")
		stat, _ := os.ReadFile(folder + "/stat")
		title, _ := os.ReadFile(folder + "/cmdline")
		open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
		if ns != home || open < 0 || end < open { // another's, or just ended
			continue
		}
		fields := strings.Fields(string(stat[end+1:]))
		if len(fields) < 2 || fields[0] == "Z" {
			continue
		}
		parent, _ := strconv.Atoi(fields[1])
		found = append(found, process{pid, parent, string(stat[open+1 : end]),
			strings.TrimSpace(strings.ReplaceAll(string(title), "\x00", " "))})
	}
	return found, nil
}

// members lists the processes in a cgroup and those below it, which is much less
// to look at than all processes of the machine.
func members(group string) ([]int, error) {
	var pids []int
	err := filepath.WalkDir(group, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) { // a service that ended meanwhile
			return nil
		}
		if err != nil || d.Name() != "cgroup.procs" {
			return err
		}
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENODEV) {
			return nil
		}
		for field := range strings.FieldsSeq(string(text)) {
			if pid, err := strconv.Atoi(field); err == nil {
				pids = append(pids, pid)
			}
		}
		return err
	})
	return pids, err
}

// KillListener ends the sshd that listens, by SIGKILL, and leaves its sessions
// alone. It returns how many there were.
func (h *Host) KillListener() (int, error) {
	return h.killSSHD(func(p process, sshd map[int]bool) bool { return !sshd[p.parent] })
}

// KillSessions ends the sshd of every session, by SIGKILL, which cuts all
// connections, and leaves the listener alone.
func (h *Host) KillSessions() (int, error) {
	return h.killSSHD(func(p process, sshd map[int]bool) bool { return sshd[p.parent] })
}

func (h *Host) killSSHD(chosen func(process, map[int]bool) bool) (int, error) {
	all, err := h.processes()
	if err != nil {
		return 0, err
	}
	sshd := map[int]bool{}
	for _, p := range all {
		if p.name == "sshd" || p.name == "sshd-session" {
			sshd[p.pid] = true
		}
	}
	killed := 0
	for _, p := range all {
		if sshd[p.pid] && chosen(p, sshd) {
			if err := unix.Kill(p.pid, unix.SIGKILL); err == nil {
				killed++
			}
		}
	}
	return killed, nil
}

// Confine mounts a small file system over the folder, with a copy of what was
// there, so that Fill and ReadOnly can break it later. Unconfine ends it, and
// what was written since is gone.
func (h *Host) Confine(ctx context.Context, dir string) error {
	_, err := h.Exec(ctx, "sh", "-euc", `
mkdir -p "$1"
keep=$(mktemp -d /run/confine.XXXXXX)
cp -a "$1/." "$keep"
mount -t tmpfs -o size=2m,mode=755 lab "$1"
cp -a "$keep/." "$1"
rm -rf "$keep"`, "sh", dir)
	return err
}

// Unconfine ends Confine.
func (h *Host) Unconfine(ctx context.Context, dir string) error {
	_, err := h.Exec(ctx, "umount", dir)
	return err
}

// Fill leaves no room in a confined folder; Drain makes room again.
func (h *Host) Fill(ctx context.Context, dir string) error {
	_, err := h.Exec(ctx, "sh", "-c", `
dd if=/dev/zero of="$1/.lab-filler" bs=4096 2>/dev/null
[ -s "$1/.lab-filler" ] && [ "$(stat -f -c %f "$1")" = 0 ]`, "sh", dir)
	return err
}

// Drain ends Fill.
func (h *Host) Drain(ctx context.Context, dir string) error {
	_, err := h.Exec(ctx, "rm", "-f", dir+"/.lab-filler")
	return err
}

// ReadOnly makes a confined folder read-only, or writable again.
func (h *Host) ReadOnly(ctx context.Context, dir string, on bool) error {
	_, err := h.Exec(ctx, "mount", "-o", map[bool]string{true: "remount,ro", false: "remount,rw"}[on], dir)
	return err
}

// ErrNoDelay is returned where the kernel cannot delay packets.
var ErrNoDelay = errors.New("this kernel has no netem")

// Delay holds back every packet from and to the host by d; 0 ends it.
func (h *Host) Delay(ctx context.Context, d time.Duration) error {
	for _, l := range h.legs() {
		for _, device := range []string{l.port, l.device} {
			tc := func(args ...string) error {
				enter := []string{"tc"}
				if device == l.device {
					enter = []string{"nsenter", "--target", strconv.Itoa(h.cmd.Process.Pid), "--net", "tc"}
				}
				args = append(enter, args...)
				return exec.CommandContext(ctx, args[0], args[1:]...).Run()
			}
			// There is none to delete the first time.
			_ = tc("qdisc", "del", "dev", device, "root")
			if d == 0 {
				continue
			}
			if err := tc("qdisc", "add", "dev", device, "root", "netem", "delay", d.String()); err != nil {
				return fmt.Errorf("%w: %w", ErrNoDelay, err)
			}
		}
	}
	return nil
}
