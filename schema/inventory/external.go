package inventory

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"

	"github.com/sshform/sshform/schema"
)

// external reads what a program prints: our own form, or Ansible's dynamic one
// for programs that were written for it.
func external(ctx context.Context, source Source, run Run) (Listing, schema.Diagnostics) {
	c := newCollector(source.filename())
	name := quote(strings.Join(source.Program, " "))
	if len(source.Program) == 0 {
		c.add(0, "No inventory program", "The source names no program. Write the program and its arguments as a list of texts.")
		return Listing{}, c.found
	}
	if run == nil {
		c.add(0, "Inventory programs are not allowed", "This source runs %s, and what stands in a configuration may run programs only where that was allowed. Call sshform with -allow-external if you trust this configuration.", name)
		return Listing{}, c.found
	}
	query := source.Query
	if query == nil {
		query = []byte("{}")
	}
	out, err := run(ctx, Call{Program: source.Program, Dir: source.Dir, Stdin: query})
	if err != nil {
		c.add(0, "Inventory program failed", "The program %s failed: %s. What it printed is not used. Run it by hand to see why; it has %s, and may print %d MiB.", name, clean(err.Error()), MaxRunTime, MaxRunOutput>>20)
		return Listing{}, c.found
	}
	return c.printed(out, source)
}

// ReadExternal reads what a program printed; it runs nothing.
func ReadExternal(out []byte, source Source) (Listing, schema.Diagnostics) {
	return newCollector(source.filename()).printed(out, source)
}

func (c *collector) printed(out []byte, source Source) (Listing, schema.Diagnostics) {
	switch {
	case len(out) > MaxRunOutput:
		c.add(0, "Inventory too large", "The program printed more than %d MiB. Let it print less, or split the inventory.", MaxRunOutput>>20)
		return Listing{}, c.found
	case len(bytes.TrimSpace(out)) == 0:
		c.add(0, "Inventory program printed nothing", "The program ended well but printed nothing. It has to print an inventory in JSON, {\"format_version\":\"1.0\",\"hosts\":{}} if there are no hosts.")
		return Listing{}, c.found
	}
	if version, ours := formatVersion(out); ours {
		c.closed = version == "1.0"
		c.readJSON(bytes.NewReader(out), Source{})
	} else {
		c.readAnsibleJSON(bytes.NewReader(out))
	}
	sum := sha256.Sum256(out)
	return c.listing(hex.EncodeToString(sum[:]))
}

// formatVersion looks for the mark of our own form.
func formatVersion(out []byte) (string, bool) {
	var top map[string]json.RawMessage
	if json.Unmarshal(out, &top) != nil {
		// Broken; which reader says so does not matter, but broken JSON of ours
		// should not be told about groups.
		return "", bytes.Contains(out[:min(len(out), 4096)], []byte(`"`+versionMember+`"`))
	}
	raw, ours := top[versionMember]
	var version string
	_ = json.Unmarshal(raw, &version) // what is no text is refused by the reader
	return version, ours
}
