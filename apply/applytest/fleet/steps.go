package fleet

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// steps are the scripts that a host knows, by their first lines.
var steps = map[string]func(*Host, []string, *answer){
	"# Tells what the machine is, who works on it, and which sshd listens.":        (*Host).tellFacts,
	"# Asks sshd or ssh what is in force for each of some logins.":                 (*Host).ask,
	"# Tells when the daemon read its files last and when the files changed last,": (*Host).tellTimes,
	"# Takes the lock, lays down the folder of the run and starts the watchdog.":   (*Host).begin,
	`run=$1 verb=$2; shift 2; /bin/sh "$run/transact.sh" "$verb" "$run" "$@"`:      (*Host).transact,
}

const (
	daemonPID = 812
	stateDir  = "/var/lib/sshform"
)

// tellFacts is facts.sh on this kind of host.
func (h *Host) tellFacts(args []string, a *answer) {
	a.say("uid 0\nuser root\nhome /root\nstatehome /root\nkernel Linux 6.1.0-28-amd64")
	a.say("system Debian GNU/Linux 12 (bookworm)\nhostname %s\nboot %s", Name(h.number), h.bootID())
	a.say("init systemd\nmanager systemd\ninitscript ssh\npidfile %d /run/sshd.pid", daemonPID)
	a.say("ssh /usr/bin/ssh\nnamespace yes\nsshd /usr/sbin/sshd")
	if len(args) == 1 && args[0] != "none" {
		a.say("listener %d\nexe /usr/sbin/sshd\ntitle sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups", daemonPID)
		a.say("started 1234\nunit ssh.service\nkillmode process")
	}
	a.say("config " + mainFile)
}

func (h *Host) bootID() string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", h.number) }

// ask is ask.sh.
func (h *Host) ask(args []string, a *answer) {
	if len(args) < 4 || args[1] != "-T" {
		a.fail(2, "a simulated host answers for sshd only")
		return
	}
	mark := args[0]
	options, _ := strconv.Atoi(args[3])
	for range args[4+options:] {
		dump, said, status := h.judge(nil)
		h.dumped(a, mark, dump, complaint(said), status)
	}
}

// dumped frames one answer.
func (h *Host) dumped(a *answer, mark string, dump []byte, said string, status int) {
	// A program writes into a pipe whenever 4 KiB are together (stdio's buffer).
	for block := range slices.Chunk(dump, 4096) {
		a.apart()
		a.out.Write(block)
	}
	a.apart()
	a.say("\n%s err\n%s\n%s end %d", mark, said, mark, status)
	a.apart()
}

// complaint is what sshd says without -dd.
func complaint(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		if !strings.HasPrefix(line, "debug") {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	return strings.Join(lines, "\n")
}

// tellTimes is fresh.sh.
func (h *Host) tellTimes(args []string, a *answer) {
	if len(args) < 6 {
		a.fail(2, "words are missing")
		return
	}
	options, _ := strconv.Atoi(args[5])
	a.say("load %s\nactive %d", stamp(h.load), epoch)
	if settled := h.files[stateDir+"/settled"]; settled != nil {
		for line := range strings.Lines(string(settled.bytes)) {
			a.out.WriteString("settled " + line)
		}
	}
	for i, name := range args[6+options:] {
		when := ""
		if f := h.files[name]; f != nil {
			when = stamp(f.changed)
		}
		a.say("changed %d %s", i, when)
	}
}

// stamp is a moment as GNU's stat prints it.
func stamp(tick int64) string {
	return fmt.Sprintf("%d.%09d", epoch+tick/1e6, tick%1e6*1000)
}

// lockedStatus is what begin.sh ends with when somebody else holds the lock.
const lockedStatus = 4

// begin is begin.sh; nobody's lock ever expires here.
func (h *Host) begin(args []string, a *answer) {
	if len(args) < 7 {
		a.fail(2, "words are missing")
		return
	}
	id, lock, text := args[1], args[3], args[5]
	if lock != "" && h.lock != "" {
		for line := range strings.Lines(h.lock) {
			a.out.WriteString("locked " + line)
		}
		a.status = lockedStatus
		return
	}
	r := readManifest(text)
	r.id, r.folder = id, stateDir+"/runs/"+id
	if lock != "" {
		h.lock = fmt.Sprintf("%s\nboot %s\nuntil %s\n", lock, h.bootID(), args[4])
		r.locked = true
	}
	h.folders(r.folder + "/old")
	h.put(r.folder+"/transact.sh", []byte(args[6]), 0o700)
	h.put(r.folder+"/manifest", []byte(text), 0o600)
	r.token = "preparing"
	h.runs[id] = r
	for i, name := range args[7:] {
		a.say("digest %d %s", i, h.digest(name))
	}
}

// folders makes a folder and those above it.
func (h *Host) folders(dir string) {
	at := ""
	for part := range strings.SplitSeq(strings.TrimPrefix(dir, "/"), "/") {
		at += "/" + part
		if h.files[at] == nil {
			h.files[at] = &file{mode: 0o700 | 1<<31, changed: h.now()} // fs.ModeDir
		}
	}
}

func (h *Host) digest(name string) string {
	var content []byte
	if dir, folder := strings.CutSuffix(name, "/"); folder {
		if h.files[dir] == nil {
			return "-"
		}
		var b bytes.Buffer
		for _, name := range h.names(dir) {
			b.WriteString(name + "\n")
		}
		content = b.Bytes()
	} else if f := h.files[name]; f != nil {
		content = f.bytes
	} else {
		return "-"
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}
