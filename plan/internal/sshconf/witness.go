package sshconf

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A Refusal says why no witness can be made; empty means one was.
type Refusal string

// PlainLogin returns a login that no block has in mind, the witness of the
// global section. All fields are given: sshd stops at "Match LocalPort"
// without lport. Port 1 is tcpmux's, and no sshd listens there.
func PlainLogin() Login {
	return Login{
		User: "sshform-witness", Host: "witness.invalid", Address: "192.0.2.1", LocalAddress: "192.0.2.2",
		LocalPort: 1, RDomain: "witness", GroupsKnown: true,
	}
}

// Witness makes a login that a Match block and the blocks around it apply to,
// from their patterns, with every field of -C given. It fits no other block
// by intent, but may by chance. why says why there is none: groups cannot be
// made up, and criteria can contradict each other.
func Witness(b *Block, release schema.Release) (login Login, why Refusal) {
	login = PlainLogin()
	lists := map[string][]string{} // by criterion
	for at := b; at != nil; at = at.Within {
		for _, c := range at.Criteria {
			lists[c.Name] = append(lists[c.Name], c.Argument)
		}
	}
	if len(lists["group"]) > 0 {
		return Login{}, "the groups of a login cannot be made up"
	}
	login.InvalidUser = len(lists["invalid-user"]) > 0
	words := func(s, list string) bool { return matchList(s, list, false) }
	addresses := func(s, list string) bool {
		matched, _ := addressList(s, list, false)
		return matched
	}
	for _, f := range []struct {
		criterion string
		field     *string
		make      func(list string, fill []string) []string
		matches   func(s, list string) bool
	}{
		{"user", &login.User, examples, words},
		{"host", &login.Host, examples, matchHost},
		{"rdomain", &login.RDomain, examples, words},
		{"address", &login.Address, addressExamples, addresses},
		{"localaddress", &login.LocalAddress, addressExamples, addresses},
	} {
		if !choose(f.field, lists[f.criterion], f.make, f.matches) {
			return Login{}, Refusal(Quoted("no "+f.criterion+" matches "+strings.Join(lists[f.criterion], " and "), longestText))
		}
	}
	if list := lists["localport"]; len(list) > 0 {
		n, _, _ := port(list[0])
		login.LocalPort = int(n)
	}
	s := &serverRun{run: newRun(NewTree(), Server, dialectOf(Server, release)), q: ServerQuery{Release: release, Login: login}}
	for at := b; at != nil; at = at.Within {
		if s.evaluate(at.Criteria, true, at.Place) != In {
			return Login{}, "no login can meet all criteria of " + blockAt(at)
		}
	}
	return login, ""
}

// blockAt names a block: by its place, or by its line where it stands nowhere
// yet.
func blockAt(b *Block) Refusal {
	if b.File != "" {
		return Refusal(b.Place.String())
	}
	words := append([]string{b.Keyword}, b.Patterns...)
	for _, c := range b.Criteria {
		words = append(words, c.Name, c.Argument)
	}
	return Refusal(fmt.Sprintf("%q", strings.Join(words, " ")))
}

// choose sets a field to a value that matches all lists; the one it has is
// taken if it does.
func choose(field *string, lists []string, candidates func(string, []string) []string, matches func(s, list string) bool) bool {
	fits := func(s string) bool {
		for _, list := range lists {
			if !matches(s, list) {
				return false
			}
		}
		return true
	}
	fill := []string{"", "w", "witness", *field}
	all := []string{*field}
	for range lists { // once more, so that wildcards can stand for the others' examples
		for _, list := range lists {
			made := candidates(list, fill)
			all = append(all, made...)
			fill = append(fill, made[:min(len(made), 8)]...)
		}
	}
	for _, s := range all {
		if fits(s) {
			*field = s
			return true
		}
	}
	return false
}

// examples makes names from the positive patterns of a list: '*' stands for
// one of fill, '?' for a letter or digit.
func examples(list string, fill []string) []string {
	var out []string
	for pattern := range strings.SplitSeq(list, ",") {
		if pattern == "" || pattern[0] == '!' {
			continue
		}
		for _, star := range fill {
			for _, one := range []string{"w", "1", "x"} {
				name := strings.ReplaceAll(strings.ReplaceAll(pattern, "*", star), "?", one)
				if nameable(name) {
					out = append(out, name)
				}
				if !strings.Contains(pattern, "?") {
					break
				}
			}
			if !strings.Contains(pattern, "*") {
				break
			}
		}
	}
	return out
}

// nameable reports whether a name can stand in -C: commas separate its fields.
func nameable(name string) bool {
	return name != "" && len(name) < 256 && !strings.ContainsAny(name, ",\x00\n\r")
}

// addressExamples makes addresses from the positive entries of a list: the
// first ones of a network and one in its middle, and what wildcards may stand
// for.
func addressExamples(list string, _ []string) []string {
	var out []string
	for entry := range strings.SplitSeq(list, ",") {
		if entry == "" || entry[0] == '!' {
			continue
		}
		if prefix, form := parseCIDR(entry); form == cidrGood {
			addr := prefix.Addr()
			for range 16 {
				if !prefix.Contains(addr) {
					break
				}
				out = append(out, addr.String())
				addr = addr.Next()
			}
			out = append(out, middle(prefix))
			continue
		}
		for _, star := range []string{"1", "10", "7", "100", "2", "1.1", "1.1.1", "1::", "2001:db8::1", "192.0.2.1"} {
			text := strings.ReplaceAll(strings.ReplaceAll(entry, "*", star), "?", star[:1])
			if _, err := netip.ParseAddr(text); err == nil {
				out = append(out, text)
			}
		}
	}
	return out
}

// middle is an address far from both ends of a network, which a small
// exception at its start does not cover.
func middle(p netip.Prefix) string {
	raw := p.Addr().AsSlice()
	if p.Bits() < len(raw)*8 {
		raw[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	}
	addr, _ := netip.AddrFromSlice(raw)
	return addr.String()
}

// HostWitness makes a host name that a Host line, or the host and
// originalhost criteria of a Match line, and the blocks around it apply to.
// why says why there is none.
func HostWitness(b *Block, release schema.Release) (host string, why Refusal) {
	candidates := []string{"witness.invalid"}
	fill := []string{"", "w", "witness", "witness.invalid"}
	for at := b; at != nil; at = at.Within {
		for _, p := range at.Patterns {
			candidates = append(candidates, examples(p, fill)...)
		}
		for _, c := range at.Criteria {
			switch c.Name {
			case "host", "originalhost":
				candidates = append(candidates, examples(c.Argument, fill)...)
			case "all", "final":
			default:
				return "", "the criterion " + Refusal(c.Name) + " is not about the host alone"
			}
		}
		fill = append(fill, candidates[:min(len(candidates), 8)]...)
	}
	for _, s := range candidates {
		if hostable(s) && hostFits(b, s, release) {
			return s, ""
		}
	}
	return "", "no host name can meet all patterns of " + blockAt(b)
}

// hostFits reports whether a block and those around it apply to a host whose
// name stays as it is typed.
func hostFits(b *Block, host string, release schema.Release) bool {
	c := &clientRun{
		run: newRun(NewTree(), Client, dialectOf(Client, release)), q: ClientQuery{Host: host}, host: host, final: true,
	}
	for at := b; at != nil; at = at.Within {
		if at.Keyword == "Host" && c.patterns(at.Patterns) != In {
			return false
		}
		for _, m := range at.Criteria {
			one := c.criterion(m, In, at.Place)
			if m.Negated {
				one = In - one
			}
			if one != In {
				return false
			}
		}
	}
	return true
}

// hostable reports whether a name can be given to ssh as an argument.
func hostable(s string) bool {
	return s != "" && s[0] != '-' && !strings.ContainsAny(s, "@/ \t\r\n\x00")
}
