package plan

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// A scene is the configuration of one program on one host while targets edit
// it one after the other.
type scene struct {
	group
	o    *Observed
	base *sshconf.Tree // as observed
	tree *sshconf.Tree // with all edits so far
	// definitions are the keywords of the side.
	definitions []schema.Definition
	// settled are keywords that other targets of the host settle in files that
	// this scene reads.
	settled []schema.Keyword
	// everyone, standIns and witnessed remember logins once they are found.
	everyone  Login
	standIns  []Login
	witnessed map[schema.Scope]standIn
	// inBlocks are the judges that stand for nothing but a block of the tree:
	// for them it is enough to know what is in force.
	inBlocks map[Login]bool
	// mute remembers why nobody can be asked about a block.
	mute map[*sshconf.Block]string
	// findings are those of Lint; nil before they are asked for.
	findings []Finding
	// unjudged is how many blocks have no judge, because there are so many.
	unjudged int

	drafts map[string]*draft
	roles  map[string]Role
	gone   map[string]bool // files of our own that are to be removed
	// resolved remembers what the untouched tree says for each login, current
	// what the edited one says.
	resolved, current map[Login]*sshconf.Result
}

// A standIn is the witness of a scope, or why there is none.
type standIn struct {
	login Login
	err   error
}

func newScene(g group, o *Observed) *scene {
	base := treeOf(o, g.side)
	return &scene{
		group: g, o: o, base: base, tree: base, drafts: map[string]*draft{},
		definitions: schema.Definitions(g.side), mute: map[*sshconf.Block]string{}, witnessed: map[schema.Scope]standIn{},
		roles: map[string]Role{}, gone: map[string]bool{},
		resolved: map[Login]*sshconf.Result{}, current: map[Login]*sshconf.Result{},
	}
}

// define returns a keyword's definition; the zero one for a keyword that the
// side does not have.
func (s *scene) define(keyword schema.Keyword) schema.Definition {
	for _, d := range s.definitions {
		if d.Keyword == keyword {
			return d
		}
	}
	return schema.Definition{}
}

// follow begins with the edits that blocks for other files of the same program
// have made, where this one reads those files, too.
func (s *scene) follow(groups []group, files []FileEdit) {
	for _, f := range files {
		if n, known := s.base.Node(f.Path); !known || s.side == schema.Server || f.Role != ClientFile || f.Path == s.main {
			continue
		} else if n.File == nil && n.State != sshconf.Missing {
			continue
		}
		text, err := Replay(s.o.Files[f.Path].Bytes, f.Edits)
		if err != nil {
			panic(fmt.Sprintf("plan: the edits of %s on %s cannot be replayed: %v", f.Path, s.o.Host, err))
		}
		s.tree = s.withEverywhere(s.tree, f.Path, text)
	}
	for _, g := range groups {
		if g.side == s.side {
			for _, t := range g.targets {
				for _, setting := range slices.Concat(t.Settings, t.Unset) {
					s.settled = append(s.settled, setting.Keyword)
				}
			}
		}
	}
}

// treeOf gives the resolver everything that was observed.
func treeOf(o *Observed, side schema.Side) *sshconf.Tree {
	tree := sshconf.NewTree()
	for name, f := range o.Files {
		switch f.State {
		case Regular:
			node := sshconf.Node{File: sshconf.Parse(f.Bytes)}
			if side == schema.Client {
				node.Foreign = f.UID != 0 && f.UID != o.UID || f.Mode&0o022 != 0
			}
			tree.AddNode(name, node)
		case Missing:
			tree.AddNode(name, sshconf.Node{State: sshconf.Missing})
		case Dangling:
			tree.AddNode(name, sshconf.Node{State: sshconf.Dangling})
		case Directory:
			tree.AddNode(name, sshconf.Node{State: sshconf.Folder})
		case Null: // everybody may write to it, which ssh does not accept in an included file
			tree.AddNode(name, sshconf.Node{File: sshconf.Parse(nil), Foreign: side == schema.Client})
		case Unreadable:
			tree.AddNode(name, sshconf.Node{State: sshconf.Unreadable})
		}
	}
	for name, f := range o.Folders {
		tree.AddFolder(name, f.Names)
	}
	return tree
}

// catchAll reports whether a block counts for everybody by what it says.
func catchAll(b *sshconf.Block) bool {
	for ; b != nil; b = b.Within {
		all := len(b.Criteria) == 1 && b.Criteria[0].Name == "all" && !b.Criteria[0].Negated
		star := b.Keyword == "Host" && len(b.Patterns) == 1 && b.Patterns[0] == "*"
		if !all && !star {
			return false
		}
	}
	return true
}

// Asked reports whether the login gives the data of -C.
func (l Login) Asked() bool {
	return l.User+l.Host+l.Addr+l.LAddr+l.RDomain != "" || l.LPort != 0
}

// ask resolves a tree for a login.
func (s *scene) ask(tree *sshconf.Tree, login Login) *sshconf.Result {
	return s.resolve(tree, login, s.inBlocks[login])
}

func (s *scene) resolve(tree *sshconf.Tree, login Login, brief bool) *sshconf.Result {
	if s.side == schema.Server {
		q := s.serverQuery(login)
		q.Brief = brief
		return sshconf.ResolveServer(tree, q)
	}
	q := s.clientQuery(login)
	q.Brief = brief
	return sshconf.ResolveClient(tree, q)
}

// before resolves the untouched tree, each login once.
func (s *scene) before(login Login) *sshconf.Result {
	r, known := s.resolved[login]
	if !known {
		r = s.ask(s.base, login)
		s.resolved[login] = r
	}
	return r
}

// now resolves the tree with all edits so far, each login once.
func (s *scene) now(login Login) *sshconf.Result {
	if s.tree == s.base {
		return s.before(login)
	}
	r, known := s.current[login]
	if !known {
		r = s.ask(s.tree, login)
		s.current[login] = r
	}
	return r
}

// change makes a tree the present one.
func (s *scene) change(tree *sshconf.Tree) {
	s.tree = tree
	clear(s.current)
}

// edited returns the present tree with another text in a file.
func (s *scene) edited(name string, text []byte) *sshconf.Tree {
	return s.withEverywhere(s.tree, name, text)
}

// withEverywhere gives a file another text under each name that leads to it.
func (s *scene) withEverywhere(tree *sshconf.Tree, name string, text []byte) *sshconf.Tree {
	tree = tree.With(name, text)
	real := s.o.Files[name].RealPath
	for alias, f := range s.o.Files {
		if alias != name && real != "" && f.State == Regular && f.RealPath == real {
			tree = tree.With(alias, text)
		}
	}
	return tree
}

// observed is what stands at a path. A file that its folder's listing does not
// show need not be asked for.
func (s *scene) observed(name string) File {
	f, known := s.o.Files[name]
	if known {
		return f
	}
	return File{State: Missing}
}

// known reports whether it was seen what stands at a path.
func (s *scene) known(name string) bool {
	if _, read := s.o.Files[name]; read {
		return true
	}
	folder, listed := s.o.Folders[path.Dir(name)]
	return listed && !slices.Contains(folder.Names, path.Base(name))
}

// owned reports whether sshform may edit a file: the main file, or one that
// its first line says to be ours.
func (s *scene) owned(name string) bool {
	if name == s.main {
		return true
	}
	file := s.tree.File(name)
	return s.side == schema.Server && file != nil && file.Len() > 0 && string(file.Line(1).Text) == DropInMark
}

// reloads reports whether a running sshd takes the change.
func (s *scene) reloads() bool {
	return s.side == schema.Server && !slices.ContainsFunc(s.targets, func(t schema.Target) bool { return t.Reload == "none" })
}

// draft returns the draft of a file, begun when it is first edited.
func (s *scene) draft(name string, role Role) *draft {
	d, begun := s.drafts[name]
	if !begun {
		d = newDraft(s.o.Files[name].Bytes)
		s.drafts[name], s.roles[name] = d, role
	}
	return d
}

// fileEdits returns the files that the drafts change, drop-ins first and the
// main file last.
func (s *scene) fileEdits() []FileEdit {
	var files []FileEdit
	for _, name := range slices.Sorted(maps.Keys(s.drafts)) {
		d, f := s.drafts[name], s.observed(name)
		after := d.bytes()
		if f.State == Regular && string(after) == string(f.Bytes) && !s.gone[name] {
			continue
		}
		edit := FileEdit{
			Path: name, RealPath: f.RealPath, Role: s.roles[name], After: Sum(after), Edits: d.edits(),
		}
		if f.State == Regular {
			edit.Before, edit.BeforeSize = Sum(f.Bytes), int64(len(f.Bytes))
			edit.Mode, edit.UID, edit.GID = f.Mode, f.UID, f.GID
		} else {
			edit.Mode, edit.UID, edit.GID = newMode(s.roles[name]), s.o.UID, -1
		}
		if edit.RealPath == "" {
			edit.RealPath = name
		}
		if s.gone[name] {
			edit.After = ""
		}
		files = append(files, edit)
	}
	slices.SortStableFunc(files, func(a, b FileEdit) int {
		return strings.Compare(string(a.Role), string(b.Role)) // drop-in before main
	})
	return files
}

// newMode is what a file gets that sshform creates: a client's own is
// nobody else's business, as ssh(1) advises.
func newMode(role Role) uint32 {
	if role == ClientFile {
		return 0o600
	}
	return 0o644
}

// dependencies lists every file and folder that the decision rests on.
func (s *scene) dependencies() []Dependency {
	files, folders := map[string]bool{}, map[string]bool{}
	for _, r := range s.resolved {
		for _, name := range r.Files {
			files[name] = true
		}
		for _, name := range r.Folders {
			folders[name] = true
		}
	}
	var all []Dependency
	for _, name := range slices.Sorted(maps.Keys(files)) {
		d := Dependency{Path: name}
		if f := s.o.Files[name]; f.State == Regular {
			d.Before = Sum(f.Bytes)
		}
		all = append(all, d)
	}
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		d := Dependency{Path: name, Folder: true}
		if f := s.o.Folders[name]; !f.Missing {
			d.Before = SumNames(f.Names)
		}
		all = append(all, d)
	}
	return all
}

// role says what an edited file is.
func (s *scene) role(name string) Role {
	switch {
	case s.side == schema.Client:
		return ClientFile
	case name == s.main:
		return MainFile
	}
	return DropIn
}

// short is a file's name as plans show it: without the folder where that is
// the main file's own or one below it.
func (s *scene) short(name string) string {
	folder := path.Dir(s.main)
	if path.Dir(name) == folder || path.Dir(path.Dir(name)) == folder {
		return path.Base(name)
	}
	return name
}
