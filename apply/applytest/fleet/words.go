package fleet

import (
	"bufio"
	"io"
	"strings"
)

// A script is what a client sends to a /bin/sh: lines that are passed over, and
// calls of the functions that they define.
type script struct{ in *bufio.Reader }

// A call is a line `sshform_… WORD…`.
type call []string

// next returns the next call, and what stood before it.
func (s script) next() (before string, c call, err error) {
	var passed strings.Builder
	for {
		line, err := s.in.ReadString('\n')
		if err != nil {
			return passed.String(), nil, err
		}
		name, _, _ := strings.Cut(line, " ")
		if strings.HasPrefix(name, "sshform_") && !strings.HasSuffix(strings.TrimSpace(name), "()") && !strings.Contains(name, "=") {
			words, err := s.words(line)
			return passed.String(), words, err
		}
		passed.WriteString(line)
	}
}

// words splits a command as sh does, as far as single and double quotes go: it
// may go on in the next lines.
func (s script) words(line string) (call, error) {
	var words call
	var word strings.Builder
	begun := false
	quote := byte(0)
	for {
		for i := 0; i < len(line); i++ {
			c := line[i]
			switch {
			case quote != 0 && c == quote:
				quote = 0
			case quote != 0:
				word.WriteByte(c)
			case c == '\'' || c == '"':
				quote, begun = c, true
			case c == ' ' || c == '\n' || c == ';':
				if begun {
					words = append(words, word.String())
					word.Reset()
					begun = false
				}
				if c == '\n' || c == ';' { // "; exit" ends what a call begins
					return words, nil
				}
			default:
				word.WriteByte(c)
				begun = true
			}
		}
		more, err := s.in.ReadString('\n')
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		line = more
	}
}
