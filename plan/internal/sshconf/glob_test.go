package sshconf

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNamePattern(t *testing.T) {
	for _, c := range []struct {
		name, pattern string
		want          bool
	}{
		{"a.conf", "*.conf", true}, {"a.conf", "*", true}, {"", "*", true}, {"a", "", false}, {"", "", true},
		{"a", "?", true}, {"ab", "?", false}, {"abc", "a*c", true}, {"abcd", "a*c", false}, {"aXbXc", "a*b*c", true},
		{"5", "[0-9]", true}, {"x", "[0-9]", false}, {"x", "[!0-9]", true}, {"5", "[!0-9]", false}, {"]", "[]]", true},
		{"a", "[]a]", true}, {"-", "[a-]", true}, {"b", "[a-]", false}, {"[", "[", true}, {"[a", "[a", true},
		{"a", "[[:alpha:]]", true}, {"5", "[[:alpha:]]", false}, {"5", "[[:alpha:]5]", true}, {"_", "[[:alnum:]_]", true},
		{"*", `\*`, true}, {"a", `\*`, false}, {"a", `\a`, true}, {`\`, `\`, true}, {"a{b}", "a{b}", true}, {"ab", "a{b}", false},
		{"^", "[^a]", true}, {"b", "[^a]", false}, {"é", "??", true},
	} {
		if got := compileName(c.pattern).match(c.name); got != c.want {
			t.Errorf("%q, pattern %q: got %v, want %v", c.name, c.pattern, got, c.want)
		}
	}
}

func TestGlob(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"10.conf", "2.conf", "A.conf", "B.conf", "_z.conf", "a.conf", ".hidden.conf", "x.bak", "[.conf", "sub/1.conf", "sub/deep/2.conf", "s p/3.conf",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/nonexistent/x", dir+"/c.conf"); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string][]string{
		"/*.conf":         {"/10.conf", "/2.conf", "/A.conf", "/B.conf", "/[.conf", "/_z.conf", "/a.conf", "/c.conf"},
		"/.*.conf":        {"/.hidden.conf"},
		"/.*":             {"/.", "/..", "/.hidden.conf"},
		"/sub/.*":         {"/sub/.", "/sub/.."},
		"/nothing/.*":     nil,
		"/a.conf/.*":      nil,
		"/[A-B].conf":     {"/A.conf", "/B.conf"},
		"/nothing*":       nil,
		"/nothing":        nil,
		"/a.conf":         {"/a.conf"},
		"//a.conf":        {"//a.conf"},
		"/*/1.conf":       {"/sub/1.conf"},
		"/*/*/*.conf":     {"/sub/deep/2.conf"},
		"/s?p/*":          {"/s p/3.conf"},
		"/*/":             {"/s p/", "/sub/"},
		"/sub/../a.conf":  {"/sub/../a.conf"},
		"/*.{conf,bak}":   nil,
		`/\[.conf`:        {"/[.conf"},
		"/[.conf":         {"/[.conf"},
		"/c.conf":         {"/c.conf"},
		"/x.bak/*":        nil,
		"/missing/*.conf": nil,
	} {
		var got []string
		tree := NewTree()
		for {
			v := newView(tree)
			got = v.glob(dir + pattern)
			if len(v.wants) == 0 {
				break
			}
			for _, w := range v.wants {
				if w.Folder {
					tree.AddFolder(w.Path, folder{}.names(w.Path))
				} else {
					tree.AddNode(w.Path, folder{}.node(w.Path))
				}
			}
		}
		for i := range got {
			got[i] = got[i][len(dir):]
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pattern, diff)
		}
	}
}

func TestMatchList(t *testing.T) {
	for _, c := range []struct {
		s, list string
		want    bool
	}{
		{"a", "a", true}, {"a", "b,a", true}, {"a", "*,!a", false}, {"b", "*,!a", true}, {"a", "!b", false}, {"", "", false},
		{"", "*", true}, {"", ",", true}, {"a", "A", false}, {"ab", "a?", true}, {"a", "a?", false},
	} {
		if got := matchList(c.s, c.list, false); got != c.want {
			t.Errorf("matchList(%q, %q): got %v, want %v", c.s, c.list, got, c.want)
		}
	}
	for _, c := range []struct {
		addr, list   string
		matched, bad bool
	}{
		{"10.1.2.3", "10.0.0.0/8", true, false}, {"10.1.2.3", "10.1.2.3", true, false}, {"10.1.2.3", "10.1.*", true, false},
		{"10.1.2.3", "!10.1.2.3,10.0.0.0/8", false, false}, {"10.1.2.3", "10.1.2.3/8", false, true}, {"10.1.2.3", "", false, true},
		{"10.1.2.3", "a,", false, true}, {"2001:db8::5", "2001:db8::/32", true, false}, {"::ffff:10.1.2.3", "10.0.0.0/8", false, false},
		{"nonsense", "*", false, false}, {"10.1.2.3", "10.0.0.0/33", false, true}, {"10.1.2.3", "0/0", true, false},
		{"10.0.0.1", "10.1", true, false}, {"10.1.2.3", "10.0.0.0/999", false, false},
	} {
		matched, bad := addressList(c.addr, c.list, false)
		if matched != c.matched || bad != c.bad {
			t.Errorf("addressList(%q, %q): got %v, %v, want %v, %v", c.addr, c.list, matched, bad, c.matched, c.bad)
		}
	}
}
