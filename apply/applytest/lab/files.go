//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// path is where the tests, and programs they start, see a file of the host.
// Links in it would be followed on this machine, so it is for paths without
// any.
func (h *Host) path(name string) string {
	return fmt.Sprintf("/proc/%d/fd/%d%s", os.Getpid(), h.root.Fd(), name)
}

// open opens a file of the host, with links followed as the host follows them.
func (h *Host) open(name string, flags uint64, mode uint64) (*os.File, error) {
	fd, err := unix.Openat2(int(h.root.Fd()), name, &unix.OpenHow{
		Flags: flags | unix.O_CLOEXEC, Mode: mode, Resolve: unix.RESOLVE_IN_ROOT,
	})
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: h.Name + ":" + name, Err: err}
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Exists reports whether the host has the file, or anything of that name.
func (h *Host) Exists(name string) bool {
	f, err := h.open(name, unix.O_PATH|unix.O_NOFOLLOW, 0)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// ReadFile reads a file of the host directly.
func (h *Host) ReadFile(name string) ([]byte, error) {
	f, err := h.open(name, unix.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(f)
}

// WriteFile writes a file of the host in place; a new one belongs to root and
// has the mode.
func (h *Host) WriteFile(name string, content []byte, mode fs.FileMode) error {
	f, err := h.open(name, unix.O_WRONLY|unix.O_CREAT|unix.O_TRUNC, uint64(mode.Perm()))
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, f.Close())
}

// Leftovers lists what sshform left on the host: files with its name outside
// its records, locks and unsettled tokens, running processes, units that are
// loaded. Empty is what a finished transaction leaves.
func (h *Host) Leftovers(ctx context.Context) ([]string, error) {
	var found []string
	upper := filepath.Join(h.dir, "upper")
	// What is mounted on the host does not show among what it wrote.
	for _, top := range []string{upper, h.path("/run"), h.path("/etc/ssh"), h.path("/var/lib/sshform")} {
		err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
			name := strings.TrimPrefix(strings.TrimPrefix(path, upper), h.path(""))
			switch {
			case errors.Is(err, fs.ErrNotExist):
				return nil
			case err != nil:
				return err
			case d.Type()&fs.ModeCharDevice != 0: // a whiteout: the file was removed
			case leftover(name):
				found = append(found, name)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	pids, err := h.processes()
	if err != nil {
		return nil, err
	}
	for _, p := range pids {
		if strings.Contains(p.title, "sshform") {
			found = append(found, "process "+p.title)
		}
	}
	if strings.Contains(h.Kind.start.init, "/sbin/init") && h.isSystemd() {
		units, err := h.Exec(ctx, "systemctl", "list-units", "--all", "--no-legend", "--plain", "sshform-*")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(units) {
			found = append(found, "unit "+strings.TrimSpace(line))
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// leftover judges a path by its name. Records of runs stay on purpose.
func leftover(path string) bool {
	base := filepath.Base(path)
	if strings.Contains(base, ".sshform-") || strings.HasPrefix(base, "sshform-") {
		return true
	}
	_, ours, in := strings.Cut(path, "/sshform/")
	return in && (strings.HasPrefix(ours, "lock") || strings.HasPrefix(base, "takeover.") || base == "preparing" || base == "armed" || base == "restoring")
}

func (h *Host) isSystemd() bool {
	_, err := os.Stat(h.path("/run/systemd/system"))
	return err == nil
}

// putBack is shell text that undoes what a test did to the host's files.
const putBack = `
umount -R /etc/ssh /var/lib/sshform 2>/dev/null || :
find /etc/ssh -mindepth 1 -delete
cp -a /var/lab/ssh/. /etc/ssh
rm -rf /var/lib/sshform /home/*/.local/state/sshform /root/.local/state/sshform
find /etc/systemd/system -name 'sshform-*' -delete 2>/dev/null || :
`

// Reset ends all faults and whatever sshform has running there, puts /etc/ssh
// back as it was when the host was started, removes sshform's records, and
// starts sshd again.
func (h *Host) Reset(ctx context.Context) error {
	if !h.Alive() {
		h.halt()
		return h.boot(putBack)
	}
	if err := errors.Join(h.Heal(), h.Thaw()); err != nil {
		return err
	}
	if _, err := h.KillSessions(); err != nil {
		return err
	}
	running, err := h.processes()
	if err != nil {
		return err
	}
	for _, p := range running {
		if strings.Contains(p.title, "sshform") {
			// It may end by itself meanwhile.
			_ = unix.Kill(p.pid, unix.SIGKILL)
		}
	}
	script := putBack
	if h.isSystemd() {
		script += "systemctl stop 'sshform-*' 2>/dev/null; systemctl daemon-reload\n"
	}
	if _, err := h.Exec(ctx, "sh", "-c", script+h.Kind.start.restart); err != nil {
		return err
	}
	return h.Ready()
}
