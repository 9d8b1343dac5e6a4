package apply

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// A judgement is what the host's own program said about one tree.
type judgement struct {
	exit     int
	messages string
	answers  []plan.Answer // one for each login asked
}

// noHostKeys is what sshd says of files that it took, when it can read no host
// key: a plain user's sshd, asked about a tree that no sshd reads (sshd.c).
const noHostKeys = "no hostkeys available"

// keyless reports whether sshd took the files and got no further.
func (j judgement) keyless() bool { return j.exit != 0 && strings.Contains(j.messages, noHostKeys) }

// judgements reads the two judgements that transact.sh prints. copied says
// that no namespace could be had.
func (d *dumps) judgements(mark string, output []byte, logins int) (before, after judgement, copied bool, err error) {
	if rest, found := bytes.CutPrefix(output, []byte(mark+" copy\n")); found {
		copied, output = true, rest
	}
	if before, output, err = d.judgement(mark, "before", output, logins); err != nil {
		return
	}
	after, _, err = d.judgement(mark, "after", output, logins)
	return
}

func (d *dumps) judgement(mark, phase string, output []byte, logins int) (judgement, []byte, error) {
	head, rest, _ := bytes.Cut(output, []byte("\n"))
	status, found := bytes.CutPrefix(head, []byte(mark+" "+phase+" check "))
	messages, rest, whole := bytes.Cut(rest, []byte("\n"+mark+" end\n"))
	exit, err := strconv.Atoi(string(status))
	if !found || !whole || err != nil {
		return judgement{}, nil, fmt.Errorf("the judgement of the tree %s the change was cut short", phase)
	}
	j := judgement{exit: exit, messages: string(messages)}
	for range logins {
		var a plan.Answer
		if a, rest, err = d.answer(mark, rest); err != nil {
			return judgement{}, nil, err
		}
		j.answers = append(j.answers, a)
	}
	return j, rest, nil
}

// A RefusedConfigError says that the host's own program does not take the
// staged files.
type RefusedConfigError struct {
	Program  string
	Messages string // as it said it
}

func (e *RefusedConfigError) Error() string {
	return fmt.Sprintf("%s refuses the new configuration: %s", e.Program, e.Messages)
}

// debugLine is what -dd adds to stderr.
var debugLine = regexp.MustCompile(`^debug[123]: `)

// complaints returns the messages of a check without its debug lines.
func complaints(messages string) []string {
	var kept []string
	for line := range strings.Lines(messages) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !debugLine.MatchString(line) {
			kept = append(kept, line)
		}
	}
	return kept
}

// compare judges the tree after the change against the tree before it: no new
// complaint, the wanted values, and nothing else different (rules 12 and 13).
// names maps the paths of staged files to those they stand for.
func compare(program string, before, after judgement, logins []plan.Login, wanted wantedValues, names *strings.Replacer) error {
	if before.exit != 0 {
		return fmt.Errorf("%s refuses the configuration as it is, before any change: %s",
			program, names.Replace(strings.Join(complaints(before.messages), "; ")))
	}
	if after.exit != 0 {
		return &RefusedConfigError{program, names.Replace(strings.Join(complaints(after.messages), "; "))}
	}
	if err := compareComplaints(program, before, after, names); err != nil {
		return err
	}
	for i, login := range logins {
		if err := compareLogin(program, login, before.answers[i], after.answers[i], wanted); err != nil {
			return err
		}
	}
	return nil
}

// compareComplaints refuses what the program did not say before.
func compareComplaints(program string, before, after judgement, names *strings.Replacer) error {
	known := complaints(names.Replace(before.messages))
	for _, line := range complaints(names.Replace(after.messages)) {
		if !slices.Contains(known, line) {
			return &RefusedConfigError{program, line}
		}
	}
	return nil
}

func compareLogin(program string, login plan.Login, before, after plan.Answer, wanted wantedValues) error {
	who := describeLogin(login)
	if after.Exit != 0 {
		if before.Exit != 0 {
			return fmt.Errorf("%s cannot be asked about %s: %s", program, who, lastLines(before.Stderr, 2))
		}
		return &RefusedConfigError{program, fmt.Sprintf("for %s: %s", who, lastLines(after.Stderr, 2))}
	}
	if err := wanted.met(login, after.Values); err != nil {
		return fmt.Errorf("with the new files in place %w", err)
	}
	moved := slices.DeleteFunc(differences(before.Values, after.Values), func(keyword string) bool { return wanted.managed[keyword] })
	if len(moved) > 0 {
		keyword := slices.Min(moved)
		return fmt.Errorf("the change would also turn %s for %s from %q into %q",
			keyword, who, inForce(before.Values, keyword), inForce(after.Values, keyword))
	}
	return nil
}

// differences lists the keywords that are not the same in both, some twice.
func differences(a, b map[string][]string) (keywords []string) {
	for _, values := range []map[string][]string{a, b} {
		for keyword := range values {
			if inForce(a, keyword) != inForce(b, keyword) {
				keywords = append(keywords, keyword)
			}
		}
	}
	return keywords
}

// inForce returns the argument of a keyword as one string. 9.2 prints no
// channeltimeout line where later releases print none.
func inForce(values map[string][]string, keyword string) string {
	lines, found := values[keyword]
	if !found && keyword == "channeltimeout" {
		return "none"
	}
	return strings.Join(lines, "\n")
}

func describeLogin(l plan.Login) string {
	switch {
	case l.Client:
		return "ssh " + l.Host
	case l == plan.Login{File: l.File}:
		return "every login"
	}
	return fmt.Sprintf("user %s from %s", l.User, cmp.Or(l.Addr, l.Host))
}

// wantedValues is what must be in force after the change, and which keywords
// may differ from before.
type wantedValues struct {
	expect  []plan.Expectation
	managed map[string]bool
}

func wantedOf(changes []plan.Change) wantedValues {
	w := wantedValues{managed: map[string]bool{}}
	for _, c := range changes {
		for _, e := range c.Expect {
			if e.Login.Group == "" { // a member of a group cannot be asked about
				w.expect = append(w.expect, e)
			}
		}
		for _, s := range c.Settings {
			w.managed[s.Keyword.Lower()] = true
		}
	}
	return w
}

// logins returns whom to ask about one side, each once.
func (w wantedValues) logins(client bool) []plan.Login {
	var all []plan.Login
	for _, e := range w.expect {
		if e.Login.Client == client && !slices.Contains(all, e.Login) {
			all = append(all, e.Login)
		}
	}
	return all
}

// met checks what a program said for a login against what is wanted.
func (w wantedValues) met(login plan.Login, values map[string][]string) error {
	for _, e := range w.expect {
		if e.Login != login {
			continue
		}
		for _, keyword := range slices.Sorted(maps.Keys(e.Values)) {
			want, got := string(e.Values[keyword]), inForce(values, keyword.Lower())
			if !sameArgument(keyword, want, got) {
				return fmt.Errorf("%s is %q for %s, not %q", keyword, got, describeLogin(login), want)
			}
		}
	}
	return nil
}

// sameArgument compares what we write with what the programs print. Releases
// differ in how they print that something is off.
func sameArgument(keyword schema.Keyword, want, got string) bool {
	if want == got {
		return true
	}
	switch keyword.Lower() {
	case "unusedconnectiontimeout", "connecttimeout":
		return off(want) && off(got)
	case "tcpkeepalive":
		return flag(want) == flag(got)
	case "channeltimeout":
		return timeouts(want) == timeouts(got)
	}
	return false
}

// timeouts folds the times of a list of pairs to seconds: the programs print
// them as the file has them, "session:*=5m".
func timeouts(argument string) string {
	d, _ := schema.Define(schema.Server, "ChannelTimeout")
	if folded, err := d.List(strings.Fields(argument)); err == nil {
		return string(folded)
	}
	return argument
}

func off(argument string) bool { return argument == "0" || strings.EqualFold(argument, "none") }

// flag folds the words for yes and no; ssh takes true and false too.
func flag(argument string) string {
	switch strings.ToLower(argument) {
	case "yes", "true":
		return "yes"
	case "no", "false":
		return "no"
	}
	return argument
}
