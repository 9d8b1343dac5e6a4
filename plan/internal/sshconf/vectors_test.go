package sshconf

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema"
)

// A vector is one case of testdata/vectors, recorded from a real program:
// what it was given and what it said.
type vector struct {
	name  string // sshd/001-plain
	files memory // below /case
	links map[string]bool
	args  []string
	keys  []string
	// exit and lines are the answer: the exit status, and for each keyword
	// of interest "keyword value" in the order of keys.
	exit  int
	lines []string
	// places are the FILE:LINE found in the messages.
	messages []string
}

// at is where the files of a case stand.
const at = "/case"

func (v *vector) node(path string) Node {
	if v.links[filepath.Clean(path)] {
		return Node{State: Dangling}
	}
	return v.files.node(path)
}

func (v *vector) names(path string) []string {
	names := v.files.names(path)
	for link := range v.links {
		if filepath.Dir(link) == filepath.Clean(path) {
			names = append(names, filepath.Base(link))
		}
	}
	return names
}

func (v *vector) server() bool { return strings.HasPrefix(v.name, "sshd/") }

func loadVectors(t testing.TB) []*vector {
	t.Helper()
	dirs, err := filepath.Glob("testdata/vectors/ssh*/*")
	if err != nil || len(dirs) < 282 {
		t.Fatalf("got %d vectors (%v), want 282", len(dirs), err)
	}
	var all []*vector
	for _, dir := range dirs {
		all = append(all, loadVector(t, dir))
	}
	return all
}

func loadVector(t testing.TB, dir string) *vector {
	t.Helper()
	v := &vector{
		name:  filepath.ToSlash(strings.TrimPrefix(dir, "testdata/vectors/")),
		files: memory{}, links: map[string]bool{},
	}
	v.keys = strings.Fields("clientaliveinterval clientalivecountmax tcpkeepalive logingracetime")
	if !v.server() {
		v.keys = strings.Fields("serveraliveinterval serveralivecountmax tcpkeepalive connecttimeout")
	}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			if err == nil && path != dir {
				v.files[at+strings.TrimPrefix(path, dir)+"/.keep"] = ""
			}
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		text := strings.ReplaceAll(string(data), "@DIR@", at)
		switch rel := strings.TrimPrefix(path, dir+"/"); rel {
		case "note":
		case "args":
			v.args = strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		case "keys":
			v.keys = strings.Fields(text)
		case "symlinks":
			for line := range strings.Lines(text) {
				if f := strings.Fields(line); len(f) == 2 {
					v.links[at+"/"+f[0]] = true
				}
			}
		case "expect.txt":
			v.expect(t, text)
		default:
			v.files[at+"/"+rel] = text
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (v *vector) expect(t testing.TB, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if code, ok := strings.CutPrefix(line, "exit "); ok {
			n, err := strconv.Atoi(code)
			if err != nil {
				t.Fatal(err)
			}
			v.exit = n
		} else if message, ok := strings.CutPrefix(line, "stderr "); ok {
			v.messages = append(v.messages, message)
		} else {
			v.lines = append(v.lines, line)
		}
	}
}

// resolve answers the vector with our resolver.
func (v *vector) resolve(t testing.TB, release schema.Release) *Result {
	t.Helper()
	if v.server() {
		q, exit := serverArgs(t, v.args, release)
		if exit != 0 {
			return &Result{Exit: exit, effective: map[string]Effective{}}
		}
		q.Main = at + "/sshd_config"
		r, _ := answer(v, func(tree *Tree) *Result { return ResolveServer(tree, q) })
		return r
	}
	q := clientArgs(t, v.args, release)
	q.UserFile, q.Given = at+"/ssh_config", true
	q.LocalUser, q.Home, q.Hostname = "root", "/root", "here.example"
	r, _ := answer(v, func(tree *Tree) *Result { return ResolveClient(tree, q) })
	return r
}

// serverArgs reads the arguments of sshd; exit is not 0 when it refuses them.
func serverArgs(t testing.TB, args []string, release schema.Release) (q ServerQuery, exit int) {
	q.Release = release
	asked := false
	for i := 0; i < len(args); i++ {
		switch args[i] {
		case "-t":
			q.SyntaxOnly = true
		case "-T":
		case "-G":
			if !release.AtLeast(9, 3) {
				return q, 1
			}
		case "-o":
			i++
			q.Options = append(q.Options, args[i])
		case "-C":
			i++
			asked = true
			if err := addLogin(&q.Login, args[i]); err != "" {
				return q, 1
			}
		default:
			t.Fatalf("argument %q", args[i])
		}
	}
	if q.SyntaxOnly && asked {
		return q, 255
	}
	// The users of the machine that recorded the answers.
	q.Login.GroupsKnown = true
	if q.Login.User == "root" {
		q.Login.Groups = []string{"root"}
	}
	return q, 0
}

func addLogin(l *Login, spec string) (complaint string) {
	for part := range strings.SplitSeq(spec, ",") {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "user":
			l.User, l.Given = value, l.Given|GivenUser
		case "host":
			l.Host, l.Given = value, l.Given|GivenHost
		case "addr":
			l.Address, l.Given = value, l.Given|GivenAddress
		case "laddr":
			l.LocalAddress, l.Given = value, l.Given|GivenLocalAddress
		case "lport":
			n, err := strconv.Atoi(value)
			if err != nil {
				return err.Error()
			}
			l.LocalPort = n
		case "rdomain":
			l.RDomain, l.Given = value, l.Given|GivenRDomain
		default:
			return "invalid field " + key
		}
	}
	return ""
}

// said renders a result as expect.txt does.
func (v *vector) said(r *Result, keys []string) []string {
	var out []string
	if r.Exit != 0 || len(v.args) > 0 && v.args[0] == "-t" { // which prints nothing
		return nil
	}
	for _, k := range keys {
		for _, value := range r.Keyword(k).Values {
			out = append(out, k+" "+strings.Join(strings.Fields(value), " "))
		}
	}
	return out
}

// dependent are the vectors in which ssh runs commands, which we must not,
// or looks at the addresses of the machine.
var dependent = map[string]bool{
	"ssh/087-match-exec-true": true, "ssh/088-match-exec-negated": true, "ssh/089-match-exec-tokens": true,
	"ssh/090-match-exec-single-quotes": true, "ssh/107-include-exec-runs-anyway": true,
	"ssh/093-match-localnetwork": true,
}

var recorded = mustRelease("9.2p1 Debian-2+deb12u10")

func mustRelease(s string) schema.Release {
	r, err := schema.ParseRelease(s)
	if err != nil {
		panic(err)
	}
	return r
}

func TestVectors(t *testing.T) {
	for _, v := range loadVectors(t) {
		t.Run(v.name, func(t *testing.T) {
			got := v.resolve(t, recorded)
			v.compare(t, got, v.exit == 0, v.lines)
			v.comparePlaces(t, got)
		})
	}
}

func (v *vector) compare(t *testing.T, got *Result, ok bool, lines []string) {
	t.Helper()
	if dependent[v.name] && ok && (v.name != "ssh/093-match-localnetwork" || got.Valid()) {
		if len(got.Undecided) == 0 {
			t.Errorf("got a decision, want it undecided: it depends on the machine")
		}
		for _, p := range got.Undecided {
			if p.Line == 0 {
				t.Errorf("got %v, want a line", p)
			}
		}
		return
	}
	if got.Valid() != ok {
		t.Fatalf("got valid %v (%v), want %v", got.Valid(), got.Errors, ok)
	}
	var wanted []string
	for _, l := range lines {
		wanted = append(wanted, strings.Join(strings.Fields(l), " "))
	}
	if diff := cmp.Diff(wanted, v.said(got, v.keys)); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// comparePlaces demands that every line that the program complains about is
// one that we complain about.
func (v *vector) comparePlaces(t *testing.T, got *Result) {
	for _, message := range v.messages {
		file, rest, found := strings.Cut(message, "line ")
		file = strings.TrimRight(file, ": ")
		digits := strings.TrimRight(rest[:min(len(rest), 4)], ": abcdefghijklmnopqrstuvwxyz")
		n, err := strconv.Atoi(digits)
		if !found || err != nil || !strings.HasPrefix(file, "@DIR@") || strings.Contains(v.name, "nul-") {
			continue
		}
		want := Place{strings.ReplaceAll(file, "@DIR@", at), n}
		seen := false
		for _, p := range append(append([]Problem(nil), got.Errors...), got.Notices...) {
			seen = seen || p.Place == want
		}
		if !seen {
			t.Errorf("%q: got complaints %v and notices %v, none of them at %v", message, got.Errors, got.Notices, want)
		}
	}
}

// TestVectorsByVersion checks every vector for every release that was tried:
// by-version.tsv lists where their answers differ from the recorded ones.
func TestVectorsByVersion(t *testing.T) {
	data, err := os.ReadFile("testdata/vectors/by-version.tsv")
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(string(data), "\n")
	var releases []schema.Release
	for _, name := range strings.Fields(strings.TrimPrefix(head, "# releases checked: ")) {
		releases = append(releases, mustRelease(name))
	}
	type different struct {
		from, to schema.Release
		answer   string
	}
	differ := map[string][]different{}
	for line := range strings.Lines(body) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		from, to, ranged := strings.Cut(f[1], " - ")
		if !ranged {
			to = from
		}
		differ[f[0]] = append(differ[f[0]], different{mustRelease(from), mustRelease(to), f[2]})
	}
	for _, v := range loadVectors(t) {
		for _, release := range releases {
			ok, lines := v.exit == 0, v.lines
			for _, d := range differ[v.name] {
				if d.from.Compare(release) > 0 || d.to.Compare(release) < 0 {
					continue
				}
				values, good := strings.CutPrefix(d.answer, "ok ")
				if ok = good; !good {
					lines = nil
					continue
				}
				lines = patched(v.keys, v.lines, values)
			}
			t.Run(v.name+"/"+release.String(), func(t *testing.T) {
				v.compare(t, v.resolve(t, release), ok, lines)
			})
		}
	}
}

// patched puts other values into the recorded lines.
func patched(keys, lines []string, values string) []string {
	have := map[string][]string{}
	for _, l := range lines {
		k, _, _ := strings.Cut(l, " ")
		have[k] = append(have[k], l)
	}
	replaced := map[string]bool{}
	for pair := range strings.SplitSeq(values, ";") {
		k, value, _ := strings.Cut(pair, "=")
		if !replaced[k] {
			have[k] = nil
		}
		replaced[k] = true
		have[k] = append(have[k], k+" "+value)
	}
	var out []string
	for _, k := range keys {
		out = append(out, have[k]...)
	}
	return out
}
