package sshconf

import (
	"net/netip"
	"strconv"
	"strings"
)

// matchPattern reports whether s matches a pattern with '*' and '?' (match.c).
func matchPattern(s, pattern string) bool {
	i, j := 0, 0
	star, from := -1, 0
	for i < len(s) {
		switch {
		case j < len(pattern) && pattern[j] == '*':
			star, from = j, i
			j++
		case j < len(pattern) && (pattern[j] == '?' || pattern[j] == s[i]):
			i++
			j++
		case star >= 0:
			from++
			i, j = from, star+1
		default:
			return false
		}
	}
	for j < len(pattern) && pattern[j] == '*' {
		j++
	}
	return j == len(pattern)
}

// longestPattern is the size of match_pattern_list's buffer: a longer pattern
// makes the whole list fail.
const longestPattern = 1023

// matchList reports whether s matches a comma-separated list: some positive
// pattern matches and no negated one does. fold puts the patterns, not s, in
// lower case.
func matchList(s, list string, fold bool) bool {
	matched, _ := matchListEach(s, list, fold)
	return matched
}

// matchListEach is matchList that tells a negated match from none at all.
func matchListEach(s, list string, fold bool) (matched, refused bool) {
	for list != "" {
		negated := list[0] == '!'
		if negated {
			list = list[1:]
		}
		pattern, left, _ := strings.Cut(list, ",")
		list = left
		if len(pattern) >= longestPattern {
			return false, false
		}
		if fold {
			pattern = lower(pattern)
		}
		if matchPattern(s, pattern) {
			if negated {
				return false, true
			}
			matched = true
		}
	}
	return matched, false
}

// matchHost compares without case (match_hostname).
func matchHost(host, list string) bool { return matchList(lower(host), list, true) }

// addressList tells what addr_match_list makes of a list: matched, and bad
// for an entry that is empty or a CIDR with host bits set. With test set, only
// the syntax is judged, as for a login whose address is not known.
func addressList(address, list string, test bool) (matched, bad bool) {
	var addr netip.Addr
	if !test {
		var ok bool
		if addr, ok = parseAddr(address); !ok {
			return false, false
		}
	}
	for entry := range strings.SplitSeq(list, ",") {
		negated := strings.HasPrefix(entry, "!")
		if negated {
			entry = entry[1:]
		}
		if entry == "" {
			return false, true
		}
		prefix, form := parseCIDR(entry)
		if form == cidrBad {
			return false, true
		}
		hit := false
		if !test {
			if form == cidrGood {
				hit = contains(prefix, addr)
			} else {
				hit = matchPattern(address, entry)
			}
		}
		if !hit {
			continue
		}
		if negated {
			return false, false
		}
		matched = true
	}
	return matched, false
}

// The forms of an entry in a list of addresses.
const (
	cidrNone = iota // not an address: a wildcard pattern
	cidrGood
	cidrBad // mask too long, or host bits set
)

// parseCIDR reads an address with an optional mask (addr_pton_cidr).
func parseCIDR(s string) (netip.Prefix, int) {
	if len(s) > 63 {
		return netip.Prefix{}, cidrNone
	}
	text, mask, masked := strings.Cut(s, "/")
	bits := -1
	if masked {
		n, left, ok := strtol(mask)
		if !ok || left != "" || n < 0 || n > 128 {
			return netip.Prefix{}, cidrNone
		}
		bits = int(n)
	}
	addr, ok := parseAddr(text)
	if !ok {
		return netip.Prefix{}, cidrNone
	}
	if bits < 0 {
		bits = addr.BitLen()
	}
	prefix := netip.PrefixFrom(addr, bits)
	if bits > addr.BitLen() || prefix.Masked().Addr() != addr.WithZone("") {
		return netip.Prefix{}, cidrBad
	}
	return prefix, cidrGood
}

// contains compares within one family; addresses in IPv6 clothes stay apart
// from plain IPv4, as in addr_netmatch.
func contains(p netip.Prefix, a netip.Addr) bool {
	if p.Addr().Is4() != a.Is4() {
		return false
	}
	if a.Zone() != p.Addr().Zone() {
		return false
	}
	return netip.PrefixFrom(p.Addr().WithZone(""), p.Bits()).Contains(a.WithZone(""))
}

// parseAddr reads what getaddrinfo takes for a numeric address: besides the
// usual forms the old IPv4 ones of inet_aton, such as 10.1 and 0x7f.1.
func parseAddr(s string) (netip.Addr, bool) {
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr, true
	}
	parts := strings.Split(s, ".")
	if s == "" || len(parts) > 4 {
		return netip.Addr{}, false
	}
	var value uint64
	for i, part := range parts {
		if part == "" || !digit(part[0]) || strings.ContainsRune(part, '_') {
			return netip.Addr{}, false
		}
		n, err := strconv.ParseUint(part, 0, 32)
		if err != nil {
			return netip.Addr{}, false
		}
		if i < len(parts)-1 {
			if n > 255 {
				return netip.Addr{}, false
			}
			value |= n << (24 - 8*i)
			continue
		}
		if n >= 1<<(32-8*i) {
			return netip.Addr{}, false
		}
		value |= n
	}
	return netip.AddrFrom4([4]byte{byte(value >> 24), byte(value >> 16), byte(value >> 8), byte(value)}), true
}
