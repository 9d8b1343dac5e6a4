//go:build linux

package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The kernel gives each user a number of inotify instances
// (fs.inotify.max_user_instances in inotify(7)), 128 by default, and all hosts
// of all labs of a machine share root's. A systemd that gets none ends or runs
// without some of its services. So a host with systemd needs a slot, which is a
// lock on a file in the cache, and labs that run at the same time wait for
// each other.
const (
	instancesOfAHost = 5
	instancesOfOther = 10 // what the machine itself may use
)

// slotsWait is how long a lab waits for slots before it tries without: others
// may use a cache of their own, and the machine may have room.
const slotsWait = 20 * time.Minute

// needsSlot reports whether the host runs systemd.
func (k Kind) needsSlot() bool {
	for name := k.image; name != ""; name = images[name].over {
		if strings.Contains(images[name].packages, systemd) {
			return strings.HasSuffix(k.start.init, "/sbin/init")
		}
	}
	return false
}

// takeSlots waits until n slots are free and takes them all at once. They are
// given back when the files are closed.
func takeSlots(n int) ([]*os.File, error) {
	dir := filepath.Join(cacheDir(), "slots")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	total, err := slots()
	if err != nil {
		return nil, err
	}
	deadline := time.NewTimer(slotsWait)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		taken, err := takeFree(dir, min(n, total), total)
		if err != nil || len(taken) == min(n, total) {
			return taken, err
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return nil, nil
		}
	}
}

// takeFree takes n of the slots, or none if fewer are free.
func takeFree(dir string, n, total int) (taken []*os.File, err error) {
	defer func() {
		if len(taken) < n || err != nil {
			for _, slot := range taken {
				slot.Close()
			}
			taken = nil
		}
	}()
	// One at a time, so that two who want many do not take half of them each.
	door, err := tryLock(filepath.Join(dir, "door"))
	if err != nil || door == nil {
		return nil, err
	}
	defer door.Close()
	for i := 0; i < total && len(taken) < n; i++ {
		slot, err := tryLock(filepath.Join(dir, fmt.Sprint(i)))
		if err != nil {
			return taken, err
		}
		if slot != nil {
			taken = append(taken, slot)
		}
	}
	return taken, nil
}

// slots is how many hosts with systemd the machine has room for.
func slots() (int, error) {
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_user_instances")
	if err != nil {
		return 0, err
	}
	var instances int
	if _, err := fmt.Sscan(string(text), &instances); err != nil {
		return 0, fmt.Errorf("max_user_instances: %w", err)
	}
	return max(1, (instances-instancesOfOther)/instancesOfAHost), nil
}

// tryLock opens and locks a file; it returns none where somebody else has the
// lock, or the same process by another file.
func tryLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		if err == unix.EWOULDBLOCK {
			return nil, nil
		}
		return nil, err
	}
	return f, nil
}
