package seal

import "strings"

// matchList reports whether a name matches a list of patterns, as OpenSSH's
// match_pattern_list does: one of them, and none that begins with "!".
func matchList(name, list string) bool {
	found := false
	for pattern := range strings.SplitSeq(list, ",") {
		pattern, negated := strings.CutPrefix(pattern, "!")
		if !match(name, pattern) {
			continue
		}
		if negated {
			return false
		}
		found = true
	}
	return found
}

// match is a pattern with * and ? (ssh_config(5), PATTERNS).
func match(name, pattern string) bool {
	// After a star: where the pattern goes on, and how much the star has eaten.
	star, eaten := -1, 0
	n, p := 0, 0
	for n < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, eaten = p, n
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[n]):
			n++
			p++
		case star >= 0:
			eaten++
			n, p = eaten, star+1
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
