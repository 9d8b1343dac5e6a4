package inventory

import _ "embed" // the schema

// schemaText is the JSON schema of what an inventory program prints.
//
//go:embed schema.json
var schemaText string

// JSONSchema returns the JSON schema (draft 2020-12) of what a program of an
// inventory block prints.
func JSONSchema() []byte { return []byte(schemaText) }
