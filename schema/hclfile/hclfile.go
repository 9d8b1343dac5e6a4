// Package hclfile reads the configuration: the files *.sshform.hcl and
// *.sshform.json of a directory, the values of its variables and the hosts of
// its inventories. Load evaluates all of it into a schema.Config, in which no
// expression is left, and tells every mistake it can find, not only the first.
//
// It is the one door to HCL. It connects to nothing and runs nothing, unless
// Options.Run allows inventory programs.
package hclfile

import (
	"context"
	"path/filepath"
	"slices"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/inventory"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// Options say how a configuration is read.
type Options struct {
	// Version is that of the tool, which required_version is compared with;
	// empty is not compared.
	Version string
	// Assignments are the -var and -var-file of the command line, in order.
	Assignments []Assignment
	// Environ is the environment, as of os.Environ; SSHFORM_VAR_name gives a
	// value to a variable, and nothing else of it is read.
	Environ []string
	// AllowUndeclared accepts values in variable files for variables that are
	// not declared.
	AllowUndeclared bool
	// Offline checks the configuration without values for its variables and
	// without its inventories: what depends on them is unknown. No targets come
	// of blocks whose hosts are unknown.
	Offline bool
	// Run runs inventory programs; nil allows none.
	Run inventory.Run
	// Now tells when inventories are read; nil tells no time.
	Now func() time.Time
	// Ask asks a person for the value of a variable that was given none; nil
	// asks nobody, and the value is missing.
	Ask func(Input) (string, error)
}

// A Configuration is a configuration that was read.
type Configuration struct {
	// Config is what it declares. With errors it holds what could be read.
	Config *schema.Config
	l      *loader
}

// A loader holds a configuration while it is read and evaluated.
type loader struct {
	*reporter
	ctx       context.Context
	dir       string
	opts      Options
	functions map[string]function.Function
	texts     []schema.Source
	// unreadable says that a file could not be parsed: nothing is evaluated.
	unreadable bool

	blocks []*block           // of the top level, in order
	nodes  map[node]*declared // what can be referred to
	order  []node             // the nodes in order of declaration
	hosts  []string           // the names of host blocks
	inputs map[string]*input  // the variables
	given  map[string]given   // their values from outside

	variableFiles map[string][]byte
	unsound       map[hcl.Expression]bool // told to be wrong by check
	needed        map[hcl.Expression][]node
	contexts      map[hcl.Expression]seen
	each          map[hcl.Expression]bool
	byName        map[string][]*host // all hosts, of blocks and inventories
	hostsValue    cty.Value
	machine       *host
	inventories   []schema.InventorySource

	top     *schema.Connection // the top-level connection, once read
	planned Planned
	// rehearsal says that check and output blocks are looked through for
	// mistakes: there is no plan yet, and nothing is judged.
	rehearsal bool
}

// Open reads the configuration in dir and checks its blocks, arguments,
// references and calls, but evaluates nothing. Its Config holds only Dir and
// Sources.
func Open(ctx context.Context, dir string, opts Options) (*Configuration, schema.Diagnostics) {
	l := open(ctx, dir, opts)
	return &Configuration{Config: &schema.Config{Dir: l.dir, Sources: l.texts}, l: l}, l.diagnostics()
}

// redefined is what the parser says of an argument that stands there twice; all
// else that it says means that a part of the file is not understood.
const redefined = "Attribute redefined"

func open(ctx context.Context, dir string, opts Options) *loader {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		absolute = dir
	}
	l := &loader{
		reporter: newReporter(), ctx: ctx, dir: absolute, opts: opts,
		nodes: map[node]*declared{}, inputs: map[string]*input{}, given: map[string]given{},
		variableFiles: map[string][]byte{}, unsound: map[hcl.Expression]bool{},
		needed: map[hcl.Expression][]node{}, contexts: map[hcl.Expression]seen{}, each: map[hcl.Expression]bool{},
		byName: map[string][]*host{}, machine: thisMachine(),
	}
	l.functions = withFunctions(functions(absolute), "liveness", unknownLiveness())
	sources, files := l.sources(dir)
	l.texts = sources
	if slices.ContainsFunc(l.found, func(d schema.Diagnostic) bool { return d.Summary != redefined }) {
		// What a file with a syntax error declares is not known, so anything
		// else would be told to be missing.
		l.unreadable = true
		return l
	}
	for _, file := range files {
		l.blocks = append(l.blocks, decoder{l.reporter}.file(file)...)
	}
	l.declare()
	l.checkAll()
	l.checkCycles()
	l.declareInputs()
	l.gather()
	return l
}

// Load reads the configuration in dir and evaluates it. The Configuration is
// never nil. With errors among the diagnostics it must not be planned.
func Load(ctx context.Context, dir string, opts Options) (*Configuration, schema.Diagnostics) {
	l := open(ctx, dir, opts)
	config := l.config()
	if len(config.Targets) <= mostRehearsed {
		l.rehearse()
	}
	l.forget()
	return &Configuration{Config: config, l: l}, l.diagnostics()
}

// Source returns the text of a file that diagnostics point into, for showing
// the lines around. Variable files are not shown where a variable is
// sensitive, since its value may stand in any of them.
func (c *Configuration) Source(filename string) ([]byte, bool) {
	for _, s := range c.Config.Sources {
		if s.Path == filename {
			return s.Content, true
		}
	}
	for _, in := range c.l.inputs {
		if in.sensitive || in.ephemeral {
			return nil, false
		}
	}
	content, ok := c.l.variableFiles[filename]
	return content, ok
}

// differs reports whether an expression differs from instance to instance.
func (l *loader) differs(expr hcl.Expression) bool {
	known, ok := l.each[expr]
	if !ok {
		known = usesEach(expr)
		l.each[expr] = known
	}
	return known
}
