package inventory

import (
	"encoding/json"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// pythonValue gives a value of Ansible's INI its type: what is a literal of
// Python becomes a number, a boolean, a list or a map, all else is a text
// (ast.literal_eval in plugins/inventory/ini.py). So ports=80,443 is a list,
// and yes is a text.
func pythonValue(text string) any {
	p := &pythonReader{rest: strings.TrimLeft(text, " \t")}
	v, ok := p.sequence("")
	if p.blank(); !ok || p.rest != "" || p.strange {
		return text
	}
	return v
}

// A pythonReader reads literals of Python.
type pythonReader struct {
	rest    string
	depth   int
	strange bool // a literal without a form in JSON: complex numbers, bytes
}

// blank skips blanks and a comment at the end.
func (p *pythonReader) blank() {
	p.rest = strings.TrimLeft(p.rest, " \t\f")
	if strings.HasPrefix(p.rest, "#") {
		p.rest = ""
	}
}

func (p *pythonReader) eat(s string) bool {
	p.blank()
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

// sequence reads literals with commas in between up to the closing text: one
// without a comma is itself, else they are a tuple.
func (p *pythonReader) sequence(closing string) (any, bool) {
	list, commas, ok := p.items(closing)
	switch {
	case !ok, len(list) == 0 && closing == "":
		return nil, false
	case len(list) == 1 && commas == 0:
		return list[0], true
	}
	return list, true
}

// items reads literals with commas in between, also after the last.
func (p *pythonReader) items(closing string) (list []any, commas int, ok bool) {
	list = []any{}
	for {
		if p.blank(); closing == "" && p.rest == "" {
			return list, commas, true
		}
		if closing != "" && p.eat(closing) {
			return list, commas, true
		}
		if len(list) > commas {
			return nil, 0, false
		}
		v, ok := p.literal()
		if !ok {
			return nil, 0, false
		}
		list = append(list, v)
		if p.eat(",") {
			commas++
		}
	}
}

func (p *pythonReader) literal() (any, bool) {
	if p.depth++; p.depth > maxDepth {
		return nil, false
	}
	defer func() { p.depth-- }()
	p.blank()
	switch {
	case p.rest == "":
		return nil, false
	case p.eat("["):
		list, _, ok := p.items("]")
		return list, ok
	case p.eat("("):
		if p.eat(")") {
			return []any{}, true
		}
		return p.sequence(")")
	case p.eat("{"):
		return p.braces()
	}
	if v, ok, isString := p.strings(); isString {
		return v, ok
	}
	if c := p.rest[0]; c >= '0' && c <= '9' || strings.ContainsRune("+-.", rune(c)) {
		return p.signed()
	}
	for word, value := range map[string]any{"True": true, "False": false, "None": nil} {
		if rest, ok := strings.CutPrefix(p.rest, word); ok && !continues(rest) {
			p.rest = rest
			return value, true
		}
	}
	return nil, false
}

// continues reports whether a name goes on.
func continues(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return rest != "" && (r == '_' || r >= 0x80 || r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z')
}

// braces reads a dict or a set. Keys become texts, as in JSON.
func (p *pythonReader) braces() (any, bool) {
	object := map[string]any{}
	if p.eat("}") {
		return object, true
	}
	first, ok := p.literal()
	if !ok {
		return nil, false
	}
	if !p.eat(":") { // a set, which JSON does not have
		p.strange = true
		if p.eat(",") {
			_, _, ok = p.items("}")
			return nil, ok
		}
		return nil, p.eat("}")
	}
	for key := first; ; {
		v, ok := p.literal()
		if !ok {
			return nil, false
		}
		name, simple := keyText(key)
		p.strange = p.strange || !simple
		object[name] = v
		comma := p.eat(",")
		if p.eat("}") {
			return object, true
		}
		if !comma {
			return nil, false
		}
		if key, ok = p.literal(); !ok || !p.eat(":") {
			return nil, false
		}
	}
}

// keyText is how Python's json writes a key.
func keyText(key any) (string, bool) {
	switch k := key.(type) {
	case nil:
		return "null", true
	case string, bool, json.Number:
		return text(k), true
	}
	return "", false
}

// signed reads a number with at most one sign.
func (p *pythonReader) signed() (any, bool) {
	minus := p.eat("-")
	if !minus {
		p.eat("+")
	}
	p.blank()
	number := p.rest
	end := 0
	for end < len(number) {
		c := number[end]
		exponent := end > 0 && (c == '+' || c == '-') && number[end-1]|0x20 == 'e' && !strings.HasPrefix(strings.ToLower(number), "0x")
		if c != '.' && !exponent && !continues(number[end:end+1]) {
			break
		}
		end++
	}
	p.rest = number[end:]
	n, ok := pythonNumber(number[:end])
	if ok && minus {
		if n = "-" + n; n == "-0" {
			n = "0"
		}
	}
	return n, ok
}

// pythonNumber reads an unsigned number in Python's spelling.
func pythonNumber(s string) (json.Number, bool) {
	if s == "" || strings.HasPrefix(s, "_") || strings.HasSuffix(s, "_") || strings.Contains(s, "__") || len(s) > 400 {
		return "", false
	}
	plain := strings.ToLower(strings.ReplaceAll(s, "_", ""))
	if strings.TrimLeft(plain, "0123456789") == "" {
		if plain[0] == '0' && strings.Trim(plain, "0") != "" {
			return "", false // 010 is a mistake in Python 3
		}
	} else if !strings.HasPrefix(plain, "0x") && !strings.HasPrefix(plain, "0o") && !strings.HasPrefix(plain, "0b") {
		if !strings.ContainsAny(plain[:1], "0123456789.") || strings.ContainsAny(plain, "pxin") {
			return "", false
		}
		f, err := strconv.ParseFloat(plain, 64)
		if err != nil {
			return "", false
		}
		return floatNumber(f), true
	}
	n, ok := new(big.Int).SetString(plain, 0)
	if plain[0] == '0' && strings.Trim(plain, "0") == "" {
		n, ok = new(big.Int), true
	}
	if !ok {
		return "", false
	}
	return json.Number(n.String()), true
}

// strings reads string literals; several in a row are one.
func (p *pythonReader) strings() (value any, ok, isString bool) {
	var all strings.Builder
	for {
		p.blank()
		prefix := strings.ToLower(p.rest[:min(2, len(p.rest))])
		quote := strings.IndexAny(prefix, `'"`)
		if quote < 0 && len(p.rest) > 2 && (p.rest[2] == '"' || p.rest[2] == '\'') {
			quote = 2
		}
		if quote < 0 {
			return all.String(), isString, isString
		}
		switch prefix[:quote] {
		case "", "r", "u":
		case "b", "br", "rb":
			p.strange = true
		default:
			return all.String(), isString, isString
		}
		raw := strings.Contains(prefix[:quote], "r")
		isString = true
		if !p.quoted(quote, raw, &all) {
			return nil, false, true
		}
	}
}

// quoted reads one string literal whose quote stands at the offset.
func (p *pythonReader) quoted(offset int, raw bool, into *strings.Builder) bool {
	mark := p.rest[offset : offset+1]
	text := p.rest[offset+1:]
	if strings.HasPrefix(text, mark+mark) {
		mark, text = mark+mark+mark, text[2:]
	}
	for text != "" {
		if rest, ok := strings.CutPrefix(text, mark); ok {
			p.rest = rest
			return true
		}
		if text[0] != '\\' {
			into.WriteByte(text[0])
			text = text[1:]
			continue
		}
		if len(text) == 1 {
			return false
		}
		if raw {
			into.WriteString(text[:2])
			text = text[2:]
			continue
		}
		n, ok := unescape(text[1:], into)
		if !ok {
			return false
		}
		text = text[1+n:]
	}
	return false
}

// unescape writes what a backslash stands for and returns how many bytes after
// it belong to it. An unknown one stands for itself.
func unescape(after string, into *strings.Builder) (int, bool) {
	simple := map[byte]string{
		'\\': `\`, '\'': `'`, '"': `"`, 'a': "\a", 'b': "\b", 'f': "\f",
		'n': "\n", 'r': "\r", 't': "\t", 'v': "\v",
	}
	c := after[0]
	if s, ok := simple[c]; ok {
		into.WriteString(s)
		return 1, true
	}
	if c >= '0' && c <= '7' {
		n := 1
		for n < 3 && n < len(after) && after[n] >= '0' && after[n] <= '7' {
			n++
		}
		code, _ := strconv.ParseUint(after[:n], 8, 32)
		into.WriteRune(rune(code))
		return n, true
	}
	digits := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
	if c == 'N' {
		return 0, false // by name; the table of names is not here
	}
	if digits == 0 {
		into.WriteByte('\\')
		into.WriteByte(c)
		return 1, true
	}
	if len(after) < 1+digits {
		return 0, false
	}
	code, err := strconv.ParseUint(after[1:1+digits], 16, 32)
	if err != nil || code > utf8.MaxRune || code >= 0xd800 && code < 0xe000 {
		return 0, false
	}
	into.WriteRune(rune(code))
	return 1 + digits, true
}
