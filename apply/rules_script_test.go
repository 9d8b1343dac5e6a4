package apply_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/sshform/sshform/schema/testenv"
)

// A bench is the folder of a run in which the script is called by hand, for
// trees that no plan makes and programs that this machine may not have.
type bench struct {
	t          *testing.T
	state, run string
}

// newBench lays down script and manifest. The programs in fakes, a script by
// name, are found before the system's.
func newBench(t *testing.T, manifest string, fakes map[string]string) *bench {
	t.Helper()
	b := &bench{t: t, state: t.TempDir()}
	b.run = filepath.Join(b.state, "runs", "r")
	must(t, os.MkdirAll(b.run, 0o700))
	text, err := os.ReadFile("scripts/transact.sh")
	must(t, err)
	script := string(text)
	if len(fakes) > 0 {
		script = strings.Replace(script, "\nPATH=", "\nPATH="+b.state+":", 1)
	}
	for name, body := range fakes {
		must(t, os.WriteFile(filepath.Join(b.state, name), []byte("#!/bin/sh\n"+body), 0o700))
	}
	manifest = "id r\nnonce n\nstate " + b.state + "\ntimeout 9\nbackups 3\n" + manifest
	for name, text := range map[string]string{"transact.sh": script, "manifest": manifest, "folders": "", "armed": "n\n"} {
		must(t, os.WriteFile(filepath.Join(b.run, name), []byte(text), 0o700))
	}
	return b
}

func (b *bench) call(verb string, words ...string) (string, error) {
	args := append([]string{filepath.Join(b.run, "transact.sh"), verb, b.run}, words...)
	out, err := exec.Command("/bin/sh", args...).CombinedOutput()
	return string(out), err
}

// Two files that fit together may not fit one by one: with one sshd a login,
// the tree in between is live for a moment.
func TestRule17EveryTreeInBetweenIsJudged(t *testing.T) {
	t.Parallel()
	testenv.Root(t)
	testenv.Program(t, "unshare")
	p := newPrivate(t)
	drop := filepath.Join(p.dir, "conf.d", "10-sub.conf")
	subsystem := "Subsystem one /bin/true\n"
	must(t, os.WriteFile(drop, []byte(subsystem), 0o644))
	stage := filepath.Join(p.dir, ".sshd_config.new")
	for _, test := range []struct {
		name, text string
		halfway    bool
	}{
		{"fits in between", p.read(), false},
		{"fits only at the end", subsystem + p.read(), true},
	} {
		must(t, os.WriteFile(stage, []byte(test.text), 0o644))
		file := func(kind, real, stage string) string {
			return fmt.Sprintf("file %s\nreal %s\nstage %s\nold %s.old\nsaved %s.saved\n", kind, real, stage, stage, stage)
		}
		b := newBench(t, "way sighup\nprogram "+testenv.Program(t, "sshd")+"\noption -f\noption "+p.config+"\n"+
			file("edit", p.config, stage)+file("remove", drop, filepath.Join(p.dir, ".gone")), nil)
		out, err := b.call("judge", "MARK", "")
		if halfway := err != nil && strings.Contains(out, "as they are in between"); halfway != test.halfway || !halfway && err != nil {
			t.Errorf("%s: got %v: %s; want it refused in between: %t", test.name, err, out, test.halfway)
		}
	}
}

// A restart and a restore right after it leave three seconds between two
// starts, or systemd gives the socket up; and a restore ends with the socket
// started anew (rules 19 and 23).
func TestRule19StartsAreSpaced(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	_, err := os.Stat("/proc/uptime")
	testenv.Need(t, err == nil, "there is no /proc/uptime")
	// MainPID moves with each start, as a restarted service's does.
	systemctl := `case $1 in
show) echo "$3=$(wc -l <` + log + `)" ;;
*) echo "$(cut -d. -f1 /proc/uptime) $*" >>` + log + ` ;;
esac
`
	must(t, os.WriteFile(log, []byte("0 boot\n"), 0o600))
	b := newBench(t, "way systemd-socket\nunit ssh.service\nsockets ssh.socket\nprogram /bin/true\n", map[string]string{"systemctl": systemctl})
	if out, err := b.call("reload"); err != nil {
		t.Fatalf("reload: %v: %s", err, out)
	}
	// Nobody listens, so that the restore goes on until its time is over.
	b.call("restore", "1")
	text, err := os.ReadFile(log)
	must(t, err)
	last := -10
	starts := 0
	var said []string
	for line := range strings.Lines(string(text)) {
		when, words, _ := strings.Cut(strings.TrimSpace(line), " ")
		said = append(said, words)
		if !strings.HasPrefix(words, "try-restart") && !strings.HasPrefix(words, "start ") {
			continue
		}
		at, err := strconv.Atoi(when)
		must(t, err)
		if at-last < 3 {
			t.Errorf("got a start %d s after another, want 3 at least:\n%s", at-last, text)
		}
		last = at
		starts++
	}
	want := "reset-failed ssh.socket, reset-failed ssh.service, start ssh.socket"
	if all := strings.Join(said, ", "); starts < 3 || !strings.Contains(all, want) {
		t.Errorf("got %s, want the socket set right: %s", all, want)
	}
}

// A command of the site that hangs does not keep the watchdog from its work.
func TestAHangingCommandIsLimited(t *testing.T) {
	b := newBench(t, "way systemd\nunit ssh.service\nprogram /bin/true\ncommand hang\n", map[string]string{
		"hang":      "exec sleep 1000\n",
		"sleep":     "[ $1 = 1000 ] && exec /bin/sleep 1000\nexit 0\n", // time flies
		"systemctl": "exit 0\n",
	})
	out, err := b.call("reload")
	if err == nil || !strings.Contains(out, "no sign") {
		t.Errorf("got %v: %s; want it to come back without a sign", err, out)
	}
}
