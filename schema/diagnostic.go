package schema

import (
	"cmp"
	"slices"
	"strings"
)

// A Severity tells an error from a warning.
type Severity string

// The two severities. An error stops the command; a warning does not.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// A Pos is a place in a file. Line and Column count from 1 (columns in
// characters), Byte from 0.
type Pos struct{ Line, Column, Byte int }

// A Range is a piece of a file of the configuration, End excluded.
type Range struct {
	// Filename is relative to the configuration directory where it lies
	// inside, else as it was given.
	Filename   string
	Start, End Pos
}

// A Known is an expression and what it was when the diagnostic arose, such as
// Traversal "var.interval" and Statement "is 300".
type Known struct{ Traversal, Statement string }

// A Place is where on a host something was noticed. Empty fields are unknown.
type Place struct {
	Host    string // name in the configuration
	Address string // network address
	Step    string // step of the transaction
	File    string // path on the host
	Line    int    // line of File, from 1
}

// A Diagnostic tells a person about a mistake: what is wrong, why it matters,
// and what to do, in that order.
type Diagnostic struct {
	Severity Severity
	// Summary is a few words and holds no name that a user chose, so that
	// people learn it.
	Summary string
	// Detail is full sentences.
	Detail string
	// Subject is what is wrong; nil when it has no place in the configuration.
	Subject *Range
	// Block is the header of the block around Subject, such as `server "web"`;
	// empty at top level.
	Block string
	// Values are expressions inside Subject and what they were.
	Values []Known
	// Address is the target it concerns, such as server.web["a"]; may be empty.
	Address string
	// Where is the place on a host it concerns; nil when there is none.
	Where *Place
}

// Diagnostics are all that was found, in the order it was found.
type Diagnostics []Diagnostic

// HasErrors reports whether any of them is an error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d Diagnostic) bool { return d.Severity == Error })
}

// Sorted returns the diagnostics by position, errors of the configuration
// before those of hosts, hosts by name. Equal places keep their order.
func (ds Diagnostics) Sorted() Diagnostics {
	sorted := slices.Clone(ds)
	slices.SortStableFunc(sorted, func(a, b Diagnostic) int {
		if a.Subject == nil || b.Subject == nil {
			return cmp.Or(
				-cmpBool(a.Subject != nil, b.Subject != nil),
				strings.Compare(a.host(), b.host()),
			)
		}
		return cmp.Or(
			strings.Compare(a.Subject.Filename, b.Subject.Filename),
			cmp.Compare(a.Subject.Start.Byte, b.Subject.Start.Byte),
			strings.Compare(a.host(), b.host()),
		)
	})
	return sorted
}

func (d Diagnostic) host() string {
	if d.Where == nil {
		return ""
	}
	return d.Where.Host
}

func cmpBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// SecretInConfiguration is the summary of diagnostics about a line that holds
// a secret. What stands behind their Subject on the line must not be shown.
const SecretInConfiguration = "Secret in the configuration"
