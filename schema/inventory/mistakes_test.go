package inventory_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/inventory"
)

// TestMistakes shows what is told, in whole. Most have one diagnostic.
func TestMistakes(t *testing.T) {
	csv := inventory.Source{Kind: inventory.CSV}
	ip := inventory.Source{Kind: inventory.CSV, Fields: inventory.Fields{Address: "ip"}}
	jsonFile := inventory.Source{Kind: inventory.JSON}
	yamlFile := inventory.Source{Kind: inventory.YAML}
	ansible := inventory.Source{Kind: inventory.Ansible}
	ansibleYAML := func(text string) string { return "---\n" + text }
	for _, test := range []struct {
		source inventory.Source
		text   string
		want   []string // "line: summary: part of the detail"
	}{
		{csv, "", []string{`1: Empty inventory: f is empty`}},
		{csv, "name,address\nweb,10.0.0.1\ndb", []string{`3: Wrong number of columns: This line does not have the 2 columns of the first line ("name", "address"). It may be cut off`}},
		{csv, "name,note\nweb,\"begin\nmore\nend", []string{`2: Quote not closed: A value that begins with a quote in this line does not end until line 4`}},
		{csv, "name,note\nweb,a\"b\n", []string{`2: Quote in the wrong place`}},
		{csv, "host;ip\nweb;10.0.0.1\n", []string{`1: Column not found: The source takes key from the column "name", but the first line has only "host;ip". The columns seem to be separated by something else than ","`}},
		{ip, "name,adr\nweb,10.0.0.1\n", []string{`1: Column not found: The source takes address from the column "ip", but the first line has only "name", "adr". Correct the argument address`}},
		{ip, "name,ip\nweb,\n", []string{`2: Host without an address: Host "web" has nothing in "ip"`}},
		{csv, "name,,x\n", []string{`1: Column without a name: Column 2`}},
		{csv, "name,x,x\n", []string{`1: Two columns of one name`}},
		{csv, "name,role\nweb,a\nweb,b\n", []string{`3: Host listed twice: Host "web" stands here and in line 2, and the two differ in the variables "role"`}},
		{csv, "name,address\nweb,a\nweb,b\n", []string{`3: Host listed twice: Host "web" stands here and in line 2, and the two differ in how they are reached`}},
		{csv, "name,port\nweb,0\ndb,x\nok,22\n", []string{`2: Invalid port in an inventory: The port of host "web" is "0"`, `3: Invalid port in an inventory: The port of host "db" is "x"`}},
		{csv, "name\n-oProxyCommand=x\n", []string{`2: Invalid host name in an inventory: The name of this host, "-oProxyCommand=x", begins with a minus`}},
		{csv, "name,address\nweb,-x\n", []string{`2: Invalid address in an inventory`}},
		{csv, "name,user\nweb,a b\n", []string{`2: Invalid user in an inventory: The user of host "web", "a b", holds a space`}},
		{csv, "name,x\n\"\",1\n", []string{`2: Invalid host name in an inventory: The name of this host, "", is empty`}},
		{csv, "name,x\n\x1b[31m,1\n", []string{`2: Invalid host name in an inventory: The name of this host, "\x1b[31m", holds a space or a character that cannot be printed`}},
		{csv, "name,x\nweb,\xe9\n", []string{`2: Not UTF-8: The column "x"`}},
		{csv, "name,x\nweb,a\x00\n", []string{`2: Not text`}},
		{csv, "\xff\xfen\x00a\x00", []string{`1: Not a text file: f is UTF-16; save it as UTF-8`}},
		{csv, "PK\x03\x04\x00", []string{`1: Not a text file: f is a spreadsheet or zip file`}},
		{csv, "\x1f\x8b\x08", []string{`1: Not a text file: f is compressed`}},
		{csv, "name\n" + strings.Repeat("a b\n", 50), nil}, // counted below

		{jsonFile, "", []string{`1: Empty inventory`}},
		{jsonFile, "  \n ", []string{`1: Empty inventory`}},
		{jsonFile, "{\n\"web\": {\"address\": \"10.0.0.1\"},\n\"db\": {\"add", []string{`3: Inventory cut off: The JSON ends in the middle`}},
		{jsonFile, "{\n\"web\": {\n\"port\": 22,,\n}}", []string{`3: Invalid JSON: The inventory is not valid JSON: invalid character ','`}},
		{jsonFile, "3", []string{`1: Invalid inventory: The inventory is a number`}},
		{jsonFile, `{"web": 1}`, []string{`1: Not a host: What stands under "web" is not an object`}},
		{jsonFile, `["web"]`, []string{`1: Not a host: An item of the list of hosts is not an object`}},
		{jsonFile, `[{"address": "x"}]`, []string{`1: Invalid host name in an inventory: The name of this host, "", is empty`}},
		{jsonFile, "{\"web\": {\"x\": 1,\n\"x\": 2}}", []string{`2: Invalid inventory: The member "x" stands twice in one host`}},
		{jsonFile, `{"web": {"x": {"y": 1, "y": 2}}}`, []string{`1: Invalid inventory: The member "y" stands twice in one object`}},
		{jsonFile, "{\"web\": {\"x\": 1},\n\"web\": {\"x\": 2}}", []string{`2: Host listed twice`}},
		{jsonFile, `{"web": {"x": 1, "vars": {"x": 2}}}`, []string{`1: Variable given twice`}},
		{jsonFile, `{"web": {"vars": [1]}}`, []string{`1: Invalid variables in an inventory`}},
		{jsonFile, `{"web": {"tags": 1}}`, []string{`1: Invalid tags in an inventory`}},
		{jsonFile, `{"web": {"tags": [1]}}`, []string{`1: Invalid tags in an inventory`}},
		{jsonFile, `{"web": {"address": ["x"]}}`, []string{`1: Invalid address in an inventory`}},
		{jsonFile, `{"web": {"name": "db"}}`, []string{`1: Two names for a host`}},
		{jsonFile, `{"format_version": "2.0", "hosts": {}}`, []string{`1: Unknown format of an inventory`}},
		{jsonFile, `{"format_version": 1, "hosts": {}}`, []string{`1: Unknown format of an inventory`}},
		{jsonFile, `{"format_version": "1.0"}`, []string{`1: Invalid inventory: The inventory has a format_version but no hosts`}},
		{jsonFile, `{"hosts": {}, "web": {}}`, []string{`1: Invalid inventory: Beside hosts, the member "web" stands at the top`}},
		{jsonFile, `{"web": {}, "hosts": {}}`, []string{`1: Invalid inventory: Beside hosts, the member "web" stands at the top`}},
		{jsonFile, `{"hosts": 1}`, []string{`1: Invalid inventory: The member hosts is neither`}},
		{jsonFile, "{}\n{}", []string{`2: Invalid inventory: Something stands after the end`}},
		{jsonFile, `{"web": {"x": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}}`, []string{`1: Invalid inventory: Lists and objects stand in each other`}},
		{jsonFile, `{"web": {"x": ` + strings.Repeat("[", 1<<20), []string{`1: Invalid inventory: Lists and objects stand in each other`}},

		{yamlFile, "", []string{`1: Empty inventory`}},
		{yamlFile, "# nothing\n", []string{`1: Empty inventory`}},
		{yamlFile, "web:\n  address: [", []string{`2: Invalid YAML`}},
		{yamlFile, "web:\n\taddress: x\n", []string{`2: Invalid YAML`}},
		{yamlFile, "just text", []string{`1: Invalid inventory: The inventory is a single value`}},
		{yamlFile, "web: {}\nweb: {}\n", []string{`2: Invalid inventory: The key "web" stands twice`}},
		{yamlFile, "web: 1\n", []string{`1: Not a host`}},
		{yamlFile, "a: {}\n---\nb: {}\n", []string{`2: Invalid inventory: A second document begins here`}},
		{yamlFile, "web: {x: !vault y}\n", []string{`1: Invalid inventory: The tag "!vault" is not known here`}},
		{yamlFile, "web: {x: .inf}\n", []string{`1: Invalid inventory`}},
		{yamlFile, "web: &a {x: *a}\n", []string{`1: Invalid`}},

		{ansible, "[web\nfoo\n", []string{`1: Invalid host range`}},
		{ansible, "[a b]\nfoo\n", []string{`1: Invalid section`}},
		{ansible, "[web:host]\nfoo\n", []string{`1: Invalid section: A section cannot be of the kind "host"`}},
		{ansible, "web foo\n", []string{`1: Invalid host line: After the name of a host come variables`}},
		{ansible, "web x='a\n", []string{`1: Invalid host line: This line cannot be taken apart: a quote is not closed`}},
		{ansible, "web[1:\n", []string{`1: Invalid host range`}},
		{ansible, "web[5:1]\n", []string{`1: Invalid host range: The host pattern "web[5:1]" has a range whose begin is after its end`}},
		{ansible, "web[1:x]\n", []string{`1: Invalid host range`}},
		{ansible, "web[01:100]\n", []string{`1: Invalid host range`}},
		{ansible, "web[1:9:0]\n", []string{`1: Invalid host range`}},
		{ansible, "a\nweb:\n", []string{`2: Invalid host range: The host pattern "web:" ends in a colon`}},
		{ansible, "[web:vars]\nx=1\n", []string{`1: Group not declared: The group "web" is named here`}},
		{ansible, "[web:children]\nfront\n", []string{`2: Group not declared: The group "front" is named here`}},
		{ansible, "[a:children]\nb\n[b:children]\na\n", []string{`0: Group in itself`}},
		{ansible, "[web]\na\n[web:vars]\nfoo\n", []string{`4: Invalid variable`}},
		{ansible, "web ansible_host=\"{{ ip }}\"\n", []string{`1: Template in an inventory`}},
		{ansible, "web ansible_port=ssh\n", []string{`1: Invalid port in an inventory`}},
		{ansible, "web:99999\n", []string{`1: Invalid host range`}},
		{ansible, "\xff\n", []string{`1: Not UTF-8`}},
		{ansible, strings.Repeat("x", 2<<20), []string{`1: Line too long`}},
		{ansible, ansibleYAML("plugin: aws_ec2\n"), []string{`2: Invalid inventory: This is the configuration of a plugin`}},
		{ansible, ansibleYAML("web:\n  hosts: [a, b]\n"), []string{`3: Invalid inventory: The hosts of a group are not a mapping`}},
		{ansible, ansibleYAML("web:\n  hosts:\n    10: {}\n"), []string{`4: Invalid inventory: The name of a host, "10", is not a text`}},
		{ansible, ansibleYAML("- a\n"), []string{`2: Invalid inventory: The inventory is not a mapping of groups`}},
		{ansible, `{"web": {"hosts": "a"}}`, []string{`1: Invalid inventory: The hosts of the group "web" are a text`}},
		{ansible, `{"web": 1}`, []string{`1: Invalid inventory: What stands under "web" is a number`}},
		{ansible, `{"web": ["a"], "_meta": {"hostvars": []}}`, []string{`1: Invalid inventory: The member hostvars of _meta is not an object`}},

		{inventory.Source{Kind: "consul"}, "", []string{`0: Unknown kind of inventory`}},
	} {
		test.source.Filename = "f"
		told := wrong(t, test.source, test.text)
		if test.want == nil {
			if len(told) != 21 {
				t.Errorf("%.40q: got %d diagnostics, want 20 mistakes and the end", test.text, len(told))
			}
			continue
		}
		if len(told) != len(test.want) {
			t.Errorf("%.60q: got %d diagnostics:\n%s\nwant %q", test.text, len(told), strings.Join(told, "\n"), test.want)
			continue
		}
		for i, got := range told {
			at, rest, _ := strings.Cut(test.want[i], ": ")
			if want := "f:" + at + ": error: " + rest; !strings.HasPrefix(got, want) {
				t.Errorf("%.60q:\ngot  %s\nwant %s", test.text, got, want)
			}
			if strings.ContainsAny(got, "\x1b\x00\n") {
				t.Errorf("%.60q: got %q, want nothing that a terminal obeys", test.text, got)
			}
		}
	}
}

// A flood repeats text without end.
type flood struct {
	text string
	read int64
}

func (f *flood) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], f.text[int(f.read+int64(n))%len(f.text):])
	}
	f.read += int64(n)
	return n, nil
}

// TestFloods reads inventories that never end.
func TestFloods(t *testing.T) {
	for _, test := range []struct {
		kind       inventory.Kind
		head, text string
		summary    string
	}{
		{inventory.CSV, "name\n", strings.Repeat("a\n", 1<<10), "Too many hosts"},
		{inventory.CSV, "name\n\"", strings.Repeat("a", 1<<10), "Line too long"},
		{inventory.CSV, "name\n\"", strings.Repeat("a\n", 1<<10), "Inventory too large"},
		{inventory.CSV, "", strings.Repeat("a,", 1<<10), "Line too long"},
		{inventory.JSON, `{"a":"`, strings.Repeat("a", 1<<10), "Inventory too large"},
		{inventory.JSON, `[`, strings.Repeat(" \n", 1<<10), "Inventory too large"},
		{inventory.JSON, `{"a":{"b":[`, strings.Repeat("1,", 1<<10), "Invalid inventory"},
		{inventory.Ansible, `{"a":{"vars":{"x":[`, strings.Repeat("1,", 1<<10), "Invalid inventory"},
		{inventory.YAML, "a:\n", strings.Repeat("  - b\n", 1<<10), "Inventory too large"},
		{inventory.Ansible, "", strings.Repeat("#\n", 1<<10), "Inventory too large"},
		{inventory.Ansible, "---\n", strings.Repeat("#\n", 1<<10), "Inventory too large"},
		{inventory.Ansible, "a[0:999999999]\n", "a[0:9999][0:9999]\n", "Too many hosts"},
		{inventory.Ansible, "---\nall: {hosts: {\"a[0:9999][0:9999]\": }}\n", "#\n", "Inventory too large"},
		{inventory.SSHConfig, "", strings.Repeat("Host a\n", 1<<10), "Too many hosts"},
	} {
		endless := &flood{text: test.text}
		_, diags := inventory.ReadSmall(io.MultiReader(strings.NewReader(test.head), endless), inventory.Source{Kind: test.kind, Filename: "f"})
		if !diags.HasErrors() || test.summary != "" && diags[0].Summary != test.summary {
			t.Errorf("%s %.20q: got %v, want %s", test.kind, test.head, diags, test.summary)
		}
		if endless.read > 8<<20 {
			t.Errorf("%s %.20q: read %d bytes", test.kind, test.head, endless.read)
		}
	}
}

func TestAliasBomb(t *testing.T) {
	var text strings.Builder
	text.WriteString("a: &a [x,x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c <= 'k'; c++ {
		fmt.Fprintf(&text, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	for _, test := range []struct {
		kind inventory.Kind
		text string
	}{
		{inventory.YAML, text.String()},
		{inventory.YAML, "web:\n  vars:\n    " + strings.ReplaceAll(strings.TrimSpace(text.String()), "\n", "\n    ")},
		{inventory.Ansible, "---\nall:\n  vars:\n    " + strings.ReplaceAll(strings.TrimSpace(text.String()), "\n", "\n    ")},
	} {
		listing, diags := inventory.ReadSmall(strings.NewReader(test.text), inventory.Source{Kind: test.kind, Filename: "f"})
		if !diags.HasErrors() || len(listing.Hosts) > 0 {
			t.Errorf("%s: got %d hosts, %v, want an error", test.kind, len(listing.Hosts), diags)
		}
	}
}

func TestExternal(t *testing.T) {
	source := inventory.Source{Kind: inventory.External, Program: []string{"./inv.py", "--list"}, Dir: "/d", Query: []byte(`{"region":"eu"}`)}
	ours := `{"format_version":"1.0","hosts":{"web":{"address":"10.0.0.1","port":22,"user":"ops","tags":["a"],"vars":{"x":[1]}}}}`
	for _, test := range []struct {
		name, out string
		err       error
		want      string // hosts, or a diagnostic
	}{
		{name: "ours", out: ours, want: "web@10.0.0.1"},
		{name: "version last", out: `{"hosts":{"web":{}},"format_version":"1.0"}`, want: "web@web"},
		{name: "newer", out: `{"format_version":"1.7","hosts":{"web":{"shoe_size":1}}}`, want: "web@web"},
		{name: "ansible's", out: `{"g":["b","a"],"_meta":{"hostvars":{"a":{"ansible_host":"10.0.0.9"}}}}`, want: "a@10.0.0.9 b@b"},
		{name: "none", out: `{"format_version":"1.0","hosts":{}}`, want: ""},
		{name: "typing error", out: `{"format_version":"1.0","hosts":{"web":{"adress":"x"}}}`, want: `Unknown member of a host: The member "adress" of host "web"`},
		{name: "other format", out: `{"format_version":"2.0","hosts":{}}`, want: "Unknown format of an inventory"},
		{name: "cut off", out: ours[:60], want: "Inventory cut off"},
		{name: "empty", out: " \n", want: "Inventory program printed nothing"},
		{name: "garbage", out: "Traceback (most recent call last):\n", want: "Invalid JSON"},
		{name: "chatter", out: ours + "\nbye\n", want: "Inv"},
		{name: "flood", out: strings.Repeat(" ", inventory.MaxRunOutput+1), want: "Inventory too large"},
		{name: "fails", out: ours, err: errors.New("exit status 3"), want: `Inventory program failed: The program "./inv.py --list" failed: exit status 3. What it printed is not used`},
		{name: "hangs", err: errors.New("it took longer than 1m0s"), want: "Inventory program failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var call inventory.Call
			listing, diags := inventory.Load(t.Context(), source, func(_ context.Context, c inventory.Call) ([]byte, error) {
				call = c
				return []byte(test.out), test.err
			})
			if diff := cmp.Diff(inventory.Call{Program: source.Program, Dir: "/d", Stdin: source.Query}, call); diff != "" {
				t.Errorf("call (-want +got):\n%s", diff)
			}
			var got []string
			for _, h := range listing.Hosts {
				got = append(got, h.Name+"@"+h.Connection.Address)
			}
			for _, d := range diags {
				if d.Severity == schema.Error {
					got = append(got, d.Summary+": "+d.Detail)
				}
			}
			if text := strings.Join(got, " "); !strings.HasPrefix(text, test.want) || test.want == "" && text != "" {
				t.Errorf("got %s, want %s", text, test.want)
			}
		})
	}
	_, diags := inventory.Load(t.Context(), source, nil)
	if len(diags) != 1 || diags[0].Summary != "Inventory programs are not allowed" {
		t.Errorf("without a Run: got %v, want it refused", diags)
	}
}

func TestMerge(t *testing.T) {
	one := inventory.Listing{Hosts: []inventory.Host{{Name: "a", Filename: "1.csv", Line: 2}, {Name: "b", Filename: "1.csv", Line: 3}}}
	same := inventory.Listing{Hosts: []inventory.Host{{Name: "b", Filename: "2.csv", Line: 9, Vars: map[string]any{}}, {Name: "c"}}}
	got, diags := inventory.Merge(one, same)
	if len(got) != 3 || len(diags) != 0 || got[1].Filename != "1.csv" {
		t.Errorf("got %v, %v, want a, b and c, b from the first", got, diags)
	}
	other := inventory.Listing{Hosts: []inventory.Host{{Name: "b", Filename: "3.csv", Line: 4, Tags: []string{"x"}}}}
	_, diags = inventory.Merge(one, same, other)
	want := `3.csv:4: error: Host in two sources: Host "b" stands here and in 1.csv:3, and the two differ in their tags. Only one of them can be true. Remove one of the two, or make them equal.`
	if len(diags) != 1 || line(diags[0]) != want {
		t.Errorf("got %v, want %s", diags, want)
	}
}

func TestLinesOfHosts(t *testing.T) {
	for _, test := range []struct {
		kind inventory.Kind
		text string
		want []int
	}{
		{inventory.CSV, "name,x\n\na,1\nb,\"1\n2\"\nc,3\n", []int{3, 4, 6}},
		{inventory.JSON, "{\n\n\"a\": {},\n\"b\": {\"x\":\n1}, \"c\":\n{}}", []int{3, 4, 5}},
		{inventory.JSON, "[\n{\"name\":\"a\"},\n{\n\"name\":\"b\"}]", []int{2, 3}},
		{inventory.YAML, "# x\na: {}\nb:\n  x: 1\nc:\n", []int{2, 3, 5}},
		{inventory.Ansible, "\n[web]\na\n\nb x=1\n", []int{3, 5}},
		{inventory.SSHConfig, "Host a\n  User x\n\nHost b c\n", []int{1, 4, 4}},
	} {
		var got []int
		for _, h := range read(t, inventory.Source{Kind: test.kind, Filename: "f"}, test.text) {
			got = append(got, h.Line)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s %q (-want +got):\n%s", test.kind, test.text, diff)
		}
	}
}

// FuzzRead holds for all kinds: no panic, no hosts beside an error, and hosts
// that are sorted, named once and safe to print.
func FuzzRead(f *testing.F) {
	for _, text := range []string{
		"name,address,tags\nweb,10.0.0.1,a b\n", "name;x\r\n\"a\";1\r\n",
		`{"a":{"vars":{"x":[1,{"y":null}]}}}`, `{"format_version":"1.0","hosts":[{"name":"a"}]}`,
		"a: &x {address: b}\nb: {<<: *x, port: 22}\n", "---\nall:\n  children:\n    g: {hosts: {'a[1:3]': }}\n",
		"[g]\nh[01:10]:22 x=1 y='[1, {\"a\": b}]'\n[g:vars]\nz={'a': (1,), 2: -0x1f}\n",
		`{"g":{"hosts":["a"],"children":["k"]},"_meta":{"hostvars":{"a":{"v":1}}}}`,
		"Host a \"b c\" !d *\nInclude x\nMatch all\n", "\xef\xbb\xbfname\na\n",
		"h a='''x''' b=r\"\\n\" c=1_0.5e-3 d=u'\\x41'\n",
	} {
		for kind := range inventory.Kinds() {
			f.Add(byte(kind), []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, text []byte) {
		source := inventory.Source{Kind: inventory.Kinds()[int(kind)%len(inventory.Kinds())], Filename: "f"}
		var listing inventory.Listing
		var diags schema.Diagnostics
		if source.Kind == inventory.External {
			listing, diags = inventory.PrintedSmall(text, source)
		} else {
			listing, diags = inventory.ReadSmall(bytes.NewReader(text), source)
		}
		if diags.HasErrors() && len(listing.Hosts) > 0 {
			t.Errorf("got %d hosts beside an error", len(listing.Hosts))
		}
		for i, h := range listing.Hosts {
			if i > 0 && h.Name <= listing.Hosts[i-1].Name {
				t.Errorf("got %q after %q", h.Name, listing.Hosts[i-1].Name)
			}
			if h.Name == "" || strings.ContainsAny(h.Name, " \n\x00\x1b") || strings.HasPrefix(h.Name, "-") {
				t.Errorf("got the name %q", h.Name)
			}
			if c := h.Connection; c.Address == "" && c.SSHAlias == "" || c.Port < 0 || c.Port > 65535 {
				t.Errorf("got the connection %+v", c)
			}
			h.Schema() // panics on values that have no text
		}
		for _, d := range diags {
			if d.Summary == "" || d.Detail == "" || d.Subject == nil || strings.ContainsAny(d.Detail, "\x00\x1b\n") {
				t.Errorf("got %+v", d)
			}
		}
	})
}

// BenchmarkRead reads fleets of each kind.
func BenchmarkRead(b *testing.B) {
	for _, n := range []int{5_000, 100_000} {
		for _, kind := range inventory.Kinds() {
			text := fleet(kind, n)
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					source := inventory.Source{Kind: kind, Filename: "f"}
					listing, diags := inventory.Read(bytes.NewReader(text), source)
					if kind == inventory.External {
						listing, diags = inventory.ReadExternal(text, source)
					}
					if diags.HasErrors() || len(listing.Hosts) != n {
						b.Fatalf("got %d hosts, %v, want %d", len(listing.Hosts), diags, n)
					}
				}
			})
		}
	}
}

// fleet writes an inventory with n hosts.
func fleet(kind inventory.Kind, n int) []byte {
	var out bytes.Buffer
	role := func(i int) string { return []string{"web", "db", "bastion"}[i%3] }
	begin, end := map[inventory.Kind]string{
		inventory.CSV: "name,address,role,region,canary,tags\n", inventory.JSON: "{\n",
		inventory.Ansible: "[fleet]\n", inventory.External: `{"format_version":"1.0","hosts":{`,
	}[kind], map[inventory.Kind]string{inventory.JSON: "}\n", inventory.External: "}}\n"}[kind]
	out.WriteString(begin)
	for i := range n {
		comma := ","
		if i == n-1 {
			comma = ""
		}
		switch kind {
		case inventory.CSV:
			fmt.Fprintf(&out, "web-%06d,10.1.%d.%d,%s,eu,no,linux prod\n", i, i/256%256, i%256, role(i))
		case inventory.JSON, inventory.External:
			fmt.Fprintf(&out, "\"web-%06d\":{\"address\":\"10.1.%d.%d\",\"tags\":[\"linux\",\"prod\"],\"vars\":{\"role\":%q,\"region\":\"eu\",\"canary\":\"no\"}}%s\n", i, i/256%256, i%256, role(i), comma)
		case inventory.YAML:
			fmt.Fprintf(&out, "web-%06d:\n  address: 10.1.%d.%d\n  tags: [linux, prod]\n  role: %s\n  region: eu\n  canary: \"no\"\n", i, i/256%256, i%256, role(i))
		case inventory.Ansible:
			fmt.Fprintf(&out, "web-%06d ansible_host=10.1.%d.%d role=%s region=eu canary=no\n", i, i/256%256, i%256, role(i))
		case inventory.SSHConfig:
			fmt.Fprintf(&out, "Host web-%06d\n  HostName 10.1.%d.%d\n  User ops\n", i, i/256%256, i%256)
		}
	}
	out.WriteString(end)
	return out.Bytes()
}
