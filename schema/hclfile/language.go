package hclfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
)

// A blockType is one row of the language: what a block is for and what may
// stand in it. Decoding, suggestions, the reference and the JSON schema are
// all made from these rows.
type blockType struct {
	name string
	// label is what the label names; empty where the block takes none.
	label string
	// labels are the only labels accepted; empty accepts any name.
	labels []string
	// free says that the label may hold any character a host name may hold,
	// and need not be an identifier.
	free bool
	// once says that at most one stands in the block around it, or in the
	// whole configuration at top level.
	once bool
	// open says that every argument is accepted (locals).
	open       bool
	doc        string
	attributes []attribute
	blocks     []blockType
	// variants are the further arguments by label (source "csv").
	variants map[string][]attribute
}

// An attribute is one argument of a block.
type attribute struct {
	name     string
	takes    kind
	required bool
	doc      string
	// oneOf are the only strings accepted; empty accepts all.
	oneOf []string
}

// A kind says what values an argument takes, for people and for the JSON
// schema.
type kind string

const (
	aString   kind = "string"
	aNumber   kind = "number"
	aBool     kind = "bool"
	aTime     kind = "time"
	aCount    kind = "count"
	aList     kind = "list of strings"
	aMap      kind = "map of strings"
	anyValue  kind = "any value"
	aType     kind = "type"
	aForEach  kind = "map or set of strings"
	aHost     kind = "host"
	hosts     kind = "hosts"
	addresses kind = "blocks or addresses"
	programme kind = "list of strings: program and arguments"
)

// language returns the blocks of the top level in the order of the reference.
func language() []blockType {
	return []blockType{
		settingsBlock(), variableBlock(), localsBlock(), connectionBlock(true), hostBlock(),
		inventoryBlock(), serverBlock(), clientBlock(), networkBlock(), rolloutBlock(),
		checkBlock(), outputBlock(),
	}
}

func settingsBlock() blockType {
	return blockType{
		name: "sshform", doc: "Settings of the tool itself.",
		attributes: []attribute{
			{name: "required_version", takes: aString, doc: `The releases of sshform that may read this configuration, such as "~> 1.0".`},
		},
		blocks: []blockType{
			{name: "plan", once: true, doc: "How long and how a plan may be applied.", attributes: []attribute{
				{name: "max_age", takes: aTime, doc: "After this time a saved plan is refused. 24 hours by default."},
				{name: "require_saved", takes: aBool, doc: "Refuse apply without a saved plan."},
			}},
			{name: "history", once: true, doc: "Where runs are recorded on this machine.", attributes: []attribute{
				{name: "path", takes: aString, doc: "The folder, relative to the configuration directory; .sshform by default."},
				{name: "keep", takes: aCount, doc: "How many runs to keep; 0, the default, keeps all."},
			}},
		},
	}
}

func variableBlock() blockType {
	return blockType{
		name: "variable", label: "NAME", doc: "An input value, given by -var, -var-file, a variable file or SSHFORM_VAR_name.",
		attributes: []attribute{
			{name: "type", takes: aType, doc: "string, number, bool, list(…), set(…), map(…), tuple([…]), object({… optional(…)}) or any."},
			{name: "default", takes: anyValue, doc: "The value when none is given; without it one must be given."},
			{name: "description", takes: aString, doc: "What the value is for."},
			{name: "sensitive", takes: aBool, doc: "Never print or store the value. It may not reach a setting, an address or a path, and its default can only be null."},
			{name: "nullable", takes: aBool, doc: "Whether null is a value; true by default. When false, null means the default."},
			{name: "ephemeral", takes: aBool, doc: "Do not store the value in plans."},
		},
		blocks: []blockType{conditionBlock("validation", "A rule that the value must meet.")},
	}
}

func conditionBlock(name, doc string) blockType {
	return blockType{name: name, doc: doc, attributes: []attribute{
		{name: "condition", takes: aBool, required: true, doc: "What must be true."},
		{name: "error_message", takes: aString, required: true, doc: "What to tell the person otherwise, in full sentences."},
	}}
}

func localsBlock() blockType {
	return blockType{name: "locals", open: true, doc: "Names for expressions, used as local.NAME."}
}

func connectionBlock(top bool) blockType {
	doc := "How the host is reached; ranks above what is declared further out."
	if top {
		doc = "How hosts are reached that say nothing else; ranks below ssh_alias."
	}
	return blockType{
		name: "connection", once: true, doc: doc,
		attributes: []attribute{
			{name: "type", takes: aString, oneOf: []string{schema.OverSSH, schema.Local}, doc: `"ssh", or "local" for this very machine.`},
			{name: "user", takes: aString, doc: "The login name (User); the current user by default."},
			{name: "port", takes: aNumber, doc: "1 to 65535 (Port); 22 by default."},
			{name: "identity_file", takes: aString, doc: "A private key (IdentityFile), relative to the configuration directory or beginning with ~/."},
			{name: "certificate_file", takes: aString, doc: "A certificate for the key (CertificateFile)."},
			{name: "proxy_jump", takes: aString, doc: `Hosts to go through, comma-separated (ProxyJump); "none" for none.`},
			{name: "known_hosts_file", takes: aString, doc: "Where host keys are looked up (UserKnownHostsFile); both usual files by default."},
			{name: "host_key_checking", takes: aString, oneOf: []string{"yes", "accept-new"}, doc: `"yes", the default, or "accept-new" to record the key of a host never seen (StrictHostKeyChecking).`},
			{name: "connect_timeout", takes: aTime, doc: "How long one attempt to connect may take (ConnectTimeout)."},
			{name: "become", takes: aString, oneOf: []string{"none", "sudo"}, doc: `"sudo" to act as root through sudo; "none" by default.`},
		},
	}
}

func hostBlock() blockType {
	return blockType{
		name: "host", label: "NAME", free: true, doc: "One host by hand, used as host.NAME.",
		attributes: []attribute{
			{name: "address", takes: aString, doc: "Name or IP address to connect to."},
			{name: "ssh_alias", takes: aString, doc: "A Host of your own ssh_config that says how to connect."},
			{name: "port", takes: aNumber, doc: "1 to 65535."},
			{name: "user", takes: aString, doc: "The login name."},
			{name: "tags", takes: aList, doc: "Words to choose hosts by."},
			{name: "vars", takes: aMap, doc: "Values to choose hosts by."},
		},
		blocks: []blockType{connectionBlock(false)},
	}
}

func serverBlock() blockType {
	attributes := slices.Concat([]attribute{
		{name: "for_each", takes: aForEach, doc: "One instance for each element; each.key and each.value name it."},
		{name: "host", takes: aHost, required: true, doc: "The host whose sshd is managed: a value from a host or inventory block."},
	}, keywordAttributes(schema.Server), []attribute{
		unsetAttribute(),
		{name: "match", takes: aString, doc: `The criteria of a Match block that the settings belong to, such as "User backup"; everybody by default.`},
		overridesAttribute(),
		{name: "allow_pending", takes: aBool, doc: "Allow a reload that also brings somebody else's edits into force."},
		{name: "reload", takes: aString, doc: `"auto" (default), "none", or the name of a command in the policy of the apply side: the file that SSHFORM_POLICY names there, with blocks reload_command "NAME" { command = [PROGRAM, WORDS…] }.`},
	})
	return blockType{
		name: "server", label: "NAME", doc: "Settings of sshd_config on one host, or on one for each element of for_each.",
		attributes: attributes,
		blocks: []blockType{
			{name: "file", once: true, doc: "Where the settings are written.", attributes: []attribute{
				{name: "path", takes: aString, doc: "The main file; /etc/ssh/sshd_config by default."},
				{name: "drop_in", takes: aString, doc: `A file of our own in the included folder, such as "20-keepalive.conf".`},
				{name: "backups", takes: aCount, doc: "How many runs the host keeps records of; 5 by default."},
			}},
			{name: "verify", once: true, doc: "How a change is proved.", attributes: []attribute{
				{name: "probe", takes: aBool, doc: "Wait for a real keepalive request of the running sshd."},
				{name: "rehearsal", takes: aBool, doc: "Rehearse a login with the new files before they are put in place; true by default."},
				{name: "confirm_timeout", takes: aTime, doc: "How long the new connection may take; 60 seconds by default."},
			}},
			connectionBlock(false),
			conditionBlock("precondition", "A rule that must hold before anything is planned for the instance."),
		},
	}
}

func clientBlock() blockType {
	attributes := slices.Concat([]attribute{
		{name: "for_each", takes: aForEach, doc: "One instance for each element; each.key and each.value name it."},
		{name: "host", takes: aHost, doc: "The host whose ssh client is managed; this machine by default."},
	}, keywordAttributes(schema.Client), []attribute{
		unsetAttribute(),
		{name: "host_pattern", takes: aString, doc: `For which destinations the settings count (Host); "*", the default, is all.`},
		{name: "path", takes: aString, doc: "The file; ~/.ssh/config by default."},
		overridesAttribute(),
		{name: "library", takes: aString, oneOf: libraries(), doc: "The program behind this client. With another than \"openssh\" nothing is managed: it is a peer for the analysis of pairs."},
		{name: "keepalive", takes: aTime, doc: "How often such a program sends a keepalive; 0 is never."},
	})
	return blockType{
		name: "client", label: "NAME", doc: "Settings of ssh_config on this machine or on a host.",
		attributes: attributes,
		blocks: []blockType{
			connectionBlock(false),
			conditionBlock("precondition", "A rule that must hold before anything is planned for the instance."),
		},
	}
}

func unsetAttribute() attribute {
	return attribute{name: "unset", takes: aList, doc: "Keywords whose lines are taken away, so that OpenSSH's default counts."}
}

func overridesAttribute() attribute {
	return attribute{name: "match_overrides", takes: aString, oneOf: []string{"keep", "error"},
		doc: `Narrower blocks that set the keyword: "keep" (default) leaves and names them, "error" refuses.`}
}

// libraries are the client programs that the analysis of pairs knows.
func libraries() []string {
	return []string{"openssh", "paramiko", "go", "putty", "dropbear", "asyncssh", "libssh2"}
}

// keywordAttributes are the keywords of one side as arguments.
func keywordAttributes(side schema.Side) []attribute {
	definitions := schema.Definitions(side)
	attributes := make([]attribute, len(definitions))
	for i, d := range definitions {
		takes := map[schema.Kind]kind{schema.Time: aTime, schema.Count: aCount, schema.Flag: aBool, schema.Timeouts: aList}[d.Kind]
		doc := fmt.Sprintf("%s. %s", d.Keyword, d.Note)
		if d.Default != "" {
			doc += fmt.Sprintf(" OpenSSH's default is %s.", d.Default)
		}
		attributes[i] = attribute{name: d.Keyword.HCL(), takes: takes, doc: doc}
	}
	return attributes
}

func inventoryBlock() blockType {
	return blockType{
		name: "inventory", label: "NAME", doc: "Many hosts, used as inventory.NAME.hosts.",
		attributes: []attribute{
			{name: "min_hosts", takes: aCount, doc: "Fewer are an error: a truncated file must not pass for a small fleet."},
			{name: "max_hosts", takes: aCount, doc: "More are an error."},
		},
		blocks: []blockType{sourceBlock()},
	}
}

func networkBlock() blockType {
	return blockType{
		name: "network", label: "NAME", doc: "What lies between clients and servers.",
		attributes: []attribute{
			{name: "idle_timeout", takes: aTime, doc: "After this silence it forgets a connection; 0 is never. Or the name of a well-known kind: " + orList(middleboxes()) + "."},
			{name: "between", takes: addresses, doc: "The blocks or addresses it lies between; every pair by default."},
		},
	}
}

func middleboxes() []string {
	var names []string
	for _, m := range schema.Middleboxes() {
		names = append(names, m.Name)
	}
	return names
}

func rolloutBlock() blockType {
	return blockType{
		name: "rollout", label: "NAME", doc: "The order in which targets change, and its limits.",
		attributes: []attribute{
			{name: "targets", takes: addresses, required: true, doc: "Blocks or instances, such as server.fleet."},
			{name: "spread_by", takes: aString, doc: "A variable of hosts whose values are interleaved within a wave."},
			{name: "on_failure", takes: aString, oneOf: []string{"stop", "restore", "continue"}, doc: `What a spent budget does: "stop" (default), "restore" the wave's own hosts, or "continue".`},
		},
		blocks: []blockType{{
			name: "wave", label: "NAME", doc: "A part of the rollout.",
			attributes: []attribute{
				{name: "hosts", takes: hosts, doc: "The hosts of the wave."},
				{name: "percent", takes: aNumber, doc: "Hosts up to this share of all, earlier waves included."},
				{name: "parallelism", takes: aCount, doc: "Hosts in flight at a time; the command's by default."},
				{name: "max_failures", takes: aCount, doc: "Stop when more hosts than this fail; 0 by default."},
				{name: "max_failures_percent", takes: aNumber, doc: "The same as a share of the wave."},
				{name: "strict", takes: aBool, doc: "Keep no more hosts in flight than may still fail, plus one."},
				{name: "soak", takes: aTime, doc: "How long to wait after the wave."},
				{name: "window", takes: aString, doc: `When the wave may start, such as "Mon-Thu 09:00-16:00 Europe/Berlin".`},
			},
		}},
	}
}

func checkBlock() blockType {
	return blockType{
		name: "check", label: "NAME", doc: "Assertions over the planned values. A failing one is a warning.",
		blocks: []blockType{conditionBlock("assert", "One assertion.")},
	}
}

func outputBlock() blockType {
	return blockType{
		name: "output", label: "NAME", doc: "A value for the output command.",
		attributes: []attribute{
			{name: "value", takes: anyValue, required: true, doc: "The value."},
			{name: "description", takes: aString, doc: "What the value is."},
			{name: "sensitive", takes: aBool, doc: "Never print or store the value."},
		},
		blocks: []blockType{conditionBlock("precondition", "A rule that must hold.")},
	}
}

// arguments are those that the block takes under one label.
func (t blockType) arguments(label string) []attribute {
	return slices.Concat(t.attributes, t.variants[label])
}

func (t blockType) attribute(label, name string) (attribute, bool) {
	arguments := t.arguments(label)
	i := slices.IndexFunc(arguments, func(a attribute) bool { return a.name == name })
	if i < 0 {
		return attribute{}, false
	}
	return arguments[i], true
}

func (t blockType) block(name string) (blockType, bool) {
	i := slices.IndexFunc(t.blocks, func(b blockType) bool { return b.name == name })
	if i < 0 {
		return blockType{}, false
	}
	return t.blocks[i], true
}

// orList joins words for a sentence: "a", "b" or "c".
func orList(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = fmt.Sprintf("%q", w)
	}
	if len(quoted) < 2 {
		return strings.Join(quoted, "")
	}
	return strings.Join(quoted[:len(quoted)-1], ", ") + " or " + quoted[len(quoted)-1]
}
