package fleet

import (
	_ "embed"

	"bytes"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/pkg/sftp"
)

const (
	mainFile    = "/etc/ssh/sshd_config"
	dropInDir   = "/etc/ssh/sshd_config.d"
	hostKeyFile = "/etc/ssh/ssh_host_ed25519_key"
)

// stock is the sshd_config of Debian 12.
//
//go:embed sshd_config
var stock []byte

// A file of a host; a folder has bytes nil and mode with fs.ModeDir.
type file struct {
	bytes    []byte
	mode     fs.FileMode
	uid, gid uint32
	changed  int64 // its ctime, in microseconds of the host's clock
}

// boot lays down the host's files. It is called with mu held, and does nothing
// the second time.
func (h *Host) boot() {
	if h.files != nil {
		return
	}
	h.files = map[string]*file{}
	h.runs = map[string]*run{}
	for _, dir := range []string{"/", "/etc", "/etc/ssh", dropInDir, "/var", "/var/lib"} {
		h.files[dir] = &file{mode: fs.ModeDir | 0o755, changed: h.now()}
	}
	// All hosts share the bytes of what nobody has changed.
	h.put(mainFile, stock, 0o644)
	for i := range h.fleet.DropIns {
		h.put(path.Join(dropInDir, dropInName(i)), []byte("# nothing is set here\n"), 0o644)
	}
	h.put(hostKeyFile, nil, 0o600)
	h.reload()
	h.reloads = 0
}

func dropInName(i int) string { return string(rune('a'+i/10%26)) + string(rune('0'+i%10)) + ".conf" }

// now advances the host's clock: no two events fall together.
func (h *Host) now() int64 {
	h.tick++
	return h.tick
}

// put makes or replaces a file, as a rename does, and touches its folder.
func (h *Host) put(name string, content []byte, mode fs.FileMode) {
	h.files[name] = &file{bytes: content, mode: mode, changed: h.now()}
	h.touch(path.Dir(name))
}

func (h *Host) touch(name string) {
	if f := h.files[name]; f != nil {
		f.changed = h.now()
	}
}

func (h *Host) remove(name string) bool {
	if h.files[name] == nil {
		return false
	}
	delete(h.files, name)
	h.touch(path.Dir(name))
	return true
}

// names lists a folder.
func (h *Host) names(dir string) []string {
	var names []string
	for name := range h.files {
		if name != dir && path.Dir(name) == dir {
			names = append(names, path.Base(name))
		}
	}
	slices.Sort(names)
	return names
}

// disk is a host's files as the SFTP library serves them.
type disk struct {
	h *Host
	// dies ends the connection at the first write; nil lets it write.
	dies func()
}

func (d disk) handlers() sftp.Handlers {
	return sftp.Handlers{FileGet: d, FilePut: d, FileCmd: d, FileList: d}
}

func (d disk) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	f := d.h.files[r.Filepath]
	if f == nil || f.mode.IsDir() {
		return nil, os.ErrNotExist
	}
	return bytes.NewReader(f.bytes), nil
}

func (d disk) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	if d.h.files[path.Dir(r.Filepath)] == nil {
		return nil, os.ErrNotExist
	}
	if d.h.files[r.Filepath] != nil && r.Pflags().Excl {
		return nil, sftp.ErrSSHFxFailure // as OpenSSH's server answers EEXIST
	}
	// The mode that the request carries does not get here; every client of
	// this fleet asks for this one.
	d.h.put(r.Filepath, []byte{}, 0o600)
	return &writer{d, r.Filepath}, nil
}

// A writer is a file open for writing.
type writer struct {
	disk
	name string
}

func (w *writer) WriteAt(p []byte, at int64) (int, error) {
	if w.dies != nil {
		w.dies()
		return 0, io.ErrClosedPipe
	}
	w.h.mu.Lock()
	defer w.h.mu.Unlock()
	f := w.h.files[w.name]
	if f == nil {
		return 0, os.ErrNotExist
	}
	if missing := int(at) + len(p) - len(f.bytes); missing > 0 {
		f.bytes = append(f.bytes, make([]byte, missing)...)
	}
	copy(f.bytes[at:], p)
	f.changed = w.h.now()
	return len(p), nil
}

func (d disk) Filecmd(r *sftp.Request) error {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	switch r.Method {
	case "Setstat":
		f := d.h.files[r.Filepath]
		if f == nil {
			return os.ErrNotExist
		}
		if r.AttrFlags().Permissions {
			f.mode = r.Attributes().FileMode().Perm()
		}
		if r.AttrFlags().UidGid {
			f.uid, f.gid = r.Attributes().UID, r.Attributes().GID
		}
		f.changed = d.h.now()
		return nil
	case "Remove":
		if !d.h.remove(r.Filepath) {
			return os.ErrNotExist
		}
		return nil
	case "Rename":
		if d.h.files[r.Target] != nil {
			return sftp.ErrSSHFxFailure
		}
		return d.h.rename(r.Filepath, r.Target)
	}
	return sftp.ErrSSHFxOpUnsupported
}

// PosixRename replaces what is there.
func (d disk) PosixRename(r *sftp.Request) error {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	return d.h.rename(r.Filepath, r.Target)
}

func (h *Host) rename(from, to string) error {
	f := h.files[from]
	if f == nil || h.files[path.Dir(to)] == nil {
		return os.ErrNotExist
	}
	delete(h.files, from)
	h.files[to] = f
	f.changed = h.now()
	h.touch(path.Dir(from))
	h.touch(path.Dir(to))
	return nil
}

func (d disk) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	d.h.mu.Lock()
	defer d.h.mu.Unlock()
	f := d.h.files[r.Filepath]
	if f == nil {
		return nil, os.ErrNotExist
	}
	if r.Method != "List" {
		return listing{{r.Filepath, *f}}, nil
	}
	var l listing
	for _, name := range d.h.names(r.Filepath) {
		f := d.h.files[path.Join(r.Filepath, name)]
		l = append(l, described{name, *f})
	}
	return l, nil
}

// Lstat is Stat: there are no links.
func (d disk) Lstat(r *sftp.Request) (sftp.ListerAt, error) { return d.Filelist(r) }

// RealPath follows links, of which there are none.
func (d disk) RealPath(name string) (string, error) {
	if !strings.HasPrefix(name, "/") {
		name = "/root/" + name
	}
	return path.Clean(name), nil
}

type listing []described

func (l listing) ListAt(into []os.FileInfo, at int64) (int, error) {
	if at >= int64(len(l)) {
		return 0, io.EOF
	}
	n := 0
	for ; n < len(into) && at+int64(n) < int64(len(l)); n++ {
		into[n] = l[at+int64(n)]
	}
	if n < len(into) {
		return n, io.EOF
	}
	return n, nil
}

// described is a file at one moment.
type described struct {
	name string
	f    file
}

func (d described) Name() string       { return path.Base(d.name) }
func (d described) Size() int64        { return int64(len(d.f.bytes)) }
func (d described) Mode() fs.FileMode  { return d.f.mode }
func (d described) ModTime() time.Time { return time.Unix(epoch, 0) }
func (d described) IsDir() bool        { return d.f.mode.IsDir() }
func (d described) Sys() any           { return nil }

// Uid and Gid are asked by the SFTP library.
func (d described) Uid() uint32 { return d.f.uid }

// Gid is the group.
func (d described) Gid() uint32 { return d.f.gid }

// epoch is where the clocks of all hosts begin, in seconds.
const epoch = 1_700_000_000
