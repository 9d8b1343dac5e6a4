package testenv

import (
	"bytes"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// A Judge says what is wrong with a JSON document.
type Judge func(document string) error

// Schema compiles a JSON schema, or a part of it such as "#/$defs/change". A
// closed one forbids members that are not described, wherever it describes any:
// readers may ignore what they do not know, and writers have to describe what
// they write.
func Schema(text []byte, part string, closed bool) (Judge, error) {
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if closed {
		closeObjects(schema)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	const name = "file:///schema.json"
	if err := compiler.AddResource(name, schema); err != nil {
		return nil, err
	}
	compiled, err := compiler.Compile(name + part)
	if err != nil {
		return nil, err
	}
	return func(document string) error {
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
		if err != nil {
			return err
		}
		return compiled.Validate(value)
	}, nil
}

func closeObjects(schema any) {
	switch node := schema.(type) {
	case map[string]any:
		if _, described := node["properties"]; described && node["additionalProperties"] == nil {
			node["additionalProperties"] = false
		}
		for _, child := range node {
			closeObjects(child)
		}
	case []any:
		for _, child := range node {
			closeObjects(child)
		}
	}
}
