package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A jsonReader reads JSON piece by piece, so that of a large inventory only
// one host is held as text, and knows its lines.
type jsonReader struct {
	*json.Decoder
	lines  *lines
	values int // read so far, of one host where hosts are read one by one
	most   int // values that may be read
}

func newJSONReader(r io.Reader, most int) *jsonReader {
	lines := &lines{r: r}
	decoder := json.NewDecoder(lines)
	decoder.UseNumber()
	return &jsonReader{Decoder: decoder, lines: lines, most: most}
}

// line is where reading is.
func (r *jsonReader) line() int { return r.lines.at(r.InputOffset()) }

// A shapeError is JSON that is well-formed but not what an inventory may be.
type shapeError struct {
	line   int
	detail string
}

func (e *shapeError) Error() string { return e.detail }

func (r *jsonReader) shape(format string, args ...any) error {
	return &shapeError{line: r.line(), detail: fmt.Sprintf(format, args...)}
}

// key reads the name of a member.
func (r *jsonReader) key() (string, error) {
	token, err := r.Token()
	if err != nil {
		return "", err
	}
	return token.(string), nil // Token returns nothing else there
}

// value reads any value. Two members of one name are an error.
func (r *jsonReader) value(depth int) (any, error) {
	token, err := r.Token()
	if err != nil {
		return nil, err
	}
	return r.rest(token, depth)
}

// rest reads the rest of a value that begins with the token.
func (r *jsonReader) rest(token json.Token, depth int) (any, error) {
	if depth > maxDepth {
		return nil, r.shape("Lists and objects stand in each other more than %d deep, more than is read.", maxDepth)
	}
	if r.values++; r.values > r.most {
		return nil, r.shape("There are more than %d values in one place, more than is read.", r.most)
	}
	switch token {
	case json.Delim('['):
		list := []any{}
		for r.More() {
			v, err := r.value(depth + 1)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		_, err := r.Token()
		return list, err
	case json.Delim('{'):
		object := map[string]any{}
		err := r.object(func(name string, _ int) error {
			if _, twice := object[name]; twice {
				return r.shape("The member %s stands twice in one object, so that it is open which of the two counts.", quote(name))
			}
			v, err := r.value(depth + 1)
			object[name] = v
			return err
		})
		return object, err
	}
	if s, ok := token.(string); ok && len(s) > maxText {
		return nil, r.shape("A text is longer than %d bytes, more than is read.", maxText)
	}
	return token, nil
}

// object reads the members of an object whose brace has been read.
func (r *jsonReader) object(each func(name string, line int) error) error {
	for r.More() {
		name, err := r.key()
		if err != nil {
			return err
		}
		if len(name) > maxText {
			return r.shape("The name of a member is longer than %d bytes.", maxText)
		}
		if err := each(name, r.line()); err != nil {
			return err
		}
	}
	_, err := r.Token()
	return err
}

// errFull ends reading when enough mistakes were found.
var errFull = errors.New("enough mistakes")

// readJSON reads a file of hosts: an object of objects by name, or a list of
// objects, either at the top or under "hosts".
func (c *collector) readJSON(in io.Reader, source Source) {
	r := newJSONReader(in, c.limits.values)
	err := c.jsonTop(r, source)
	if err == nil {
		if _, more := r.Token(); more != io.EOF {
			err = r.shape("Something stands after the end of the inventory. The file may be two files in one.")
		}
	}
	c.jsonError(err, r)
}

func (c *collector) jsonTop(r *jsonReader, source Source) error {
	token, err := r.Token()
	if err != nil {
		return err
	}
	switch token {
	case json.Delim('['):
		return c.jsonList(r, source)
	case json.Delim('{'):
		top := topLevel{collector: c}
		err := r.object(func(name string, line int) error {
			if name == hostsMember || name == versionMember {
				top.wrapped(name, line)
			}
			switch name {
			case versionMember:
				v, err := r.value(1)
				top.version(v, line)
				return err
			case hostsMember:
				token, err := r.Token()
				switch {
				case err != nil:
					return err
				case token == json.Delim('['):
					return c.jsonList(r, source)
				case token == json.Delim('{'):
					return r.object(func(name string, line int) error { return c.jsonHost(r, source, name, line) })
				}
				return r.shape("The member hosts is neither an object nor a list.")
			}
			if !top.plain(name, line) {
				_, err := r.value(1)
				return err
			}
			return c.jsonHost(r, source, name, line)
		})
		if err == nil {
			top.end()
		}
		return err
	}
	return r.shape("The inventory is %s. It has to be an object of hosts by name, or a list of hosts.", kindOf(token))
}

func (c *collector) jsonList(r *jsonReader, source Source) error {
	for r.More() {
		if err := c.jsonHost(r, source, "", 0); err != nil {
			return err
		}
	}
	_, err := r.Token()
	return err
}

// jsonHost reads one host. Where name is empty the object names itself.
func (c *collector) jsonHost(r *jsonReader, source Source, name string, line int) error {
	r.values, r.most = 0, min(maxInHost, c.limits.values)
	token, err := r.Token()
	if err != nil {
		return err
	}
	if line == 0 {
		line = r.line()
	}
	if token == nil && name != "" { // "web": null has nothing to say
		return c.takeMembers(source, name, nil, line)
	}
	if token != json.Delim('{') {
		if _, err := r.rest(token, 1); err != nil {
			return err
		}
		c.notAHost(name, line)
		return c.stop()
	}
	var members []member
	err = r.object(func(member_ string, line int) error {
		if slices.ContainsFunc(members, func(m member) bool { return m.name == member_ }) {
			return r.shape("The member %s stands twice in one host, so that it is open which of the two counts.", quote(member_))
		}
		if len(members) == maxMembers {
			return r.shape("A host has more than %d members, more than is read.", maxMembers)
		}
		v, err := r.value(2)
		members = append(members, member{name: member_, value: v, line: line})
		return err
	})
	if err != nil {
		return err
	}
	return c.takeMembers(source, name, members, line)
}

func (c *collector) stop() error {
	if c.full() {
		return errFull
	}
	return nil
}

func (c *collector) notAHost(name string, line int) {
	if name == "" {
		c.add(line, "Not a host", "An item of the list of hosts is not an object. Each has to be an object with the host's name and address.")
		return
	}
	c.add(line, "Not a host", "What stands under %s is not an object, so it is no host. Each host is an object with its address, its tags and its variables; the hosts may also stand together under hosts.", quote(name))
}

// jsonError tells why reading ended, if it did not end well.
func (c *collector) jsonError(err error, r *jsonReader) {
	var syntax *json.SyntaxError
	var shape *shapeError
	switch {
	case err == nil, err == errFull:
	case errors.As(err, &shape):
		c.add(shape.line, "Invalid inventory", "%s Correct the inventory.", shape.detail)
	case err == io.EOF && r.InputOffset() == 0:
		c.add(1, "Empty inventory", "%s is empty. If it should have hosts, whatever writes it went wrong.", c.filename)
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		c.add(r.line(), "Inventory cut off", "The JSON ends in the middle, after this line, so hosts are missing. Write the file anew.")
	case errors.As(err, &syntax):
		c.add(r.lines.at(max(r.InputOffset(), syntax.Offset-1)), "Invalid JSON", "The inventory is not valid JSON: %s. Correct it.", clean(syntax.Error()))
	default:
		c.unreadable(err)
	}
}

// clean makes the text of a library's error printable.
func clean(s string) string {
	quoted := strconv.Quote(strings.ToValidUTF8(s, "?"))
	return strings.ReplaceAll(quoted[1:len(quoted)-1], `\"`, `"`)
}

// validText reports whether s may become a value.
func validText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
