package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"

	strict "sigs.k8s.io/yaml"
)

// decode reads a YAML file into a value, refusing members that it does not
// have and members that stand twice.
func decode(name string, into any) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := strict.UnmarshalStrict(content, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// remarshal decodes a part of a document, as strictly as a whole one.
func remarshal(part, into any) error {
	content, err := strict.Marshal(part)
	if err != nil {
		return err
	}
	return strict.UnmarshalStrict(bytes.TrimSpace(content), into)
}

// oneOf refuses a word that is not in the list; empty is allowed.
func oneOf(what, word string, list ...string) error {
	if word == "" || slices.Contains(list, word) {
		return nil
	}
	return fmt.Errorf("%s is %q, want one of %v", what, word, list)
}
