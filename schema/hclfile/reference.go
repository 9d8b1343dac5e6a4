package hclfile

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Reference returns the reference of the language in Markdown, made from the
// same tables that the configuration is read by.
func Reference() []byte {
	var b strings.Builder
	b.WriteString("# The configuration language\n\n" +
		"All files `*" + configSuffix + "` and `*" + configJSONSuffix + "` of a directory are one configuration. " +
		"Values of variables come from, the later the stronger: `" + envPrefix + "name`, `default" + varsSuffix + "`, `default" + varsJSONSuffix + "`, " +
		"`*.auto" + varsSuffix + "` and `*.auto" + varsJSONSuffix + "` by name, `-var` and `-var-file` in the order of the command line.\n\n" +
		"An argument that is `null` or absent is not managed. Times are a number of seconds or a form like `\"1m30s\"`.\n\n" +
		"References: `var.NAME`, `local.NAME`, `host.NAME` and `host` (all of them), `inventory.NAME.hosts`, `server.NAME`, `client.NAME`, `network.NAME`, `connection`, " +
		"and `each.key`, `each.value` in blocks with `for_each`. A host is an object with `name`, `address`, `port`, `user`, `ssh_alias`, `tags` and `vars`.\n\n## Blocks\n")
	for _, t := range language() {
		describeBlock(&b, t, "###", "")
	}
	b.WriteString("\n## Functions\n\nNames and meaning are Terraform's, but for those marked *.\n\n| call | |\n|---|---|\n")
	for _, f := range FunctionDocs() {
		mark := ""
		if f.Ours {
			mark = " *"
		}
		fmt.Fprintf(&b, "| `%s`%s | %s |\n", f.Signature, mark, cell(f.Sentence))
	}
	b.WriteString("| `liveness(client, server)` * | In check and output blocks: what the planned values of the two mean for each other, as an object; see below. |\n" + livenessReference())
	return []byte(b.String())
}

// livenessReference names the attributes that conditions are made of. Seconds
// are null for never.
func livenessReference() string {
	return "\nWhat `liveness(client.NAME, server.NAME)` returns; times are seconds, and null is never:\n\n| attribute | |\n|---|---|\n" +
		"| `server_drops_after`, `client_drops_after` | after the last data, when the path is dead |\n" +
		"| `server_drops_by`, `client_drops_by` | `probes`, `retransmission` (TCP gave up), `tcp-keepalive` or `nothing` |\n" +
		"| `first_to_hang_up` | `server`, `client`, `both` or `neither` |\n" +
		"| `traffic_every` | how often an idle path carries a packet |\n" +
		"| `probed_by`, `server_asks_every`, `client_asks_every` | who asks for signs of life (`server`, `client`, `both`, `nobody`), and how often each would |\n" +
		"| `idle_stays_open`, `idle_freezes_after`, `idle_closed_after`, `idle_closed_by` | what becomes of a healthy session in which nobody types |\n" +
		"| `network`, `network_idle_timeout` | what lies between |\n" +
		"| `sentence`, `has_warnings` | the answer in words, and whether it has warnings |\n"
}

func describeBlock(b *strings.Builder, t blockType, level, within string) {
	name := t.name
	if t.label != "" {
		name += fmt.Sprintf(" %q", t.label)
	}
	fmt.Fprintf(b, "\n%s `%s%s`\n\n%s\n", level, within, name, t.doc)
	if len(t.attributes) > 0 {
		b.WriteString("\n| argument | takes | |\n|---|---|---|\n")
		describeArguments(b, t.attributes)
	}
	for _, label := range t.labels {
		fmt.Fprintf(b, "\n`%s %q`\n\n| argument | takes | |\n|---|---|---|\n", t.name, label)
		describeArguments(b, t.variants[label])
	}
	for _, inner := range t.blocks {
		if inner.name == "connection" {
			fmt.Fprintf(b, "\nA block `connection` with the arguments of the top-level one: %s\n", strings.ToLower(inner.doc[:1])+inner.doc[1:])
			continue
		}
		describeBlock(b, inner, level+"#", within+t.name+" → ")
	}
}

func describeArguments(b *strings.Builder, attributes []attribute) {
	for _, a := range attributes {
		doc := a.doc
		if a.required {
			doc = "Required. " + doc
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", a.name, a.takes, cell(doc))
	}
}

// cell makes a text fit into a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

// JSONSchema returns the JSON schema (draft 2020-12) of *.sshform.json files,
// for editors. It is made from the tables that the configuration is read by.
func JSONSchema() []byte {
	properties := map[string]any{"//": map[string]any{"description": "A comment."}}
	for _, t := range language() {
		properties[t.name] = blockSchema(t)
	}
	encoded, err := json.MarshalIndent(map[string]any{
		"$schema":     "https://json-schema.org/draft/2020-12/schema",
		"title":       "sshform configuration",
		"description": "A file *" + configJSONSuffix + ". Strings may hold expressions in ${…}.",
		"type":        "object", "properties": properties, "additionalProperties": false,
	}, "", "  ")
	if err != nil {
		panic(err) // the tables hold only strings
	}
	return append(encoded, '\n')
}

// blockSchema describes a block: its body, a list of bodies, or by label an
// object of these.
func blockSchema(t blockType) map[string]any {
	if t.label == "" {
		return severalOf(bodyJSON(t, ""), t.doc)
	}
	labelled := map[string]any{"type": "object", "description": t.doc}
	if len(t.labels) == 0 {
		labelled["additionalProperties"] = severalOf(bodyJSON(t, ""), "")
		return labelled
	}
	byLabel := map[string]any{}
	for _, label := range t.labels {
		byLabel[label] = severalOf(bodyJSON(t, label), "")
	}
	labelled["properties"], labelled["additionalProperties"] = byLabel, false
	return map[string]any{"anyOf": []any{labelled, map[string]any{"type": "array", "items": labelled}}}
}

func severalOf(body map[string]any, doc string) map[string]any {
	several := map[string]any{"anyOf": []any{body, map[string]any{"type": "array", "items": body}}}
	if doc != "" {
		several["description"] = doc
	}
	return several
}

func bodyJSON(t blockType, label string) map[string]any {
	if t.open {
		return map[string]any{"type": "object"}
	}
	properties := map[string]any{"//": map[string]any{"description": "A comment."}}
	var required []string
	for _, a := range t.arguments(label) {
		properties[a.name] = argumentSchema(a)
		if a.required {
			required = append(required, a.name)
		}
	}
	for _, inner := range t.blocks {
		properties[inner.name] = blockSchema(inner)
	}
	body := map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		body["required"] = required
	}
	return body
}

// argumentSchema describes the values of an argument. Every value may also be
// a string with an expression, or null.
func argumentSchema(a attribute) map[string]any {
	described := map[string]any{"description": a.doc}
	if len(a.oneOf) > 0 {
		described["anyOf"] = []any{
			map[string]any{"enum": a.oneOf}, map[string]any{"type": "string", "pattern": `\$\{`}, map[string]any{"type": "null"},
		}
		return described
	}
	types := map[kind][]string{
		aString: {"string"}, aNumber: {"number"}, aCount: {"number"}, aBool: {"boolean"}, aTime: {"number"},
		aList: {"array"}, aMap: {"object"}, aForEach: {"object"}, hosts: {"array", "object"}, addresses: {"array"}, programme: {"array"},
		aHost: {}, aType: {},
	}[a.takes]
	if a.takes == anyValue {
		return described
	}
	all := []string{"string", "null"}
	for _, t := range types {
		if t != "string" {
			all = append(all, t)
		}
	}
	described["type"] = all
	return described
}
