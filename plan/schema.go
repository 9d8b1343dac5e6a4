package plan

import _ "embed" // the schema

// schemaText is the JSON schema of a line of a plan file.
//
//go:embed schema.json
var schemaText string

// JSONSchema returns the JSON schema (draft 2020-12) of each line of a plan
// file.
func JSONSchema() []byte { return []byte(schemaText) }
