package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
)

// A disk holds the configuration of a system in a folder of this machine: of
// the machine itself, of an image, or a copy of /etc/ssh.
type disk struct {
	// below are the paths that it holds: "/", or "/etc/ssh".
	below string
	// dir is the folder that stands for below.
	dir string
	// owners tells who owns files; nil where that means nothing, as in a copy.
	owners fs.FS
}

// Limits on what is read; sshd has none.
const (
	mostRounds = 200 // of asking: each level of Include takes a few
	mostFiles  = 100_000
	mostBytes  = 64 << 20
)

// observe fills in what is asked, round by round.
func (d *disk) observe(o *plan.Observed, asks func(*plan.Observed) plan.Asking) error {
	for range mostRounds {
		asking := asks(o)
		if asking.Empty() {
			return nil
		}
		if len(o.Files)+len(asking.Files) > mostFiles {
			return fmt.Errorf("the configuration has more than %d files", mostFiles)
		}
		for _, name := range asking.Files {
			o.Files[name] = d.file(name)
		}
		for _, name := range asking.Folders {
			o.Folders[name] = d.folder(name)
		}
	}
	return errors.New("the configuration includes itself over and over")
}

func (d *disk) file(name string) plan.File {
	real, err := d.follow(name)
	if err != nil {
		return d.absent(name, err)
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		return unreadable(err)
	case real == os.DevNull:
		return plan.File{State: plan.Null}
	case info.IsDir():
		return plan.File{State: plan.Directory}
	case !info.Mode().IsRegular():
		return plan.File{State: plan.Unreadable, Err: "it is not a regular file"}
	}
	f := plan.File{RealPath: real, Mode: 0o644}
	if d.owners != nil {
		f.Mode, f.UID = uint32(info.Mode().Perm()), d.owner(real)
	}
	if f.Bytes, err = readUpTo(real, mostBytes); err != nil {
		return unreadable(err)
	}
	return f
}

func readUpTo(name string, most int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(content)) > most {
		err = fmt.Errorf("it is larger than %d MiB", most>>20)
	}
	return content, err
}

func unreadable(err error) plan.File {
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return plan.File{State: plan.Unreadable, Err: err.Error()}
}

// absent tells a link that leads nowhere from nothing at all.
func (d *disk) absent(name string, err error) plan.File {
	if !errors.Is(err, fs.ErrNotExist) {
		return unreadable(err)
	}
	if folder := path.Dir(path.Clean(name)); folder != path.Clean(name) {
		if real, err := d.follow(folder); err == nil {
			if _, err := os.Lstat(filepath.Join(real, path.Base(name))); err == nil {
				return plan.File{State: plan.Dangling}
			}
		}
	}
	return plan.File{State: plan.Missing}
}

func (d *disk) owner(real string) int {
	if info, err := fs.Stat(d.owners, strings.TrimPrefix(filepath.ToSlash(real), "/")); err == nil {
		if owner, known := info.Sys().(apply.Owner); known {
			return owner.UID
		}
	}
	return 0 // a system without owners
}

func (d *disk) folder(name string) plan.Folder {
	real, err := d.follow(name)
	if err != nil {
		return plan.Folder{Missing: errors.Is(err, fs.ErrNotExist), Err: sentence(err)}
	}
	entries, err := os.ReadDir(real)
	if err != nil {
		return plan.Folder{Err: sentence(err)}
	}
	f := plan.Folder{Names: []string{}}
	for _, e := range entries {
		f.Names = append(f.Names, e.Name())
	}
	slices.Sort(f.Names)
	return f
}

// follow returns where a path of the system lies on this machine. Links are
// followed inside the system, as if it were running.
func (d *disk) follow(name string) (string, error) {
	const most = 40 // MAXSYMLINKS of Linux
	missing := &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	left, inside := d.parts(name)
	if !inside {
		return "", missing
	}
	var at []string
	for links := 0; len(left) > 0; {
		part := left[0]
		left = left[1:]
		if part == ".." {
			at = at[:max(0, len(at)-1)]
			continue
		}
		here := filepath.Join(append([]string{d.dir}, append(slices.Clone(at), part)...)...)
		info, err := os.Lstat(here)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = append(at, part)
			continue
		}
		if links++; links > most {
			return "", errors.New("too many links")
		}
		to, err := os.Readlink(here)
		if err != nil {
			return "", err
		}
		if to == plan.NullDevice {
			return os.DevNull, nil // a system that does not run has none of its own
		}
		further := split(filepath.ToSlash(to))
		if path.IsAbs(filepath.ToSlash(to)) {
			if further, inside = d.parts(filepath.ToSlash(to)); !inside {
				return "", missing
			}
			at = nil
		}
		left = append(further, left...)
	}
	return filepath.Join(append([]string{d.dir}, at...)...), nil
}

// parts are the names on the way from dir to an absolute path of the system.
func (d *disk) parts(name string) ([]string, bool) {
	if d.below == "/" {
		return split(name), true
	}
	rest, inside := strings.CutPrefix(path.Clean(name)+"/", d.below+"/")
	return split(rest), inside
}

func split(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(s string) bool { return s == "" || s == "." })
}
