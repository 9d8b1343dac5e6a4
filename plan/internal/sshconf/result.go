package sshconf

import (
	"fmt"
	"slices"
	"strings"
)

// A Place is a line of a file. The zero Line is the file as a whole; the File
// "command-line" stands for options given with -o.
type Place struct {
	File string
	Line int
}

// String returns FILE:LINE, as people point at lines.
func (p Place) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// CommandLine is the File of the Places of -o options.
const CommandLine = "command-line"

// A Standing says whether a block counts for the login or target asked about.
type Standing int

// The standings.
const (
	Out   Standing = iota // does not match
	Maybe                 // cannot be decided from files and login alone
	In                    // matches
)

// A Block is a Match or Host line and what follows it, to the next one or the
// end of its file.
type Block struct {
	Place
	// Last is the last line that belongs to it.
	Last int
	// Keyword is "Match" or "Host".
	Keyword string
	// Criteria are the criteria of a Match line in order; nil for Host.
	Criteria []Criterion
	// Patterns are the patterns of a Host line; nil for Match.
	Patterns []string
	// Text is what the line says behind its keyword, as written.
	Text string
	// Within is the block around the Include line that pulled the file in;
	// nil at the outermost level. A block counts only if this one does.
	Within *Block
	// Top is the line of the outermost file through which it is read: its own
	// Place there, or the Include line that leads to its file.
	Top Place
	// Standing is for the login or target of the query. For sshd -t, which
	// asks for nobody, it is Out.
	Standing Standing
}

// A Criterion is a name with its argument on a Match line.
type Criterion struct {
	// Name is in lower case.
	Name string
	// Negated is for ssh only: "!host x".
	Negated bool
	// Argument is empty for all, canonical, final and invalid-user.
	Argument string
}

// A Directive is a line that sets a keyword, wherever it stands.
type Directive struct {
	Place
	// Keyword is the keyword as the manual spells it; for an old name it is
	// the keyword whose value it sets.
	Keyword string
	// Written is the keyword as the line has it.
	Written string
	// Value is the value as the program prints it.
	Value string
	// Block is the block it stands in; nil in the global section.
	Block *Block
	// Counts says that the value takes part in the effective one.
	Counts bool
	// Top is the line of the outermost file through which it is read: its own
	// Place there, or the Include line that leads to its file.
	Top Place
	// Why says why it does not, and By the line that has its place.
	Why Why
	By  Place

	uses      []int
	values    []string
	firstPass int
}

// Why says why a directive does not count.
type Why string

// The reasons.
const (
	// Later: an earlier line obtained the value first.
	Later Why = "an earlier line sets it first"
	// Earlier: the last line wins for this keyword on this release.
	Earlier Why = "a later line overwrites it"
	// Overruled: a matching Match block replaces the global value (sshd).
	Overruled Why = "a matching Match block replaces it"
	// NoMatch: its block does not match.
	NoMatch Why = "its block does not match"
	// Unknown: whether its block matches cannot be decided.
	Unknown Why = "whether its block matches is not known"
	// NoValue: none leaves the value open for a later line.
	NoValue Why = "none leaves the value unset"
)

// An Effective is the value of one keyword for the login or target asked.
type Effective struct {
	// Keyword is as the manual spells it.
	Keyword string
	// Values are what the program prints behind the keyword, one for each
	// line it prints. Empty: it prints none, or the default is not known.
	Values []string
	// Default says that no line sets it.
	Default bool
	// From are the lines whose value it is, in order; usually one.
	From []Place
	// Undecided are lines that would change the value if their block counts.
	// Values is then what holds if none of these blocks does.
	Undecided []Directive
}

// Value returns the values in one string; of most keywords there is one.
func (e Effective) Value() string { return strings.Join(e.Values, " ") }

// Decided reports whether Values is certain.
func (e Effective) Decided() bool { return len(e.Undecided) == 0 }

// A Problem is something that the program says about a line.
type Problem struct {
	Place
	// Text is in our words; those of OpenSSH change between releases.
	Text string
}

// String returns the problem with its place.
func (p Problem) String() string { return p.Place.String() + ": " + p.Text }

// A Result is what a program makes of its configuration.
type Result struct {
	// Wants is what is still to be read. While it is not empty, nothing else
	// of the result may be believed.
	Wants []Want
	// Exit is the exit status predicted for sshd -t/-T/-G or ssh -G: 0, 1, 255,
	// or 139 for the few things at which a release crashes.
	Exit int
	// Errors are the reasons for an Exit that is not zero, in the order in
	// which the program reports them. Like the program, the resolver stops at
	// the first fatal one.
	Errors []Problem
	// Notices are lines that are read and do nothing: keywords that were
	// removed or are not built in.
	Notices []Problem
	// Undecided are blocks, and Include lines, of which it cannot be known
	// whether or how they count.
	Undecided []Problem
	// Blocks are all Match and Host lines in reading order.
	Blocks []*Block
	// Directives are all lines that set a keyword, in reading order.
	Directives []Directive
	// Includes are the files pulled in, in reading order.
	Includes []Inclusion
	// Files are all paths that were looked at, sorted, also those where
	// nothing stands; Folders those that were listed.
	Files, Folders []string

	side Side
	// effective holds the keywords that lines set, unset all.
	effective map[string]Effective
	unset     *unset
}

// An Inclusion is one file pulled in by an Include line.
type Inclusion struct {
	// Place is the Include line.
	Place
	// Path is the file, spelled as the pattern gives it.
	Path string
	// Depth is 1 for a file included by the main file.
	Depth int
	// Block is the block around the Include line; nil in the global section.
	Block *Block
	// Top is the Include line of the outermost file that leads here; Place
	// itself at depth 1.
	Top Place
}

// Valid reports whether the program accepts the configuration.
func (r *Result) Valid() bool { return r.Exit == 0 }

// Keyword returns the effective value of a keyword, whatever the case of its
// name; an old name gives the value of the keyword it stands for. A keyword
// that the release does not know has no values.
func (r *Result) Keyword(name string) Effective {
	if e, known := r.keyword(lower(name)); known {
		return e
	}
	return Effective{Keyword: Canonical(r.side, name), Default: true}
}

// Keywords returns all keywords of the release with a value that is known or
// set, sorted by name.
func (r *Result) Keywords() []Effective {
	if r.unset == nil {
		return nil
	}
	var all []Effective
	for name := range r.unset.effective {
		// Old names stand for another keyword.
		if e, _ := r.keyword(name); e.told() && same(name, e.Keyword) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b Effective) int { return strings.Compare(lower(a.Keyword), lower(b.Keyword)) })
	return all
}

func (r *Result) keyword(name string) (Effective, bool) {
	if e, set := r.effective[name]; set {
		return e, true
	}
	if r.unset == nil {
		return Effective{}, false
	}
	e, known := r.unset.effective[name]
	return e, known
}

// told reports whether a value is known or set.
func (e Effective) told() bool { return len(e.Values) > 0 || len(e.From) > 0 || !e.Decided() }

// Same reports whether two results for one release give every keyword the same
// values, but for some keywords.
func (r *Result) Same(other *Result, but func(keyword string) bool) bool {
	for _, set := range []map[string]Effective{r.effective, other.effective} {
		for name := range set {
			a, _ := r.keyword(name)
			b, _ := other.keyword(name)
			if (a.told() != b.told() || !slices.Equal(a.Values, b.Values)) && !but(a.Keyword) {
				return false
			}
		}
	}
	return true
}

// Of returns the directives that set a keyword, in reading order.
func (r *Result) Of(keyword string) []Directive {
	var out []Directive
	for _, d := range r.Directives {
		if same(d.Keyword, keyword) {
			out = append(out, d)
		}
	}
	return out
}

// Shadowed returns the directives of a keyword that do not count.
func (r *Result) Shadowed(keyword string) []Directive {
	var out []Directive
	for _, d := range r.Of(keyword) {
		if !d.Counts {
			out = append(out, d)
		}
	}
	return out
}

// IncludeOf returns the Include line that pulled a file in first.
func (r *Result) IncludeOf(path string) (Inclusion, bool) {
	for _, in := range r.Includes {
		if in.Path == path {
			return in, true
		}
	}
	return Inclusion{}, false
}

// In returns the directives of a keyword that stand in a block itself, not in
// one inside it; nil is the global section. They are in reading order, from
// all files.
func (r *Result) In(b *Block, keyword string) []Directive {
	var out []Directive
	for _, d := range r.Of(keyword) {
		if d.Block == b && d.File != CommandLine {
			out = append(out, d)
		}
	}
	return out
}

// Exceptions returns the directives of a keyword in blocks: the lines that
// give, or could give, some logins or targets a value of their own.
func (r *Result) Exceptions(keyword string) []Directive {
	var out []Directive
	for _, d := range r.Of(keyword) {
		if d.Block != nil {
			out = append(out, d)
		}
	}
	return out
}

// BlocksIn returns the blocks that a file opens, in order of lines. A file
// that is included several times opens them each time; the first is returned.
func (r *Result) BlocksIn(file string) []*Block {
	var out []*Block
	seen := map[int]bool{}
	for _, b := range r.Blocks {
		if b.File == file && !seen[b.Line] {
			seen[b.Line] = true
			out = append(out, b)
		}
	}
	return out
}

// All reports whether a block applies to everyone: Match all, or Host * alone.
func (b *Block) All() bool {
	if b.Within != nil && !b.Within.All() {
		return false
	}
	if b.Keyword == "Host" {
		return len(b.Patterns) == 1 && b.Patterns[0] == "*"
	}
	return len(b.Criteria) == 1 && b.Criteria[0].Name == "all" && !b.Criteria[0].Negated
}
