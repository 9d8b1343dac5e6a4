package apply

import (
	"slices"
	"sync"
)

// A dumps remembers what the programs of hosts printed during one run, what that
// means, and what their files hold: the hosts of a fleet mostly print and hold
// the same. Meanings and bytes are shared, and so must not change. The zero dumps
// is ready, nil remembers nothing; many goroutines may use it.
type dumps struct {
	mu    sync.Mutex
	known map[string]map[string][]string
	files map[string][]byte // by what they hold
}

// What is remembered of each, at most: hosts could print anything.
const (
	mostDumps   = 256
	longestDump = 32 << 10 // bytes
)

// values is readValues.
func (d *dumps) values(dump []byte) map[string][]string {
	if d == nil || len(dump) > longestDump {
		return readValues(dump)
	}
	d.mu.Lock()
	values, found := d.known[string(dump)]
	d.mu.Unlock()
	if found {
		return values
	}
	values = readValues(dump)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.known == nil {
		d.known = map[string]map[string][]string{}
	}
	if len(d.known) < mostDumps {
		d.known[string(dump)] = values
	}
	return values
}

// bytes returns the one copy of what files hold. It must not be changed.
func (d *dumps) bytes(content []byte) []byte {
	if d == nil || content == nil || len(content) > longestDump {
		return content
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if known, found := d.files[string(content)]; found {
		return known
	}
	if d.files == nil {
		d.files = map[string][]byte{}
	}
	if len(d.files) < mostDumps {
		content = slices.Clip(content)
		d.files[string(content)] = content
	}
	return content
}
