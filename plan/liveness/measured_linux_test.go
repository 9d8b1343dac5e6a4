package liveness_test

import (
	"cmp"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// These tests hold the model against the real programs. They wait because
// what they measure is waiting; intervals are 1 to 3 seconds and all trials
// run at the same time.
//
// A program that reads its clock in whole seconds can be a second early; a
// loaded machine is late. Both together are less than what tells any two of
// the predictions here apart.
const (
	tooEarly   = 1100 * time.Millisecond
	tooLate    = 900 * time.Millisecond
	steadiness = 600 * time.Millisecond // of the waits in between
)

// roots are file systems with an sshd of another release, from
// SSHFORM_TEST_SSHD_ROOTS, separated by colons; or else what the tests of
// apply, which come first, have put into the cache of their hosts. Each holds
// /usr/sbin/sshd and its libraries. They are not written to.
func roots(t *testing.T) []string {
	if given := os.Getenv("SSHFORM_TEST_SSHD_ROOTS"); given != "" {
		return filepath.SplitList(given)
	}
	cache := cmp.Or(os.Getenv("SSHFORM_LAB_CACHE"), "/var/cache/sshform-lab")
	var found []string
	for _, suite := range []string{"bullseye", "trixie", "sid"} {
		programs, err := filepath.Glob(filepath.Join(cache, "images", suite+"-*", "usr/sbin/sshd"))
		if err != nil {
			t.Fatal(err)
		}
		for _, program := range programs {
			found = append(found, strings.TrimSuffix(program, "/usr/sbin/sshd"))
		}
	}
	return found
}

// Older and newer releases than this machine's are at hand once the lab has
// built its images.
func TestOtherReleasesAreMeasured(t *testing.T) {
	testenv.Root(t)
	testenv.Need(t, len(roots(t)) > 1, "no other releases of sshd: make test-lab builds images with them")
}

func TestPredictionsAgainstRealPrograms(t *testing.T) {
	testenv.Root(t)
	testenv.Program(t, "sshd")
	l := newLab(t, "lv")
	all := trials(t)
	for _, root := range roots(t) {
		all = append(all, releaseTrials(root)...)
	}
	results := make([]result, len(all))
	// All at once, whatever -parallel says: they only wait.
	var running sync.WaitGroup
	for i, tr := range all {
		running.Go(func() {
			t.Run(tr.name, func(t *testing.T) { results[i] = l.measure(t, tr) })
		})
	}
	running.Wait()
	measured := table(results)
	publish(t, "liveness-measured.md", measured)
	if *update && !t.Failed() {
		text := readPage(t)
		settle(t, text, replaceBlock(t, text, "measured", measured))
	}
}

// The kernel of a server on a dead path gives up before a long count is
// reached: here after three retransmissions instead of fifteen.
func TestTCPGivesUpBeforeALongCount(t *testing.T) {
	testenv.Root(t)
	testenv.Program(t, "sshd")
	l := newLab(t, "tcp")
	run(t, "ip", "netns", "exec", l.server, "sysctl", "-qw", "net.ipv4.tcp_retries2=3")
	addr := l.address(t)
	server := alive(2, 20)
	sshd := l.sshd(t, trial{server: server}, addr)
	client := start(t, l.command(t, openssh(0, 3), addr, "echo up; exec sleep 600"))
	if _, up := client.says(time.Now().Add(2*time.Minute), "up"); !up {
		t.Fatalf("no session:\n%s%s", client.output(), sshd.output())
	}
	dead := l.cut(t, addr)
	gone, hungUp := sshd.says(dead.Add(2*time.Minute), "Read error", "Timeout, client not responding")
	if !hungUp || !strings.Contains(gone.text, "Connection timed out") {
		t.Fatalf("got %q, want the kernel to give up before 20 requests are counted\n%s", gone.text, sshd.output())
	}
}

// measure runs a trial, and again if it contradicts the prediction: what a busy
// machine is late for differs from one attempt to the next, a wrong prediction
// is wrong in each. Further attempts run few at a time, so that the trials
// themselves do not keep the machine busy.
func (l *lab) measure(t *testing.T, tr trial) result {
	const attempts = 8
	var said strings.Builder
	for n := range attempts {
		r, contradictions := l.oneAttempt(t, tr, n > 0)
		if len(contradictions) == 0 {
			return r
		}
		fmt.Fprintf(&said, "attempt %d:\n%s\n", n+1, strings.Join(contradictions, "\n"))
	}
	t.Fatal(said.String())
	return result{}
}

func (l *lab) oneAttempt(t *testing.T, tr trial, again bool) (result, []string) {
	if again {
		l.again <- struct{}{}
		defer func() { <-l.again }()
	}
	return l.attempt(t, tr)
}

// attempt returns what was seen and what contradicts the prediction.
func (l *lab) attempt(t *testing.T, tr trial) (result, []string) {
	addr := l.address(t)
	r := result{trial: tr, release: sshdRelease(t, tr.sshd)}
	r.trial.server.Release = r.release
	r.prediction = liveness.Predict(liveness.Pair{Server: r.trial.server, Client: tr.client})
	sshd, client, up, isUp := l.session(t, tr, addr)
	if !isUp {
		return r, []string{"no session:", client.output(), sshd.output()}
	}
	l.watchQuiet(&r, addr, up.at)
	l.lose(t, &r, addr, up.at, sshd, client)
	contradictions := r.check()
	if len(contradictions) > 0 {
		for _, p := range l.capture.of(addr) {
			t.Logf("%6.2f s: from server %v, seen there %v, %d bytes, keepalive %v", p.at.Sub(up.at).Seconds(), p.fromServer, p.seenByServer, p.payload, p.keepalive)
		}
		t.Logf("sshd said:\n%s\nclient said:\n%s", sshd.output(), client.output())
	}
	return r, contradictions
}

// session starts a server and a session with it, and waits for the session's
// first word. Few at a time: the timers of a trial run while it logs in.
func (l *lab) session(t *testing.T, tr trial, addr netip.Addr) (sshd, client *process, up line, isUp bool) {
	l.logins <- struct{}{}
	defer func() { <-l.logins }()
	sshd = l.sshd(t, tr, addr)
	remote := "echo up; exec sleep 600"
	if tr.chatty {
		remote = "echo up; while echo busy; do sleep 0.3; done"
	}
	client = start(t, l.command(t, tr.client, addr, remote))
	up, isUp = client.says(time.Now().Add(2*time.Minute), "up")
	return sshd, client, up, isUp
}

// watchQuiet sees who asks, and how often the wire carries something. The first
// request is left out: the wait before it began while the session started.
func (l *lab) watchQuiet(r *result, addr netip.Addr, up time.Time) {
	patience, rounds := r.quiet, 3
	if patience == 0 {
		patience = 3*toDuration(r.prediction.Gap) + 3*time.Second
	}
	packets := l.capture.watch(addr, up.Add(patience), func(seen []packet) bool {
		return len(exchanges(seen, up)) >= rounds
	})
	seen := exchanges(packets, up)
	if len(seen) == 0 || r.chatty {
		return
	}
	if len(seen) == 1 {
		r.gap = seen[0].at.Sub(up)
	} else {
		r.gap = seen[len(seen)-1].at.Sub(seen[0].at) / time.Duration(len(seen)-1)
		seen = seen[1:]
	}
	r.asker = asker(seen)
}

// asker is who sent these packets; empty is the kernels only.
func asker(seen []packet) liveness.Prober {
	var server, client bool
	for _, p := range seen {
		server = server || p.fromServer && !p.keepalive
		client = client || !p.fromServer && !p.keepalive
	}
	switch {
	case server && client:
		return liveness.BothProbe
	case server:
		return liveness.ServerProbes
	case client:
		return liveness.ClientProbes
	}
	return ""
}

// exchanges returns the packets that break a silence, at whichever wire they
// were seen first.
func exchanges(packets []packet, up time.Time) []packet {
	var found []packet
	last := up.Add(100 * time.Millisecond)
	for _, p := range packets {
		if p.at.Sub(last) > 500*time.Millisecond {
			found = append(found, p)
		}
		if p.at.After(last) {
			last = p.at
		}
	}
	return found
}

// lose does the deed and waits for both sides to give up.
func (l *lab) lose(t *testing.T, r *result, addr netip.Addr, up time.Time, sshd, client *process) {
	lost := time.Now()
	switch r.what {
	case cut:
		lost = l.cut(t, addr)
	case freezeClient:
		freeze(t, client.cmd.Process.Pid)
	case freezeServer:
		freezeSessions(t, sshd)
	case leave:
	}
	r.patience = l.patience(r)
	deadline := lost.Add(r.patience)
	r.server, r.client = unseen, unseen
	var both sync.WaitGroup
	both.Go(func() {
		if gone, gaveUp := sshd.says(deadline, "Timeout, client not responding", "Read error from remote host"); gaveUp {
			r.server = gone.at.Sub(l.heard(addr, true))
		}
	})
	both.Go(func() {
		if gone, ended := client.ends(deadline); ended {
			// A session that is left alone was silent from its first word on.
			last := up
			if r.what != leave {
				last = l.heard(addr, false)
			}
			r.client = gone.Sub(last)
		}
	})
	both.Wait()
}

// heard is when a side received its last data.
func (l *lab) heard(addr netip.Addr, server bool) time.Time {
	var last time.Time
	for _, p := range l.capture.of(addr) {
		if p.fromServer != server && p.seenByServer == server && !p.keepalive {
			last = p.at
		}
	}
	return last
}

// patience is how long to wait for both sides: the longest prediction that can
// be waited for, and long enough to see that the others stay.
func (l *lab) patience(r *result) time.Duration {
	longest := 5 * time.Second
	for _, s := range []liveness.Seconds{r.wantServer(), r.wantClient()} {
		if d := toDuration(s); d <= time.Minute {
			longest = max(longest, d)
		}
	}
	return longest + 3*time.Second
}

// check returns what contradicts the prediction.
func (r *result) check() []string {
	var found []string
	note := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if !r.unwatched() {
		want := r.prediction.Prober
		if want == liveness.NobodyProbes {
			want = ""
		}
		gap := toDuration(r.prediction.Gap)
		if r.asker != want {
			note("who asks: got %q, want %q", r.asker, want)
		}
		if gap < time.Minute && (r.gap-gap).Abs() > steadiness {
			note("idle path sees traffic every: got %v, want %v", r.gap, gap)
		}
	}
	side := func(name string, got time.Duration, want liveness.Seconds) {
		switch {
		case toDuration(want) > r.patience && got != unseen:
			note("%s gave up after %v, want not within %v", name, got, r.patience)
		case toDuration(want) <= r.patience && got == unseen:
			note("%s did not give up within %v, want after %s", name, r.patience, want)
		case toDuration(want) <= r.patience && !near(got, toDuration(want)):
			note("%s gave up after %v, want %s", name, got, want)
		}
	}
	side("server", r.server, r.wantServer())
	if r.what != freezeClient {
		side("client", r.client, r.wantClient())
	}
	return found
}

func near(got, want time.Duration) bool {
	return got >= want-tooEarly && got <= want+tooLate
}

var releaseText = regexp.MustCompile(`OpenSSH_([0-9.]+(?:p[0-9]+)?(?: [^,]*)?),`)

// sshdRelease asks sshd for its release. Releases without -V complain, and
// say it too.
func sshdRelease(t *testing.T, root string) schema.Release {
	argv := []string{testenv.Program(t, "sshd"), "-V"}
	if root != "" {
		argv = []string{testenv.Program(t, "chroot"), root, "/usr/sbin/sshd", "-V"}
	}
	out, _ := exec.Command(argv[0], argv[1:]...).CombinedOutput()
	m := releaseText.FindSubmatch(out)
	if m == nil {
		t.Fatalf("no release in the answer of %v:\n%s", argv, out)
	}
	release, err := schema.ParseRelease(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// sshd starts a server for a trial and waits until it listens.
func (l *lab) sshd(t *testing.T, tr trial, addr netip.Addr) *process {
	dir := l.folder(t)
	conf := fmt.Sprintf(`ListenAddress %s
HostKey %s/id
AuthorizedKeysFile %[2]s/id.pub
StrictModes no
UsePAM no
PermitRootLogin yes
PidFile none
LogLevel VERBOSE
MaxStartups 100
ClientAliveInterval %d
ClientAliveCountMax %d
`, addr, "/run/sshform-trial", int64(tr.server.Interval), tr.server.CountMax)
	if tr.server.ChannelTimeout != "" {
		conf += "ChannelTimeout " + string(tr.server.ChannelTimeout) + "\n"
	}
	for name, text := range map[string][]byte{
		"sshd_config": []byte(conf), "id": read(t, l.key), "id.pub": read(t, l.key+".pub"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(testenv.Program(t, "ip"), "netns", "exec", l.server,
		testenv.Program(t, "unshare"), "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child",
		"/bin/sh", "-euc", sshdScript, "sh", dir, tr.sshd, l.folder(t))
	p := start(t, cmd)
	if _, listens := p.says(time.Now().Add(2*time.Minute), "Server listening"); !listens {
		t.Fatalf("sshd does not listen:\n%s", p.output())
	}
	return p
}

// folder makes a folder for a trial. A trial's name may hold commas, which
// mount(8) would take for options.
func (l *lab) folder(t *testing.T) string {
	dir, err := os.MkdirTemp(l.dir, "trial")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// sshdScript starts sshd in a mount namespace of its own: $1 is the folder
// with its files, $2 the root of another system or empty, $3 a place for an
// overlay over that root, which is not written to.
const sshdScript = `
if [ -z "$2" ]; then
	mount -t tmpfs tmpfs /run
	mkdir /run/sshd /run/sshform-trial
	mount --bind "$1" /run/sshform-trial
	exec /usr/sbin/sshd -D -e -f /run/sshform-trial/sshd_config
fi
mount -t tmpfs tmpfs "$3"
mkdir "$3/upper" "$3/work" "$3/root"
mount -t overlay overlay -o "lowerdir=$2,upperdir=$3/upper,workdir=$3/work" "$3/root"
mount -t tmpfs tmpfs "$3/root/run"
mkdir "$3/root/run/sshd" "$3/root/run/sshform-trial"
mount --bind "$1" "$3/root/run/sshform-trial"
mount --rbind /dev "$3/root/dev"
mount -t proc proc "$3/root/proc"
exec chroot "$3/root" /usr/sbin/sshd -D -e -f /run/sshform-trial/sshd_config
`

func read(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// freeze stops a process that the test started. It goes by the system call:
// kill(1) takes a negative number for something else.
func freeze(t *testing.T, pid int) {
	t.Helper()
	if pid <= 1 {
		t.Fatalf("no process to stop: %d", pid)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatalf("stop process %d: %v", pid, err)
	}
}

// freezeSessions stops the processes of sshd's sessions, not the listener.
func freezeSessions(t *testing.T, sshd *process) {
	unshare := sshd.cmd.Process.Pid
	for _, listener := range children(t, unshare) {
		sessions := children(t, listener)
		if len(sessions) == 0 {
			t.Fatal("sshd has no session to stop")
		}
		for _, session := range sessions {
			freeze(t, session)
		}
	}
}

func children(t *testing.T, pid int) []int {
	var pids []int
	for _, field := range strings.Fields(string(read(t, fmt.Sprintf("/proc/%d/task/%[1]d/children", pid)))) {
		child, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, child)
	}
	return pids
}

// publish keeps a text for people: in SSHFORM_ARTIFACTS, and in the log.
func publish(t *testing.T, name, text string) {
	t.Log("\n" + text)
	if dir := os.Getenv("SSHFORM_ARTIFACTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Error(err)
		}
	}
}
