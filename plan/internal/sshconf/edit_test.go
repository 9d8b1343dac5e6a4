package sshconf

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestSetArgument is a table of awkward spellings: all but the argument stays.
func TestSetArgument(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"ClientAliveInterval 15\n", "ClientAliveInterval 30\n"},
		{"ClientAliveInterval 15", "ClientAliveInterval 30"},
		{"\tclientAliveInterval\t15\t# why\n", "\tclientAliveInterval\t30\t# why\n"},
		{"ClientAliveInterval=15\r\n", "ClientAliveInterval=30\r\n"},
		{"ClientAliveInterval = 15\n", "ClientAliveInterval = 30\n"},
		{"ClientAliveInterval == 15\n", "ClientAliveInterval =30\n"},
		{"=ClientAliveInterval 15\n", "=ClientAliveInterval 30\n"},
		{"\"ClientAliveInterval\" 15\n", "\"ClientAliveInterval\" 30\n"},
		{"\"ClientAliveInterval\"15\n", "\"ClientAliveInterval\"30\n"},
		{"ClientAliveInterval \"15\" # \"x\n", "ClientAliveInterval 30 # \"x\n"},
		{"ClientAliveInterval '1 5'#x # c\n", "ClientAliveInterval 30 # c\n"},
		{"ClientAliveInterval 1\\ 5 \n", "ClientAliveInterval 30 \n"},
		{"ChannelTimeout a=1  b=2 # c\n", "ChannelTimeout 30 # c\n"},
		{"  KeepAlive no \f\n", "  KeepAlive 30 \f\n"},
		{"ClientAliveInterval 15\n\nx\n", "ClientAliveInterval 30\n\nx\n"},
	} {
		e, err := Parse([]byte(c.in)).SetArgument(1, "30")
		if err != nil {
			t.Errorf("%q: %v", c.in, err)
			continue
		}
		got, err := Replay([]byte(c.in), []Edit{e})
		if err != nil || string(got) != c.want {
			t.Errorf("%q: got %q (%v), want %q", c.in, got, err, c.want)
		}
	}
	for _, in := range []string{"# a\n", "\n", "ClientAliveInterval\n", "\"x 5\n", "== a 1\n", "ClientAliveInterval # 5\n"} {
		if e, err := Parse([]byte(in)).SetArgument(1, "30"); err == nil {
			t.Errorf("%q: got %+v, want an error", in, e)
		}
	}
	for _, in := range []string{"ClientAliveInterval 1\x005\n", "ClientAliveInterval\r15\n"} {
		if _, err := Parse([]byte(in)).SetArgument(1, "30"); !errors.Is(err, ErrOddLine) {
			t.Errorf("%q: got %v, want ErrOddLine", in, err)
		}
	}
}

func TestInsert(t *testing.T) {
	for _, c := range []struct {
		name, in string
		line     int
		want     string
	}{
		{"into nothing", "", 1, "new\n"},
		{"first", "a\nb\n", 1, "new\na\nb\n"},
		{"middle", "a\nb\n", 2, "a\nnew\nb\n"},
		{"end", "a\nb\n", 3, "a\nb\nnew\n"},
		{"end without newline", "a\nb", 3, "a\nb\nnew\n"},
		{"before the last, which has no newline", "a\nb", 2, "a\nnew\nb"},
		{"crlf", "a\r\nb\r\n", 2, "a\r\nnew\r\nb\r\n"},
		{"end of crlf without newline", "a\r\nb", 3, "a\r\nb\r\nnew\r\n"},
		{"one line without newline", "a", 2, "a\nnew\n"},
		{"mixed", "a\r\nb\nc\n", 3, "a\r\nb\nnew\nc\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Replay([]byte(c.in), Parse([]byte(c.in)).InsertBefore(c.line, "new"))
			if err != nil || string(got) != c.want {
				t.Errorf("got %q (%v), want %q", got, err, c.want)
			}
		})
	}
}

func TestReplayIsStrict(t *testing.T) {
	data := []byte("a\nb\nc\n")
	good := []Edit{
		{Op: Insert, Line: 1, New: "x\n"},
		{Op: Replace, Line: 1, Old: "a\n", New: "A\n"},
		{Op: Insert, Line: 2, New: "y\n"},
		{Op: Insert, Line: 2, New: "z\n"},
		{Op: Delete, Line: 3, Old: "c\n"},
		{Op: Insert, Line: 4, New: "end\n"},
	}
	got, err := Replay(data, good)
	if want := "x\nA\ny\nz\nb\nend\n"; err != nil || string(got) != want {
		t.Fatalf("got %q (%v), want %q", got, err, want)
	}
	back, err := Replay(got, Undo(good))
	if err != nil || string(back) != string(data) {
		t.Fatalf("undo: got %q (%v), want %q", back, err, data)
	}
	var mismatch *MismatchError
	for name, edits := range map[string][]Edit{
		"other text":          {{Op: Replace, Line: 1, Old: "b\n", New: "x\n"}},
		"other end":           {{Op: Replace, Line: 1, Old: "a\r\n", New: "x\n"}},
		"delete other":        {{Op: Delete, Line: 2, Old: "b"}},
		"order":               {{Op: Delete, Line: 2, Old: "b\n"}, {Op: Insert, Line: 1, New: "x\n"}},
		"twice":               {{Op: Delete, Line: 2, Old: "b\n"}, {Op: Delete, Line: 2, Old: "b\n"}},
		"beyond":              {{Op: Delete, Line: 4, Old: ""}},
		"far beyond":          {{Op: Insert, Line: 5, New: "x\n"}},
		"before the start":    {{Op: Insert, Line: 0, New: "x\n"}},
		"no such operation":   {{Op: "swap", Line: 1, Old: "a\n"}},
		"insert after delete": {{Op: Delete, Line: 2, Old: "b\n"}, {Op: Insert, Line: 2, New: "x\n"}},
	} {
		got, err := Replay(data, edits)
		if err == nil {
			t.Errorf("%s: got %q, want an error", name, got)
		}
		if strings.HasPrefix(name, "other") && !errors.As(err, &mismatch) {
			t.Errorf("%s: got %v, want a MismatchError", name, err)
		}
	}
}

func TestQuote(t *testing.T) {
	for in, want := range map[string]string{"a": "a", "a b": `"a b"`, "a#b": `"a#b"`, "": `""`, "ä": "ä", "a=b": `"a=b"`} {
		got, ok := Quote(in)
		if !ok || got != want {
			t.Errorf("%q: got %s, %v, want %s", in, got, ok, want)
		}
		if args, closed := split(got); !closed || len(args) != 1 || args[0] != in {
			t.Errorf("%q: OpenSSH reads %q", got, args)
		}
	}
	for _, in := range []string{`a"b`, `a'b`, `a\b`, "a\nb", "a\x00", "\x7f"} {
		if got, ok := Quote(in); ok {
			t.Errorf("%q: got %s, want a refusal", in, got)
		}
	}
}

func TestFind(t *testing.T) {
	text := `# sshd_config
# ClientAliveInterval is explained below
#ClientAliveInterval 0
#ClientAliveCountMax
# TCPKeepAlive yes
#Match User x
#	ClientAliveInterval 5
ClientAliveCountMax 3

Match User backup
	# no more
	ClientAliveInterval 300

# about the next one
match all
Banner none
`
	f := Parse([]byte(text))
	for keyword, want := range map[string]int{"ClientAliveInterval": 3, "clientalivecountmax": 4, "TCPKeepAlive": 5, "Banner": 0} {
		got, found := f.Commented(keyword, 1, f.Len())
		if got != want || found != (want != 0) {
			t.Errorf("commented %s: got %d, %v, want %d", keyword, got, found, want)
		}
	}
	if got, _ := f.FirstBlock(Server); got != 10 {
		t.Errorf("first block: got line %d, want 10", got)
	}
	if got := f.Named("ClientAliveInterval", 1, f.Len()); !cmp.Equal(got, []int{12}) {
		t.Errorf("named: got %v, want [12]", got)
	}
	tree := NewTree()
	tree.Add("/main", []byte(text))
	r := ResolveServer(tree, ServerQuery{Release: recorded, Main: "/main", Login: PlainLogin()})
	blocks := r.BlocksIn("/main")
	if len(blocks) != 2 || blocks[0].Last != 14 || blocks[1].Last != 16 {
		t.Fatalf("blocks: got %+v", blocks)
	}
	if got := f.End(blocks[0]); got != 12 {
		t.Errorf("end of the first block: got %d, want 12", got)
	}
	if got := f.Indentation(blocks[0]); got != "\t" {
		t.Errorf("indentation: got %q, want a tab", got)
	}
	criteria, complaint := ParseCriteria(Dialect{Server, recorded}, "user backup")
	if complaint != "" || !blocks[0].SameCriteria(criteria) || blocks[1].SameCriteria(criteria) {
		t.Errorf("criteria %v (%s) of %+v", criteria, complaint, blocks)
	}
	if !blocks[1].All() || blocks[0].All() {
		t.Errorf("only the second block is for all")
	}
	if got := Spell(Server, "\t", "clientaliveinterval", "30"); got != "\tClientAliveInterval 30" {
		t.Errorf("got %q", got)
	}
}

func TestParseCriteria(t *testing.T) {
	for _, c := range []struct {
		side    Side
		text    string
		want    []Criterion
		refused bool
	}{
		{Server, "User alice Address 10.0.0.0/8", []Criterion{{Name: "user", Argument: "alice"}, {Name: "address", Argument: "10.0.0.0/8"}}, false},
		{Server, "all", []Criterion{{Name: "all"}}, false},
		{Server, "", nil, true},
		{Server, "# x", nil, true},
		{Server, "User", nil, true},
		{Server, "Nobody x", nil, true},
		{Server, "all User x", nil, true},
		{Client, "!host a exec \"x y\"", []Criterion{{Name: "host", Negated: true, Argument: "a"}, {Name: "exec", Argument: "x y"}}, false},
		{Client, "group x", nil, true},
	} {
		got, complaint := ParseCriteria(Dialect{c.side, recorded}, c.text)
		if !cmp.Equal(got, c.want) || (complaint != "") != c.refused {
			t.Errorf("%v %q: got %v (%s), want %v", c.side, c.text, got, complaint, c.want)
		}
	}
	if got, complaint := ParsePatterns(Dialect{Client, recorded}, "*.a !b \"c d\""); complaint != "" || !cmp.Equal(got, []string{"*.a", "!b", "c d"}) {
		t.Errorf("got %q (%s)", got, complaint)
	}
	for _, text := range []string{"", "# x", "\"\"", "'a"} {
		if got, complaint := ParsePatterns(Dialect{Client, recorded}, text); complaint == "" {
			t.Errorf("%q: got %q, want a complaint", text, got)
		}
	}
}
