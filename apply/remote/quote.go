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
// values get into text for a shell. The text is in parts: a blank follows each
// word, and long words are shared.
func (q *quoter) quote(values ...string) ([]string, error) {
	parts := make([]string, 0, 2*len(values)+1)
	for _, value := range values {
		word, err := q.word(value)
		if err != nil {
			return nil, err
		}
		parts = append(parts, word, " ")
	}
	return parts, nil
}

// A quoter remembers words: scripts, paths, options, of which there are few, and
// every host gets the same. The zero quoter is ready; many goroutines may use
// it.
type quoter struct {
	mu    sync.Mutex
	known map[string]string
	size  int // of what is known, in bytes
}

// rememberWords is how much is remembered, in bytes.
const rememberWords = 256 << 10

func (q *quoter) word(value string) (string, error) {
	q.mu.Lock()
	word, found := q.known[value]
	q.mu.Unlock()
	if found {
		return word, nil
	}
	if strings.IndexByte(value, 0) >= 0 {
		return "", errNUL
	}
	value = strings.Clone(value) // it may be a part of all that a host said
	word = shellescape.Quote(value)
	q.remember(value, word)
	return word, nil
}

func (q *quoter) remember(value, word string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	size := len(value) + len(word)
	if _, known := q.known[value]; known || q.size+size > rememberWords {
		return
	}
	if q.known == nil {
		q.known = map[string]string{}
	}
	q.known[value] = word
	q.size += size
}
