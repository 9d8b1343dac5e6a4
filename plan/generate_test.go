package plan_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A generator makes whole trees of awkward but mostly valid configuration and
// wants for them.
type generator struct {
	*rand.Rand
	side    schema.Side
	release schema.Release
	dir     string // where the tree stands
	main    string
	files   map[string]string
	links   map[string]string
	// scopes are the criteria or patterns that blocks of the tree have, so
	// that wants can be for the same.
	scopes []string
	// inMatch keeps keywords that sshd refuses in a Match block out of it.
	inMatch bool
}

func newGenerator(seed uint64, side schema.Side, release schema.Release, dir string) *generator {
	g := &generator{
		Rand: rand.New(rand.NewPCG(seed, uint64(len(side)))), side: side, release: release, dir: dir, main: dir + "/main",
		files: map[string]string{}, links: map[string]string{},
	}
	depth := g.IntN(3)
	for range 3 * depth {
		name := pick(g, "d/10-a.conf", "d/20-b.conf", "d/9-c.conf", "d/B.conf", "d/.hidden.conf", "e/one", "e/two", "sp ace")
		below := depth - 1
		if !strings.HasPrefix(name, "d/") {
			below = 0
		}
		g.files[dir+"/"+name] = g.file(below)
	}
	if side == schema.Server && g.chance(0.3) {
		g.files[dir+"/d/"+g.dropIn()] = plan.DropInMark + "\n" + g.file(0)
	}
	if g.chance(0.05) {
		g.links[dir+"/d/15-link.conf"] = pick(g, "20-b.conf", "20-b.conf", plan.NullDevice)
		g.files[dir+"/d/20-b.conf"] = g.file(0)
	}
	g.files[g.main] = g.file(2)
	if g.chance(0.08) {
		g.files[dir+"/dotfiles/real"] = g.files[g.main]
		delete(g.files, g.main)
		g.links[g.main] = "dotfiles/real"
	}
	if side == schema.Client && g.chance(0.03) {
		delete(g.files, g.main)
		delete(g.links, g.main)
	}
	return g
}

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

func (g *generator) chance(p float64) bool { return g.Float64() < p }

func (g *generator) dropIn() string {
	return pick(g, "00-ours.conf", "15-ours.conf", "zz-ours.conf")
}

func (g *generator) file(depth int) string {
	var b strings.Builder
	n := g.IntN(12)
	ending := pick(g, "\n", "\n", "\n", "\r\n")
	if depth > 1 && g.chance(0.4) || depth == 1 && g.chance(0.03) {
		b.WriteString("Include " + g.dir + "/d/*.conf" + ending)
	}
	g.inMatch = depth < 2 && g.chance(0.9) // an included file may stand in a block
	for i := range n {
		b.WriteString(g.line(depth))
		if i < n-1 || g.chance(0.8) {
			b.WriteString(ending)
		}
	}
	return b.String()
}

func (g *generator) line(depth int) string {
	switch r := g.Float64(); {
	case r < 0.14:
		return pick(g, "", "  ", "\t", "#", "# text", "# ClientAliveInterval is set below", "#ClientAliveInterval 0",
			"#ClientAliveCountMax 3", "  #TCPKeepAlive yes", "#\tServerAliveInterval 0", "#   ConnectTimeout 0", "#Match all", "# \\")
	case r < 0.15:
		return g.oddity()
	case r < 0.33:
		return g.block()
	case r < 0.44 && depth > 0:
		return g.spell("Include", g.includes(depth))
	}
	if g.chance(0.25) {
		return g.other()
	}
	keyword := g.keyword()
	if d, _ := schema.Define(g.side, keyword); g.side == schema.Server && g.inMatch && d.Match.IsZero() {
		keyword = "ClientAliveInterval"
	}
	return g.spell(keyword, g.awkward(keyword))
}

// oddity is a line that is strange as a whole; some are refused.
func (g *generator) oddity() string {
	return pick(g, "==ClientAliveInterval 3", "\"ClientAliveInterval 3", "ClientAliveInterval 1\x00junk", "# nul\x00",
		"=TCPKeepAlive no", "\"TCPKeepAlive\"no", "\"TCPKeepAlive\" no", "KeepAlive no", "ClientAliveInterval 0", "\"\"=ClientAliveInterval 9", "# a\x00b", "TCPKeepAlive no \f", "\r\rTCPKeepAlive no",
		"TCPKeepAlive\r no", "\"\" TCPKeepAlive no", "\"\"=TCPKeepAlive no", "ServerAliveInterval 5\x00junk", "Protocol 2",
		"ClientAliveInterval 5 6", "TCPKeepAlive ''", "NoSuchKeyword yes")
}

// other is a directive that sshform does not manage.
func (g *generator) other() string {
	if g.side == schema.Client {
		return pick(g, "HostName real.example", "User alice", "Port 2222", "BatchMode yes", "Compression yes", "SendEnv LANG",
			"ProxyCommand nc %h 22 # kept", "RekeyLimit 1G 1h", "IPQoS af21", "LogLevel VERBOSE", "ForwardX11 no")
	}
	return pick(g, "X11Forwarding yes", "PermitTTY no", "AcceptEnv LANG", "ForceCommand echo 'a b' # c", "RekeyLimit 1G none",
		"IPQoS af21 cs1", "MaxSessions 3", "Banner none", "AllowTcpForwarding no", "PermitRootLogin no", "LogLevel VERBOSE",
		"PermitUserRC no", "X11DisplayOffset 12")
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
		keyword, separator = `"`+keyword+`"`, " "
	}
	return pick(g, "", "", "    ", "\t") + keyword + separator + value +
		pick(g, "", "", "", "", "", "", " # comment", "\t#", " ", "\r", "  # it's")
}

func (g *generator) definitions() []schema.Definition { return schema.Definitions(g.side) }

func (g *generator) keyword() string {
	if g.chance(0.5) {
		return string(g.definitions()[g.IntN(2)].Keyword)
	}
	d := pick(g, g.definitions()...)
	if !g.release.AtLeast(d.Since.Major, d.Since.Minor) && g.chance(0.95) {
		d = g.definitions()[0]
	}
	return string(d.Keyword)
}

// awkward is an argument as people and programs write it.
func (g *generator) awkward(keyword string) string {
	d, _ := schema.Define(g.side, keyword)
	value := ""
	switch d.Kind {
	case schema.Time:
		value = pick(g, "0", "15", "30", "1m", "1M", "2h", "1m30s", "010", "600")
		if d.None || g.side == schema.Client && g.chance(0.1) {
			value = pick(g, value, "none")
		}
	case schema.Count:
		value = pick(g, "1", "2", "3", "4", "007", "+3")
	case schema.Flag:
		value = pick(g, "yes", "no", "NO", "Yes")
	case schema.Timeouts:
		return pick(g, "none", "session:*=5", "session:shell=1m agent-connection=0", "*=0", "\"session:*=5\"", "NONE")
	}
	if g.chance(0.08) {
		return pick(g, `"`+value+`"`, `'`+value+`'`, value[:1]+`"`+value[1:]+`"`)
	}
	return value
}

// includes are patterns. Included files seldom include those beside them, of
// which a loop would come.
func (g *generator) includes(depth int) string {
	var out []string
	for range 1 + g.IntN(2) {
		if depth < 2 && g.chance(0.97) {
			out = append(out, pick(g, g.dir+"/e/one", g.dir+"/e/two", g.dir+"/e/*", g.dir+"/nothing"))
			continue
		}
		out = append(out, pick(g, g.dir+"/d/*.conf", g.dir+"/d/*.conf", g.dir+"/d/[0-9]*.conf", g.dir+"/e/one", g.dir+"/e/two",
			g.dir+"/nothing", g.dir+"/d/20-b.conf", `"`+g.dir+`/sp ace"`, g.dir+`/e/*`))
	}
	return strings.Join(out, " ")
}

func (g *generator) block() string {
	if g.side == schema.Client {
		if g.chance(0.2) {
			return g.spell("Match", pick(g, "all", "host target", "originalhost web1,web2", "user alice", "final all", "!host other", "localuser nobody"))
		}
		scope := g.hostPatterns()
		g.scopes = append(g.scopes, scope)
		return g.spell("Host", scope)
	}
	scope := g.criteria()
	g.scopes = append(g.scopes, scope)
	g.inMatch = g.chance(0.98)
	return g.spell("Match", scope)
}

func (g *generator) hostPatterns() string {
	var out []string
	for range 1 + g.IntN(2) {
		out = append(out, pick(g, "*", "target", "web1", "web*", "!web1", "*.example", "other", "t?rget", "!target"))
	}
	return strings.Join(out, " ")
}

func (g *generator) criteria() string {
	if g.chance(0.15) {
		return "all"
	}
	one := func() string {
		return pick(g, "User alice", "User bob", "User alice,bob", "User *", "User !alice,*", "user a*", "Address 10.0.0.0/8",
			"Address 10.1.2.3", "Address *", "Address 192.168.0.0/16,10.1.2.0/24", "Host web*", "LocalPort 22", "LocalPort 2222",
			"LocalAddress 127.0.0.1", "Group wheel", "User alice,carol", "RDomain blue")
	}
	if g.chance(0.8) {
		return one()
	}
	a, b := one(), one()
	if strings.EqualFold(firstOf(a), firstOf(b)) {
		return a
	}
	return a + " " + b
}

func firstOf(s string) string {
	first, _, _ := strings.Cut(s, " ")
	return first
}

// targets draws what shall be in force: no keyword twice in one scope.
func (g *generator) targets() []schema.Target {
	var targets []schema.Target
	taken := map[string]bool{}
	for i := range 1 + g.IntN(3) {
		t := schema.Target{
			Address: schema.Address{Block: string(g.side), Name: fmt.Sprintf("t%d", i)},
			Host:    schema.Host{Name: "h"}, File: schema.File{Path: g.main}, Reload: "none",
			RefuseOverrides: g.chance(0.05),
		}
		scope := g.scope()
		if g.side == schema.Server {
			t.Scope.Match = scope
			if g.readsDropIns() && g.chance(0.6) || g.chance(0.02) {
				t.File.DropIn = g.dropIn()
			}
		} else {
			t.Scope.Patterns = scope
		}
		for _, d := range g.definitions() {
			key := scope + " " + string(d.Keyword)
			notHere := scope != "" && d.Match.IsZero() || d.Keyword == "ChannelTimeout" && (scope != "" || g.side == schema.Client)
			if taken[key] || notHere && !g.chance(0.01) || !g.chance(0.4) {
				continue
			}
			taken[key] = true
			if g.chance(0.2) {
				t.Unset = append(t.Unset, schema.Setting{Keyword: d.Keyword})
			} else {
				t.Settings = append(t.Settings, schema.Setting{Keyword: d.Keyword, Argument: g.argument(d)})
			}
		}
		if len(t.Settings)+len(t.Unset) > 0 {
			targets = append(targets, t)
		}
	}
	return targets
}

// readsDropIns reports whether a drop-in would be read: there is a folder, and
// the main file begins with it.
func (g *generator) readsDropIns() bool {
	for name := range g.files {
		if strings.HasPrefix(name, g.dir+"/d/") {
			return strings.HasPrefix(g.files[g.main], "Include "+g.dir+"/d/*.conf")
		}
	}
	return false
}

// scope is empty for everybody.
func (g *generator) scope() string {
	if g.chance(0.4) {
		return ""
	}
	scope := g.criteria()
	if g.side == schema.Client {
		scope = g.hostPatterns()
	}
	if len(g.scopes) > 0 && g.chance(0.5) {
		scope = pick(g, g.scopes...)
	}
	if scope == "all" || scope == "*" {
		return ""
	}
	if onlyExceptions(scope) && g.chance(0.9) {
		scope += " t*" // exceptions alone never match
	}
	return scope
}

func onlyExceptions(patterns string) bool {
	return !slices.ContainsFunc(strings.Fields(patterns), func(p string) bool { return p[0] != '!' })
}

func (g *generator) argument(d schema.Definition) schema.Argument {
	switch d.Kind {
	case schema.Flag:
		return pick[schema.Argument](g, "yes", "no")
	case schema.Count:
		return pick[schema.Argument](g, "1", "2", "3", "7")
	case schema.Timeouts:
		return pick[schema.Argument](g, "none", "session:*=300", "session:shell=60 agent-connection=0")
	}
	if d.None && g.chance(0.3) {
		return "none"
	}
	return pick[schema.Argument](g, "15", "30", "60", "420")
}

// show prints the tree and the targets for a person.
func (g *generator) show(targets []schema.Target, files map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(&b, "--- %s\n", strings.TrimPrefix(name, g.dir))
		for i, line := range strings.SplitAfter(files[name], "\n") {
			fmt.Fprintf(&b, "%3d %q\n", i+1, strings.ReplaceAll(line, g.dir, "D"))
		}
	}
	for link, to := range g.links {
		fmt.Fprintf(&b, "--- %s -> %s\n", link, to)
	}
	for _, t := range targets {
		fmt.Fprintf(&b, "%s drop_in %q scope %q", t.Address, t.File.DropIn, t.Scope.Match+t.Scope.Patterns)
		for _, s := range t.Settings {
			fmt.Fprintf(&b, " %s=%s", s.Keyword, s.Argument)
		}
		for _, s := range t.Unset {
			fmt.Fprintf(&b, " -%s", s.Keyword)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
