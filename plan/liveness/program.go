package liveness

import (
	"fmt"
	"strings"
)

// A Program is a client program or library.
type Program string

// The programs that are known here.
const (
	OpenSSH  Program = "openssh"
	Go       Program = "go"       // golang.org/x/crypto/ssh
	Paramiko Program = "paramiko" // Python
	PuTTY    Program = "putty"    // and plink
	Dropbear Program = "dropbear" // dbclient
	AsyncSSH Program = "asyncssh" // Python
	LibSSH2  Program = "libssh2"  // curl, PHP, many others
)

// Programs returns all programs in the order in which they are shown.
func Programs() []Program {
	return []Program{OpenSSH, Go, Paramiko, PuTTY, Dropbear, AsyncSSH, LibSSH2}
}

// ParseProgram returns the program of a name; the empty name is OpenSSH.
func ParseProgram(name string) (Program, bool) {
	if name == "" {
		return OpenSSH, true
	}
	for _, p := range Programs() {
		if string(p) == name {
			return p, true
		}
	}
	return "", false
}

func programNames() string {
	names := make([]string, 0, len(Programs()))
	for _, p := range Programs() {
		names = append(names, string(p))
	}
	return strings.Join(names, ", ")
}

// A restart is what makes a program begin its wait anew.
type restart int

const (
	onReceive restart = iota // bytes from the other side
	onSend                   // bytes to the other side
	onEither                 // the last of both
	onNothing                // its timer runs regardless
)

// traits are how a program behaves.
type traits struct {
	program Program
	// title is how its authors write it, for a sentence.
	title string
	// setting is what to write for a number of seconds (%d).
	setting string
	// restart is what makes its wait begin anew.
	restart restart
	// asks says that its keepalive asks for an answer, so that the server's
	// answer is traffic towards the client.
	asks bool
	// drops says that it hangs up when its keepalives stay unanswered.
	drops bool
	// countMax is how many may stay unanswered before it does.
	countMax int64
	// zeroCloses says that a count of 0 closes at the first silent wait.
	zeroCloses bool
	// tcp is the kernel's keepalive on its socket.
	tcp tcpKeepAlive
	// readsInCallsOnly says that keepalive requests are answered only while the
	// application is inside a call that reads.
	readsInCallsOnly bool
	// note says what people get wrong about it.
	note string
}

// A tcpKeepAlive is the kernel's own probing of a silent connection: after
// idle seconds, then every interval seconds, giving up after count of them.
type tcpKeepAlive struct {
	idle, interval Seconds
	count          int64
}

// The kernel's keepalive: none, Linux's defaults (tcp(7): 2 hours, then 9
// probes 75 seconds apart), and what Go's net.Dialer sets (15 seconds, 9
// probes; net.KeepAliveConfig).
func noTCPKeepAlive() tcpKeepAlive { return tcpKeepAlive{} }
func linuxDefault() tcpKeepAlive   { return tcpKeepAlive{idle: 7200, interval: 75, count: 9} }
func goDefault() tcpKeepAlive      { return tcpKeepAlive{idle: 15, interval: 15, count: 9} }

// every is how often a silent healthy connection carries a segment; Never
// without keepalive.
func (k tcpKeepAlive) every() Seconds {
	if k.idle == 0 {
		return Never
	}
	return k.idle
}

// givesUp is when a silent connection whose other side is gone ends.
func (k tcpKeepAlive) givesUp() Seconds {
	if k.idle == 0 {
		return Never
	}
	return k.idle.plus(k.interval.times(k.count))
}

// Retransmission is how long Linux sends an unanswered segment again before it
// gives the connection up (tcp_retries2 = 15 in ip-sysctl.rst): at least
// Earliest, and on a slow path up to one more wait of 120 seconds.
const (
	RetransmissionEarliest Seconds = 924
	RetransmissionLatest   Seconds = 1044
)

func traitsTable() []traits {
	return []traits{
		{
			program: OpenSSH, title: "OpenSSH's ssh", setting: "ServerAliveInterval %d",
			restart: onReceive, asks: true, drops: true, countMax: 3, zeroCloses: true,
			tcp: linuxDefault(),
		},
		{
			program: Go, title: "a Go program (x/crypto/ssh)",
			setting: `client.SendRequest("keepalive@openssh.com", true, nil) every %d seconds`,
			restart: onNothing, asks: true, tcp: goDefault(),
			note: "x/crypto/ssh has no keepalive of its own: the program sends the request and must put a deadline on the answer, or it waits until TCP gives up. " +
				"net.Dialer's TCP keepalive of 15 seconds keeps most paths open by itself.",
		},
		{
			program: Paramiko, title: "a paramiko program", setting: "transport.set_keepalive(%d)",
			restart: onSend,
			note: "set_keepalive sends a request that wants no answer: it keeps the path open and the server content, and never notices a server that is gone. " +
				"The timeouts of connect() are for connecting only.",
		},
		{
			program: PuTTY, title: "PuTTY", setting: "seconds between keepalives: %d",
			restart: onNothing,
			// Measured on plink 0.78: the message is made when the timer runs out
			// and leaves when something next wakes the program, which on a silent
			// connection is the timer again.
			note: "PuTTY's keepalives are ignore messages that want no answer: they keep the path open and never notice a server that is gone. " +
				"plink sends each of them one interval late, so that the first silence can last two intervals: configure half of what the network allows.",
		},
		{
			program: Dropbear, title: "Dropbear's dbclient", setting: "dbclient -K %d",
			restart: onEither, asks: true, drops: true, countMax: 2,
			note: "dbclient gives up after three intervals without any packet; the number is fixed when it is compiled.",
		},
		{
			program: AsyncSSH, title: "an asyncssh program", setting: "keepalive_interval=%d",
			restart: onReceive, asks: true, drops: true, countMax: 3, tcp: linuxDefault(),
			note: "keepalive_count_max is 3 unless the program sets it.",
		},
		{
			program: LibSSH2, title: "a libssh2 program", setting: "libssh2_keepalive_config(session, 1, %d)",
			restart: onSend, asks: true, readsInCallsOnly: true,
			note: "libssh2 answers the server only while the program is inside a call that reads, and sends keepalives only when the program calls libssh2_keepalive_send.",
		},
	}
}

func (p Program) traits() traits {
	if p == "" {
		p = OpenSSH
	}
	for _, t := range traitsTable() {
		if t.program == p {
			return t
		}
	}
	panic(fmt.Sprintf("liveness: no such program: %q", string(p)))
}

// Title returns the program's name for a sentence.
func (p Program) Title() string { return p.traits().title }

// Setting returns what to write in the program for a keepalive of n seconds.
func (p Program) Setting(n Seconds) string { return fmt.Sprintf(p.traits().setting, int64(n)) }

// Note returns what people get wrong about the program; may be empty.
func (p Program) Note() string { return p.traits().note }
