package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// golden are whole systems as distributions ship them.
const golden = "../../plan/internal/sshconf/testdata/golden"

type inspectedDocument struct {
	Valid    bool
	Keywords map[string]struct{ Value string }
}

func inspectJSON(t *testing.T, args ...string) inspectedDocument {
	t.Helper()
	out, err := os.CreateTemp(t.TempDir(), "out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p := thisProcess()
	p.args, p.stdout = append([]string{"inspect", "-json", "-all"}, args...), &outlet{file: out}
	code := p.run()
	text, err := os.ReadFile(out.Name())
	if err != nil {
		t.Fatal(err)
	}
	var d inspectedDocument
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatalf("sshform inspect %q: exit %d, %v in %q", args, code, err, text)
	}
	if d.Valid != (code == 0) {
		t.Errorf("sshform inspect %q: got exit %d with valid %v", args, code, d.Valid)
	}
	return d
}

// dump is what sshd -T or ssh -G prints, by keyword.
func dump(t *testing.T, program string, args ...string) (values map[string][]string, ok bool) {
	t.Helper()
	out, err := exec.Command(program, args...).Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatal(err)
	}
	values = map[string][]string{}
	for line := range strings.Lines(string(out)) {
		keyword, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		keyword = strings.ToLower(keyword)
		values[keyword] = append(values[keyword], value)
	}
	return values, err == nil
}

// copied is a system whose Include lines name files of the copy, since the
// real programs know no -root.
func copied(t *testing.T, system string) string {
	t.Helper()
	to := t.TempDir()
	err := filepath.WalkDir(system, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(system, name)
		if err != nil {
			return err
		}
		lines := strings.Split(string(text), "\n")
		for i, line := range lines {
			if words := strings.Fields(line); len(words) > 1 && strings.EqualFold(words[0], "Include") {
				lines[i] = strings.ReplaceAll(line, "/etc/", to+"/etc/")
			}
		}
		path := filepath.Join(to, rest)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		return os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
	return to
}

// TestInspectEqualsOpenSSH compares with what the programs installed here say
// of the same files.
func TestInspectEqualsOpenSSH(t *testing.T) {
	sshd, ssh := testenv.Program(t, "sshd"), testenv.Program(t, "ssh")
	if os.Geteuid() == 0 {
		testenv.Need(t, os.MkdirAll("/run/sshd", 0o755) == nil, "/run/sshd cannot be made")
	}
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command(testenv.Program(t, "ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("ssh-keygen: %v\n%s", err, out)
	}
	systems, err := filepath.Glob(golden + "/*")
	if err != nil || len(systems) == 0 {
		t.Fatalf("got %d systems, %v", len(systems), err)
	}
	valid := 0
	for _, system := range systems {
		copy := copied(t, system)
		if file := filepath.Join(copy, "etc/ssh/sshd_config"); !missing(file) {
			t.Run(filepath.Base(system)+"/sshd", func(t *testing.T) {
				login := []string{"-user=admin", "-host=client.example.net", "-address=203.0.113.9", "-localaddress=10.0.0.5", "-localport=22"}
				got := inspectJSON(t, append(login, "-root="+system, "/etc/ssh/sshd_config")...)
				want, accepted := dump(t, sshd, "-T", "-f", file, "-h", key, "-C", "user=admin,host=client.example.net,addr=203.0.113.9,laddr=10.0.0.5,lport=22")
				compareDumps(t, schema.Server, got, want, accepted)
				if accepted {
					valid++
				}
			})
		}
		if file := filepath.Join(copy, "etc/ssh/ssh_config"); !missing(file) {
			t.Run(filepath.Base(system)+"/ssh", func(t *testing.T) {
				got := inspectJSON(t, "-root="+system, "-host=db.example.net", "/etc/ssh/ssh_config")
				want, accepted := dump(t, ssh, "-G", "-F", file, "db.example.net")
				compareDumps(t, schema.Client, got, want, accepted)
				if accepted {
					valid++
				}
			})
		}
	}
	if valid < 3 {
		t.Errorf("got %d systems that the programs here accept, want 3 at least", valid)
	}
}

func compareDumps(t *testing.T, side schema.Side, got inspectedDocument, want map[string][]string, accepted bool) {
	t.Helper()
	if got.Valid != accepted {
		t.Fatalf("got valid %v, want %v", got.Valid, accepted)
	}
	if !accepted {
		return
	}
	for _, d := range schema.Definitions(side) {
		if _, listed := got.Keywords[d.Keyword.Lower()]; !listed && len(want[d.Keyword.Lower()]) > 0 {
			t.Errorf("%s is missing", d.Keyword)
		}
	}
	for keyword, k := range got.Keywords {
		// What depends on the user and machine that ask.
		if slices.Contains([]string{"user", "host", "identityfile", "hostkey"}, keyword) {
			continue
		}
		if text := strings.Join(want[keyword], "\n"); k.Value != text {
			t.Errorf("%s: got %q, want %q", keyword, k.Value, text)
		}
	}
}
