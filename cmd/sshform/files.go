package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sshform/sshform/plan"
)

// readPlan reads a file that plan -out wrote. Its error is a sentence.
func readPlan(file string) (*plan.Plan, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, errors.New(sentence(err))
	}
	defer f.Close()
	built, err := plan.Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", file, sentence(err))
	}
	return built, nil
}

// writable finds out whether a file can be written where path says, without
// leaving anything.
func writable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return &fs.PathError{Op: "write", Path: path, Err: errors.New("it is a directory")}
	case err == nil && isStream(info):
		return nil // to open a pipe would be to wait for who reads it
	}
	f, err := besides(linked(path))
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// writeFile writes a file under another name first, so that what is there is
// always whole. What is no file and cannot be replaced by one, such as a pipe
// or /dev/null, is written to as it is.
func writeFile(path string, mode fs.FileMode, write func(*os.File) error) error {
	if info, err := os.Stat(path); err == nil && isStream(info) {
		return writeStream(path, info, write)
	}
	path = linked(path)
	f, err := besides(path)
	if err != nil {
		return err
	}
	err = errors.Join(f.Chmod(mode), write(f))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// linked is where the links of a path lead to, so that the file is replaced and
// not the link. A link that leads nowhere is replaced.
func linked(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// isStream reports whether what is written to a name goes on to somebody else.
// /dev/stdout does even where it leads to a file: what is printed goes there as
// well, and would be lost with the file that is replaced.
func isStream(info fs.FileInfo) bool {
	return standardStream(info) != nil || !info.Mode().IsRegular() && !info.IsDir()
}

// standardStream is the open stream that a name leads to, nil if it is none.
func standardStream(info fs.FileInfo) *os.File {
	for _, stream := range []*os.File{os.Stdout, os.Stderr} {
		if open, err := stream.Stat(); err == nil && os.SameFile(open, info) {
			return stream
		}
	}
	return nil
}

func writeStream(path string, info fs.FileInfo, write func(*os.File) error) error {
	if stream := standardStream(info); stream != nil {
		return write(stream)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(write(f), f.Close())
}

// writeNew writes a file of configuration that must not exist yet. Half of one
// would pass for a whole, so it is taken away.
func writeNew(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// besides creates a file of another name beside path. An error names path.
func besides(path string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".sshform-*")
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = &fs.PathError{Op: "create", Path: path, Err: failed.Err}
	}
	return f, err
}
