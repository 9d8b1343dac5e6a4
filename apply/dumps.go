package apply

import "sync"

// A dumps remembers what the programs of hosts printed during one run, and what
// that means: the hosts of a fleet mostly print the same. The meanings are
// shared, and so must not change. The zero dumps is ready, nil remembers
// nothing; many goroutines may use it.
type dumps struct {
	mu    sync.Mutex
	known map[string]map[string][]string
}

// What is remembered, at most: hosts could print anything.
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
