package sshconf

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// The differential tests generate trees and ask the real programs about them.
// SSHFORM_DIFF_CASES is how many for each, SSHFORM_DIFF_SEED the first seed, and
// SSHFORM_DIFF_SSHD and SSHFORM_DIFF_SSH other programs than those in PATH.

func diffCases(t *testing.T) (first uint64, n int) {
	t.Helper()
	first, n = uint64(time.Now().UnixNano()), 200
	if s := os.Getenv("SSHFORM_DIFF_CASES"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	if s := os.Getenv("SSHFORM_DIFF_SEED"); s != "" {
		var err error
		if first, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("seeds %d to %d; run one again with SSHFORM_DIFF_SEED=… SSHFORM_DIFF_CASES=1", first, first+uint64(n)-1)
	return first, n
}

// program finds a program and its release.
func program(t *testing.T, variable, name string) (path string, release schema.Release) {
	t.Helper()
	if path = os.Getenv(variable); path == "" {
		path = testenv.Program(t, name)
	}
	return path, releaseOf(t, strings.Replace(path, "sshd", "ssh", 1))
}

// releaseOf asks ssh -V; sshd -V says it in newer releases only.
func releaseOf(t *testing.T, ssh string) schema.Release {
	t.Helper()
	if _, err := os.Stat(ssh); err != nil {
		ssh = "ssh"
	}
	out, err := exec.Command(ssh, "-V").CombinedOutput()
	if err != nil {
		t.Fatalf("%s -V: %v", ssh, err)
	}
	text, _, _ := strings.Cut(string(out), ",")
	release, err := schema.ParseRelease(strings.TrimPrefix(text, "OpenSSH_"))
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// hostKey makes a throw-away key, without which sshd -T does not start.
func hostKey(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path).CombinedOutput()
	testenv.Need(t, err == nil, fmt.Sprintf("ssh-keygen: %v %s", err, out))
	return path
}

// privsep makes the folder that sshd wants when root runs it.
func privsep(t *testing.T) {
	t.Helper()
	if os.Getuid() == 0 {
		testenv.Need(t, os.MkdirAll("/run/sshd", 0o755) == nil, "/run/sshd cannot be made")
	}
}

// write puts a generated tree on the disk.
func (g *generator) write() error {
	for path, text := range g.files {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for link, to := range g.links {
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(to, link); err != nil {
			return err
		}
	}
	return nil
}

// An answer is what the real program said.
type realAnswer struct {
	exit   int
	values map[string][]string
	stderr string
}

// ask runs a program. One that hangs, or cannot be run, has exit -1 and the
// reason in stderr, which no prediction equals.
func ask(dir, path string, args ...string) realAnswer {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME=/nonexistent-home")
	runErr := cmd.Run()
	if _, exited := runErr.(*exec.ExitError); ctx.Err() != nil || runErr != nil && !exited {
		return realAnswer{exit: -1, stderr: fmt.Sprintf("%s %q: %v, %v", path, args, runErr, ctx.Err())}
	}
	a := realAnswer{exit: exitCode(cmd.ProcessState), values: map[string][]string{}, stderr: err.String()}
	for line := range strings.Lines(out.String()) {
		keyword, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		keyword = lower(keyword)
		a.values[keyword] = append(a.values[keyword], value)
	}
	return a
}

// exitCode is what a shell would report.
func exitCode(p *os.ProcessState) int {
	if p.ExitCode() < 0 {
		return crashed
	}
	return p.ExitCode()
}

// inexact are keywords whose printed value we do not claim to know: it
// depends on the machine or on lists of algorithms.
var inexact = map[Side]map[string]bool{
	Server: set1("listenaddress", "hostkey", "hostcertificate", "ciphers", "macs", "kexalgorithms", "hostkeyalgorithms",
		"hostbasedacceptedalgorithms", "pubkeyacceptedalgorithms", "casignaturealgorithms", "gssapikexalgorithms",
		"pidfile", "modulifile", "xauthlocation", "sshdsessionpath", "sshdauthpath", "rdomain",
		"hostbasedacceptedkeytypes", "pubkeyacceptedkeytypes"),
	Client: set1("identityfile", "certificatefile", "ciphers", "macs", "kexalgorithms", "hostkeyalgorithms",
		"hostbasedacceptedalgorithms", "pubkeyacceptedalgorithms", "casignaturealgorithms", "gssapikexalgorithms",
		"xauthlocation", "userknownhostsfile", "globalknownhostsfile", "securitykeyprovider", "host", "hostname", "user",
		"forwardagent", "addkeystoagent", "tunneldevice", "canonicalizepermittedcnames", "canonicaldomains",
		"permitremoteopen", "escapechar", "logverbose", "forwardx11trusted", "identityagent", "controlpath",
		"hostkeyalias", "updatehostkeys",
		// These are printed with their tokens expanded.
		"versionaddendum", "remotecommand", "revokedhostkeys", "hostbasedkeytypes", "pubkeyacceptedkeytypes"),
}

func set1(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}

// disagreement compares; empty means all is equal. Everything the program
// prints is compared, except the inexact.
func disagreement(got *Result, want realAnswer) string {
	if got.Exit != want.exit {
		return fmt.Sprintf("got exit %d (%v), want %d: %s", got.Exit, got.Errors, want.exit, want.stderr)
	}
	if want.exit != 0 {
		return ""
	}
	names := map[string]bool{}
	for name := range want.values {
		names[name] = true
	}
	for _, e := range got.Keywords() {
		names[lower(e.Keyword)] = true
	}
	for name := range names {
		if inexact[got.side][name] {
			continue
		}
		e := got.Keyword(name)
		if !e.Decided() {
			return fmt.Sprintf("%s: got undecided %v", name, e.Undecided)
		}
		if !slices.EqualFunc(e.Values, want.values[name], func(a, b string) bool {
			return strings.TrimRight(a, " ") == strings.TrimRight(b, " ")
		}) {
			return fmt.Sprintf("%s: got %q from %v, want %q", name, e.Values, e.From, want.values[name])
		}
	}
	return ""
}

// edited changes the line that decides a keyword and asks the program again:
// it must give the new value and change no other line of its dump.
func (g *generator) edited(got *Result, before realAnswer, keyword string, again func() realAnswer) string {
	from := got.Keyword(keyword).From
	if len(from) != 1 || from[0].Line == 0 || !g.chance(0.5) {
		return ""
	}
	path := from[0].File
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	edit, err := Parse(data).SetArgument(from[0].Line, "4242")
	if err != nil {
		return "" // a line with a NUL or a stray CR
	}
	text, err := Replay(data, []Edit{edit})
	if err != nil {
		return err.Error()
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return err.Error()
	}
	after := again()
	name := lower(keyword)
	if v := after.values[name]; after.exit != 0 || len(v) != 1 || v[0] != "4242" {
		return fmt.Sprintf("after %+v: got exit %d and %q, want 4242: %s\n%s", edit, after.exit, v, after.stderr, g.show())
	}
	for k, v := range before.values {
		if k != name && !slices.Equal(v, after.values[k]) {
			return fmt.Sprintf("after %+v: %s changed from %q to %q\n%s", edit, k, v, after.values[k], g.show())
		}
	}
	return ""
}

// groupsOf looks up the groups of the users that logins are drawn from.
func groupsOf(names []string) map[string][]string {
	out := map[string][]string{}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		ids, err := u.GroupIds()
		if err != nil {
			continue
		}
		for _, id := range ids {
			if g, err := user.LookupGroupId(id); err == nil {
				out[name] = append(out[name], g.Name)
			}
		}
	}
	return out
}

// differ runs the cases, a few at a time, and reports the first mismatches.
func differ(t *testing.T, one func(seed uint64, dir string) (mismatch string)) {
	t.Helper()
	first, n := diffCases(t)
	var failed atomic.Int32
	work := make(chan uint64)
	var wg sync.WaitGroup
	root := t.TempDir()
	for range max(2, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for seed := range work {
				dir := filepath.Join(root, strconv.FormatUint(seed, 10))
				if mismatch := one(seed, dir); mismatch != "" {
					if failed.Add(1) > 4 {
						mismatch, _, _ = strings.Cut(mismatch, "\n")
					}
					t.Errorf("seed %d: %s", seed, mismatch)
				}
				if err := os.RemoveAll(dir); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		work <- first + uint64(i)
	}
	close(work)
	wg.Wait()
	if f := failed.Load(); f > 0 {
		t.Errorf("%d of %d cases differ", f, n)
	}
	testenv.Note(t, "differences.txt", fmt.Sprintf("%s: %d cases from seed %d, %d differ", t.Name(), n, first, failed.Load()))
}

func TestServerAgrees(t *testing.T) {
	sshd, release := program(t, "SSHFORM_DIFF_SSHD", "sshd")
	key := hostKey(t)
	privsep(t)
	groups := groupsOf([]string{"alice", "bob", "root", "daemon", "Alice"})
	var valid atomic.Int32
	differ(t, func(seed uint64, dir string) string {
		g := newGenerator(seed, Server, release, dir)
		main := g.tree()
		if err := g.write(); err != nil {
			return err.Error()
		}
		login, asked := g.login()
		q := ServerQuery{Release: release, Main: main, Options: g.options(), Login: login, WorkDir: dir}
		q.Login.Groups, q.Login.GroupsKnown = groups[login.User], true
		args := []string{"-T", "-f", main, "-h", key}
		for _, o := range q.Options {
			args = append(args, "-o", o)
		}
		if asked {
			args = append(args, "-C", login.String())
		}
		want := ask(dir, sshd, args...)
		got, _ := answer(folder{}, func(tree *Tree) *Result { return ResolveServer(tree, q) })
		if d := disagreement(got, want); d != "" {
			return d + fmt.Sprintf("\nargs %q\n%s", args[4:], g.show())
		}
		if g.chance(0.1) {
			q.SyntaxOnly = true
			args := slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "-C" || s == login.String() && asked })
			args[0] = "-t"
			want := ask(dir, sshd, args...)
			got, _ := answer(folder{}, func(tree *Tree) *Result { return ResolveServer(tree, q) })
			if got.Exit != want.exit {
				return fmt.Sprintf("-t: got exit %d (%v), want %d: %s\n%s", got.Exit, got.Errors, want.exit, want.stderr, g.show())
			}
		}
		if want.exit != 0 {
			return ""
		}
		valid.Add(1)
		return g.edited(got, want, "ClientAliveInterval", func() realAnswer { return ask(dir, sshd, args...) })
	})
	t.Logf("%d trees were valid", valid.Load())
}

func TestClientAgrees(t *testing.T) {
	ssh, release := program(t, "SSHFORM_DIFF_SSH", "ssh")
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	var valid atomic.Int32
	differ(t, func(seed uint64, dir string) string {
		g := newGenerator(seed, Client, release, dir)
		main := g.tree()
		if err := g.write(); err != nil {
			return err.Error()
		}
		host := pick(g, g.hosts...)
		q := ClientQuery{
			Release: release, UserFile: main, Given: true, Options: g.options(), Host: host,
			LocalUser: me.Username, Home: me.HomeDir, HomeVariable: "/nonexistent-home",
		}
		args := []string{"-G", "-F", main}
		if g.chance(0.2) {
			q.User = pick(g, g.users...)
			args = append(args, "-l", q.User)
		}
		for _, o := range q.Options {
			args = append(args, "-o", o)
		}
		args = append(args, host)
		want := ask(dir, ssh, args...)
		got, _ := answer(folder{}, func(tree *Tree) *Result { return ResolveClient(tree, q) })
		if d := disagreement(got, want); d != "" {
			return d + fmt.Sprintf("\nargs %q\n%s", args[3:], g.show())
		}
		if want.exit != 0 {
			return ""
		}
		valid.Add(1)
		return g.edited(got, want, "ServerAliveInterval", func() realAnswer { return ask(dir, ssh, args...) })
	})
	t.Logf("%d trees were valid", valid.Load())
}
