package sshconf

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A disk answers what a resolution wants, from memory or from a real folder.
type disk interface {
	node(path string) Node
	names(path string) []string
}

// answer asks again until nothing is wanted. It returns the tree, too.
func answer(d disk, ask func(*Tree) *Result) (*Result, *Tree) {
	t := NewTree()
	for {
		r := ask(t)
		if len(r.Wants) == 0 {
			return r, t
		}
		for _, w := range r.Wants {
			if w.Folder {
				t.AddFolder(w.Path, d.names(w.Path))
			} else {
				t.AddNode(w.Path, d.node(w.Path))
			}
		}
	}
}

// memory is a disk of files by path.
type memory map[string]string

func (m memory) node(path string) Node {
	path = filepath.Clean(path)
	if text, ok := m[path]; ok {
		return Node{File: Parse([]byte(text))}
	}
	for p := range m {
		if strings.HasPrefix(p, path+"/") {
			return Node{State: Folder}
		}
	}
	return Node{State: Missing}
}

func (m memory) names(path string) []string {
	seen := map[string]bool{}
	var out []string
	prefix := strings.TrimSuffix(filepath.Clean(path), "/") + "/"
	for p := range m {
		rest, found := strings.CutPrefix(p, prefix)
		name, _, _ := strings.Cut(rest, "/")
		if found && !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}

// folder is a disk of real files.
type folder struct{}

func (folder) node(path string) Node {
	if _, err := os.Lstat(path); err != nil {
		return Node{State: Missing}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Node{State: Dangling}
	case err != nil:
		return Node{State: Unreadable}
	case info.IsDir():
		return Node{State: Folder}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return Node{State: Unreadable}
	}
	return Node{File: Parse(data), Foreign: info.Mode().Perm()&0o022 != 0}
}

func (folder) names(path string) []string {
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}
