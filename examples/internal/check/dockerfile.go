package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// dockerfile reads Dockerfiles with BuildKit's own parser, warnings included.
// It builds nothing.
func dockerfile(files []string) error {
	var wrong []error
	for _, name := range files {
		if err := dockerfileFile(name); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(wrong...)
}

func dockerfileFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	parsed, err := parser.Parse(f)
	if err != nil {
		return err
	}
	for _, w := range parsed.Warnings {
		return errors.New(w.Short)
	}
	stages, _, err := instructions.Parse(parsed.AST, nil)
	if err != nil {
		return err
	}
	if last := stages[len(stages)-1]; last.BaseName != "scratch" {
		return fmt.Errorf("the image stands on %q, want scratch", last.BaseName)
	}
	return nil
}
