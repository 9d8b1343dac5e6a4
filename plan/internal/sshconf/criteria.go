package sshconf

import (
	"strings"

	"github.com/sshform/sshform/schema"
)

// criteria reads what stands behind Match. complaint is empty when the line
// is good. It applies the grammar only: whether the criteria hold is judged
// by the sides.
func (d *dialect) criteria(l *logicalLine) (list []Criterion, complaint string) {
	t := &criteriaTokens{d: d, left: l.raw, args: l.args}
	for {
		name, ok := t.name()
		if !ok {
			break
		}
		written := name
		c := Criterion{}
		if d.side == Client && strings.HasPrefix(name, "!") {
			c.Negated, name = true, name[1:]
		}
		if same(name, "all") {
			if d.misplacedAll(len(list)) || !t.end() {
				return nil, "'" + written + "' cannot be combined with other Match criteria"
			}
			c.Name = "all"
			list = append(list, c)
			if t.some() {
				return nil, "extra arguments at the end of the Match line"
			}
			return list, ""
		}
		if c.Name = lower(name); d.lonely(c.Name) {
			list = append(list, c)
			continue
		}
		if complaint := t.argument(&c, name); complaint != "" {
			return nil, complaint
		}
		list = append(list, c)
	}
	switch {
	case len(list) == 0:
		return nil, "Match needs at least one criterion"
	case t.some():
		return nil, "extra arguments at the end of the Match line"
	}
	return list, ""
}

// misplacedAll reports whether all may not stand behind n criteria: in sshd
// it stands alone, ssh tolerates one before it.
func (d *dialect) misplacedAll(n int) bool {
	if d.side == Client {
		return n > 1
	}
	return n > 0
}

// lonely reports whether a criterion takes no argument.
func (d *dialect) lonely(name string) bool {
	if d.side == Client {
		return name == "canonical" || name == "final" && d.release.AtLeast(8, 0)
	}
	return name == "invalid-user" && d.release.AtLeast(9, 9)
}

// A criterion's name is known to a side from a release on.
var criterionSince = map[Side]map[string]version{
	Server: {
		"user": 0, "group": 0, "host": 0, "address": 0, "localaddress": 0, "localport": 0,
		"rdomain": 707, "version": 1000,
	},
	Client: {
		"host": 0, "originalhost": 0, "user": 0, "localuser": 0, "exec": 0,
		"localnetwork": 904, "tagged": 904, "version": 1000, "command": 1000, "sessiontype": 1000,
	},
}

func (d *dialect) knowsCriterion(name string) bool {
	since, ok := criterionSince[d.side][name]
	return ok && (since == 0 || since.atLeast(d.release))
}

// criteriaTokens cuts a Match line: with the keyword's tokeniser up to 9.8,
// like any other line since.
type criteriaTokens struct {
	d    *dialect
	left rest
	args []string
}

// next returns the next token. Up to 9.8 an empty one ends the line.
func (t *criteriaTokens) next() (string, bool) {
	if t.d.matchSplit {
		if len(t.args) == 0 {
			return "", false
		}
		s := t.args[0]
		t.args = t.args[1:]
		return s, true
	}
	s, left, ok := delim(t.left, true)
	t.left = left
	return s, ok
}

// name returns the next token as the name of a criterion; a comment ends the
// line.
func (t *criteriaTokens) name() (string, bool) {
	s, ok := t.next()
	if !ok || s == "" && !t.d.matchSplit {
		return "", false
	}
	if t.comment(s) {
		t.args, t.left = nil, rest{}
		return "", false
	}
	return s, true
}

// comment reports whether a token starts a comment. Up to 8.6 the line was
// cut before, if at all.
func (t *criteriaTokens) comment(s string) bool { return t.d.split && strings.HasPrefix(s, "#") }

// end reports whether nothing but a comment follows.
func (t *criteriaTokens) end() bool {
	s, ok := t.next()
	if ok && t.comment(s) {
		t.args, t.left = nil, rest{}
		return true
	}
	return !ok || s == ""
}

// some reports whether tokens were left over.
func (t *criteriaTokens) some() bool {
	if t.d.matchSplit {
		return len(t.args) > 0
	}
	if t.d.split {
		return t.left.some && t.left.s != ""
	}
	s, _, ok := delim(t.left, true)
	return ok && s != ""
}

// argument reads the argument of c, whose name is as written.
func (t *criteriaTokens) argument(c *Criterion, name string) (complaint string) {
	argument, ok := "", false
	if key, value, found := t.joined(name); found {
		c.Name, argument, ok = lower(key), value, true
	} else {
		argument, ok = t.next()
	}
	mayBeEmpty := t.d.side == Client && t.d.release.AtLeast(10, 0) && (c.Name == "tagged" || c.Name == "command")
	if !ok || argument == "" && !mayBeEmpty || t.comment(argument) {
		return "the Match criterion " + name + " has no argument"
	}
	c.Argument = argument
	if !t.d.knowsCriterion(c.Name) {
		return "unsupported Match criterion " + c.Name
	}
	return t.judge(c)
}

// joined splits "user=x". 9.9p1 forgot about it, 9.9p2 brought it back for
// most criteria.
func (t *criteriaTokens) joined(name string) (key, value string, found bool) {
	if !t.d.matchSplit || t.d.release.Compare(schema.Release{Major: 9, Minor: 9, Patch: 2}) < 0 {
		return "", "", false
	}
	key, value, found = strings.Cut(name, "=")
	if !found || !t.d.knowsCriterion(lower(key)) || lower(key) == "sessiontype" {
		return "", "", false
	}
	return key, value, true
}

// judge refuses arguments that no release takes, whoever logs in.
func (t *criteriaTokens) judge(c *Criterion) string {
	switch c.Name {
	case "localport":
		if t.d.side == Server {
			if _, ok, known := port(c.Argument); known && !ok {
				return "invalid LocalPort " + c.Argument + " on the Match line"
			}
		}
	case "localnetwork":
		if !cidrList(c.Argument) {
			return "invalid network list " + c.Argument + " on the Match line"
		}
	}
	return ""
}

// cidrList judges a list that takes addresses and networks only
// (addr_match_cidr_list).
func cidrList(list string) bool {
	for entry := range strings.SplitSeq(list, ",") {
		if entry == "" || len(entry) > 46+3 || strings.Trim(entry, "0123456789abcdefABCDEF.:/") != "" {
			return false
		}
		if _, form := parseCIDR(entry); form != cidrGood {
			return false
		}
	}
	return true
}

// releaseText is SSH_RELEASE, which "Match version" compares with: the banner
// behind "SSH-2.0-".
func releaseText(r schema.Release) string {
	text := "OpenSSH_" + r.String()
	if r.Vendor != "" {
		text += " " + r.Vendor
	}
	return text
}
