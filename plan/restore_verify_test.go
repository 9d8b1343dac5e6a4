package plan_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// TestVerifyOfRestores: what a restore may do, no other plan may, and a
// restore may do no more.
func TestVerifyOfRestores(t *testing.T) {
	const address = "server.web"
	for _, c := range []struct {
		name            string
		edit            plan.Edit
		normal, restore bool // accepted
	}{
		{"the first line of a block", plan.Edit{Op: plan.Delete, Line: 3, Old: "Match User x\n", Address: address}, false, true},
		{"a line end", plan.Edit{Op: plan.Replace, Line: 3, Old: "UsePAM yes\n", New: "UsePAM yes", Address: address}, false, true},
		{"a managed line", plan.Edit{Op: plan.Delete, Line: 3, Old: "ClientAliveInterval 3\n", Address: address}, true, true},
		{"another keyword", plan.Edit{Op: plan.Delete, Line: 3, Old: "PermitRootLogin no\n", Address: address}, false, false},
		{"another argument", plan.Edit{Op: plan.Replace, Line: 3, Old: "UsePAM yes\n", New: "UsePAM no\n", Address: address}, false, false},
		{"a block for another one", plan.Edit{Op: plan.Replace, Line: 3, Old: "Match User x\n", New: "ClientAliveInterval 3\n", Address: address}, false, false},
		{"no address", plan.Edit{Op: plan.Delete, Line: 3, Old: "Match User x\n"}, false, false},
	} {
		for mode, want := range map[plan.Mode]bool{plan.Normal: c.normal, plan.Restore: c.restore} {
			p := samplePlan()
			p.Mode = mode
			decide(&p.Hosts[0], func(d *plan.Decision) { d.Files[0].Edits = []plan.Edit{c.edit} })
			if err := plan.Verify(p); (err == nil) != want {
				t.Errorf("%s, mode %s: got error %v, want accepted %v", c.name, mode, err, want)
			}
		}
	}
}

// TestVerifyTextSeesWhoMovesForeignLines: single edits that are allowed can do
// together what is not.
func TestVerifyTextSeesWhoMovesForeignLines(t *testing.T) {
	for _, c := range []struct {
		name, before, after string
		good                bool
	}{
		{"a setting", "X11Forwarding no\n", "ClientAliveInterval 3\nX11Forwarding no\n", true},
		{"a block of our own", "X11Forwarding no\n", "X11Forwarding no\nMatch User x\nClientAliveInterval 3\n", true},
		{"for everybody, by another word", "Match User x\nPermitTTY no\n", "Match all\nMatch User x\nPermitTTY no\n", true},
		{"a block above", "PermitRootLogin no\n", "Match User x\nPermitRootLogin no\n", false},
		{"a block taken away", "Match User x\nPermitRootLogin yes\n", "PermitRootLogin yes\n", false},
		{"a line gone", "PermitRootLogin no\n", "", false},
		{"another user", "Match User x\nPermitTTY no\n", "Match User X\nPermitTTY no\n", false},
	} {
		err := plan.VerifyText(schema.Server, []byte(c.before), []byte(c.after))
		if (err == nil) != c.good {
			t.Errorf("%s: got error %v, want accepted %v", c.name, err, c.good)
		}
	}
}

// TestRestoreNamesWhatItLeaves: a changed line of a run is left and named with
// file and line; a block that others use by now stays.
func TestRestoreNamesWhatItLeaves(t *testing.T) {
	p := &past{world: &world{files: map[string]map[string][]byte{pastHost: {
		plan.ServerConfig: []byte("#ClientAliveInterval 0\nUsePAM yes"),
	}}}}
	target := func(name, match string, settings ...schema.Setting) schema.Target {
		return schema.Target{
			Address: schema.Address{Block: "server", Name: name}, Host: schema.Host{Name: pastHost}, Reload: "none",
			Scope: schema.Scope{Match: match}, Settings: settings,
		}
	}
	p.cfg = &schema.Config{Targets: []schema.Target{
		target("all", "", schema.Setting{Keyword: "ClientAliveInterval", Argument: "30"}, schema.Setting{Keyword: "LoginGraceTime", Argument: "60"}),
		target("some", "User x", schema.Setting{Keyword: "ClientAliveInterval", Argument: "5"}),
	}}
	made, diags := p.build()
	if diags.HasErrors() { // 9.2's doubled clock is a warning
		t.Fatal(diags)
	}
	f := made.Hosts[0].Files()[0]
	done := plan.Done{Run: "run1", Files: []plan.FileEdit{f}, Old: map[string][]byte{f.RealPath: p.files[pastHost][f.Path]}}
	p.carryOut(t, made)
	text := string(p.files[pastHost][f.Path])
	text = strings.Replace(text, "ClientAliveInterval 30", "ClientAliveInterval 31", 1) + "PermitTTY no\n"
	p.files[pastHost][f.Path] = []byte(text)

	o := p.observe(p.cfg.Targets)
	back, diags := plan.BuildRestore(p.cfg, func(yield func(*plan.Observed) bool) { yield(o) },
		map[string][]plan.Done{pastHost: {done}}, plan.BuildOptions{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var got bytes.Buffer
	for _, d := range diags {
		got.WriteString(d.Summary + ": " + d.Detail + "\n")
	}
	want := `Line was changed since: /etc/ssh/sshd_config:2: "ClientAliveInterval 31": it was "ClientAliveInterval 30" after the run. Somebody changed this after run run1, so sshform leaves it as it is.
Line was changed since: /etc/ssh/sshd_config:6: "Match User x": the block has other lines by now. Somebody changed this after run run1, so sshform leaves it as it is.
`
	if got.String() != want {
		t.Errorf("got diagnostics\n%s\nwant\n%s\ntext:\n%s", got.String(), want, text)
	}
	p.carryOut(t, back)
	left := "#ClientAliveInterval 0\nClientAliveInterval 31\nUsePAM yes\nMatch User x\nPermitTTY no\n"
	if got := string(p.files[pastHost][f.Path]); got != left {
		t.Errorf("got\n%s\nwant\n%s", got, left)
	}
}

// TestVerifyOfClientBlocks: ssh runs what stands behind Match exec.
func TestVerifyOfClientBlocks(t *testing.T) {
	for line, want := range map[string]bool{
		"Host *.example.net !old\n":                    true,
		"Match all\n":                                  true,
		"Host \"a b\" [2001:db8::1]:22 # it's $(me)\n": true,
		"Match exec \"id\"\n":                          false,
		"Match host a EXEC=id\n":                       false,
		"match\t!exec true\n":                          false,
		"Match host `id`\n":                            false,
		"Host a;id\n":                                  false,
	} {
		for _, mode := range []plan.Mode{plan.Normal, plan.Restore} {
			p := samplePlan()
			p.Mode = mode
			decide(&p.Hosts[0], func(d *plan.Decision) {
				d.Files[0].Role = plan.ClientFile
				d.Changes[0].Address = schema.Address{Block: "client", Name: "home"}
				d.Files[0].Edits = []plan.Edit{{Op: plan.Insert, Line: 1, New: line, Address: "client.home"}}
			})
			if err := plan.Verify(p); (err == nil) != want {
				t.Errorf("%q, mode %s: got error %v, want accepted %v", line, mode, err, want)
			}
		}
	}
}
