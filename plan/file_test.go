package plan_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// samplePlan is a plan with something in every member.
func samplePlan() *plan.Plan {
	before, after := []byte("#ClientAliveInterval 0\n"), []byte("ClientAliveInterval 30\n")
	p := &plan.Plan{
		Tool:      plan.Tool{Name: "sshform", Version: "1.0.0", Commit: "abc"},
		CreatedAt: time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC), ValidUntil: time.Date(2026, 11, 23, 18, 0, 0, 0, time.UTC),
		Mode:      plan.Normal,
		Config:    plan.ConfigDigest{Digest: "aa", Files: []plan.FileDigest{{Path: "main.sshform.hcl", SHA256: "bb"}}, Commit: plan.Commit{ID: strings.Repeat("c", 40), ToldBy: "git", State: plan.Dirty}},
		Inventory: plan.Inventory{Digest: "dd", Hosts: 1, Sources: []schema.InventorySource{{Type: "csv", Name: "a.csv", SHA256: "ee", Hosts: 1, FetchedAt: time.Date(2026, 11, 22, 17, 59, 0, 0, time.UTC)}}},
		Variables: []schema.Variable{{Name: "n", JSON: []byte("30")}, {Name: "s", Sensitive: true}},
		Options:   plan.Options{Targets: []string{"server.home"}, AllowUnreachable: "5%"},
		Rollout: plan.Rollout{OnFailure: "stop", SpreadBy: "rack", Waves: []plan.Wave{
			{Name: "canary", Hosts: 1, Parallelism: 5, MaxFailures: 1, Soak: 90 * time.Second, Window: "Mon-Fri 09:00-17:00 UTC", OnFailure: "stop"},
		}},
		Hosts: []plan.HostPlan{plan.HostPlan{Host: "db", Wave: "canary", Turn: 3}.Via(plan.Connection{
			Type: schema.OverSSH, Address: "192.0.2.1", Port: 22, User: "ops", Become: "sudo",
			Jump: []plan.Hop{{User: "j", Address: "192.0.2.9", Port: 2222}}, HostKey: "SHA256:x", HostKeyAlias: "db-key", ConnectTimeout: 1500 * time.Millisecond,
		}).With(plan.Decision{
			Run: plan.Run{ConfirmTimeout: time.Minute, Rehearsal: true, Backups: 5, Reload: "auto"},
			Files: []plan.FileEdit{{
				Path: "/etc/ssh/sshd_config", RealPath: "/etc/ssh/sshd_config", Role: plan.MainFile,
				Before: plan.Sum(before), BeforeSize: int64(len(before)), Mode: 0o644, After: plan.Sum(after),
				Edits: []plan.Edit{{Op: plan.Replace, Line: 1, Old: string(before), New: string(after), Address: `server.home["db"]`}},
			}},
			DependsOn: []plan.Dependency{{Path: "/etc/ssh/sshd_config.d", Before: plan.SumNames([]string{"b", "a"}), Folder: true}},
			Facts: plan.Facts{OpenSSH: "9.2p1", OS: "Debian", Listener: plan.Listener{
				Path: "/usr/sbin/sshd", Args: []string{"-D"}, ConfigFile: "/etc/ssh/sshd_config", Reload: plan.SystemdUnit, Unit: "ssh", Fresh: plan.Fresh,
			}},
			Changes: []plan.Change{{
				Address: schema.Address{Block: "server", Name: "home", Key: "db", HasKey: true}, Host: "db", Action: plan.Update, File: "/etc/ssh/sshd_config",
				Settings: []plan.Difference{{
					Keyword: "ClientAliveInterval", Before: "0", BeforeDefault: true, After: "30",
					AfterSource: plan.Source{File: "/etc/ssh/sshd_config", Line: 1}, Reason: "line 1",
				}},
				Beside: []plan.Difference{{Keyword: "ClientAliveCountMax", Before: "7"}, {Keyword: "TCPKeepAlive", Before: "no", After: "no"}},
				Notes:  []string{"note"},
				Expect: []plan.Expectation{{Values: map[schema.Keyword]schema.Argument{"ClientAliveInterval": "30"}}, {Login: plan.Login{User: "u", LPort: 22}, Values: map[schema.Keyword]schema.Argument{"ChannelTimeout": "none"}}},
			}},
		})},
		Unreachable: []plan.Unreachable{{Host: "web", Addresses: []schema.Address{{Block: "server", Name: "home", Key: "web", HasKey: true}}, Step: "connect", Err: "refused"}},
	}
	p.Contents = plan.Contents{plan.Sum(before): before}
	told(p)
	return p
}

// whole makes cmp compare what hosts keep to themselves, too.
var whole = cmp.Exporter(func(reflect.Type) bool { return true })

// decide changes what happens on a host.
func decide(h *plan.HostPlan, change func(*plan.Decision)) {
	d := h.Decision()
	change(&d)
	*h = h.With(d)
}

// rename gives the sample's host another name.
func rename(h *plan.HostPlan, name string) {
	h.Host = name
	decide(h, func(d *plan.Decision) {
		d.Changes[0].Address.Key = name
		d.Files[0].Edits[0].Address = d.Changes[0].Address.String()
	})
}

func TestAPlanFileReadsBackWhole(t *testing.T) {
	for _, compress := range []bool{false, true} {
		want := samplePlan()
		var file bytes.Buffer
		id, err := plan.Write(&file, want, compress)
		if err != nil {
			t.Fatal(err)
		}
		got, err := plan.Read(&file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, whole); diff != "" {
			t.Errorf("read back (-want +got):\n%s", diff)
		}
		if got.ID() != id {
			t.Errorf("ID() = %s, want %s", got.ID(), id)
		}
	}
}

func TestTheIDLeavesOutTimesAndCommit(t *testing.T) {
	a, b := samplePlan(), samplePlan()
	b.CreatedAt, b.ValidUntil, b.Tool.Commit = time.Time{}, time.Time{}, "other"
	b.Config.Commit, b.Inventory.Sources[0].FetchedAt = plan.Commit{}, time.Time{}
	if a.ID() != b.ID() {
		t.Error("times or a commit changed the ID")
	}
	b.Variables[0].JSON = []byte("31")
	if a.ID() == b.ID() {
		t.Error("a variable's value did not change the ID")
	}
}

func TestADamagedPlanFileIsRefused(t *testing.T) {
	var file bytes.Buffer
	if _, err := plan.Write(&file, samplePlan(), false); err != nil {
		t.Fatal(err)
	}
	whole := file.String()
	lines := strings.SplitAfter(strings.TrimSuffix(whole, "\n"), "\n")
	for name, content := range map[string]string{
		"empty":          "",
		"not a plan":     "hello\n",
		"cut":            whole[:len(whole)/2],
		"no trailer":     strings.Join(lines[:len(lines)-1], ""),
		"behind the end": whole + "\n",
		"other version":  strings.Replace(whole, `"format_version":"1.0"`, `"format_version":"2.0"`, 1),
		"unknown member": strings.Replace(whole, `"mode":"normal"`, `"mode":"normal","reload_command":"rm -rf /"`, 1),
		"edited":         strings.Replace(whole, "ClientAliveInterval 30", "ClientAliveInterval 31", 1),
		"half a gzip":    "\x1f\x8b\x08",
		"another shard":  strings.Replace(whole, plan.ShardKey("db"), plan.ShardKey("web"), 1),
	} {
		var fileError *plan.FileError
		if _, err := plan.Read(strings.NewReader(content)); !errors.As(err, &fileError) {
			t.Errorf("%s: got %v, want a *FileError", name, err)
		}
	}
}

// TestAForgedPlanReachesNothingElse writes plans that are whole, as a forger
// can, and do more than sshform may do.
func TestAForgedPlanReachesNothingElse(t *testing.T) {
	edit := func(change func(*plan.Edit)) func(*plan.Plan) {
		return func(p *plan.Plan) {
			decide(&p.Hosts[0], func(d *plan.Decision) { change(&d.Files[0].Edits[0]) })
		}
	}
	file := func(change func(*plan.FileEdit)) func(*plan.Plan) {
		return func(p *plan.Plan) {
			decide(&p.Hosts[0], func(d *plan.Decision) { change(&d.Files[0]) })
		}
	}
	for name, forge := range map[string]func(*plan.Plan){
		"another keyword":   edit(func(e *plan.Edit) { e.New = "PermitRootLogin yes\n" }),
		"a removed keyword": edit(func(e *plan.Edit) { e.Op, e.Old, e.New = plan.Delete, "PermitRootLogin no\n", "" }),
		"two lines":         edit(func(e *plan.Edit) { e.New = "ClientAliveInterval 30\nPermitRootLogin yes\n" }),
		"a lone CR":         edit(func(e *plan.Edit) { e.New = "ClientAliveInterval 30\rx\n" }),
		"a NUL":             edit(func(e *plan.Edit) { e.New = "# \x00\n" }),
		"a quoted keyword":  edit(func(e *plan.Edit) { e.New = "\"PermitRootLogin\" yes\n" }),
		"a leading =":       edit(func(e *plan.Edit) { e.New = "=PermitRootLogin yes\n" }),
		"a form feed":       edit(func(e *plan.Edit) { e.New = "ClientAliveInterval\fx 30\n" }),
		"a removed Match":   edit(func(e *plan.Edit) { e.Op, e.Old, e.New = plan.Delete, "Match User a\n", "" }),
		"a Match made 30":   edit(func(e *plan.Edit) { e.Old = "Match User a\n" }),
		"a block that runs": edit(func(e *plan.Edit) { e.Op, e.Old, e.New = plan.Insert, "", "Match User $(id)\n" }),
		"a command in it":   edit(func(e *plan.Edit) { e.New = "ClientAliveInterval 30; id\n" }),
		"a substitution":    edit(func(e *plan.Edit) { e.New = "ClientAliveInterval $(id)\n" }),
		"one behind a #":    edit(func(e *plan.Edit) { e.New = "ClientAliveInterval 30#`id`\n" }),
		"another Match":     edit(func(e *plan.Edit) { e.Old, e.New = "Match User a\n", "Match User b\n" }),
		"an Include":        edit(func(e *plan.Edit) { e.New = "Include /tmp/x\n" }),
		"a snake keyword":   edit(func(e *plan.Edit) { e.New = "client_alive_interval 30\n" }),
		"a relative path":   file(func(f *plan.FileEdit) { f.RealPath = "etc/passwd" }),
		"a path with dots":  file(func(f *plan.FileEdit) { f.RealPath = "/etc/ssh/../passwd" }),
		"an unknown reload": func(p *plan.Plan) {
			decide(&p.Hosts[0], func(d *plan.Decision) { d.Facts.Listener.Reload = "sh -c evil" })
		},
		"a host twice":    func(p *plan.Plan) { p.Hosts = append(p.Hosts, p.Hosts[0]) },
		"a client's file": file(func(f *plan.FileEdit) { f.Role = plan.ClientFile }),
		"a setuid file":   file(func(f *plan.FileEdit) { f.Mode = 0o4755 }),
	} {
		p := samplePlan()
		forge(p)
		var file bytes.Buffer
		if _, err := plan.Write(&file, p, false); err != nil {
			t.Fatal(err)
		}
		var fileError *plan.FileError
		if _, err := plan.Read(&file); !errors.As(err, &fileError) {
			t.Errorf("%s: got %v, want a *FileError", name, err)
		}
	}
}

func TestReplay(t *testing.T) {
	edits := []plan.Edit{
		{Op: plan.Insert, Line: 1, New: "first\n"},
		{Op: plan.Replace, Line: 2, Old: "b\n", New: "B\n"},
		{Op: plan.Delete, Line: 3, Old: "c"},
		{Op: plan.Insert, Line: 4, New: "last\n"},
	}
	got, err := plan.Replay([]byte("a\nb\nc"), edits)
	if want := "first\na\nB\nlast\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	got, err = plan.Replay([]byte("a"), []plan.Edit{{Op: plan.Insert, Line: 2, New: "b\n"}})
	if want := "a\nb\n"; err != nil || string(got) != want {
		t.Errorf("behind a last line without a newline: got %q, %v, want %q", got, err, want)
	}
	for _, before := range []string{"a\nx\nc", "a\n", "", "a\nb\n\nc"} {
		if got, err := plan.Replay([]byte(before), edits); err == nil {
			t.Errorf("on %q: got %q, want an error", before, got)
		}
	}
}
