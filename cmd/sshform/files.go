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
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return &fs.PathError{Op: "write", Path: path, Err: errors.New("it is a directory")}
	}
	f, err := besides(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// writeFile writes a file under another name first, so that what is there is
// always whole.
func writeFile(path string, mode fs.FileMode, write func(*os.File) error) error {
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

// besides creates a file of another name beside path. An error names path.
func besides(path string) (*os.File, error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".sshform-*")
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = &fs.PathError{Op: "create", Path: path, Err: failed.Err}
	}
	return f, err
}
