package liveness_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sshform/sshform/schema/testenv"
)

// A lab is three network namespaces in a row: client, router, server. Every
// trial has an address of its own on the server's side, and the router
// swallows an address for good when it is cut: no reset, no ICMP, as a NAT
// that forgot. Nothing outside the namespaces is touched.
type lab struct {
	dir                    string
	client, router, server string
	capture                *capture
	key                    string        // private key of the login, OpenSSH format
	logins, again          chan struct{} // few sessions start, few trials are repeated at a time

	mu   sync.Mutex
	next int
}

func newLab(t *testing.T, name string) *lab {
	t.Helper()
	id := fmt.Sprintf("sshform-%s%d", name, os.Getpid())
	l := &lab{dir: t.TempDir(), client: id + "c", router: id + "r", server: id + "s", logins: make(chan struct{}, 3), again: make(chan struct{}, 4)}
	for _, ns := range []string{l.client, l.router, l.server} {
		out, err := exec.Command(testenv.Program(t, "ip"), "netns", "add", ns).CombinedOutput()
		testenv.Need(t, err == nil, fmt.Sprintf("no network namespaces here: %s", out))
		t.Cleanup(func() { run(t, "ip", "netns", "del", ns) })
		run(t, "ip", "-n", ns, "link", "set", "lo", "up")
	}
	l.wire(t, l.client, "10.97.1")
	l.wire(t, l.server, "10.97.2")
	run(t, "ip", "netns", "exec", l.router, "sysctl", "-qw", "net.ipv4.ip_forward=1")
	run(t, "ip", "-n", l.router, "route", "add", "10.98.0.0/16", "via", "10.97.2.2")
	l.key = filepath.Join(l.dir, "id")
	run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", l.key)
	l.capture = newCapture(t, l.client, l.server)
	return l
}

// wire puts a cable between the router (.1) and a namespace (.2).
func (l *lab) wire(t *testing.T, ns, net string) {
	run(t, "ip", "link", "add", "wire", "netns", ns, "type", "veth", "peer", "name", "p"+ns[len(ns)-1:], "netns", l.router)
	run(t, "ip", "-n", ns, "addr", "add", net+".2/24", "dev", "wire")
	run(t, "ip", "-n", l.router, "addr", "add", net+".1/24", "dev", "p"+ns[len(ns)-1:])
	run(t, "ip", "-n", ns, "link", "set", "wire", "up")
	run(t, "ip", "-n", l.router, "link", "set", "p"+ns[len(ns)-1:], "up")
	run(t, "ip", "-n", ns, "route", "add", "default", "via", net+".1")
}

// address returns an address of the server's side that no other trial has.
func (l *lab) address(t *testing.T) netip.Addr {
	l.mu.Lock()
	l.next++
	n := l.next
	l.mu.Unlock()
	addr := netip.AddrFrom4([4]byte{10, 98, byte(n >> 8), byte(n)})
	run(t, "ip", "-n", l.server, "addr", "add", addr.String()+"/32", "dev", "lo")
	return addr
}

// cut makes the router swallow everything to and from an address.
func (l *lab) cut(t *testing.T, addr netip.Addr) time.Time {
	run(t, "ip", "-n", l.router, "rule", "add", "to", addr.String(), "blackhole")
	run(t, "ip", "-n", l.router, "rule", "add", "from", addr.String(), "blackhole")
	return time.Now()
}

func run(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.Command(testenv.Program(t, name), args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// A packet is a segment that a side sent, as its own kernel put it on the wire.
type packet struct {
	at         time.Time
	server     netip.Addr
	fromServer bool
	// seenBy is "client" or "server": a packet that arrives is seen by both.
	seenByServer bool
	payload      int
	keepalive    bool // an empty segment or one old byte, sent to be acknowledged
}

// A capture holds what went over the wires of a lab.
type capture struct {
	mu      sync.Mutex
	packets []packet
	sent    map[string]uint32 // end of what was sent, to leave retransmissions out
	waiters []chan struct{}
}

func newCapture(t *testing.T, client, server string) *capture {
	c := &capture{sent: make(map[string]uint32)}
	for _, ns := range []string{client, server} {
		fd := packetSocket(t, ns)
		var readers sync.WaitGroup
		readers.Add(1)
		go func() {
			defer readers.Done()
			c.read(fd, ns == server)
		}()
		t.Cleanup(func() {
			// Closing does not wake a blocked read; the receive timeout does.
			c.mu.Lock()
			c.sent = nil
			c.mu.Unlock()
			readers.Wait()
			syscall.Close(fd)
		})
	}
	return c
}

// packetSocket opens a socket in a namespace that sees all packets of the namespace. The
// thread that entered the namespace is not given back to the scheduler.
func packetSocket(t *testing.T, ns string) int {
	type result struct {
		fd  int
		err error
	}
	opened := make(chan result)
	go func() {
		runtime.LockOSThread()
		fd, err := openPacketSocket(ns)
		opened <- result{fd, err}
	}()
	r := <-opened
	if r.err != nil {
		t.Fatalf("capture in %s: %v", ns, r.err)
	}
	return r.fd
}

func openPacketSocket(ns string) (int, error) {
	f, err := os.Open("/run/netns/" + ns)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
		return 0, fmt.Errorf("enter namespace: %w", err)
	}
	const allProtocols = 0x0300 // ETH_P_ALL in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, allProtocols)
	if err != nil {
		return 0, err
	}
	timeout := unix.Timeval{Usec: 200_000}
	return fd, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout)
}

func (c *capture) read(fd int, atServer bool) {
	buffer := make([]byte, 65536)
	for {
		n, err := syscall.Read(fd, buffer)
		now := time.Now()
		c.mu.Lock()
		if c.sent == nil {
			c.mu.Unlock()
			return
		}
		if err == nil {
			c.add(buffer[:n], now, atServer)
		}
		c.mu.Unlock()
		if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
			return
		}
	}
}

// add notes an IPv4 TCP segment between a client and port 22 of a trial.
func (c *capture) add(b []byte, now time.Time, atServer bool) {
	if len(b) < 40 || b[0]>>4 != 4 || b[9] != syscall.IPPROTO_TCP {
		return
	}
	head := int(b[0]&15) * 4
	total := int(binary.BigEndian.Uint16(b[2:]))
	src, dst := netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
	tcp := b[head:]
	if total < head+20 || len(tcp) < 20 {
		return
	}
	p := packet{at: now, seenByServer: atServer, payload: total - head - int(tcp[12]>>4)*4}
	sport, dport := binary.BigEndian.Uint16(tcp), binary.BigEndian.Uint16(tcp[2:])
	switch {
	case sport == 22:
		p.server, p.fromServer = src, true
	case dport == 22:
		p.server = dst
	default:
		return
	}
	const syn, fin, rst = 2, 1, 4
	flow := fmt.Sprint(atServer, src, sport, dst, dport)
	seq := binary.BigEndian.Uint32(tcp[4:])
	end, known := c.sent[flow]
	switch {
	case tcp[13]&syn != 0:
		c.sent[flow] = seq + 1
		return
	case tcp[13]&(fin|rst) != 0:
		return
	case known && seq == end-1 && p.payload <= 1:
		p.keepalive = true
	case p.payload == 0:
		return
	case known && int32(seq+uint32(p.payload)-end) <= 0:
		return // sent before
	default:
		c.sent[flow] = seq + uint32(p.payload)
	}
	c.packets = append(c.packets, p)
	for _, w := range c.waiters {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

// of returns the packets of a trial in the order in which they were seen.
func (c *capture) of(addr netip.Addr) []packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found []packet
	for _, p := range c.packets {
		if p.server == addr {
			found = append(found, p)
		}
	}
	return found
}

// watch waits until enough has been seen of a trial, or until the deadline.
func (c *capture) watch(addr netip.Addr, deadline time.Time, enough func([]packet) bool) []packet {
	woken := make(chan struct{}, 1)
	c.mu.Lock()
	c.waiters = append(c.waiters, woken)
	c.mu.Unlock()
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for {
		packets := c.of(addr)
		if enough(packets) {
			return packets
		}
		select {
		case <-woken:
		case <-timer.C:
			return c.of(addr)
		}
	}
}

// A line is what a program wrote, and when.
type line struct {
	at   time.Time
	text string
}

// A process is a program under test whose output is read with times.
type process struct {
	cmd  *exec.Cmd
	mu   sync.Mutex
	said []line
	news chan struct{}
	// silent is closed after the last line.
	silent chan struct{}
	done   chan struct{}
	gone   time.Time
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, news: make(chan struct{}, 1), silent: make(chan struct{}), done: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	// A group of its own, so that all of it can be ended by id.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start %v: %v", cmd.Args, err)
	}
	w.Close()
	go func() {
		defer close(p.silent)
		defer r.Close()
		p.read(r)
	}()
	go func() {
		cmd.Wait()
		p.mu.Lock()
		p.gone = time.Now()
		p.mu.Unlock()
		close(p.done)
	}()
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		<-p.done
		r.Close()
		<-p.silent
	})
	return p
}

func (p *process) read(r *os.File) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		p.mu.Lock()
		p.said = append(p.said, line{time.Now(), lines.Text()})
		p.mu.Unlock()
		select {
		case p.news <- struct{}{}:
		default:
		}
	}
}

// says waits for a line that holds one of these texts, no longer than the
// process speaks.
func (p *process) says(deadline time.Time, texts ...string) (line, bool) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	for over := false; ; {
		if found, ok := p.line(texts); ok || over {
			return found, ok
		}
		select {
		case <-p.news:
		case <-p.silent:
			over = true
		case <-timer.C:
			over = true
		}
	}
}

func (p *process) line(texts []string) (line, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.said {
		for _, text := range texts {
			if strings.Contains(l.text, text) {
				return l, true
			}
		}
	}
	return line{}, false
}

// ends waits for the end of the process.
func (p *process) ends(deadline time.Time) (time.Time, bool) {
	timer := time.NewTimer(time.Until(deadline))
	defer timer.Stop()
	select {
	case <-p.done:
		return p.gone, true
	case <-timer.C:
		return time.Time{}, false
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, l := range p.said {
		b.WriteString(l.text + "\n")
	}
	return b.String()
}
