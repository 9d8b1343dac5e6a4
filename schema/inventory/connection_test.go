package inventory_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/inventory"
)

// TestAnsibleConnections shows what is taken over about reaching a host, and
// what is told about the rest.
func TestAnsibleConnections(t *testing.T) {
	text := strings.Join([]string{
		"plain",
		"full:2200 ansible_host=10.0.0.1 ansible_user=ops ansible_ssh_private_key_file=~/.ssh/k ansible_become=yes",
		"old ansible_ssh_host=10.0.0.2 ansible_ssh_port=23 ansible_ssh_user=root ansible_become=false",
		"here ansible_connection=local",
		"win ansible_connection=winrm",
		"win2 ansible_connection=winrm",
		"su ansible_become=true ansible_become_method=su",
		`jump ansible_ssh_common_args="-o ProxyJump=a,b -C"`,
		`jump2 ansible_ssh_common_args="-J c"`,
		`command ansible_ssh_common_args='-o ProxyCommand="nc %h %p"'`,
		"key ansible_ssh_private_key_file=keys/id",
		"secret ansible_password=hidden ansible_become_pass=hidden ansible_ssh_pass=hidden db=x",
	}, "\n")
	listing, diags := inventory.Read(strings.NewReader(text), inventory.Source{Kind: inventory.Ansible, Filename: "f"})
	got := map[string]schema.Connection{}
	for _, h := range listing.Hosts {
		got[h.Name] = h.Connection
		for name, value := range h.Vars {
			if value == "hidden" {
				t.Errorf("%s: the password %s was taken over", h.Name, name)
			}
		}
	}
	want := map[string]schema.Connection{
		"plain":   {Address: "plain"},
		"full":    {Address: "10.0.0.1", Port: 2200, User: "ops", IdentityFile: "~/.ssh/k", Become: "sudo"},
		"old":     {Address: "10.0.0.2", Port: 23, User: "root", Become: "none"},
		"here":    {Address: "here", Type: schema.Local},
		"win":     {Address: "win"},
		"win2":    {Address: "win2"},
		"su":      {Address: "su"},
		"jump":    {Address: "jump", ProxyJump: "a,b"},
		"jump2":   {Address: "jump2", ProxyJump: "c"},
		"command": {Address: "command"},
		"key":     {Address: "key"},
		"secret":  {Address: "secret"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var told []string
	for _, d := range diags {
		told = append(told, d.Summary)
	}
	wantTold := []string{"Host not reached over SSH", "Unknown way to become root", "ProxyCommand in an inventory", "Relative key file in an inventory"}
	if diff := cmp.Diff(wantTold, told); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(diags) > 0 && !strings.Contains(diags[0].Detail, `"win"`) || !strings.HasSuffix(diags[0].Detail, "The same holds for 1 more.") {
		t.Errorf("got %s, want one host and a count", diags[0].Detail)
	}
}

// TestVarsStayInTheFolder has links out of the inventory's folder.
func TestVarsStayInTheFolder(t *testing.T) {
	outside := t.TempDir()
	dir := filepath.Join(outside, "inventory")
	write(t, filepath.Join(outside, "secret.yml"), "hidden: yes\n")
	write(t, filepath.Join(dir, "hosts"), "[g]\na\n[g:vars]\nx=1\n")
	write(t, filepath.Join(dir, "group_vars", "all.yml"), "y: 2\n")
	write(t, filepath.Join(dir, "group_vars", "vault.yml"), "$ANSIBLE_VAULT;1.1;AES256\n00\n")
	if err := os.Symlink(filepath.Join(outside, "secret.yml"), filepath.Join(dir, "group_vars", "g.yml")); err != nil {
		t.Skip("this system has no symbolic links: ", err)
	}
	listing, diags := inventory.Load(t.Context(), inventory.Source{Kind: inventory.Ansible, Path: filepath.Join(dir, "hosts")}, nil)
	if !diags.HasErrors() || len(listing.Hosts) > 0 {
		t.Errorf("got %v, %v, want the link refused", listing.Hosts, diags)
	}
	if err := os.Remove(filepath.Join(dir, "group_vars", "g.yml")); err != nil {
		t.Fatal(err)
	}
	before, diags := inventory.Load(t.Context(), inventory.Source{Kind: inventory.Ansible, Path: filepath.Join(dir, "hosts")}, nil)
	if len(diags) != 0 || len(before.Hosts) != 1 || len(before.Hosts[0].Vars) != 2 {
		t.Fatalf("got %v, %v, want a with x and y", before.Hosts, diags)
	}
	write(t, filepath.Join(dir, "group_vars", "all.yml"), "y: 3\n")
	after, _ := inventory.Load(t.Context(), inventory.Source{Kind: inventory.Ansible, Path: filepath.Join(dir, "hosts")}, nil)
	if before.SHA256 == after.SHA256 {
		t.Errorf("got the same digest %s with other variables", after.SHA256)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestSSHConfigNames(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "config"), strings.Join([]string{
		`Include conf.d/*.conf "with blank"`,
		`# Host commented`,
		`Host web db !old *.example.com`,
		`  HostName 10.0.0.1`,
		`  Include inner`,
		"\tHOST=equals",
		`Host "quoted" 'single' back\ slash # comment`,
		`Hostname notahost`,
		`Match host matched`,
		`  Include inner`,
		`Match all`,
		`Include late ` + filepath.Join(dir, "absolute"),
		`Host *`,
		`Include later nothing/*`,
		`Host web`,
	}, "\r\n"))
	write(t, filepath.Join(dir, "conf.d", "a.conf"), "Host included\nInclude deeper\n")
	write(t, filepath.Join(dir, "conf.d", "b.txt"), "Host notincluded\n")
	write(t, filepath.Join(dir, "with blank"), "Host blank\n")
	write(t, filepath.Join(dir, "inner"), "Host inner\n")
	write(t, filepath.Join(dir, "late"), "Host late\n")
	write(t, filepath.Join(dir, "later"), "Host later")
	write(t, filepath.Join(dir, "absolute"), "Host absolute\n")
	listing, diags := inventory.Load(t.Context(), inventory.Source{Kind: inventory.SSHConfig, Path: filepath.Join(dir, "config")}, nil)
	var told []string
	for _, h := range listing.Hosts {
		if want := (schema.Connection{SSHAlias: h.Name}); h.Connection != want {
			t.Errorf("%s: got %+v, want %+v", h.Name, h.Connection, want)
		}
	}
	for _, d := range diags {
		told = append(told, string(d.Severity)+": "+d.Summary)
	}
	if diff := cmp.Diff([]string{
		"warning: Include inside a block", "warning: Include inside a block", "error: Invalid host name in an inventory", "warning: Include inside a block",
	}, told); diff != "" {
		t.Errorf("with a blank in a name (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(filepath.Join(dir, "config"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "config"), strings.Replace(string(text), ` back\ slash`, "", 1))
	listing, _ = inventory.Load(t.Context(), inventory.Source{Kind: inventory.SSHConfig, Path: filepath.Join(dir, "config")}, nil)
	var got []string
	for _, h := range listing.Hosts {
		got = append(got, h.Name)
	}
	want := []string{"absolute", "blank", "db", "equals", "included", "late", "later", "quoted", "single", "web"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestIncludeCircle(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "config"), "Include config\nHost a\n")
	_, diags := inventory.Load(t.Context(), inventory.Source{Kind: inventory.SSHConfig, Path: filepath.Join(dir, "config")}, nil)
	if len(diags) != 1 || diags[0].Summary != "Include too deep" {
		t.Errorf("got %v, want the circle told once", diags)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(dir, "nothing.csv"): "Inventory not found",
		dir:                               "Not a file",
	} {
		_, diags := inventory.Load(t.Context(), inventory.Source{Kind: inventory.CSV, Path: path, Filename: "x.csv"}, nil)
		if len(diags) != 1 || diags[0].Summary != want {
			t.Errorf("%s: got %v, want %s", path, diags, want)
		}
	}
}
