package sshconf

import (
	"net/netip"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A Refusal says why no witness can be made; empty means one was.
type Refusal string

// plainLogin is somebody whom no pattern has in mind. All fields are given:
// sshd stops at "Match LocalPort" without lport.
func plainLogin() Login {
	return Login{
		User: "sshform-witness", Host: "witness.invalid", Address: "192.0.2.1", LocalAddress: "192.0.2.2",
		LocalPort: 22, RDomain: "witness", GroupsKnown: true, InvalidUser: false,
	}
}

// Witness makes a login that a Match block applies to, from its patterns and
// those of the blocks around it, and that every field of -C is given for. It
// fits no other block by intent, but may by chance. why says why there is
// none: groups cannot be made up, and criteria can contradict each other.
func Witness(b *Block, release schema.Release) (login Login, why Refusal) {
	login = plainLogin()
	for at := b; at != nil; at = at.Within {
		for _, c := range at.Criteria {
			if why := witnessField(&login, c, release); why != "" {
				return Login{}, why
			}
		}
	}
	s := &serverRun{run: newRun(NewTree(), Server, dialectOf(Server, release)), q: ServerQuery{Release: release, Login: login}}
	for at := b; at != nil; at = at.Within {
		if s.evaluate(at.Criteria, true, at.Place) != In {
			return Login{}, "no login can meet all criteria of " + Refusal(at.Place.String())
		}
	}
	return login, ""
}

// PlainLogin returns a login with all fields given that no block is meant
// for: the witness of the global section.
func PlainLogin() Login { return plainLogin() }

// witnessField sets the field that a criterion looks at.
func witnessField(login *Login, c Criterion, release schema.Release) Refusal {
	set := func(field *string, unset string, candidates []string, fits func(string) bool) Refusal {
		if *field != unset && fits(*field) {
			return "" // an outer or earlier criterion chose it, and it fits
		}
		for _, s := range candidates {
			if fits(s) {
				*field = s
				return ""
			}
		}
		return "no name matches " + Refusal(c.Argument)
	}
	plain := plainLogin()
	switch c.Name {
	case "all", "version":
		return ""
	case "invalid-user":
		login.InvalidUser = true
		return ""
	case "group":
		return "the groups of a login cannot be made up"
	case "user":
		return set(&login.User, plain.User, examples(c.Argument, plain.User), func(s string) bool {
			return matchList(s, c.Argument, false)
		})
	case "host":
		return set(&login.Host, plain.Host, examples(c.Argument, plain.Host), func(s string) bool {
			return matchHost(s, c.Argument)
		})
	case "rdomain":
		return set(&login.RDomain, plain.RDomain, examples(c.Argument, plain.RDomain), func(s string) bool {
			return matchList(s, c.Argument, false)
		})
	case "address":
		return set(&login.Address, plain.Address, addressExamples(c.Argument, plain.Address), func(s string) bool {
			matched, _ := addressList(s, c.Argument, false)
			return matched
		})
	case "localaddress":
		return set(&login.LocalAddress, plain.LocalAddress, addressExamples(c.Argument, plain.LocalAddress), func(s string) bool {
			matched, _ := addressList(s, c.Argument, false)
			return matched
		})
	case "localport":
		n, ok, known := port(c.Argument)
		if !ok || !known || n == 0 || login.LocalPort != plain.LocalPort && login.LocalPort != int(n) {
			return "no port matches " + Refusal(c.Argument)
		}
		login.LocalPort = int(n)
		return ""
	}
	return "the criterion " + Refusal(c.Name) + " is not known"
}

// examples makes names from the positive patterns of a list: wildcards stand
// for nothing, or for letters, or for the plain name.
func examples(list, plain string) []string {
	out := []string{}
	for pattern := range strings.SplitSeq(list, ",") {
		if pattern == "" || pattern[0] == '!' {
			continue
		}
		for _, star := range []string{"", "w", "witness", plain} {
			for _, one := range []string{"w", "1", "x"} {
				name := strings.ReplaceAll(strings.ReplaceAll(pattern, "*", star), "?", one)
				if nameable(name) {
					out = append(out, name)
				}
			}
		}
	}
	return append(out, plain)
}

// nameable reports whether a name can stand in -C: commas separate its fields.
func nameable(name string) bool {
	return name != "" && !strings.ContainsAny(name, ",\x00\n\r")
}

// addressExamples makes addresses from the positive entries of a list.
func addressExamples(list, plain string) []string {
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
		for _, digits := range []string{"1", "10", "7", "100", "2"} {
			text := strings.ReplaceAll(strings.ReplaceAll(entry, "*", digits), "?", digits[:1])
			if _, ok := parseAddr(text); ok {
				out = append(out, text)
			}
			if _, ok := parseAddr(text + ".1.1"); ok {
				out = append(out, text+".1.1")
			}
			if _, ok := parseAddr(text + ".1"); ok {
				out = append(out, text+".1")
			}
			if _, ok := parseAddr(strings.ReplaceAll(entry, "*", "1.1")); ok {
				out = append(out, strings.ReplaceAll(entry, "*", "1.1"))
			}
			if _, ok := parseAddr(strings.ReplaceAll(entry, "*", "1.1.1")); ok {
				out = append(out, strings.ReplaceAll(entry, "*", "1.1.1"))
			}
			if _, ok := parseAddr(strings.ReplaceAll(entry, "*", "1::")); ok {
				out = append(out, strings.ReplaceAll(entry, "*", "1::"))
			}
		}
		if entry == "*" {
			out = append(out, plain)
		}
	}
	return append(out, plain)
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
	const plain = "witness.invalid"
	candidates := []string{plain}
	for at := b; at != nil; at = at.Within {
		for _, p := range at.Patterns {
			candidates = append(candidates, examples(p, plain)...)
		}
		for _, c := range at.Criteria {
			switch c.Name {
			case "host", "originalhost":
				candidates = append(candidates, examples(c.Argument, plain)...)
			case "all", "final":
			default:
				return "", "the criterion " + Refusal(c.Name) + " is not about the host alone"
			}
		}
	}
	for _, s := range candidates {
		if hostable(s) && hostFits(b, s, release) {
			return s, ""
		}
	}
	return "", "no host name can meet all patterns of " + Refusal(b.Place.String())
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
