// Package inventory reads hosts out of files and of what programs print: CSV,
// JSON, YAML, Ansible's inventories, ssh_config, and a protocol of our own.
//
// Everything it reads is bounded and nothing is believed: a mistake is a
// diagnostic with file and line, and a source with a mistake gives no hosts at
// all, since half a fleet must not pass for a small one. It starts no program;
// whoever allows that hands in a Run. Passwords that Ansible's inventories may
// hold are dropped while reading.
package inventory

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/sshform/sshform/schema"
)

// A Kind is a form of inventory, named as the label of its source block.
type Kind string

// The kinds.
const (
	CSV       Kind = "csv"
	JSON      Kind = "json"
	YAML      Kind = "yaml"
	Ansible   Kind = "ansible"
	SSHConfig Kind = "ssh_config"
	External  Kind = "external"
)

// Kinds returns all kinds in the order in which they are documented.
func Kinds() []Kind { return []Kind{CSV, JSON, YAML, Ansible, SSHConfig, External} }

// A Source is one source block of an inventory: what to read and how.
type Source struct {
	Kind Kind
	// Path is the file to read; empty for External. For SSHConfig "~" is the
	// home of the person, and an empty Path is ~/.ssh/config.
	Path string
	// Filename is how diagnostics name the file or the program; empty is Path,
	// or the first word of Program.
	Filename string
	// Fields says which columns or members hold what; CSV, JSON and YAML only.
	Fields Fields
	// Separator stands between the columns of CSV; 0 is a comma.
	Separator rune
	// Program is the command of External, never a shell line.
	Program []string
	// Dir is where Program runs.
	Dir string
	// Query is the JSON object that Program gets on standard input; nil is {}.
	Query []byte
}

// filename is how diagnostics name the source.
func (s Source) filename() string {
	switch {
	case s.Filename != "":
		return s.Filename
	case s.Path == "" && len(s.Program) > 0:
		return s.Program[0]
	}
	return s.Path
}

// Fields names the columns of CSV, or the members of the objects of JSON and
// YAML, that have a meaning; all others become variables. An empty field takes
// the default, which need not be there; one that is named must be there.
type Fields struct {
	Name     string // default "name"
	Address  string // default "address"
	Port     string // default "port"
	User     string // default "user"
	SSHAlias string // default "ssh_alias"
	Tags     string // default "tags"
}

// A Host is a host of an inventory.
type Host struct {
	// Name is unique in an inventory, in ASCII or UTF-8, at most 255 bytes, and
	// safe to print and to hand to a program.
	Name string
	// Tags are in the order in which they stood, none twice. Hosts of Ansible
	// are tagged with their groups, sorted, without "all" and "ungrouped".
	Tags []string
	// Vars are nil, bool, string, json.Number, []any and map[string]any of
	// these.
	Vars map[string]any
	// Connection is what the inventory says about reaching it.
	Connection schema.Connection
	// Filename and Line are where it stands; Line counts from 1, 0 is unknown.
	Filename string
	Line     int
}

// Schema returns the host with its variables as text: numbers and booleans as
// they are written in JSON, lists and maps as JSON, null left out.
func (h Host) Schema() schema.Host {
	vars := make(map[string]string, len(h.Vars))
	for name, value := range h.Vars {
		if value != nil {
			vars[name] = text(value)
		}
	}
	return schema.Host{Name: h.Name, Tags: slices.Clone(h.Tags), Vars: vars}
}

func text(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	}
	out, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("inventory: a variable holds a %T", value))
	}
	return string(out)
}

// equal reports whether both say the same, wherever they stand.
func (h Host) equal(other Host) bool {
	return h.Name == other.Name &&
		h.Connection == other.Connection &&
		slices.Equal(h.Tags, other.Tags) &&
		maps.EqualFunc(h.Vars, other.Vars, equalValues)
}

func equalValues(a, b any) bool {
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equalValues)
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && maps.EqualFunc(a, b, equalValues)
	}
	switch b.(type) {
	case []any, map[string]any:
		return false
	}
	return a == b
}

// A Listing is what a source holds.
type Listing struct {
	// Hosts are sorted by name.
	Hosts []Host
	// SHA256 is the hex digest of the bytes read. Where further files were read
	// (Include, group_vars), the digest of each follows the first file's bytes.
	SHA256 string
}

// A Call is a program that a source wants to be run.
type Call struct {
	Program []string
	Dir     string
	Stdin   []byte
}

// The limits of External. The Run has to keep both.
const (
	MaxRunTime   = 60 * time.Second
	MaxRunOutput = 64 << 20 // bytes of standard output
)

// A Run runs a program and returns its standard output. It shows standard
// error to the person, ends the program after MaxRunTime or when it has
// printed more than MaxRunOutput, and returns an error if the exit status is
// not zero. A nil Run allows no programs.
type Run func(ctx context.Context, call Call) ([]byte, error)
