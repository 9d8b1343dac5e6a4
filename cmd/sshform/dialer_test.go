package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/sshform/sshform/apply/remote"
	"github.com/sshform/sshform/schema/testenv"
)

// TestKnownHostsOfSomebodyElse: an unsigned plan cannot name them.
func TestKnownHostsOfSomebodyElse(t *testing.T) {
	testenv.Root(t)
	home := t.TempDir()
	write := func(name string, owner int) string {
		file := filepath.Join(home, name)
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(file, owner, owner); err != nil {
			t.Fatal(err)
		}
		return file
	}
	const nobody = 65534
	t.Chdir(t.TempDir())
	if err := os.WriteFile("checkedout", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown("checkedout", nobody, nobody); err != nil {
		t.Fatal(err)
	}
	ours, theirs := write("ours", os.Geteuid()), write("theirs", nobody)
	d := &dialer{remote: &remote.Dialer{Home: home}}
	for files, good := range map[string]bool{
		"": true, ours: true, "~/ours": true, filepath.Join(home, "missing"): true,
		"checkedout": true, theirs: false, "~/theirs": false, ours + string(filepath.ListSeparator) + theirs: false,
	} {
		if err := d.trusted(files); (err == nil) != good {
			t.Errorf("%q: got %v, want accepted: %t", files, err, good)
		}
	}
}
