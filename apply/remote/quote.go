package remote

import (
	"errors"
	"strings"
	"sync"

	"al.essio.dev/pkg/shellescape"
)

// errNUL refuses a value that no shell can hold.
var errNUL = errors.New("a value holds a NUL byte, which no shell can take")

// quote makes values words of a POSIX shell. It is the only way by which
// values get into text for a shell.
// end follows the last one.
func (q *quoter) quote(end string, values ...string) ([]byte, error) {
	words := make([]string, len(values))
	length := len(values) + len(end)
	for i, value := range values {
		word, err := q.word(value)
		if err != nil {
			return nil, err
		}
		words[i] = word
		length += len(word)
	}
	line := make([]byte, 0, length)
	for i, word := range words {
		if i > 0 {
			line = append(line, ' ')
		}
		line = append(line, word...)
	}
	return append(line, end...), nil
}

// A quoter remembers long words: they are scripts, of which there are few, and
// every host gets the same. The zero quoter is ready; many goroutines may use
// it.
type quoter struct {
	mu    sync.Mutex
	known map[string]string
}

const (
	longWord      = 1 << 10 // bytes from which on a word is remembered
	rememberWords = 32      // words at most
)

func (q *quoter) word(value string) (string, error) {
	if len(value) >= longWord {
		q.mu.Lock()
		word, found := q.known[value]
		q.mu.Unlock()
		if found {
			return word, nil
		}
	}
	if strings.IndexByte(value, 0) >= 0 {
		return "", errNUL
	}
	word := shellescape.Quote(value)
	if len(value) >= longWord {
		q.remember(value, word)
	}
	return word, nil
}

func (q *quoter) remember(value, word string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.known) >= rememberWords {
		return
	}
	if q.known == nil {
		q.known = map[string]string{}
	}
	q.known[value] = word
}
