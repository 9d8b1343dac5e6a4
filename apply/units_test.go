package apply

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

func TestOptionsFromTitle(t *testing.T) {
	for _, test := range []struct {
		title []string
		want  []string
		fails bool
	}{
		{title: []string{"sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"}},
		{title: []string{"sshd: /usr/sbin/sshd -D -f /etc/x -oPort=1 [listener] 0 of 10-100 startups"}, want: []string{"-f", "/etc/x", "-o", "Port=1"}},
		{title: []string{"/usr/sbin/sshd", "-Df", "/with blank", "-4"}, want: []string{"-f", "/with blank", "-4"}},
		{title: []string{"sshd: /usr/sbin/sshd -o Match User [listener] 0 of 10-100 startups"}, fails: true},
		{title: []string{"sshd: /usr/sbin/sshd -D -o Ciphers=" + strings.Repeat("x", 900)}, fails: true},
		{title: []string{"/usr/sbin/sshd", "-f"}, fails: true},
	} {
		words, err := described{title: test.title}.words()
		var got []string
		if err == nil {
			got, err = keepOptions(words)
		}
		if (err != nil) != test.fails {
			t.Errorf("%q: got error %v, want one: %t", test.title, err, test.fails)
		}
		if diff := cmp.Diff(test.want, got); err == nil && diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.title, diff)
		}
	}
}

func TestRule02AnUpgradedProgramIsTold(t *testing.T) {
	m, err := readMachine([]byte("uid 0\nuser root\nhome /root\nkernel Linux 6\nlistener 7\nexe /usr/sbin/sshd (deleted)\ntitle sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups\nconfig /etc/ssh/sshd_config\n"))
	if err != nil || len(m.listeners) != 1 || !m.listeners[0].deleted || m.listeners[0].Path != "/usr/sbin/sshd" {
		t.Errorf("got %+v, %v; want one listener whose program is gone", m.listeners, err)
	}
}

func TestWays(t *testing.T) {
	for _, test := range []struct {
		name  string
		place platform
		at    described
		want  plan.Way
		unit  string
	}{
		{"launchd", platform{manager: "launchd"}, described{pid: perLogin}, plan.LaunchdWay, ""},
		{"inetd", platform{manager: "systemd"}, described{pid: perLogin}, plan.PerLogin, ""},
		{"unit", platform{manager: "systemd"}, described{pid: "7", unit: "ssh.service"}, plan.SystemdUnit, "ssh.service"},
		{"socket", platform{manager: "systemd"}, described{pid: "7", unit: "ssh.service", sockets: "ssh.socket"}, plan.SocketUnit, "ssh.service"},
		{"private beside systemd", platform{manager: "systemd", init: "systemd"}, described{pid: "7"}, plan.PlainSIGHUP, ""},
		{"runit", platform{init: "runit"}, described{pid: "7", runsv: "/etc/sv/ssh"}, plan.Runit, "/etc/sv/ssh"},
		{"openrc", platform{manager: "openrc", init: "init", scripts: []string{"sshd"}, hasPidFile: true}, described{pid: "7"}, plan.OpenRC, "sshd"},
		{"sysvinit", platform{init: "init", scripts: []string{"ssh"}, hasPidFile: true}, described{pid: "7"}, plan.SysVInit, "ssh"},
		{"private beside sysvinit", platform{init: "init", scripts: []string{"ssh"}}, described{pid: "7"}, plan.PlainSIGHUP, ""},
		{"bsd", platform{rcScripts: []string{"sshd"}, hasPidFile: true}, described{pid: "7"}, plan.BSDRC, "sshd"},
		{"process 1", platform{init: "sshd", hasPidFile: true}, described{pid: "1"}, plan.PlainSIGHUP, ""},
	} {
		if way, unit := test.place.way(test.at); way != test.want || unit != test.unit {
			t.Errorf("%s: got %s %q, want %s %q", test.name, way, unit, test.want, test.unit)
		}
	}
}

func TestFreshness(t *testing.T) {
	const s = 1_000_000_000
	for _, test := range []struct {
		name  string
		times times
		want  plan.Freshness
		file  string
	}{
		{"no evidence", times{changed: map[string]int64{"/a": 5 * s}}, plan.Unknown, ""},
		{"read since", times{load: 6 * s, changed: map[string]int64{"/a": 5 * s}}, plan.Fresh, ""},
		{"changed since", times{load: 4 * s, changed: map[string]int64{"/a": 5 * s, "/b": 3 * s}}, plan.Stale, "/a"},
		{"our own tidying", times{load: 4 * s, changed: map[string]int64{"/a": 5 * s}, settled: map[string]int64{"/a": 5 * s}}, plan.Fresh, ""},
		{"one second, not divided", times{load: 5 * s, changed: map[string]int64{"/a": 5 * s}, coarse: true}, plan.Unknown, ""},
		{"a file that tells no time", times{load: 5 * s, changed: map[string]int64{"/a": 0}}, plan.Unknown, ""},
		{"started after the change, no pid file", times{active: 9 * s, changed: map[string]int64{"/a": 5 * s}}, plan.Fresh, ""},
		{"active before the change proves nothing", times{active: 3 * s, changed: map[string]int64{"/a": 5 * s}}, plan.Unknown, ""},
	} {
		if got, file := test.times.judge(); got != test.want || file != test.file {
			t.Errorf("%s: got %q %s, want %q %s", test.name, got, file, test.want, test.file)
		}
	}
}

func TestRunIDsSortByTime(t *testing.T) {
	at := time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)
	last := ""
	for range 2000 {
		id := NewRunID(at)
		if id <= last || plainRun(id) != nil {
			t.Fatalf("got %q after %q, want it to sort behind", id, last)
		}
		last, at = id, at.Add(1009*time.Microsecond)
	}
}

func TestRule17Order(t *testing.T) {
	files := []fileChange{
		{FileEdit: plan.FileEdit{Path: "main", Role: plan.MainFile, Before: "x", After: "y"}},
		{FileEdit: plan.FileEdit{Path: "gone", Role: plan.DropIn, Before: "x"}},
		{FileEdit: plan.FileEdit{Path: "edited", Role: plan.DropIn, Before: "x", After: "y"}},
		{FileEdit: plan.FileEdit{Path: "new", Role: plan.DropIn, After: "y"}},
	}
	swapOrder(files)
	var got []string
	for _, f := range files {
		got = append(got, f.Path)
	}
	if diff := cmp.Diff([]string{"new", "edited", "main", "gone"}, got); diff != "" {
		t.Errorf("the order (-want +got):\n%s", diff)
	}
}

func TestRule22TheControllerIsFirst(t *testing.T) {
	for timeout, want := range map[time.Duration]time.Duration{
		60 * time.Second: 45 * time.Second,
		20 * time.Second: 5 * time.Second,
		8 * time.Second:  2 * time.Second,
	} {
		host := plan.HostPlan{}.With(plan.Decision{Run: plan.Run{ConfirmTimeout: timeout}})
		tr := transaction{plan: &host}
		if got := tr.confirmBudget(); got != want {
			t.Errorf("of %s: got %s, want %s", timeout, got, want)
		}
	}
}

func TestManifestRefusesLineBreaks(t *testing.T) {
	for _, hostile := range []string{"/etc/ssh/a\nb", "/etc/ssh/a\x00b"} {
		if _, err := (manifest{files: []fileChange{{FileEdit: plan.FileEdit{RealPath: hostile}}}}).text(); err == nil {
			t.Errorf("%q: got no error, want one", hostile)
		}
	}
}

func TestWindows(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	thursday := time.Date(2026, 11, 19, 0, 0, 0, 0, berlin)
	for _, test := range []struct {
		window string
		at     time.Time
		closed bool
		opens  time.Time
	}{
		{"", thursday, false, time.Time{}},
		{"Mon-Thu 09:00-16:00 Europe/Berlin", thursday.Add(9 * time.Hour), false, time.Time{}},
		{"Mon-Thu 09:00-16:00 Europe/Berlin", thursday.Add(8 * time.Hour), true, thursday.Add(9 * time.Hour)},
		{"Mon-Thu 09:00-16:00 Europe/Berlin", thursday.Add(16 * time.Hour), true, thursday.Add((4*24 + 9) * time.Hour)},
		{"Thu 22:00-04:00 Europe/Berlin", thursday.Add(27 * time.Hour), false, time.Time{}},
		{"Thu 22:00-04:00 Europe/Berlin", thursday.Add(3 * time.Hour), true, thursday.Add(22 * time.Hour)},
		{"nonsense", thursday, true, time.Time{}},
	} {
		opens, closed := windowClosed(test.window, test.at)
		if closed != test.closed || !opens.Equal(test.opens) {
			t.Errorf("%q at %s: got %s, closed %t; want %s, closed %t", test.window, test.at, opens, closed, test.opens, test.closed)
		}
	}
}

func TestIDsOfRunsSortByTime(t *testing.T) {
	at := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	last := ""
	for _, later := range []time.Duration{0, time.Microsecond, 40 * time.Microsecond, time.Millisecond, 999_999 * time.Microsecond, time.Second} {
		id := NewRunID(at.Add(later))
		if id <= last || plainRun(id) != nil {
			t.Errorf("after %s: got %q behind %q", later, id, last)
		}
		last = id
	}
}

func TestAnEditedJournalIsNoticed(t *testing.T) {
	folder := t.TempDir()
	opts := RunOptions{Now: time.Now, Who: "me"}
	j, err := startJournal(folder, &Report{RunID: "r1", PlanID: "p"}, opts)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		j.begin("a", "w"), j.begin("b", "w"), j.host(&HostReport{Host: "a", Outcome: Changed}, &plan.HostPlan{}), j.end(&Report{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	j.close()
	h, err := ReadHistory(folder, "r1")
	if err != nil || h.Who != "me" || len(h.Hosts) != 1 || h.Ended.IsZero() {
		t.Errorf("got %+v, %v; want one host and an end", h, err)
	}
	if diff := cmp.Diff([]string{"b"}, h.Open); diff != "" {
		t.Errorf("open hosts (-want +got):\n%s", diff)
	}
	name := filepath.Join(folder, "runs", "r1.jsonl")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	// A crash may cut the last line short; that is no edit.
	if err := os.WriteFile(name, text[:len(text)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHistory(folder, "r1"); err != nil {
		t.Errorf("cut short: got %v, want no error", err)
	}
	edited := strings.Replace(string(text), `"changed"`, `"failed"`, 1)
	if err := os.WriteFile(name, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadHistory(folder, "r1"); err == nil {
		t.Error("edited: got no error, want one")
	}
	if _, err := ReadHistory(folder, "../r1"); err == nil {
		t.Error("a path: got no error, want one")
	}
}

// TestAForgedFileOfTheServerIsNoticed: sshd itself says which files it reads.
func TestAForgedFileOfTheServerIsNoticed(t *testing.T) {
	const said = "debug2: load_server_config: filename /etc/ssh/sshd_config\ndebug2: load_server_config: filename /run/x/tree/etc/ssh/sshd_config.d/20-ours.conf\n"
	for path, good := range map[string]bool{
		"/etc/ssh/sshd_config":                true,
		"/etc/ssh/sshd_config.d/20-ours.conf": true,
		"/root/.profile":                      false,
	} {
		x := transaction{folder: "/run/x", files: []fileChange{{FileEdit: plan.FileEdit{Path: path, RealPath: path, Role: plan.MainFile, After: "aa"}}}}
		if err := x.readsAll(said); (err == nil) != good {
			t.Errorf("%s: got %v, want accepted: %t", path, err, good)
		}
		if err := x.readsAll("debug1: nothing of it\n"); err != nil {
			t.Errorf("%s: got %v from a release that does not tell", path, err)
		}
	}
}

// TestLastRecordedIsTheNewestWord: of each target, the newest run that got
// through says what was in force.
func TestLastRecordedIsTheNewestWord(t *testing.T) {
	folder := t.TempDir()
	host := func(interval schema.Argument) *plan.HostPlan {
		h := plan.HostPlan{Host: "web"}.With(plan.Decision{Changes: []plan.Change{{
			Address:  schema.Address{Block: "server", Name: "web"},
			Settings: []plan.Difference{{Keyword: "ClientAliveInterval", After: interval}},
		}}})
		return &h
	}
	for _, run := range []struct {
		id, interval string
		outcome      Outcome
	}{{"r1", "30", Changed}, {"r2", "40", AlreadyDone}, {"r3", "50", Restored}, {"r4", "60", Failed}} {
		j, err := startJournal(folder, &Report{RunID: run.id}, RunOptions{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		if err := j.host(&HostReport{Host: "web", Outcome: run.outcome}, host(schema.Argument(run.interval))); err != nil {
			t.Fatal(err)
		}
		j.close()
	}
	got, err := LastRecorded(folder, map[string]bool{"server.web": true, "server.other": true})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]Recorded{"server.web": {"r2", map[schema.Keyword]schema.Argument{"ClientAliveInterval": "40"}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("recorded (-want +got):\n%s", diff)
	}
	if got, err := LastRecorded(folder, nil); err != nil || len(got) != 0 {
		t.Errorf("got %v, %v, want nothing where nothing is wanted", got, err)
	}
}

// A host may say that a file has a negative size.
func TestReadAllTakesAnySize(t *testing.T) {
	for _, size := range []int64{-1 << 62, 0, 3, 8, maxFileSize} {
		if got, err := readAll(strings.NewReader("Port 22\n"), size); err != nil || string(got) != "Port 22\n" {
			t.Errorf("size %d: got %q, %v, want the file", size, got, err)
		}
	}
}

// A shell reads the same commands with and without comments.
func TestScriptsWithoutComments(t *testing.T) {
	bash := testenv.Program(t, "bash")
	commands := func(script string) string {
		cmd := exec.Command(bash, "--posix", "--pretty-print", "/dev/stdin")
		cmd.Stdin = strings.NewReader(script)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("bash: %v: %s", err, out)
		}
		return strings.TrimLeft(strings.ReplaceAll(string(out), "\n\n", "\n"), "\n")
	}
	for source, sent := range map[string]string{
		factsSource: factsScript, askSource: askScript, freshSource: freshScript,
		beginSource: beginScript, unlockSource: unlockScript, recordsSource: recordsScript,
	} {
		if strings.Contains(sent, "\n#") || len(sent) >= len(source) {
			t.Errorf("comments were left in:\n%s", sent)
		}
		if diff := cmp.Diff(commands(source), commands(sent)); diff != "" {
			t.Errorf("the shell reads something else (-whole +sent):\n%s", diff)
		}
	}
}
