package sshconf

import (
	"maps"
	"slices"
	"sort"
	"strings"
)

// A State says what stands at a path.
type State int

// The states of a path.
const (
	// Regular is a file whose content is known.
	Regular State = iota
	// Missing is nothing at all, also a folder that is missing on the way.
	Missing
	// Folder is a directory.
	Folder
	// Dangling is a symbolic link that leads nowhere.
	Dangling
	// Unreadable is something that cannot be opened.
	Unreadable
)

// A Node is what a tree knows about one path.
type Node struct {
	State State
	// File is the content of a Regular node.
	File *File
	// Foreign says that ssh would refuse the file as an included one: it
	// belongs neither to root nor to the user, or others may write to it.
	// sshd does not care.
	Foreign bool
}

// A Tree holds the files and folders read so far, by the path by which they
// were asked for. The resolver says what it still wants; the caller adds it
// and asks again, all wants of one round together.
type Tree struct {
	nodes   map[string]Node
	folders map[string][]string // nil: cannot be listed
	// lexed are the files as releases see them.
	lexed map[lexedKey]*lexed
	unset map[unsetKey]*unset
}

// NewTree returns an empty tree.
func NewTree() *Tree {
	return &Tree{nodes: map[string]Node{}, folders: map[string][]string{}, lexed: map[lexedKey]*lexed{}, unset: map[unsetKey]*unset{}}
}

// Add puts a file with its content into the tree.
func (t *Tree) Add(path string, data []byte) { t.nodes[path] = Node{File: Parse(data)} }

// AddNode puts any node into the tree.
func (t *Tree) AddNode(path string, n Node) { t.nodes[path] = n }

// AddFolder puts the names in a folder into the tree, in any order, "." and
// ".." left out. A folder that is missing or cannot be listed has none.
func (t *Tree) AddFolder(path string, names []string) {
	sorted := slices.Clone(names)
	sort.Strings(sorted)
	t.folders[folderKey(path)] = sorted
}

// Node returns what is known about a path.
func (t *Tree) Node(path string) (Node, bool) {
	n, ok := t.nodes[path]
	return n, ok
}

// File returns the file at a path, nil when there is none or it was not read.
func (t *Tree) File(path string) *File { return t.nodes[path].File }

// Names returns the names in a folder in byte order.
func (t *Tree) Names(path string) ([]string, bool) {
	names, ok := t.folders[folderKey(path)]
	return names, ok
}

// With returns a copy of the tree in which the file at path has other
// content. A file that was not there appears in its folder's names. The
// original does not change.
func (t *Tree) With(path string, data []byte) *Tree {
	c := t.clone()
	n := c.nodes[path]
	c.nodes[path] = Node{File: Parse(data), Foreign: n.Foreign}
	folder, name := cutPath(path)
	if names, ok := c.folders[folder]; ok && !slices.Contains(names, name) {
		c.AddFolder(folder, append(slices.Clone(names), name))
	}
	return c
}

// Without returns a copy of the tree in which nothing stands at path.
func (t *Tree) Without(path string) *Tree {
	c := t.clone()
	c.nodes[path] = Node{State: Missing}
	folder, name := cutPath(path)
	if names, ok := c.folders[folder]; ok {
		c.AddFolder(folder, slices.DeleteFunc(slices.Clone(names), func(s string) bool { return s == name }))
	}
	return c
}

func (t *Tree) clone() *Tree {
	return &Tree{nodes: maps.Clone(t.nodes), folders: maps.Clone(t.folders), lexed: maps.Clone(t.lexed), unset: t.unset}
}

// folderKey drops slashes from the end: glob(3) opens "/etc/ssh/".
func folderKey(path string) string {
	if cut := strings.TrimRight(path, "/"); cut != "" {
		return cut
	}
	if path == "" {
		return "."
	}
	return "/"
}

func cutPath(path string) (folder, name string) {
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return ".", path
	}
	return folderKey(path[:i+1]), path[i+1:]
}

// A Want is something the resolver has to know to go on.
type Want struct {
	Path string
	// Folder asks for the names in the folder Path, else for the file Path.
	Folder bool
}

// A view is a tree under the eyes of one resolution: it notes what was read
// and what is missing.
type view struct {
	tree   *Tree
	wants  []Want
	wanted map[Want]bool
	read   map[string]bool
	listed map[string]bool
}

func newView(t *Tree) *view {
	return &view{
		tree: t, wanted: map[Want]bool{}, read: map[string]bool{}, listed: map[string]bool{},
	}
}

func (v *view) want(w Want) {
	if !v.wanted[w] {
		v.wanted[w] = true
		v.wants = append(v.wants, w)
	}
}

// node returns what stands at a path; known is false when it has to be read.
func (v *view) node(path string) (n Node, known bool) {
	if dots(path) {
		return Node{State: Folder}, true
	}
	if n, known = v.tree.nodes[path]; !known {
		v.want(Want{Path: path})
		return Node{}, false
	}
	v.read[path] = true
	return n, true
}

// dots reports whether a path can name nothing but a folder, which is as an
// empty file to OpenSSH: nobody need look.
func dots(path string) bool {
	return strings.HasSuffix(path, "/.") || strings.HasSuffix(path, "/..") || path == "." || path == ".."
}

// exists is what lstat(2) says; a path that is not known yet is taken as
// missing for now.
func (v *view) exists(path string) bool {
	n, known := v.node(path)
	return known && n.State != Missing
}

func (v *view) folder(path string) ([]string, bool) {
	key := folderKey(path)
	names, known := v.tree.folders[key]
	if !known {
		v.want(Want{Path: key, Folder: true})
		return nil, false
	}
	v.listed[key] = true
	return names, true
}
