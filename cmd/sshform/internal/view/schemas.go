package view

import (
	"embed"
	"path"
	"strings"
)

// schemas are the JSON schemas of what is written here, by hand: they are a
// promise, which the types must keep.
//
//go:embed schemas/*.json
var schemas embed.FS

// SchemaNames are the names that Schema knows, sorted.
func SchemaNames() []string {
	entries, err := schemas.ReadDir("schemas")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), path.Ext(e.Name())))
	}
	return names
}

// Schema returns the JSON schema of a format; nil when there is none.
func Schema(name string) []byte {
	text, err := schemas.ReadFile("schemas/" + name + ".json")
	if err != nil {
		return nil
	}
	return text
}
