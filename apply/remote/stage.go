package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sync"

	"github.com/pkg/sftp"

	"github.com/sshform/sshform/apply"
)

// Stage creates the files, all at the same time. Each is created exclusively
// with mode 0600, gets its owner and its mode while it is empty, is written,
// synced and measured: in this order, and in three trips. If one fails, all are
// removed.
func (h *host) Stage(ctx context.Context, staged []apply.Staged) error {
	start, err := h.startSFTP()
	if err != nil {
		return h.error(err)
	}
	var total int64
	for _, f := range staged {
		if !path.IsAbs(f.Path) {
			return fmt.Errorf("stage %s: not an absolute path", f.Path)
		}
		total += grantSmall + int64(len(f.Bytes))/32
	}
	client, err := start.wait(ctx)
	if err != nil {
		return h.error(err)
	}
	wire := start.wire
	wire.grant(total)
	// What is written may wait for a host that takes nothing, and so it has a
	// goroutine that can be left behind.
	_, err = within(ctx, wire.session, h.dialer.requestTimeout(), "sftp-server", func() (struct{}, error) {
		return struct{}{}, stageAll(client, wire, staged)
	})
	var timeout *TimeoutError
	if errors.As(err, &timeout) {
		wire.Close()
	}
	if errors.Is(err, sftp.ErrSSHFxConnectionLost) {
		err = wire.because(err)
	}
	return err
}

func stageAll(c *sftp.Client, wire *sftpWire, staged []apply.Staged) error {
	errs := make([]error, len(staged))
	created := make([]bool, len(staged))
	together(len(staged), func(i int) {
		created[i], errs[i] = stage(c, wire, staged[i])
		if errs[i] != nil {
			errs[i] = fmt.Errorf("stage %s: %w", staged[i].Path, errs[i])
		}
	})
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	left := make([]error, len(staged))
	together(len(staged), func(i int) {
		if created[i] {
			left[i] = c.Remove(staged[i].Path)
			if left[i] != nil {
				left[i] = fmt.Errorf("and %s is left behind: %w", staged[i].Path, left[i])
			}
		}
	})
	return errors.Join(append([]error{err}, left...)...)
}

// together runs f for each of n at the same time and waits for all.
func together(n int, f func(int)) {
	if n == 0 {
		return
	}
	var wg sync.WaitGroup
	for i := range n - 1 {
		wg.Go(func() { f(i) })
	}
	f(n - 1)
	wg.Wait()
}

// stage creates one file and reports whether it did, even if more failed.
func stage(c *sftp.Client, wire *sftpWire, f apply.Staged) (created bool, err error) {
	handle, err := c.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return false, roomless(c, f, existing(c, f.Path, err))
	}
	if err := fill(handle, f); err != nil {
		handle.Close()
		return true, roomless(c, f, err)
	}
	wire.settle(f.Path) // where the server cannot sync, nothing has waited yet
	var info fs.FileInfo
	var closeErr, statErr error
	together(2, func(i int) {
		if i == 0 {
			closeErr = handle.Close()
		} else {
			info, statErr = c.Lstat(f.Path)
		}
	})
	if closeErr != nil {
		if what := wire.blamed(f.Path); what != "" {
			closeErr = fmt.Errorf("%s: %w", what, closeErr)
		}
		return true, roomless(c, f, closeErr)
	}
	if statErr != nil {
		return true, statErr
	}
	return true, compare(newInfo(path.Base(f.Path), info), f)
}

// existing says that a file is there already: SFTP has no word for it.
func existing(c *sftp.Client, name string, err error) error {
	var status *sftp.StatusError
	if errors.As(err, &status) {
		if _, statErr := c.Lstat(name); statErr == nil {
			return fs.ErrExist
		}
	}
	return err
}

// roomless says that the disk is full: SFTP calls that a failure and no more.
// A server without statvfs@openssh.com cannot be asked.
func roomless(c *sftp.Client, f apply.Staged, err error) error {
	var status *sftp.StatusError
	if !errors.As(err, &status) || status.FxCode() != sftp.ErrSSHFxFailure {
		return err
	}
	disk, askErr := c.StatVFS(path.Dir(f.Path))
	switch {
	case askErr != nil:
		return err
	case disk.Frsize*disk.Bavail < uint64(len(f.Bytes)):
		return fmt.Errorf("no space is left on the disk of %s: %w", path.Dir(f.Path), err)
	case disk.Files > 0 && disk.Favail == 0:
		return fmt.Errorf("no further file fits on the disk of %s: %w", path.Dir(f.Path), err)
	}
	return err
}

// fill gives a new file its owner and mode, then its bytes. The wire answers for
// the server; whether all of it was done, closing the file tells.
func fill(handle *sftp.File, f apply.Staged) error {
	if err := own(handle, f); err != nil {
		return err
	}
	if _, err := handle.Write(f.Bytes); err != nil {
		return err
	}
	return syncIfItCan(handle)
}

// own sets owner and mode, as far as the file does not have them yet.
func own(handle *sftp.File, f apply.Staged) error {
	var ownErr, modeErr error
	together(2, func(i int) {
		switch {
		case i == 0 && (f.UID >= 0 || f.GID >= 0):
			ownErr = chown(handle, f.UID, f.GID)
		case i == 1 && f.Mode.Perm() != 0o600: // it was created with 0600
			modeErr = handle.Chmod(f.Mode.Perm())
		}
	})
	return errors.Join(ownErr, modeErr)
}

// chown sets both, as SFTP has to; what is -1 stays what it is.
func chown(handle *sftp.File, uid, gid int) error {
	if uid < 0 || gid < 0 {
		now, err := handle.Stat()
		if err != nil {
			return err
		}
		owner := newInfo("", now).owner
		if uid < 0 {
			uid = owner.UID
		}
		if gid < 0 {
			gid = owner.GID
		}
	}
	return handle.Chown(uid, gid)
}

// syncIfItCan syncs the file, if the server says that it has
// fsync@openssh.com.
func syncIfItCan(handle *sftp.File) error {
	err := handle.Sync()
	var status *sftp.StatusError
	if errors.As(err, &status) && status.FxCode() == sftp.ErrSSHFxOpUnsupported {
		return nil
	}
	return err
}

// compare looks at what the host says it has now.
func compare(got *info, f apply.Staged) error {
	switch {
	case got.size != int64(len(f.Bytes)):
		return fmt.Errorf("%d bytes of %d were written", got.size, len(f.Bytes))
	case got.mode.Perm() != f.Mode.Perm():
		return fmt.Errorf("mode %04o became %04o", f.Mode.Perm(), got.mode.Perm())
	case f.UID >= 0 && got.owner.UID != f.UID, f.GID >= 0 && got.owner.GID != f.GID:
		return fmt.Errorf("owner %d:%d became %d:%d", f.UID, f.GID, got.owner.UID, got.owner.GID)
	}
	return nil
}
