package inventory

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The folders beside an inventory in which Ansible looks for variables
// (plugins/vars/host_group_vars.py).
const (
	groupVars = "group_vars"
	hostVars  = "host_vars"
)

// A varsFolder reads group_vars and host_vars beside an inventory. Symbolic
// links do not lead out of the folder.
type varsFolder struct {
	root *os.Root
	// listed are the folders that exist, with their entries.
	listed map[string]map[string][]string
	done   map[string]map[string]any
	left   int64 // bytes that may still be read
}

func openVarsFolder(dir string, most int64) *varsFolder {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil // the inventory itself tells what is wrong there
	}
	f := &varsFolder{root: root, listed: map[string]map[string][]string{}, done: map[string]map[string]any{}, left: most}
	for _, folder := range []string{groupVars, hostVars} {
		entries, err := fs.ReadDir(root.FS(), folder)
		if err != nil {
			continue
		}
		byName := map[string][]string{}
		for _, entry := range entries {
			name := entry.Name()
			bare := strings.TrimSuffix(name, filepath.Ext(name))
			if ext := filepath.Ext(name); !slices.Contains([]string{".yml", ".yaml", ".json"}, ext) {
				bare = name
			}
			byName[bare] = append(byName[bare], name)
		}
		f.listed[folder] = byName
	}
	if len(f.listed) == 0 {
		root.Close()
		return nil
	}
	return f
}

func (f *varsFolder) close() {
	if f != nil {
		f.root.Close()
	}
}

// of returns the variables of a group or host; nil if there are none.
func (f *varsFolder) of(a *ansible, folder, name string) map[string]any {
	if f == nil || f.listed[folder][name] == nil {
		return nil
	}
	key := folder + "/" + name
	if vars, known := f.done[key]; known {
		return vars
	}
	vars := map[string]any{}
	f.done[key] = vars
	for _, file := range f.files(path.Join(folder, name), f.listed[folder][name]) {
		f.read(a, file, vars)
	}
	return vars
}

// files lists the files for a name: a folder of that name if there is one, or
// else the file, of which Ansible takes the one without ending first.
func (f *varsFolder) files(bare string, names []string) []string {
	for _, ending := range []string{"", ".yml", ".yaml", ".json"} {
		name := path.Base(bare) + ending
		if !slices.Contains(names, name) {
			continue
		}
		info, err := f.root.Stat(filepath.FromSlash(bare + ending))
		if err == nil && info.IsDir() {
			if ending == "" {
				return f.tree(bare, 0)
			}
			continue
		}
		return []string{bare + ending}
	}
	return nil
}

// tree lists the files of a folder and of those in it, as Ansible orders them.
func (f *varsFolder) tree(dir string, depth int) []string {
	entries, err := fs.ReadDir(f.root.FS(), dir)
	if err != nil || depth > maxDepth {
		return nil
	}
	var files []string
	for _, entry := range entries {
		name := entry.Name()
		if strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") {
			continue
		}
		full := path.Join(dir, name)
		info, err := f.root.Stat(filepath.FromSlash(full))
		switch {
		case err != nil:
		case info.IsDir():
			files = append(files, f.tree(full, depth+1)...)
		case slices.Contains([]string{"", ".yml", ".yaml", ".json"}, path.Ext(name)):
			files = append(files, full)
		}
	}
	return files
}

// read adds the variables of a file.
func (f *varsFolder) read(a *ansible, name string, into map[string]any) {
	inventory := a.filename
	a.filename = path.Join(path.Dir(filepath.ToSlash(inventory)), name)
	defer func() { a.filename = inventory }()
	text, err := f.text(name)
	if err != nil {
		a.unreadable(err)
		return
	}
	sum := sha256.Sum256(text)
	a.besides = append(a.besides, sum[:])
	if bytes.HasPrefix(text, []byte("$ANSIBLE_VAULT;")) {
		a.note(1, "Encrypted variables", "%s is encrypted with ansible-vault. sshform does not open vaults, so these variables are not there. Nothing here needs a secret.", a.filename)
		return
	}
	root, err := yamlDocument(text)
	if err != nil || root == nil || isNull(root) {
		a.yamlError(err)
		return
	}
	t := newAnsibleTree(a.limits)
	if root = t.resolve(root); root.Kind != yaml.MappingNode {
		a.yamlError(yamlWrong(root, "A file of variables is not a mapping."))
		return
	}
	members, err := t.members(root, 0, a.again)
	if err == nil {
		err = a.yamlVars(t, members, func(name string, v any, _ int) { into[name] = wrapped(v) })
	}
	a.yamlError(err)
}

func (f *varsFolder) text(name string) ([]byte, error) {
	local := filepath.FromSlash(name)
	info, err := f.root.Stat(local)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	file, err := f.root.Open(local)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(&limited{r: file, left: f.left})
	f.left -= int64(len(text))
	return text, err
}
