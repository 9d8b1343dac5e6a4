package sshconf

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sshform/sshform/schema"
)

// seeds are lines that were hard once.
var seeds = []string{
	"", "\n", "\r\n", "\r", "\x00", "a\x00b\nc", "ClientAliveInterval 15\n", "ClientAliveInterval\t15 # c",
	"\"ClientAliveInterval\" 15", "=ClientAliveInterval=15", "== x", "\"x", "\"\" x 1", "\ufeffPort 22", "Match all\nPort 1\n",
	"Match User a,!b Address 10.0.0.0/8 # x\n\tClientAliveInterval 1\n", "Include /case/*\n", "Include /case/main\n",
	"Host * !a \"b c\"\nMatch final host x exec \"y\"\nHostName %h.z\n", "IgnoreUnknown *\nFoo 'a\n", "#ClientAliveInterval 0\n",
	"ChannelTimeout session:*=1h none\n", "RekeyLimit 1.5G none\n", "IPQoS 0x10 ef\n", "ClientAliveInterval 99999999999999999999\n",
	"Match \"User\" 'a b'\nMatch = all\n", "ClientAliveInterval \\\" 5\n", "PerSourcePenalties crash:1.5 max:2\n",
}

var fuzzReleases = []schema.Release{
	mustRelease("7.4"), mustRelease("8.2"), mustRelease("8.4p1 Debian-5"), mustRelease("8.6"), mustRelease("9.2p1 Debian-2"),
	mustRelease("9.9p1"), mustRelease("9.9p2"), mustRelease("10.2"), mustRelease("10.6p1 Debian-1"), {},
}

// checkText demands what holds for every text: print is identity, lines are
// in order, and spans stay inside their line.
func checkText(t interface{ Fatalf(string, ...any) }, data []byte) {
	f := Parse(data)
	if got := f.Print(); !bytes.Equal(got, data) {
		t.Fatalf("print: got %q, want %q", got, data)
	}
	for i, l := range f.Lines() {
		if l.Number != i+1 {
			t.Fatalf("line %d has number %d", i+1, l.Number)
		}
		for _, s := range []Span{l.Keyword, l.Argument, l.Comment} {
			if s.Start < 0 || s.End < s.Start || s.End > len(l.Text) {
				t.Fatalf("line %d: span %v of %q", l.Number, s, l.Text)
			}
		}
		if name := l.Name(); (name == "") != l.Keyword.Empty() {
			t.Fatalf("line %d: name %q and span %v disagree in %q", l.Number, name, l.Keyword, l.Text)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkText(t, data) })
}

// resolveBoth resolves a text as both kinds of file, included by itself and
// by another one.
func resolveBoth(data []byte, release schema.Release, user, host string) []*Result {
	d := memory{"/case/main": string(data), "/case/d/a.conf": string(data)}
	login := Login{User: user, Host: host, Address: host, LocalPort: 22, GroupsKnown: len(user)%2 == 0, Groups: []string{user}}
	server, _ := answer(d, func(t *Tree) *Result {
		return ResolveServer(t, ServerQuery{Release: release, Main: "/case/main", Login: login})
	})
	client, _ := answer(d, func(t *Tree) *Result {
		return ResolveClient(t, ClientQuery{
			Release: release, UserFile: "/case/main", SystemFile: "/case/d/a.conf", Host: host, LocalUser: user, Home: "/home/x",
		})
	})
	return []*Result{server, client}
}

// checkResult demands what holds for every result.
func checkResult(t interface{ Fatalf(string, ...any) }, r *Result) {
	if (r.Exit != 0) != (len(r.Errors) > 0) {
		t.Fatalf("exit %d with errors %v", r.Exit, r.Errors)
	}
	for _, d := range r.Directives {
		if d.Counts != (d.Why == "") {
			t.Fatalf("directive at %v: counts %v, why %q", d.Place, d.Counts, d.Why)
		}
		if d.Line < 0 {
			t.Fatalf("directive at %v", d.Place)
		}
	}
	for _, b := range r.Blocks {
		if b.Last < b.Line && r.Exit == 0 {
			t.Fatalf("block at %v ends at line %d", b.Place, b.Last)
		}
	}
}

func FuzzResolve(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), uint8(i), "alice", "10.1.2.3")
	}
	f.Fuzz(func(t *testing.T, data []byte, pick uint8, user, host string) {
		if len(data) > 1<<14 {
			return // several inclusions of a large file only take longer
		}
		for _, r := range resolveBoth(data, fuzzReleases[int(pick)%len(fuzzReleases)], user, host) {
			checkResult(t, r)
		}
	})
}

// checkEdits demands that edits change exactly the lines they name, and that
// their undoing leads back.
func checkEdits(t interface{ Fatalf(string, ...any) }, data []byte, edits []Edit) {
	after, err := Replay(data, edits)
	if err != nil {
		t.Fatalf("replay %+v on %q: %v", edits, data, err)
	}
	back, err := Replay(after, Undo(edits))
	if err != nil || !bytes.Equal(back, data) {
		t.Fatalf("undo of %+v: got %q (%v), want %q", edits, back, err, data)
	}
	before := bytes.SplitAfter(data, []byte("\n"))
	changed := map[int]bool{}
	for _, e := range edits {
		if e.Op != Insert {
			changed[e.Line] = true
		}
	}
	// What is left of both texts without the named lines must be equal.
	var kept []byte
	for i, line := range before {
		if !changed[i+1] {
			kept = append(kept, line...)
		}
	}
	var rest []byte
	undone := map[int]bool{}
	for _, e := range Undo(edits) {
		if e.Op != Insert {
			undone[e.Line] = true
		}
	}
	for i, line := range bytes.SplitAfter(after, []byte("\n")) {
		if !undone[i+1] {
			rest = append(rest, line...)
		}
	}
	if !bytes.Equal(kept, rest) {
		t.Fatalf("edits %+v changed other lines: got %q, want %q", edits, rest, kept)
	}
}

// checkSetArgument demands that only the argument of the line changes.
func checkSetArgument(t interface{ Fatalf(string, ...any) }, data []byte, n int, value string) {
	f := Parse(data)
	e, err := f.SetArgument(n, value)
	if err != nil {
		return
	}
	checkEdits(t, data, []Edit{e})
	old := f.Line(n)
	after, _ := Replay(data, []Edit{e})
	now := Parse(after).Line(n)
	if now.Value() != value || now.Name() != old.Name() || now.End != old.End || now.Indent() != old.Indent() {
		t.Fatalf("%q became %q", old.Text, now.Text)
	}
	if got, want := string(now.Text[now.Comment.Start:now.Comment.End]), string(old.Text[old.Comment.Start:old.Comment.End]); got != want {
		t.Fatalf("comment of %q: got %q, want %q", old.Text, got, want)
	}
	if !bytes.Equal(now.Text[:now.Argument.Start], old.Text[:old.Argument.Start]) {
		t.Fatalf("%q became %q", old.Text, now.Text)
	}
}

func FuzzEdit(f *testing.F) {
	for i, s := range seeds {
		f.Add([]byte(s), i, "30")
	}
	f.Fuzz(func(t *testing.T, data []byte, n int, value string) {
		file := Parse(data)
		if strings.ContainsAny(value, "\n\r\x00") {
			return
		}
		at := file.Len() + 1
		if n >= 0 {
			at = 1 + n%(file.Len()+1)
		}
		checkEdits(t, data, file.InsertBefore(at, "Inserted 1", "Inserted "+value))
		checkEdits(t, data, file.Append(value))
		if at > file.Len() {
			return
		}
		checkEdits(t, data, []Edit{file.Remove(at)})
		checkEdits(t, data, []Edit{file.SetLine(at, value)})
		checkSetArgument(t, data, at, "30")
	})
}

// texts draws files of lines that OpenSSH nearly understands.
func texts() *rapid.Generator[string] {
	word := rapid.SampledFrom([]string{
		"ClientAliveInterval", "serveraliveinterval", "Match", "Host", "Include", "all", "User", "alice", "*", "!x", "15", "1m30s",
		"none", "yes", "/case/d/*.conf", "/case/main", "\"", "'", "=", "\\", "#", " ", "\t", "\r", "\f", "\x00", "\xff", "final", "exec",
		"10.0.0.0/8", "Address", "ChannelTimeout", "session:*=5", "RekeyLimit", "1G", "HostName", "%h", "canonical", ",",
	})
	line := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(word, 0, 6).Draw(t, "words")
		return strings.Join(parts, rapid.SampledFrom([]string{" ", " ", "", "\t", "="}).Draw(t, "between"))
	})
	return rapid.Custom(func(t *rapid.T) string {
		lines := rapid.SliceOfN(line, 0, 8).Draw(t, "lines")
		ending := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "ending")
		return strings.Join(lines, ending) + rapid.SampledFrom([]string{"", ending}).Draw(t, "last")
	})
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := []byte(texts().Draw(t, "text"))
		checkText(t, data)
		release := rapid.SampledFrom(fuzzReleases).Draw(t, "release")
		for _, r := range resolveBoth(data, release, "alice", "10.1.2.3") {
			checkResult(t, r)
		}
		f := Parse(data)
		at := rapid.IntRange(1, f.Len()+1).Draw(t, "line")
		checkEdits(t, data, f.InsertBefore(at, "TCPKeepAlive no"))
		if at <= f.Len() {
			checkEdits(t, data, []Edit{f.Remove(at)})
			checkSetArgument(t, data, at, "30")
		}
	})
}

// TestAnswersAreStable resolves a tree twice and demands the same answer:
// maps must not show through.
func TestAnswersAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := []byte(texts().Draw(t, "text"))
		one := resolveBoth(data, recorded, "alice", "other")
		two := resolveBoth(data, recorded, "alice", "other")
		for i := range one {
			a, b := render(one[i]), render(two[i])
			if a != b {
				t.Fatalf("got %s\nthen %s", a, b)
			}
		}
	})
}
