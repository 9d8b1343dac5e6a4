package sshconf

import "strings"

// The characters that OpenSSH takes for white space around a keyword
// (misc.c). Form feed is white space at the end of a line only.
const (
	blanks   = " \t\r\n"
	trailing = blanks + "\f"
)

// isBlank reports whether c is one of blanks.
func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// trimEnd strips what OpenSSH strips from the end of a line. The first byte
// always stays, which is why a line of one form feed is not a blank line.
func trimEnd(s string) string {
	n := len(s)
	for n > 1 && strings.IndexByte(trailing, s[n-1]) >= 0 {
		n--
	}
	return s[:n]
}

// A rest is what is left of a line behind a token. OpenSSH tells an empty
// rest from none at all: after the last token there is none.
type rest struct {
	s    string
	some bool
}

// delim cuts the next token off r as strdelim of misc.c does: it ends at a
// blank, at '=' (when equals is set), or at the closing quote of a pair of
// double quotes that starts inside it. found is false when there was nothing
// or a quote is not closed.
func delim(r rest, equals bool) (token string, left rest, found bool) {
	if !r.some {
		return "", rest{}, false
	}
	s := r.s
	i := 0
	for i < len(s) && !isBlank(s[i]) && s[i] != '"' && !(equals && s[i] == '=') {
		i++
	}
	if i == len(s) {
		return s, rest{}, true
	}
	if s[i] == '"' {
		inside, after, closed := strings.Cut(s[i+1:], `"`)
		if !closed {
			return "", rest{}, false
		}
		return s[:i] + inside, rest{skipBlanks(after), true}, true
	}
	token = s[:i]
	eaten := equals && s[i] == '='
	s = skipBlanks(s[i+1:])
	if equals && !eaten && strings.HasPrefix(s, "=") {
		s = skipBlanks(s[1:])
	}
	return token, rest{s, true}, true
}

func skipBlanks(s string) string {
	for s != "" && isBlank(s[0]) {
		s = s[1:]
	}
	return s
}

// keywordOf cuts the keyword off a line whose end was trimmed. found is false
// for a blank line, a comment, and the lines that OpenSSH drops in silence:
// two leading '=' and an unclosed quote.
func keywordOf(line string) (keyword string, left rest, found bool) {
	keyword, left, found = delim(rest{line, true}, true)
	if !found {
		return "", rest{}, false
	}
	if keyword == "" { // leading white space, or one '='
		keyword, left, found = delim(left, true)
	}
	if !found || keyword == "" || keyword[0] == '#' {
		return "", rest{}, false
	}
	return keyword, left, true
}

// split cuts s into arguments as argv_split of misc.c does since 8.7: blanks
// and tabs separate, either kind of quotes groups, a backslash protects
// quotes, backslashes and (outside quotes) blanks, and '#' at the start of an
// argument ends the line. ok is false when a quote is not closed.
func split(s string) (args []string, ok bool) {
	for i := 0; i < len(s); {
		if s[i] == ' ' || s[i] == '\t' {
			i++
			continue
		}
		if s[i] == '#' {
			break
		}
		end, plain, closed := argumentEnd(s, i)
		if !closed {
			return nil, false
		}
		if plain {
			args = append(args, s[i:end])
		} else {
			args = append(args, unquote(s[i:end]))
		}
		i = end
	}
	return args, true
}

// argumentEnd finds the end of the argument that starts at s[i]. plain means
// that it holds neither quotes nor backslashes.
func argumentEnd(s string, i int) (end int, plain, closed bool) {
	plain = true
	var quote byte
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			plain = false
			if i+1 < len(s) && escapes(s[i+1], quote) {
				i++
			}
		case quote == 0 && (c == ' ' || c == '\t'):
			return i, plain, true
		case quote == 0 && (c == '"' || c == '\''):
			plain = false
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		}
	}
	return i, plain, quote == 0
}

func escapes(c, quote byte) bool {
	return c == '\'' || c == '"' || c == '\\' || (quote == 0 && c == ' ')
}

// unquote takes quotes and backslashes off one argument.
func unquote(s string) string {
	out := make([]byte, 0, len(s))
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && i+1 < len(s) && escapes(s[i+1], quote):
			i++
			out = append(out, s[i])
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

// A cursor hands out the arguments of one directive. Since 8.7 they are split
// beforehand; before, each was cut off by the keyword's tokeniser.
type cursor struct {
	raw    rest     // what follows the keyword, untouched
	args   []string // modern: what is left
	left   rest     // before 8.7: what is left
	modern bool
	// whole: before 8.7, '=' did not separate the arguments of SetEnv.
	whole bool
}

// next returns the next argument; ok is false when there is none.
func (c *cursor) next() (arg string, ok bool) {
	if !c.modern {
		arg, c.left, ok = delim(c.left, !c.whole)
		return arg, ok
	}
	if len(c.args) == 0 {
		return "", false
	}
	arg, c.args = c.args[0], c.args[1:]
	return arg, true
}

// some reports whether anything is left for next.
func (c *cursor) some() bool {
	if c.modern {
		return len(c.args) > 0
	}
	return c.left.some
}

// drop throws away what is left.
func (c *cursor) drop() { c.args, c.left = nil, rest{} }

// all returns every argument left. Before 8.7 an empty argument ended the
// list and the rest of the line was garbage; since then it is an error that
// blank reports.
func (c *cursor) all() (args []string, blank bool) {
	if c.modern {
		args, c.args = c.args, nil
		for _, a := range args {
			if a == "" {
				blank = true
			}
		}
		return args, blank
	}
	for {
		a, ok := c.next()
		if !ok || a == "" {
			return args, false
		}
		args = append(args, a)
	}
}

// garbage reports whether something is left that the directive does not take.
func (c *cursor) garbage() bool {
	if c.modern {
		return len(c.args) > 0
	}
	a, ok := c.next()
	return ok && a != ""
}

// lower is strings.ToLower for ASCII, as tolower in the C locale.
func lower(s string) string {
	for i := 0; i < len(s); i++ {
		if s[i] >= 'A' && s[i] <= 'Z' {
			b := []byte(s)
			for ; i < len(b); i++ {
				if b[i] >= 'A' && b[i] <= 'Z' {
					b[i] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}

// same compares without ASCII case, as strcasecmp does.
func same(a, b string) bool { return len(a) == len(b) && lower(a) == lower(b) }
