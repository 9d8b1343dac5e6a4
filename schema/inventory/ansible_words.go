package inventory

import (
	"errors"
	"iter"
	"regexp"
	"strconv"
	"strings"
)

// splitShell takes a line apart as Python's shlex.split(line, comments=True)
// does, which Ansible reads host lines with: a # ends the line also inside a
// word. Nothing is expanded.
func splitShell(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; c {
		case ' ', '\t', '\r', '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case '#':
			if inWord {
				words = append(words, word.String())
			}
			return words, nil
		case '\\':
			if i++; i == len(line) {
				return nil, errors.New("a backslash stands at its end")
			}
			word.WriteByte(line[i])
			inWord = true
		case '\'', '"':
			inWord = true
			end, closed := i+1, false
			for ; end < len(line); end++ {
				if line[end] == c {
					closed = true
					break
				}
				if c == '"' && line[end] == '\\' && end+1 < len(line) && (line[end+1] == '"' || line[end+1] == '\\') {
					end++
				}
				word.WriteByte(line[end])
			}
			if !closed {
				return nil, errors.New("a quote is not closed")
			}
			i = end
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// A patternReader knows the forms of hosts and ranges
// (ansible/parsing/utils/addresses.py).
type patternReader struct{ bracketed, port, ipv4, ipv6, name *regexp.Regexp }

func newPatternReader() *patternReader {
	const (
		digits = `\[[0-9]+:[0-9]+(?::[0-9]+)?\]`
		hex    = `\[[0-9a-f]+:[0-9a-f]+(?::[0-9]+)?\]`
		either = `\[(?:[a-z]:[a-z]|[0-9]+:[0-9]+)(?::[0-9]+)?\]`
		four   = `(?:[01]?[0-9]{1,2}|2[0-4][0-9]|25[0-5]|` + digits + `)`
		six    = `(?:[0-9a-f]{1,4}|` + hex + `)`
		// A label neither begins nor ends with a minus and does not end with
		// an underscore.
		label = `(?:(?:[\pL\pN_]|` + either + `)(?:[\pL\pN_-]|` + either + `)*(?:[\pL\pN]|` + either + `)|[\pL\pN]|` + either + `)`
	)
	compile := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)^(?:` + s + `)$`) }
	return &patternReader{
		bracketed: compile(`\[(.+)\]:([0-9]+)`),
		port:      compile(`((?:[^:\[\]]|\[[^\]]*\])*):([0-9]+)`),
		ipv4:      compile(`(?:` + four + `\.){3}` + four),
		ipv6: compile(strings.ReplaceAll(`(?:X:){7}X|(?:X:){1,6}:|X:(?::X){1,6}|(?:X:){2}(?::X){1,5}|(?:X:){3}(?::X){1,4}|`+
			`(?:X:){4}(?::X){1,3}|(?:X:){5}(?::X){1,2}|(?:X:){6}:X|:(?::X){1,6}|X?::`, "X", six)),
		name: compile(label + `(?:\.` + label + `)*`),
	}
}

// split takes a port off a host pattern. What is not a host in any form is
// taken as it stands, as Ansible does.
func (r *patternReader) split(pattern string) (host, port string) {
	host = pattern
	for _, form := range []*regexp.Regexp{r.bracketed, r.port} {
		if m := form.FindStringSubmatch(host); m != nil {
			host, port = m[1], m[2]
		}
	}
	for _, form := range []*regexp.Regexp{r.ipv4, r.ipv6, r.name} {
		if form.MatchString(host) {
			return host, port
		}
	}
	return pattern, ""
}

// maxRanges is how many ranges a host pattern may hold.
const maxRanges = 8

// expand returns the hosts of a pattern such as web[01:20:2].example.net
// and the port behind it, if there is one.
func (r *patternReader) expand(pattern string) (hosts iter.Seq[string], port string, err error) {
	host := pattern
	if strings.ContainsAny(pattern, ":[") {
		host, port = r.split(pattern)
	}
	switch {
	case host == "":
		return nil, "", errors.New("is empty")
	case port == "" && strings.HasSuffix(pattern, ":"):
		return nil, "", errors.New("ends in a colon; a port is missing, or the colon is too much")
	case host == "---":
		return nil, "", errors.New("begins a YAML file; name the file with the ending .yml")
	}
	if port != "" {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return nil, "", errors.New("has a port that is not from 1 to 65535")
		}
		port = strconv.Itoa(n)
	}
	var heads []string
	var ranges []hostRange
	rest := host
	for {
		head, tail, more := strings.Cut(rest, "[")
		if !more {
			break
		}
		inner, after, closed := strings.Cut(tail, "]")
		if !closed {
			return nil, "", errors.New("has a bracket that is not closed")
		}
		one, err := parseRange(inner)
		if err != nil {
			return nil, "", err
		}
		if len(ranges) == maxRanges {
			return nil, "", errors.New("has more than " + strconv.Itoa(maxRanges) + " ranges")
		}
		heads, ranges, rest = append(heads, head), append(ranges, one), after
	}
	return func(yield func(string) bool) { expandRanges("", heads, ranges, rest, yield) }, port, nil
}

// expandRanges yields all combinations, the last range fastest.
func expandRanges(before string, heads []string, ranges []hostRange, tail string, yield func(string) bool) bool {
	if len(ranges) == 0 {
		return yield(before + tail)
	}
	for item := range ranges[0].items() {
		if !expandRanges(before+heads[0]+item, heads[1:], ranges[1:], tail, yield) {
			return false
		}
	}
	return true
}

// A hostRange is begin:end or begin:end:step, both ends included.
type hostRange struct {
	begin, end, step int
	width            int  // digits with leading zeros; 0 is no leading zeros
	letters          bool // begin and end are places in the alphabet
}

const alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func parseRange(text string) (hostRange, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 2 && len(parts) != 3 {
		return hostRange{}, errors.New("has a range that is neither begin:end nor begin:end:step")
	}
	begin, end := parts[0], parts[1]
	r := hostRange{step: 1}
	var err error
	if len(parts) == 3 {
		if r.step, err = decimal(parts[2]); err != nil || r.step < 1 {
			return r, errors.New("has a range whose step is not a number above 0")
		}
	}
	if begin == "" {
		begin = "0"
	}
	if end == "" {
		return r, errors.New("has a range without an end")
	}
	if begin[0] == '0' && len(begin) > 1 {
		if r.width = len(begin); r.width != len(end) {
			return r, errors.New("has a range with leading zeros whose begin and end are not of one length")
		}
	}
	if len(begin) == 1 && len(end) == 1 && strings.Contains(alphabet, begin) && strings.Contains(alphabet, end) {
		r.letters = true
		r.begin, r.end = strings.Index(alphabet, begin), strings.Index(alphabet, end)
	} else {
		var wrongBegin, wrongEnd error
		r.begin, wrongBegin = decimal(begin)
		r.end, wrongEnd = decimal(end)
		if wrongBegin != nil || wrongEnd != nil {
			return r, errors.New("has a range that is neither of numbers nor of single letters")
		}
	}
	if r.begin > r.end {
		return r, errors.New("has a range whose begin is after its end")
	}
	return r, nil
}

// decimal reads digits only, few enough not to overflow.
func decimal(s string) (int, error) {
	if len(s) > 9 || strings.Trim(s, "0123456789") != "" {
		return 0, errors.New("not a number")
	}
	return strconv.Atoi(s)
}

func (r hostRange) items() iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := r.begin; i <= r.end; i += r.step {
			item := strconv.Itoa(i)
			if r.letters {
				item = alphabet[i : i+1]
			} else if len(item) < r.width {
				item = strings.Repeat("0", r.width-len(item)) + item
			}
			if !yield(item) {
				return
			}
		}
	}
}
