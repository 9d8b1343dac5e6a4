package sshconf

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A generator makes whole trees of awkward but mostly valid configuration.
type generator struct {
	*rand.Rand
	side  Side
	dir   string // where the tree will stand
	files map[string]string
	links map[string]string
	// pools of names that both Match lines and logins draw from.
	users, groups, hosts, addresses []string
	daring                          float64 // how often a line is broken on purpose
	release                         schema.Release
}

func newGenerator(seed uint64, side Side, release schema.Release, dir string) *generator {
	g := &generator{
		Rand: rand.New(rand.NewPCG(seed, uint64(side))), side: side, dir: dir, release: release,
		files: map[string]string{}, links: map[string]string{},
		users:     []string{"alice", "bob", "root", "daemon", "Alice"},
		groups:    []string{"root", "daemon", "users", "wheel"},
		hosts:     []string{"target.example", "Target.Example", "other", "web1.prod.example", "10.1.2.3"},
		addresses: []string{"10.1.2.3", "192.168.7.9", "2001:db8::5", "127.0.0.1"},
	}
	if g.Float64() < 0.3 {
		g.daring = 0.06
	}
	return g
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) chance(p float64) bool { return g.Float64() < p }

// tree writes the main file and what it includes, and returns its path.
func (g *generator) tree() string {
	main := g.dir + "/main"
	depth := 0
	if g.chance(0.6) {
		depth = 1 + g.IntN(3)
	}
	for i := 0; i < 2*depth; i++ {
		name := pick(g, "d/10-a.conf", "d/20-b.conf", "d/9-c.conf", "d/B.conf", "d/.hidden.conf", "d/x.conf.bak",
			"e/one", "e/two", "e/deep/x.conf", "e/deep2/x.conf", "sp ace")
		g.files[g.dir+"/"+name] = g.file(depth - 1)
	}
	if g.chance(0.03) {
		g.links[g.dir+"/d/15-link.conf"] = pick(g, "/nonexistent/file", "20-b.conf")
	}
	g.files[main] = g.file(depth)
	return main
}

func (g *generator) file(depth int) string {
	var b strings.Builder
	n := g.IntN(14)
	ending := pick(g, "\n", "\n", "\n", "\r\n")
	for i := range n {
		line := g.line(depth)
		b.WriteString(line)
		if i < n-1 || g.chance(0.8) {
			b.WriteString(ending)
		}
	}
	return b.String()
}

func (g *generator) line(depth int) string {
	switch r := g.Float64(); {
	case r < 0.06:
		return pick(g, "", "  ", "\t", "#", "# text", "   # ClientAliveInterval 7", "#ServerAliveInterval 3", "# \\")
	case r < 0.08 && g.daring > 0:
		return g.oddity()
	case r < 0.26:
		return g.block()
	case r < 0.40 && depth > 0:
		return g.spell("Include", g.includeArgs())
	}
	keyword, value := g.directive()
	return g.spell(keyword, value)
}

// oddity is a line that is strange as a whole.
func (g *generator) oddity() string {
	return pick(g, "\f", "ClientAliveInterval", "==ClientAliveInterval 3", "\"ClientAliveInterval 3",
		"\ufeffClientAliveInterval 3", "ServerAliveInterval 5\x00junk", "ClientAliveInterval 1\x00junk", "# nul\x00",
		"ClientAliveInterval\v5", "NoSuchKeyword yes", "\u00a0TCPKeepAlive no", "ClientAliveInterval 5 6",
		"TCPKeepAlive \"yes", "Match", "Match all extra", "Host", "Include", "=TCPKeepAlive no",
		"\"TCPKeepAlive\"no", "\"TCPKeepAlive\"=no", "\"#TCPKeepAlive\" no", "TCPKeepAlive ''", "UseLogin yes",
		"Protocol 2", "RSAAuthentication yes", "TCPKeepAlive no \f", "ClientAliveInterval 15#x", "\r\rTCPKeepAlive no",
		"TCPKeepAlive\r no", "X11DisplayOffset 5x", "ForceCommand a 'b", "Match \"\"", "Match user \"\"",
		"ClientAliveInterval \"\"", "TCPKeepAlive = = no", "Match =", "\"\" TCPKeepAlive no", "\"\"=TCPKeepAlive no")
}

// spell writes a directive in one of the many ways OpenSSH reads.
func (g *generator) spell(keyword, value string) string {
	if g.chance(0.15) {
		keyword = pick(g, strings.ToUpper(keyword), strings.ToLower(keyword))
	}
	separator := " "
	if g.chance(0.2) {
		separator = pick(g, "\t", "  ", " \t", "=", " = ", "= ", " =")
	}
	if g.chance(0.03) {
		keyword = `"` + keyword + `"`
		separator = pick(g, " ", "", "\t")
	}
	indent := ""
	if g.chance(0.3) {
		indent = pick(g, "    ", "\t", "  ")
	}
	tail := ""
	if g.chance(0.12) {
		if !g.release.AtLeast(8, 7) && g.daring == 0 {
			return indent + keyword + separator + value + pick(g, " ", "\t ", " \f")
		}
		tail = pick(g, " # comment", "\t#", " ", "\t ", "  # it's", " \f", "\r", " #x \"")
	}
	return indent + keyword + separator + value + tail
}

// quote sometimes puts quotes around or into a value.
func (g *generator) quote(s string) string {
	if !g.chance(0.08) || s == "" {
		return s
	}
	if !g.release.AtLeast(8, 7) && g.daring == 0 {
		return `"` + s + `"`
	}
	return pick(g, `"`+s+`"`, `'`+s+`'`, s[:1]+`"`+s[1:]+`"`, `"`+s[:1]+`"`+s[1:])
}

func (g *generator) seconds() string {
	if g.chance(g.daring) {
		return pick(g, "none", "-1", "+5", "-0", "1.5", "0.5", "1.5m", "5x", "2147483648", "4294967301", "1ms", "abc",
			"\" 5\"", "\"5m 30s\"", "5s5s", "5s5", "99999999999999999999", "3551w", "1e3", "0x10", ".", ".5", "5.", "1.2.3", "4294967295")
	}
	return g.quote(pick(g, "0", "5", "15", "30", "60", "120", "300", "600", "1m", "1M", "2h", "1m30s", "1h5", "1d", "1w", "010",
		"1h30m", "30s1m", "2147483647", "90"))
}

func (g *generator) count() string {
	if g.chance(g.daring) {
		return pick(g, "-1", "3x", "2147483648", "none", "1.0", "3s")
	}
	return g.quote(pick(g, "0", "1", "2", "3", "4", "6", "10", "+3", "007", "2147483647"))
}

func (g *generator) yes() string {
	if g.chance(g.daring) {
		return pick(g, "true", "false", "1", "maybe", "on")
	}
	return g.quote(pick(g, "yes", "no", "no", "yes", "YES", "No"))
}

func (g *generator) qos() string {
	one := func() string {
		if g.chance(g.daring) {
			return pick(g, "256", "af1", "-1", "0x", "va", "08")
		}
		return pick(g, "af21", "cs1", "ef", "le", "none", "lowdelay", "throughput", "0", "32", "255", "AF11", "cs0",
			"reliability", "16", "8", "4", "184")
	}
	if g.chance(0.5) {
		return one()
	}
	return one() + " " + one()
}

func (g *generator) size() string {
	if g.chance(g.daring) {
		return pick(g, "15", "1", "1X", "none", "-1", "9999999999G", "1.2.3K", "K", "1KK", "1G2")
	}
	return pick(g, "default", "0", "16", "1K", "1.5K", "512M", "1G", "1g", "1T", "1000", "64k", "0.5G", "1K", "2E")
}

func (g *generator) rekey() string {
	switch g.IntN(3) {
	case 0:
		return g.size()
	case 1:
		return g.size() + " none"
	}
	return g.size() + " " + g.seconds()
}

// directive draws one that the release knows, most of the time.
func (g *generator) directive() (keyword, value string) {
	for range 5 {
		if g.side == Client {
			keyword, value = g.clientDirective()
		} else {
			keyword, value = g.serverDirective()
		}
		if _, known := Lookup(g.side, keyword, g.release); known || g.chance(0.1) {
			break
		}
	}
	return keyword, value
}

func (g *generator) serverDirective() (keyword, value string) {
	switch g.IntN(30) {
	case 0, 1, 2, 3, 4:
		return "ClientAliveInterval", g.seconds()
	case 5, 6, 7:
		return "ClientAliveCountMax", g.count()
	case 8:
		return pick(g, "TCPKeepAlive", "KeepAlive"), g.yes()
	case 9:
		return "LoginGraceTime", g.seconds()
	case 10:
		return "ChannelTimeout", g.channels()
	case 11, 12:
		return "UnusedConnectionTimeout", pick(g, g.seconds(), "none", "NONE", "0")
	case 13, 14:
		return "RekeyLimit", g.rekey()
	case 15:
		return "IPQoS", g.qos()
	case 16:
		return "MaxStartups", pick(g, "10:30:100", "5:50:20", "20", "3", "1:100:1", "5:5:10junk", g.bad("20:30", "0", "10:0:20", "a", "5:101:10", "9:9:8"))
	case 17:
		return "PerSourceMaxStartups", pick(g, "none", "3", "10", g.bad("None", "x", "-1"))
	case 18:
		return "PerSourceNetBlockSize", pick(g, "32:128", "24:64", "8:0", g.bad("33:1", "x", "24:129"))
	case 19:
		return pick(g, "MaxAuthTries", "MaxSessions", "X11DisplayOffset"), g.count()
	case 20:
		return pick(g, "X11Forwarding", "PermitTTY", "AllowAgentForwarding", "PrintMotd", "UseDNS", "PasswordAuthentication",
			"PermitEmptyPasswords", "DisableForwarding", "ExposeAuthInfo", "IgnoreUserKnownHosts", "GSSAPIAuthentication",
			"UsePAM", "DebianBanner", "KbdInteractiveAuthentication", "ChallengeResponseAuthentication",
			"StreamLocalBindUnlink", "HostbasedAuthentication", "PermitUserRC", "StrictModes", "PrintLastLog"), g.yes()
	case 21:
		return pick(g, "AcceptEnv", "AllowUsers", "DenyGroups", "AllowGroups"), pick(g, "LANG", "LC_*", "alice", "a b c", "\"x y\"", g.bad("A=B"))
	case 22:
		return g.one(map[string][]string{
			"PermitRootLogin":    {"yes", "no", "prohibit-password", "without-password", "Forced-Commands-Only"},
			"AllowTcpForwarding": {"yes", "no", "all", "local", "REMOTE"}, "GatewayPorts": {"yes", "no", "clientspecified"},
			"Compression": {"yes", "delayed", "no"}, "IgnoreRhosts": {"yes", "no", "shosts-only"},
			"AddressFamily": {"any", "inet", "INET6"}, "PermitTunnel": {"yes", "no", "ethernet", "point-to-point"},
			"AllowStreamLocalForwarding": {"yes", "no", "local"},
		})
	case 23:
		return pick(g, "ForceCommand", "VersionAddendum"), pick(g, "none", "NONE", "/bin/true", "a b # c", "\"q\"", "x  y", "-c 'a b'")
	case 24:
		return g.one(map[string][]string{
			"LogLevel": {"INFO", "debug", "VERBOSE", "QUIET", "debug1", "DEBUG3"}, "SyslogFacility": {"AUTH", "local3", "USER"},
			"FingerprintHash": {"sha256", "MD5", "SHA512"}, "LogVerbose": {"none", "kex.c:*", "a b"},
		})
	case 25:
		return pick(g, "PermitOpen", "PermitListen"), pick(g, "any", "none", "host:22", "*:80 [::1]:99", "8080", "any none", "h:*", "host:", "[::1")
	case 26:
		return "SetEnv", pick(g, "A=1", "A=1 B=2", "A=1 A=2", "\"C=x y\"", g.bad("D"))
	case 27:
		return "AuthenticationMethods", pick(g, "any", "publickey", "publickey,password", "password publickey", "hostbased", g.bad("nope", "any any"))
	case 28:
		return g.one(map[string][]string{
			"Subsystem": {"sftp /a", "sftp internal-sftp -l INFO", "other /b", "sftp"}, "StreamLocalBindMask": {"0177", "077", "0", "8", "077x"},
			"PubkeyAuthOptions":          {"none", "touch-required", "verify-required touch-required"},
			"PerSourcePenalties":         {"crash:30 authfail:2m", "no", "yes", "max:1h overflow:deny-all", "max-sources4:5"},
			"PerSourcePenaltyExemptList": {"10.0.0.0/8", "none", "10.1.2.3,::1"},
			"RequiredRSASize":            {"2048", "1024"}, "Port": {"22", "2222", "65535"},
		})
	}
	return g.one(map[string][]string{
		"Banner": {"none", "/a", "relative", "NONE"}, "ChrootDirectory": {"none", "/x"}, "AuthorizedKeysFile": {"none", "/a /b", ".ssh/keys"},
		"TrustedUserCAKeys": {"none", "/ca"}, "RevokedKeys": {"none", "/r"}, "RefuseConnection": {"yes", "no"}, "UseLogin": {"no"},
		"RhostsRSAAuthentication": {"no"}, "Protocol": {"2"}, "KerberosAuthentication": {"no"},
		"AuthorizedKeysCommandUser": {"nobody"}, "AuthorizedKeysCommand": {"none", "/bin/x %u", "/bin/y"}, "AuthorizedPrincipalsCommand": {"none", "/bin/z"},
		"AuthorizedPrincipalsCommandUser": {"nobody"}, "AuthorizedPrincipalsFile": {"none", "/p/%u"}, "PermitUserEnvironment": {"yes", "no", "LANG,LC_*"},
		"HostKeyAgent": {"none"}, "SecurityKeyProvider": {"internal", "/lib/x"}, "IgnoreUserKnownHosts": {"yes"},
	})
}

// one draws a keyword and one of its values; sometimes that of another.
func (g *generator) one(choices map[string][]string) (keyword, value string) {
	var names []string
	for name := range choices {
		names = append(names, name)
	}
	sort.Strings(names)
	keyword = pick(g, names...)
	values := choices[keyword]
	if g.chance(g.daring) && keyword != "Port" { // a word might be a service
		values = choices[pick(g, names...)]
	}
	return keyword, pick(g, values...)
}

func (g *generator) bad(choices ...string) string {
	if g.chance(g.daring * 3) {
		return pick(g, choices...)
	}
	return "10"
}

func (g *generator) channels() string {
	if g.chance(g.daring * 2) {
		return pick(g, "none session:*=5", "session:*=5 none", "session", "=5", "session=x", "session = 5", "\"\"")
	}
	return pick(g, "none", "session:*=5", "session:shell=1m agent-connection=0", "*=0", "x11-connection=10m", "NONE",
		"\"session:*=5\"", "direct-tcpip=1h30m global=5")
}

func (g *generator) clientDirective() (keyword, value string) {
	switch g.IntN(26) {
	case 0, 1, 2, 3, 4:
		return "ServerAliveInterval", pick(g, g.seconds(), g.seconds(), "none")
	case 5, 6:
		return "ServerAliveCountMax", g.count()
	case 7:
		return pick(g, "TCPKeepAlive", "KeepAlive"), pick(g, g.yes(), "true", "False")
	case 8, 9:
		return "ConnectTimeout", pick(g, g.seconds(), "none")
	case 10:
		return "ConnectionAttempts", pick(g, "1", "2", "5", g.bad("0", "-1"))
	case 11:
		return "ControlPersist", pick(g, "yes", "no", "true", "false", "0", g.seconds(), g.bad("YES", "maybe"))
	case 12:
		return "IPQoS", g.qos()
	case 13:
		return "RekeyLimit", g.rekey()
	case 14:
		return "BatchMode", pick(g, g.yes(), "true")
	case 15, 16:
		return pick(g, "HostName", "Hostname"), pick(g, "real.example", "%h.example", "other", "10.1.2.3", "Web1.prod.example", "%%x", "::1", g.bad("%x"))
	case 17, 18:
		return "User", pick(g, "alice", "bob", "root")
	case 19:
		return "Port", pick(g, "22", "2222", "65535", g.bad("0", "65536", "-1"))
	case 20:
		flag := []string{"yes", "no", "true", "FALSE"}
		return g.one(map[string][]string{
			"ForwardX11": flag, "Compression": {"yes", "no"}, "StrictHostKeyChecking": {"yes", "no", "ask", "accept-new", "off"},
			"RequestTTY": {"auto", "force", "yes", "no"}, "ControlMaster": {"auto", "ask", "yes", "no", "autoask"}, "HashKnownHosts": flag,
			"VisualHostKey": flag, "VerifyHostKeyDNS": {"ask", "yes", "no"}, "Tunnel": {"yes", "no", "ethernet", "point-to-point"},
			"PubkeyAuthentication": {"yes", "no", "unbound", "host-bound"}, "CheckHostIP": flag, "ClearAllForwardings": flag,
			"PasswordAuthentication": flag, "StdinNull": flag, "SessionType": {"none", "default", "subsystem"},
			"AddressFamily": {"any", "inet"}, "ExitOnForwardFailure": flag, "GSSAPIAuthentication": flag,
		})
	case 21:
		return pick(g, "ProtocolKeepAlives", "SetupTimeOut"), g.seconds()
	case 22:
		if g.chance(0.5) {
			return "IgnoreUnknown", pick(g, "NoSuch*", "ClientAlive*,UseFoo", "*")
		}
		return pick(g, "NoSuchKeyword", "ClientAliveInterval"), "5"
	case 24:
		return g.one(map[string][]string{
			"LogLevel": {"INFO", "debug2"}, "SyslogFacility": {"USER", "local1"}, "FingerprintHash": {"sha512", "MD5"},
			"StreamLocalBindMask": {"0177", "0"}, "NumberOfPasswordPrompts": {"3", "0"}, "CanonicalizeMaxDots": {"1", "0"},
		})
	}
	return g.one(map[string][]string{
		"HostKeyAlias": {"a", "B"}, "PreferredAuthentications": {"publickey", "a,b"}, "BindAddress": {"10.1.1.1"}, "Tag": {"a", "b"},
		"ChannelTimeout": {"session:*=5", "none"}, "SetEnv": {"A=1", "A=1 A=2"}, "UseRoaming": {"no"}, "RhostsRSAAuthentication": {"no"},
		"Protocol": {"2"}, "Cipher": {"3des"}, "CanonicalizeFallbackLocal": {"yes", "no"},
		"ObscureKeystrokeTiming": {"yes", "no", "interval:50", "interval:20"}, "EnableEscapeCommandline": {"yes"}, "WarnWeakCrypto": {"yes", "no"},
		"LocalCommand": {"echo a # b", "none"}, "ProxyCommand": {"none", "nc %h %p"}, "RemoteCommand": {"none"}, "KnownHostsCommand": {"none", "/bin/x"},
		"SendEnv": {"LANG", "LC_* A"}, "RequiredRSASize": {"2048"}, "VersionAddendum": {"x # y", "none"}, "BindInterface": {"lo"},
	})
}

// block opens a Match or Host block.
func (g *generator) block() string {
	if g.side == Client {
		return g.clientBlock()
	}
	if g.chance(0.15) {
		return g.spell("Match", pick(g, "all", "ALL", "all # x"))
	}
	var parts []string
	for range 1 + g.IntN(2) {
		parts = append(parts, g.serverCriterion())
	}
	return g.spell("Match", strings.Join(parts, " "))
}

func (g *generator) pair(name, argument string) string {
	switch {
	case g.chance(0.06):
		return name + "=" + argument
	case g.chance(0.02):
		return name + " = " + argument
	case g.chance(0.05):
		return name + ` "` + argument + `"`
	case g.chance(0.02):
		return name + " '" + argument + "'"
	}
	return name + " " + argument
}

func (g *generator) patterns(pool []string) string {
	var out []string
	for range 1 + g.IntN(2) {
		p := pick(g, pool...)
		switch g.IntN(6) {
		case 0:
			p = p[:len(p)-1] + "*"
		case 1:
			p = "?" + p[1:]
		case 2:
			p = "!" + p
		case 3:
			p = "*"
		}
		out = append(out, p)
	}
	return strings.Join(out, ",")
}

func (g *generator) serverCriterion() string {
	if g.chance(g.daring) {
		return pick(g, "!User alice", "Nope x", "Address 10.1.2.3/8", "LocalPort x y", "User", "Address 10.0.0.0/33", "LocalPort 99999",
			"Address ,", "User alice, bob", "Exec true", "User alice all")
	}
	switch g.IntN(9) {
	case 0, 1, 2:
		return g.pair(pick(g, "User", "user"), g.patterns(g.users))
	case 3:
		return g.pair("Group", g.patterns(g.groups))
	case 4:
		return g.pair("Host", g.patterns(g.hosts))
	case 5, 6:
		return g.pair("Address", pick(g, "10.0.0.0/8", "10.1.2.3", "10.1.*", "!10.1.2.3,10.*", "192.168.0.0/16,10.1.2.0/24",
			"2001:db8::/32", "*", "::1", "0.0.0.0/0", "!192.168.0.0/16,*", "10.1.2.?"))
	case 7:
		return g.pair("LocalAddress", pick(g, "127.0.0.1", "10.0.0.0/8", "*", "192.168.7.9"))
	}
	return g.pair(pick(g, "LocalPort", "RDomain"), pick(g, "22", "2222"))
}

func (g *generator) clientBlock() string {
	if g.chance(0.45) {
		var out []string
		for range 1 + g.IntN(3) {
			p := pick(g, g.hosts...)
			switch g.IntN(6) {
			case 0:
				p = "*"
			case 1:
				p = "!" + p
			case 2:
				p = p[:len(p)/2] + "*"
			case 3:
				p = "real.example"
			}
			out = append(out, p)
		}
		return g.spell("Host", strings.Join(out, " "))
	}
	if g.chance(0.1) {
		return g.spell("Match", pick(g, "all", "!all", "host * all", "final all", "canonical all", "all # x"))
	}
	var parts []string
	for range 1 + g.IntN(2) {
		parts = append(parts, g.clientCriterion())
	}
	return g.spell("Match", strings.Join(parts, " "))
}

func (g *generator) clientCriterion() string {
	if g.chance(g.daring) {
		return pick(g, "address 10.0.0.0/8", "nope x", "host", "host a user b all", "group root", "LocalPort 22")
	}
	not := ""
	if g.chance(0.2) {
		not = "!"
	}
	names := append([]string{"real.example", "target.example.example"}, g.hosts...)
	switch g.IntN(8) {
	case 0, 1:
		return g.pair(not+"host", g.patterns(names))
	case 2:
		return g.pair(not+"originalhost", g.patterns(names))
	case 3, 4:
		return g.pair(not+"user", g.patterns(g.users))
	case 5:
		return g.pair(not+"localuser", g.patterns(g.users))
	case 6:
		return not + "final"
	}
	return not + "canonical"
}

func (g *generator) includeArgs() string {
	var out []string
	for range 1 + g.IntN(2) {
		switch g.IntN(9) {
		case 0, 1, 2:
			out = append(out, g.dir+"/d/*.conf")
		case 3:
			out = append(out, g.dir+pick(g, "/d/[0-9]*.conf", "/d/?-*.conf", "/d/[!0-9]*", "/*/one", "/e/*/x.conf", "/e/[[:alpha:]]*",
				"/d/[a-zB]*", "/d/*.{conf,bak}", "/d/\\*.conf", "/?/10-a.conf", "/d/1[0]-a.conf", "//d/10-a.conf", "/d/.*"))
		case 4:
			out = append(out, g.dir+pick(g, "/e/one", "/e/two", "/d/20-b.conf"))
		case 5:
			out = append(out, g.dir+pick(g, "/nothing", "/none/*.conf", "/e", "/d/"))
		case 6:
			out = append(out, pick(g, `"`+g.dir+`/sp ace"`, g.dir+`/sp\ ace`, `'`+g.dir+`/sp ace'`))
		case 7:
			out = append(out, "sshform-no-such-*.conf")
		default:
			out = append(out, g.dir+"/d/B.conf")
		}
	}
	return strings.Join(out, " ")
}

// login draws a login for sshd -C; asked is false for none.
func (g *generator) login() (l Login, asked bool) {
	if g.chance(0.15) {
		return l, false
	}
	full := g.chance(0.6)
	some := func() bool { return full || g.chance(0.5) }
	if some() {
		l.User = pick(g, g.users...)
	}
	if some() {
		l.Host = pick(g, g.hosts...)
	}
	if some() {
		l.Address = pick(g, g.addresses...)
	}
	if some() {
		l.LocalAddress = pick(g, g.addresses...)
	}
	if some() {
		l.LocalPort = pick(g, 22, 2222, 99)
	}
	if g.chance(0.2) {
		l.RDomain = pick(g, "22", "blue")
	}
	return l, l.String() != ""
}

// options draws some -o options.
func (g *generator) options() []string {
	var out []string
	for g.chance(0.12) {
		keyword, value := g.directive()
		out = append(out, keyword+pick(g, "=", " ", " = ")+value)
	}
	return out
}

// show prints a tree for a person.
func (g *generator) show() string {
	var names []string
	for name := range g.files {
		names = append(names, name)
	}
	sort.Strings(names)
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "--- %s\n", name)
		for i, line := range strings.SplitAfter(g.files[name], "\n") {
			fmt.Fprintf(&b, "%3d %q\n", i+1, line)
		}
	}
	for link, to := range g.links {
		fmt.Fprintf(&b, "--- %s -> %s\n", link, to)
	}
	return b.String()
}
