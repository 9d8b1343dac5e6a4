// Package applytest holds the contract that every apply.Host keeps, as a test
// suite. It knows the host only through the seam, so it can be put to a fake,
// to this machine and to a host far away.
package applytest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sshform/sshform/apply"
)

// TestHost puts the contract to hosts that newHost makes; it has to register
// their end with t.Cleanup. The suite works in a folder that it makes with
// mktemp on the host and removes.
func TestHost(t *testing.T, newHost func(t *testing.T) apply.Host) {
	for _, part := range []struct {
		name string
		test func(*testing.T, *subject)
	}{
		{"FilesAreAnFS", testFS},
		{"FilesReadExactly", testRead},
		{"FilesHaveOwners", testOwners},
		{"LinksAreSeen", testLinks},
		{"AwkwardNames", testNames},
		{"StageCreates", testStage},
		{"StageIsExclusive", testStageExclusive},
		{"StageLeavesNothing", testStageLeavesNothing},
		{"StepsAnswerExactly", testAnswers},
		{"StepsAreApart", testApart},
		{"StepsMayBeLarge", testLarge},
		{"ValuesArriveWhole", testValues},
		{"NULIsRefused", testNUL},
		{"ShellsAreIndependent", testShells},
		{"CancelEndsAStep", testCancel},
		{"RedialSharesNothing", testRedial},
		{"CloseEndsEverything", testClose},
	} {
		t.Run(part.name, func(t *testing.T) {
			part.test(t, newSubject(t, newHost(t)))
		})
	}
}

// A subject is a host and a folder to work in.
type subject struct {
	apply.Host
	dir   string // absolute
	shell apply.Shell
}

func newSubject(t *testing.T, h apply.Host) *subject {
	t.Helper()
	s := &subject{Host: h}
	s.shell = s.newShell(t)
	s.dir = strings.TrimSuffix(string(s.do(t, `mktemp -d /tmp/sshform-test.XXXXXX`)), "\n")
	if !path.IsAbs(s.dir) {
		t.Fatalf("got folder %q, want an absolute path", s.dir)
	}
	t.Cleanup(func() {
		shell, err := h.Shell(context.WithoutCancel(t.Context()))
		if err != nil {
			return // the test closed the host, and removed the folder itself
		}
		defer shell.Close()
		shell.Do(context.WithoutCancel(t.Context()), apply.Step{Name: "clean up", Script: `rm -rf -- "$1"`, Args: []string{s.dir}})
	})
	return s
}

func (s *subject) newShell(t *testing.T) apply.Shell {
	t.Helper()
	shell, err := s.Shell(t.Context())
	if err != nil {
		t.Fatalf("open a shell: %v", err)
	}
	t.Cleanup(func() { shell.Close() })
	return shell
}

// do runs a step that has to succeed and returns its output.
func (s *subject) do(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	answer, err := s.shell.Do(t.Context(), apply.Step{Name: "prepare", Script: script, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Status != 0 {
		t.Fatalf("%s: got status %d, want 0; it said %s", script, answer.Status, answer.Stderr)
	}
	return answer.Stdout
}

func (s *subject) in(name string) string { return path.Join(s.dir, name) }

// fs returns the host's files, and the folder as they name it.
func (s *subject) fs(t *testing.T) (fs.FS, string) {
	t.Helper()
	files, err := s.FS(t.Context())
	if err != nil {
		t.Fatalf("open the files: %v", err)
	}
	return files, strings.TrimPrefix(s.dir, "/")
}

func testFS(t *testing.T, s *subject) {
	s.do(t, `cd "$1" && mkdir -p sub/deep && printf one >one && printf two >sub/two && printf three >sub/deep/three && : >empty`, s.dir)
	files, dir := s.fs(t)
	sub, err := fs.Sub(files, dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := fstest.TestFS(sub, "one", "empty", "sub/two", "sub/deep/three"); err != nil {
		t.Error(err)
	}
	if _, err := fs.Stat(files, "."); err != nil {
		t.Errorf("stat of the root: %v", err)
	}
	for _, name := range []string{path.Join(dir, "none"), path.Join(dir, "one/none")} {
		if _, err := fs.ReadFile(files, name); err == nil {
			t.Errorf("read %s: got no error", name)
		}
	}
	if _, err := fs.ReadFile(files, path.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	if _, err := fs.ReadDir(files, path.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
}

func testRead(t *testing.T, s *subject) {
	// Lengths around the sizes in which SFTP moves bytes.
	for _, size := range []int{0, 1, 32<<10 - 1, 32 << 10, 32<<10 + 1, 100<<10 + 7} {
		want := pattern(size)
		name := s.in(fmt.Sprintf("file-%d", size))
		if err := s.Stage(t.Context(), []apply.Staged{{Path: name, Bytes: want, Mode: 0o600, UID: -1, GID: -1}}); err != nil {
			t.Fatal(err)
		}
		files, _ := s.fs(t)
		got, err := fs.ReadFile(files, strings.TrimPrefix(name, "/"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got %d other bytes", size, len(got))
		}
	}
}

// pattern is text that no two offsets of which are alike.
func pattern(size int) []byte {
	var b bytes.Buffer
	for b.Len() < size {
		fmt.Fprintf(&b, "%d\x00\r\n\xff", b.Len())
	}
	return b.Bytes()[:size]
}

func testOwners(t *testing.T, s *subject) {
	s.do(t, `cd "$1" && : >file && chmod 640 file`, s.dir)
	ids := strings.Fields(string(s.do(t, `id -u && id -g`)))
	files, dir := s.fs(t)
	info, err := fs.Stat(files, path.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != 0o640 {
		t.Errorf("got mode %v, want -rw-r-----", got)
	}
	owner, ok := info.Sys().(apply.Owner)
	if got := []string{strconv.Itoa(owner.UID), strconv.Itoa(owner.GID)}; !ok || !slices.Equal(got, ids) {
		t.Errorf("got owner %v, want %v", info.Sys(), ids)
	}
}

func testLinks(t *testing.T, s *subject) {
	s.do(t, `cd "$1" && mkdir real && printf x >real/file && ln -s real link && ln -s link/file twice && ln -s nowhere dangling`, s.dir)
	files, dir := s.fs(t)
	link := path.Join(dir, "link")
	if to, err := fs.ReadLink(files, link); err != nil || to != "real" {
		t.Errorf("got %q, %v, want real", to, err)
	}
	info, err := fs.Lstat(files, link)
	if err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("got %v, %v, want a link", info, err)
	}
	if info, err := fs.Stat(files, link); err != nil || !info.IsDir() {
		t.Errorf("got %v, %v, want the folder behind the link", info, err)
	}
	if got, err := fs.ReadFile(files, path.Join(dir, "twice")); err != nil || string(got) != "x" {
		t.Errorf("got %q, %v, want x", got, err)
	}
	if _, err := fs.ReadFile(files, path.Join(dir, "dangling")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	if real, ok := files.(apply.RealPather); ok {
		for name, want := range map[string]string{"twice": "real/file", "dangling": "nowhere", "real/file": "real/file"} {
			got, err := real.RealPath(path.Join(dir, name))
			if err != nil || got != path.Join(dir, want) {
				t.Errorf("real path of %s: got %q, %v, want %q", name, got, err, path.Join(dir, want))
			}
		}
	}
}

func testNames(t *testing.T, s *subject) {
	names := []string{"-n", "a b", "it's", `"quoted"`, "new\nline", "$(id)", "`id`", "*", "é", "\x1b[31mred", `back\slash`}
	var staged []apply.Staged
	for _, name := range names {
		staged = append(staged, apply.Staged{Path: s.in(name), Bytes: []byte(name), Mode: 0o600, UID: -1, GID: -1})
	}
	if err := s.Stage(t.Context(), staged); err != nil {
		t.Fatal(err)
	}
	files, dir := s.fs(t)
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	slices.Sort(names)
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, name := range names {
		if got, err := fs.ReadFile(files, path.Join(dir, name)); err != nil || string(got) != name {
			t.Errorf("read %q: got %q, %v", name, got, err)
		}
		if got := s.do(t, `cat -- "$1"`, s.in(name)); string(got) != name {
			t.Errorf("cat %q: got %q", name, got)
		}
	}
}

func testStage(t *testing.T, s *subject) {
	uid, gid := s.ids(t)
	large := pattern(200 << 10)
	staged := []apply.Staged{
		{Path: s.in("a"), Bytes: []byte("a"), Mode: 0o644, UID: uid, GID: gid},
		{Path: s.in("b"), Bytes: nil, Mode: 0o600, UID: -1, GID: -1},
		{Path: s.in("c"), Bytes: large, Mode: 0o400, UID: -1, GID: gid},
	}
	if err := s.Stage(t.Context(), staged); err != nil {
		t.Fatal(err)
	}
	files, dir := s.fs(t)
	for _, f := range staged {
		name := path.Join(dir, path.Base(f.Path))
		info, err := fs.Stat(files, name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != f.Mode {
			t.Errorf("%s: got mode %v, want %v", name, info.Mode(), f.Mode)
		}
		if got, want := info.Sys(), (apply.Owner{UID: uid, GID: gid}); got != want {
			t.Errorf("%s: got owner %v, want %v", name, got, want)
		}
		if got, err := fs.ReadFile(files, name); err != nil || !bytes.Equal(got, f.Bytes) {
			t.Errorf("%s: got %d bytes, %v, want %d", name, len(got), err, len(f.Bytes))
		}
	}
}

func (s *subject) ids(t *testing.T) (uid, gid int) {
	t.Helper()
	if _, err := fmt.Sscan(string(s.do(t, `id -u; id -g`)), &uid, &gid); err != nil {
		t.Fatal(err)
	}
	return uid, gid
}

func testStageExclusive(t *testing.T, s *subject) {
	s.do(t, `cd "$1" && printf old >file && ln -s file link && ln -s nowhere dangling`, s.dir)
	for _, name := range []string{"file", "link", "dangling"} {
		err := s.Stage(t.Context(), []apply.Staged{{Path: s.in(name), Bytes: []byte("new"), Mode: 0o644, UID: -1, GID: -1}})
		if !errors.Is(err, fs.ErrExist) {
			t.Errorf("stage over %s: got %v, want fs.ErrExist", name, err)
		}
	}
	want := "dangling\nfile\nlink\nold"
	if got := string(s.do(t, `cd "$1" && ls && cat file`, s.dir)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func testStageLeavesNothing(t *testing.T, s *subject) {
	s.do(t, `printf old >"$1/there"`, s.dir)
	var staged []apply.Staged
	for _, name := range []string{"one", "two", "there", "none/three"} {
		staged = append(staged, apply.Staged{Path: s.in(name), Bytes: []byte("new"), Mode: 0o600, UID: -1, GID: -1})
	}
	if err := s.Stage(t.Context(), staged); err == nil {
		t.Error("got no error, want two")
	}
	if got := string(s.do(t, `cd "$1" && ls && cat there`, s.dir)); got != "there\nold" {
		t.Errorf("got %q, want only what was there", got)
	}
}

func testAnswers(t *testing.T, s *subject) {
	for _, c := range []struct {
		name, script   string
		stdout, stderr string
		status         int
	}{
		{"nothing", `:`, "", "", 0},
		{"no line end", `printf x`, "x", "", 0},
		{"line ends", `printf '\n\n'`, "\n\n", "", 0},
		{"bytes", `printf '\000\001\377\r\n'`, "\x00\x01\xff\r\n", "", 0},
		{"both streams", `printf out; printf err >&2`, "out", "err", 0},
		{"exit", `echo before; exit 42; echo after`, "before\n", "", 42},
		{"last status", `false`, "", "", 1},
		{"input is empty", `cat; read -r line; echo "$?"`, "1\n", "", 0},
		{"here document", "cat <<'EOF'\n$x ' \"\nEOF\n", "$x ' \"\n", "", 0},
		{"comment at the end", "echo x # no line end", "x\n", "", 0},
	} {
		answer, err := s.shell.Do(t.Context(), apply.Step{Name: c.name, Script: c.script})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		got := []string{string(answer.Stdout), string(answer.Stderr), strconv.Itoa(answer.Status)}
		if diff := cmp.Diff([]string{c.stdout, c.stderr, strconv.Itoa(c.status)}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
	}
}

func testApart(t *testing.T, s *subject) {
	s.do(t, `cd / && x=leaked && set -e -u && umask 022 && exec 3>&1 && trap 'echo trapped' EXIT && f() { echo f; }`)
	got := string(s.do(t, `echo "${x-none}"; umask; f 2>/dev/null || echo none; false; echo on`))
	want := string(s.do(t, `echo none; umask; echo none; echo on`))
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	answer, err := s.shell.Do(t.Context(), apply.Step{Name: "wrong", Script: `if then "`})
	if err != nil || answer.Status == 0 || len(answer.Stderr) == 0 {
		t.Errorf("a syntax error: got %+v, %v, want a status and words", answer, err)
	}
	if got := string(s.do(t, `echo still here`)); got != "still here\n" {
		t.Errorf("got %q after a syntax error", got)
	}
}

func testLarge(t *testing.T, s *subject) {
	value := strings.Repeat("it's a value\n", 50_000)
	script := "# " + strings.Repeat("x", 300_000) + "\nprintf %s \"$1\""
	if got := string(s.do(t, script, value)); got != value {
		t.Errorf("got %d bytes, want %d", len(got), len(value))
	}
	if got := s.do(t, `i=0; while [ $i -lt 2000 ]; do printf '%0500d' $i; i=$((i+1)); done`); len(got) != 1_000_000 {
		t.Errorf("got %d bytes, want a million", len(got))
	}
}

// testValues is the law of quoting: whatever a value holds, the script gets it.
func testValues(t *testing.T, s *subject) {
	hostile := rapid.SampledFrom([]string{
		"", "-n", "--", "$(touch /tmp/pwned)", "`id`", "'", "''", `'"'"'`, `"`, `\`, "\n", "\r\n", "\t", "$HOME", "${x}", "$'x'",
		"~", "*", "a b", ";", "&", "|", "<", "#", "!x", "\x1b[2J\x1b]0;x\a", "\xff\xfe", "é", " ", "%s%n", "EOF", "\\\n",
	})
	value := rapid.Custom(func(r *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(hostile, rapid.StringN(0, 8, -1)), 0, 5).Draw(r, "parts")
		return strings.ReplaceAll(strings.Join(parts, ""), "\x00", "")
	})
	rapid.Check(t, func(r *rapid.T) {
		args := rapid.SliceOfN(value, 0, 6).Draw(r, "args")
		answer, err := s.shell.Do(t.Context(), apply.Step{Name: "values", Script: `printf '%s\000' "$#" "$@"`, Args: args})
		if err != nil {
			r.Fatal(err)
		}
		want := strconv.Itoa(len(args)) + "\x00"
		for _, a := range args {
			want += a + "\x00"
		}
		if got := string(answer.Stdout); got != want {
			r.Fatalf("got %q, want %q", got, want)
		}
	})
}

func testNUL(t *testing.T, s *subject) {
	for _, step := range []apply.Step{
		{Name: "script", Script: "echo \x00"},
		{Name: "value", Script: `echo "$1"`, Args: []string{"a\x00b"}},
	} {
		if answer, err := s.shell.Do(t.Context(), step); err == nil {
			t.Errorf("%s: got %+v, want an error", step.Name, answer)
		}
	}
}

func testShells(t *testing.T, s *subject) {
	other := s.newShell(t)
	s.do(t, `mkfifo "$1"`, s.in("fifo"))
	// The one waits for the other, so both run at the same time.
	done := make(chan apply.Answer, 1)
	go func() {
		answer, err := other.Do(t.Context(), apply.Step{Name: "wait", Script: `cat "$1"`, Args: []string{s.in("fifo")}})
		if err != nil {
			t.Error(err)
		}
		done <- answer
	}()
	s.do(t, `echo hello >"$1"`, s.in("fifo"))
	if got := string((<-done).Stdout); got != "hello\n" {
		t.Errorf("got %q, want hello", got)
	}
}

func testCancel(t *testing.T, s *subject) {
	shell := s.newShell(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.do(t, `mkfifo "$1"`, s.in("fifo"))
	ended := make(chan error, 1)
	go func() {
		_, err := shell.Do(ctx, apply.Step{Name: "hang", Script: `echo started >"$1"; exec sleep 600`, Args: []string{s.in("fifo")}})
		ended <- err
	}()
	s.do(t, `cat "$1"`, s.in("fifo")) // it runs
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if _, err := shell.Do(t.Context(), apply.Step{Name: "after", Script: `:`}); err == nil {
		t.Error("a shell whose step was cancelled took another one")
	}
	if got := string(s.do(t, `echo still here`)); got != "still here\n" {
		t.Errorf("got %q from the other shell", got)
	}
}

func testRedial(t *testing.T, s *subject) {
	again, err := s.Redial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if diff := cmp.Diff(s.Facts(), again.Facts()); diff != "" {
		t.Errorf("facts (-first +redialled):\n%s", diff)
	}
	s.do(t, `rm -rf -- "$1"`, s.dir)
	if err := s.Host.Close(); err != nil {
		t.Errorf("close the first: %v", err)
	}
	shell, err := again.Shell(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer shell.Close()
	answer, err := shell.Do(t.Context(), apply.Step{Name: "after", Script: `echo ok`})
	if err != nil || string(answer.Stdout) != "ok\n" {
		t.Errorf("got %q, %v after the first was closed, want ok", answer.Stdout, err)
	}
}

func testClose(t *testing.T, s *subject) {
	files, dir := s.fs(t)
	s.do(t, `rm -rf -- "$1"`, s.dir)
	for range 2 {
		if err := s.Host.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if _, err := s.shell.Do(t.Context(), apply.Step{Name: "after", Script: `:`}); err == nil {
		t.Error("a shell of a closed host took a step")
	}
	if _, err := s.Shell(t.Context()); err == nil {
		t.Error("a closed host opened a shell")
	}
	if _, err := fs.Stat(files, dir); err == nil {
		t.Error("a closed host told about a file")
	}
	if err := s.Stage(t.Context(), []apply.Staged{{Path: s.in("x"), Mode: 0o600, UID: -1, GID: -1}}); err == nil {
		t.Error("a closed host took a file")
	}
}
