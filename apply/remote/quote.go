package remote

import (
	"errors"
	"strings"

	"al.essio.dev/pkg/shellescape"
)

// errNUL refuses a value that no shell can hold.
var errNUL = errors.New("a value holds a NUL byte, which no shell can take")

// quote makes values words of a POSIX shell. It is the only way by which
// values get into text for a shell.
func quote(values ...string) (string, error) {
	for _, value := range values {
		if strings.IndexByte(value, 0) >= 0 {
			return "", errNUL
		}
	}
	return shellescape.QuoteCommand(values), nil
}
