package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/sshform/sshform/apply"
)

// FS reads the files of this machine.
func (h *host) FS(context.Context) (fs.FS, error) {
	if h.closed.Load() {
		return nil, errClosed
	}
	root := os.DirFS("/")
	return rootFS{root.(fs.ReadLinkFS), root.(fs.ReadDirFS)}, nil
}

// rootFS is os.DirFS with owners as package apply wants them.
type rootFS struct {
	fs.ReadLinkFS
	dirs fs.ReadDirFS
}

func (r rootFS) Open(name string) (fs.File, error) {
	f, err := r.ReadLinkFS.Open(name)
	if err != nil {
		return nil, err
	}
	// os.DirFS opens folders as files that can list themselves.
	if dir, listed := f.(fs.ReadDirFile); listed {
		return ownedDir{dir}, nil
	}
	return ownedFile{f}, nil
}

func (r rootFS) Stat(name string) (fs.FileInfo, error) {
	info, err := fs.Stat(r.ReadLinkFS, name)
	if err != nil {
		return nil, err
	}
	return owned{info}, nil
}

func (r rootFS) Lstat(name string) (fs.FileInfo, error) {
	info, err := r.ReadLinkFS.Lstat(name)
	if err != nil {
		return nil, err
	}
	return owned{info}, nil
}

func (r rootFS) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := r.dirs.ReadDir(name)
	return ownedEntries(entries), err
}

// RealPath follows all links. A last name that does not exist is no error.
func (r rootFS) RealPath(name string) (string, error) {
	if !fs.ValidPath(name) {
		return "", &fs.PathError{Op: "realpath", Path: name, Err: fs.ErrInvalid}
	}
	real, err := followLinks("/" + strings.TrimPrefix(name, "."))
	if err != nil {
		return "", err
	}
	if real = strings.TrimPrefix(real, "/"); real == "" {
		real = "."
	}
	return real, nil
}

func followLinks(name string) (string, error) {
	const most = 40 // MAXSYMLINKS of Linux
	for range most {
		real, err := filepath.EvalSymlinks(name)
		if !errors.Is(err, fs.ErrNotExist) {
			return real, err
		}
		// The end is missing: go on with what the last name leads to.
		dir, err := filepath.EvalSymlinks(filepath.Dir(name))
		if err != nil {
			return "", err
		}
		name = filepath.Join(dir, filepath.Base(name))
		to, err := os.Readlink(name)
		if err != nil {
			return name, nil // no link: the missing file itself
		}
		if !filepath.IsAbs(to) {
			to = filepath.Join(dir, to)
		}
		name = to
	}
	return "", &fs.PathError{Op: "realpath", Path: name, Err: errors.New("too many links")}
}

type owned struct{ fs.FileInfo }

func (o owned) Sys() any { return ownerOf(o.FileInfo) }

type ownedFile struct{ fs.File }

func (f ownedFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		return nil, err
	}
	return owned{info}, nil
}

type ownedDir struct{ fs.ReadDirFile }

func (d ownedDir) Stat() (fs.FileInfo, error) {
	info, err := d.ReadDirFile.Stat()
	if err != nil {
		return nil, err
	}
	return owned{info}, nil
}

func (d ownedDir) ReadDir(n int) ([]fs.DirEntry, error) {
	entries, err := d.ReadDirFile.ReadDir(n)
	return ownedEntries(entries), err
}

type ownedEntry struct{ fs.DirEntry }

func (e ownedEntry) Info() (fs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	if err != nil {
		return nil, err
	}
	return owned{info}, nil
}

func ownedEntries(entries []fs.DirEntry) []fs.DirEntry {
	for i, e := range entries {
		entries[i] = ownedEntry{e}
	}
	return entries
}

// Stage creates the files. On an error none is left.
func (h *host) Stage(ctx context.Context, files []apply.Staged) error {
	if h.closed.Load() {
		return errClosed
	}
	var made []string
	for _, f := range files {
		err := ctx.Err()
		if err == nil {
			err = stage(f, &made)
		}
		if err != nil {
			for _, name := range made {
				err = errors.Join(err, os.Remove(name))
			}
			return fmt.Errorf("stage %s: %w", f.Path, err)
		}
	}
	return nil
}

// stage creates one file exclusively, with its owner and mode before its
// content, and makes sure that it is on the disk.
func stage(f apply.Staged, made *[]string) (err error) {
	if err := plainPath(f.Path); err != nil {
		return err
	}
	file, err := os.OpenFile(f.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	*made = append(*made, f.Path)
	defer func() { err = errors.Join(err, file.Close()) }()
	if f.UID >= 0 || f.GID >= 0 {
		if err := file.Chown(f.UID, f.GID); err != nil {
			return err
		}
	}
	// After chown, which takes the set-id bits, and past the umask.
	if err := file.Chmod(f.Mode.Perm()); err != nil {
		return err
	}
	if _, err := file.Write(f.Bytes); err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() != int64(len(f.Bytes)) {
		return fmt.Errorf("%d bytes arrived, not %d", info.Size(), len(f.Bytes))
	}
	return file.Sync()
}
