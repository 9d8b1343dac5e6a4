package apply

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/sshform/sshform/plan"
)

// readPaths reads files and folders, several at a time, into the two maps.
// What is wrong with one of them is told in its entry; an error means that the
// host cannot be read any more.
func readPaths(ctx context.Context, fsys fs.FS, asking plan.Asking, known *dumps, files map[string]plan.File, folders map[string]plan.Folder) error {
	var together errgroup.Group
	together.SetLimit(filesTogether)
	var mu sync.Mutex
	aFile := func(name string) error {
		f, err := readFile(fsys, name)
		f.Bytes = known.bytes(f.Bytes)
		mu.Lock()
		defer mu.Unlock()
		files[name] = f
		return cmp.Or(err, ctx.Err())
	}
	aFolder := func(name string) error {
		f, err := readFolder(fsys, name)
		mu.Lock()
		defer mu.Unlock()
		folders[name] = f
		return cmp.Or(err, ctx.Err())
	}
	own := func() error { return nil } // what is read without a goroutine of its own
	if n := len(asking.Files); n > 0 {
		name := asking.Files[n-1]
		asking.Files, own = asking.Files[:n-1], func() error { return aFile(name) }
	}
	for _, name := range asking.Files {
		together.Go(func() error { return aFile(name) })
	}
	for _, name := range asking.Folders {
		together.Go(func() error { return aFolder(name) })
	}
	err := own()
	together.Go(func() error { return err })
	return together.Wait()
}

// inFS turns an absolute path into a name of an fs.FS.
func inFS(name string) string {
	rooted := strings.TrimPrefix(path.Clean(name), "/")
	return cmp.Or(rooted, ".")
}

// unreadable is what becomes of a path that exists and cannot be read.
func unreadable(err error) plan.File {
	var perr *fs.PathError
	if errors.As(err, &perr) {
		err = perr.Err
	}
	return plan.File{State: plan.Unreadable, Err: err.Error()}
}

// hostLost reports whether an error says that the connection is gone, and not
// that something is wrong with one file.
func hostLost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, fs.ErrClosed)
}

func readFile(fsys fs.FS, name string) (plan.File, error) {
	if resolver, able := fsys.(RealPather); able {
		return readResolved(fsys, resolver, name)
	}
	real, err := followLinks(fsys, name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && real != name:
		return plan.File{State: plan.Dangling, RealPath: real}, nil
	case errors.Is(err, fs.ErrNotExist):
		return plan.File{State: plan.Missing, RealPath: name}, nil
	case err != nil && hostLost(err):
		return plan.File{}, fmt.Errorf("read %s: %w", name, err)
	case err != nil:
		return unreadable(err), nil
	}
	f, err := readPlain(fsys, real)
	if err != nil && hostLost(err) {
		return plan.File{}, fmt.Errorf("read %s: %w", name, err)
	}
	return found(f, real), nil
}

// readResolved reads a file whose links the host follows by itself, which
// costs no trip of its own: everything is asked at once. Only what is not there
// is looked at once more, for a link that leads nowhere.
func readResolved(fsys fs.FS, resolver RealPather, name string) (plan.File, error) {
	var together sync.WaitGroup
	var real string
	var realErr, lstatErr error
	together.Go(func() { real, realErr = resolver.RealPath(inFS(name)) })
	f, err := readPlain(fsys, name)
	together.Wait()
	if errors.Is(err, fs.ErrNotExist) {
		_, lstatErr = fs.Lstat(fsys, inFS(name))
	}
	for _, err := range []error{realErr, lstatErr, err} {
		if err != nil && hostLost(err) {
			return plan.File{}, fmt.Errorf("read %s: %w", name, err)
		}
	}
	switch {
	case errors.Is(lstatErr, fs.ErrNotExist):
		return plan.File{State: plan.Missing, RealPath: name}, nil
	case lstatErr != nil:
		return unreadable(lstatErr), nil
	case realErr != nil:
		return unreadable(realErr), nil
	case errors.Is(err, fs.ErrNotExist):
		f = plan.File{State: plan.Dangling}
	}
	return found(f, "/"+real), nil
}

// found is what was read where a path leads to.
func found(f plan.File, real string) plan.File {
	if real == plan.NullDevice {
		f = plan.File{State: plan.Null}
	}
	f.RealPath = real
	return f
}

// followLinks returns where a chain of links ends. A dangling one is an error
// that names its end.
func followLinks(fsys fs.FS, name string) (string, error) {
	const most = 40 // MAXSYMLINKS of Linux
	at := path.Clean(name)
	for range most {
		info, err := fs.Lstat(fsys, inFS(at))
		if err != nil {
			return at, err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return at, nil
		}
		to, err := fs.ReadLink(fsys, inFS(at))
		if err != nil {
			return at, err
		}
		if !path.IsAbs(to) {
			to = path.Join(path.Dir(at), to)
		}
		at = path.Clean(to)
	}
	return at, errors.New("too many links")
}

// readPlain reads a file that is no link.
func readPlain(fsys fs.FS, real string) (plan.File, error) {
	file, err := fsys.Open(inFS(real))
	if err != nil {
		return unreadable(err), err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return unreadable(err), err
	}
	f := plan.File{Mode: uint32(info.Mode().Perm()), UID: -1, GID: -1}
	if owner, known := info.Sys().(Owner); known {
		f.UID, f.GID = owner.UID, owner.GID
	}
	switch {
	case info.IsDir():
		f.State = plan.Directory
		return f, nil
	case !info.Mode().IsRegular():
		return plan.File{State: plan.Unreadable, Err: "it is not a regular file"}, nil
	case info.Size() > maxFileSize:
		return plan.File{State: plan.Unreadable, Err: tooLarge}, nil
	}
	f.Bytes, err = readAll(file, info.Size())
	switch {
	case err != nil:
		return unreadable(err), err
	case len(f.Bytes) > maxFileSize:
		return plan.File{State: plan.Unreadable, Err: tooLarge}, nil
	}
	return f, nil
}

// readAll reads a file that is said to be so long, and one byte more than may be
// if it is longer. The size is what a host says: it may be negative.
func readAll(file io.Reader, size int64) ([]byte, error) {
	var content bytes.Buffer
	content.Grow(int(max(size, 0)) + bytes.MinRead) // so much it wants to have free to see the end
	_, err := content.ReadFrom(io.LimitReader(file, maxFileSize+1))
	return content.Bytes(), err
}

const tooLarge = "it is larger than 1 MiB"

func readFolder(fsys fs.FS, name string) (plan.Folder, error) {
	entries, err := fs.ReadDir(fsys, inFS(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return plan.Folder{Missing: true}, nil
	case err != nil && hostLost(err):
		return plan.Folder{}, fmt.Errorf("read %s: %w", name, err)
	case err != nil:
		return plan.Folder{Err: unreadable(err).Err}, nil
	case len(entries) > maxNames:
		return plan.Folder{Err: fmt.Sprintf("it holds more than %d names", maxNames)}, nil
	}
	f := plan.Folder{Names: []string{}}
	for _, e := range entries {
		f.Names = append(f.Names, e.Name())
	}
	slices.Sort(f.Names)
	return f, nil
}
