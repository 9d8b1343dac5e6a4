package apply

import (
	"path"
	"slices"

	"github.com/sshform/sshform/plan"
)

// A tree that changes in several files is judged in place where there are
// private mount namespaces; elsewhere as a copy below the folder of the run,
// with all Include arguments moved there (rule 12).

func (t *transaction) treeRoot() string { return path.Join(t.folder, "tree") }

// needsCopy reports whether only a copied tree shows what the change makes.
func (t *transaction) needsCopy() bool {
	return !t.machine.namespaces && t.loneCandidate() == "" && t.changesServer()
}

// candidateTree is the main file that judges without a namespace use.
func (t *transaction) candidateTree() string {
	if t.needsCopy() {
		return t.treeRoot() + t.listener.ConfigFile
	}
	return t.loneCandidate()
}

// treePathsAfter are the server's files once the change is made.
func (t *transaction) treePathsAfter() []string {
	paths := []string{}
	for _, c := range t.files {
		if c.Role != plan.ClientFile && c.kind() != "remove" {
			paths = append(paths, c.Path)
		}
	}
	for _, d := range t.plan.DependsOn() {
		if !d.Folder && d.Before != "" {
			paths = append(paths, d.Path)
		}
	}
	return paths
}

// treeFolders are the folders that the copied tree needs; none without one.
func (t *transaction) treeFolders() []string {
	if !t.needsCopy() {
		return nil
	}
	var folders []string
	for _, name := range t.treePathsAfter() {
		folders = append(folders, path.Dir(name))
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// copiedTree is the content of the copied tree, by path; empty where none is
// needed.
func (t *transaction) copiedTree() (map[string][]byte, error) {
	if !t.needsCopy() {
		return nil, nil
	}
	after := map[string][]byte{}
	for _, name := range t.treePathsAfter() {
		after[name] = t.tree[name].Bytes
	}
	for _, c := range t.files {
		if _, stays := after[c.Path]; stays {
			after[c.Path] = c.after
		}
	}
	return plan.Staged(after, t.treeRoot())
}
