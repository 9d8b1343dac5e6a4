package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"github.com/sshform/sshform/apply"
)

// What a server may send for one request, in bytes: attributes and names, and
// a listing of some ten thousand entries.
const (
	grantSmall   = 64 << 10
	grantListing = 4 << 20
)

// Files are a host's files over SFTP, as an fs.FS from the root.
type files struct {
	ctx  context.Context
	host *host

	mu   sync.Mutex
	sftp *sftpStart // nil when it was given up
	read map[string]bool
}

var (
	_ fs.StatFS        = (*files)(nil)
	_ fs.ReadDirFS     = (*files)(nil)
	_ fs.ReadFileFS    = (*files)(nil)
	_ fs.ReadLinkFS    = (*files)(nil)
	_ apply.RealPather = (*files)(nil)
	_ io.Closer        = (*files)(nil)
)

// FS begins SFTP and returns at once: the first file waits for it, while the
// shell is being opened. Requests end with ctx.
func (h *host) FS(ctx context.Context) (fs.FS, error) {
	start, err := h.startSFTP()
	if err != nil {
		return nil, h.error(err)
	}
	return &files{ctx: ctx, host: h, sftp: start, read: map[string]bool{}}, nil
}

// Close ends SFTP. Whoever asks the host for files again, or stages some, begins
// it anew.
func (f *files) Close() error {
	f.mu.Lock()
	start := f.sftp
	f.sftp = nil // a host may be in flight for long after
	f.mu.Unlock()
	if start != nil {
		f.host.endSFTP(start)
	}
	return nil
}

// ask makes one request about files, or some that travel together, within the
// time of one. SFTP ends with a request that takes longer: what it answers later,
// nobody could tell apart.
func ask[T any](f *files, grant int64, do func(*sftp.Client) (T, error)) (T, error) {
	var none T
	f.mu.Lock()
	start := f.sftp
	f.mu.Unlock()
	if start == nil {
		return none, fs.ErrClosed
	}
	client, err := start.wait(f.ctx)
	if err != nil {
		return none, f.host.error(err)
	}
	start.wire.grant(grant)
	return bounded(f.ctx, start.wire, f.host.dialer.requestTimeout(), "sftp-server", func() (T, error) { return do(client) })
}

func (f *files) path(op, name string) (string, error) {
	if !fs.ValidPath(name) || strings.IndexByte(name, 0) >= 0 {
		return "", &fs.PathError{Op: op, Path: name, Err: fs.ErrInvalid}
	}
	return absolute(name), nil
}

func absolute(name string) string {
	if name == "." {
		return "/"
	}
	return "/" + name
}

func pathError(op, name string, err error) error {
	if err == nil {
		return nil
	}
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// count admits a file to those that were read.
func (f *files) count(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read[name] = true
	if len(f.read) > MaxFiles {
		return &LimitError{Path: f.host.route.host, What: "files", Limit: MaxFiles}
	}
	return nil
}

// Open opens a file or a folder and measures it in the same trip. A file's
// bytes are read with its first Read, in one more.
func (f *files) Open(name string) (fs.File, error) {
	p, err := f.path("open", name)
	if err != nil {
		return nil, err
	}
	opened, err := ask(f, grantSmall, func(c *sftp.Client) (*opening, error) { return open(c, p) })
	if err != nil {
		return nil, pathError("open", name, err)
	}
	info := newInfo(path.Base(name), opened.info)
	if info.IsDir() {
		return &folder{files: f, name: name, info: info}, nil
	}
	if err := f.count(name); err != nil {
		opened.close()
		return nil, pathError("open", name, err)
	}
	return &file{files: f, name: name, info: info, opened: opened}, nil
}

// An opening is a file that was opened and measured.
type opening struct {
	path   string
	info   fs.FileInfo
	handle *sftp.File // nil for what cannot be read: a folder, a device
}

// open opens and measures at the same time.
func open(c *sftp.Client, p string) (*opening, error) {
	o := &opening{path: p}
	var openErr, statErr error
	together(2, func(i int) {
		if i == 0 {
			o.info, statErr = c.Stat(p)
		} else {
			o.handle, openErr = c.Open(p)
		}
	})
	switch {
	case statErr != nil:
		o.close()
		return nil, statErr
	case !o.info.Mode().IsRegular():
		o.close()
	case openErr != nil:
		return nil, openErr
	}
	return o, nil
}

// close gives the handle up; nobody waits for the answer.
func (o *opening) close() {
	if o.handle != nil {
		o.handle.Close()
		o.handle = nil
	}
}

// read reads the whole file and looks whether it changed meanwhile.
func (o *opening) read() ([]byte, error) {
	switch {
	case o.info.IsDir():
		return nil, errIsFolder
	case o.handle == nil:
		return nil, errNotRegular
	case o.info.Size() > MaxFileSize:
		return nil, &LimitError{Path: o.path, What: "bytes", Limit: MaxFileSize}
	}
	var content []byte
	var after fs.FileInfo
	var readErr, statErr error
	together(2, func(i int) {
		if i == 0 {
			content, readErr = readSized(o.handle, o.info.Size())
		} else {
			after, statErr = o.handle.Stat()
		}
	})
	switch {
	case readErr != nil:
		return nil, readErr
	case statErr != nil:
		return nil, statErr
	case len(content) == 0 || after.Size() != int64(len(content)):
		// It changed while it was read, or its size is not what stat says, as
		// in /proc.
		return readToEnd(o.path, o.handle)
	}
	return content, nil
}

// ReadFile reads a regular file in two trips: it is opened and measured at
// once, then read whole and measured again.
func (f *files) ReadFile(name string) ([]byte, error) {
	p, err := f.path("open", name)
	if err != nil {
		return nil, err
	}
	if err := f.count(name); err != nil {
		return nil, pathError("open", name, err)
	}
	content, err := ask(f, MaxFileSize+grantSmall, func(c *sftp.Client) ([]byte, error) {
		opened, err := open(c, p)
		if err != nil {
			return nil, err
		}
		defer opened.close()
		return opened.read()
	})
	return content, pathError("open", name, err)
}

var (
	errIsFolder   = errors.New("is a directory")
	errNotRegular = errors.New("is not a regular file")
)

// readSized asks for exactly so many bytes, in one request up to 32 KiB, and
// for none that would only bring the end of the file. The size is what the host
// says, and no more than MaxFileSize; a negative one says nothing.
func readSized(handle *sftp.File, size int64) ([]byte, error) {
	if size <= 0 {
		return nil, nil
	}
	content := make([]byte, size)
	n, err := handle.ReadAt(content, 0)
	if err == io.EOF {
		err = nil
	}
	return content[:n], err
}

func readToEnd(p string, handle *sftp.File) ([]byte, error) {
	content, err := io.ReadAll(io.NewSectionReader(handle, 0, MaxFileSize+1))
	if err == nil && len(content) > MaxFileSize {
		return nil, &LimitError{Path: p, What: "bytes", Limit: MaxFileSize}
	}
	return content, err
}

// Stat follows links, Lstat does not.
func (f *files) Stat(name string) (fs.FileInfo, error) {
	return f.stat("stat", name, (*sftp.Client).Stat)
}

// Lstat describes a link itself.
func (f *files) Lstat(name string) (fs.FileInfo, error) {
	return f.stat("lstat", name, (*sftp.Client).Lstat)
}

func (f *files) stat(op, name string, do func(*sftp.Client, string) (fs.FileInfo, error)) (fs.FileInfo, error) {
	p, err := f.path(op, name)
	if err != nil {
		return nil, err
	}
	got, err := ask(f, grantSmall, func(c *sftp.Client) (fs.FileInfo, error) { return do(c, p) })
	if err != nil {
		return nil, pathError(op, name, err)
	}
	return newInfo(path.Base(name), got), nil
}

// ReadLink returns where a link leads, as it is written.
func (f *files) ReadLink(name string) (string, error) {
	p, err := f.path("readlink", name)
	if err != nil {
		return "", err
	}
	to, err := ask(f, grantSmall, func(c *sftp.Client) (string, error) { return c.ReadLink(p) })
	return to, pathError("readlink", name, err)
}

// RealPath follows all links, in one trip: OpenSSH's server resolves them.
func (f *files) RealPath(name string) (string, error) {
	p, err := f.path("realpath", name)
	if err != nil {
		return "", err
	}
	to, err := ask(f, grantSmall, func(c *sftp.Client) (string, error) { return c.RealPath(p) })
	if err != nil {
		return "", pathError("realpath", name, err)
	}
	if !path.IsAbs(to) {
		return "", pathError("realpath", name, fmt.Errorf("the host answers %q", clean(to)))
	}
	if to = strings.TrimPrefix(path.Clean(to), "/"); to == "" {
		to = "."
	}
	return to, nil
}

// ReadDir lists a folder, sorted by name.
func (f *files) ReadDir(name string) ([]fs.DirEntry, error) {
	p, err := f.path("readdir", name)
	if err != nil {
		return nil, err
	}
	infos, err := ask(f, grantListing, func(c *sftp.Client) ([]fs.FileInfo, error) { return c.ReadDir(p) })
	if err != nil {
		return nil, pathError("readdir", name, err)
	}
	var entries []fs.DirEntry
	for _, info := range infos {
		entries = append(entries, fs.FileInfoToDirEntry(newInfo(info.Name(), info)))
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// An info is what a host says of a file.
type info struct {
	name  string
	size  int64
	mode  fs.FileMode
	time  time.Time
	owner apply.Owner
}

func newInfo(name string, from fs.FileInfo) *info {
	i := &info{name: name, size: from.Size(), mode: from.Mode(), time: from.ModTime()}
	if stat, ok := from.Sys().(*sftp.FileStat); ok {
		i.owner = apply.Owner{UID: int(stat.UID), GID: int(stat.GID)}
	}
	return i
}

func (i *info) Name() string       { return i.name }
func (i *info) Size() int64        { return i.size }
func (i *info) Mode() fs.FileMode  { return i.mode }
func (i *info) ModTime() time.Time { return i.time }
func (i *info) IsDir() bool        { return i.mode.IsDir() }
func (i *info) Sys() any           { return i.owner }

// A file is read whole with its first Read.
type file struct {
	files *files
	name  string
	info  fs.FileInfo

	mu      sync.Mutex
	opened  *opening
	content *bytes.Reader
	closed  bool
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *file) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, pathError("read", f.name, fs.ErrClosed)
	}
	if f.content == nil {
		content, err := ask(f.files, MaxFileSize+grantSmall, func(*sftp.Client) ([]byte, error) { return f.opened.read() })
		if err != nil {
			return 0, pathError("read", f.name, err)
		}
		f.content = bytes.NewReader(content)
	}
	return f.content.Read(p)
}

func (f *file) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return pathError("close", f.name, fs.ErrClosed)
	}
	f.closed = true
	f.opened.close()
	return nil
}

// A folder is listed with its first ReadDir.
type folder struct {
	files *files
	name  string
	info  fs.FileInfo

	mu      sync.Mutex
	listed  bool
	entries []fs.DirEntry
}

func (f *folder) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *folder) Close() error               { return nil }

func (f *folder) Read([]byte) (int, error) {
	return 0, pathError("read", f.name, errIsFolder)
}

func (f *folder) ReadDir(n int) ([]fs.DirEntry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.listed {
		entries, err := f.files.ReadDir(f.name)
		if err != nil {
			return nil, err
		}
		f.entries, f.listed = entries, true
	}
	if n <= 0 {
		n = len(f.entries)
	} else if len(f.entries) == 0 {
		return nil, io.EOF
	}
	n = min(n, len(f.entries))
	out := f.entries[:n]
	f.entries = f.entries[n:]
	return out, nil
}
