package inventory

import (
	"io"

	"github.com/sshform/sshform/schema"
)

// ReadSmall is Read with limits that tests can reach in no time.
func ReadSmall(r io.Reader, source Source) (Listing, schema.Diagnostics) {
	return small(source).read(r, source, "")
}

// PrintedSmall is ReadExternal with such limits.
func PrintedSmall(out []byte, source Source) (Listing, schema.Diagnostics) {
	return small(source).printed(out, source)
}

func small(source Source) *collector {
	c := newCollector(source.filename())
	c.limits = limits{hosts: 10_000, values: 100_000, streamed: 4 << 20, tree: 4 << 20}
	return c
}
