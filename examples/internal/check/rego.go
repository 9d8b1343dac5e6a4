package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"

	opa "github.com/open-policy-agent/opa/v1/rego"
)

// rego evaluates data.main.deny and data.main.warn as conftest does: denials
// fail, warnings are shown.
func rego(ctx context.Context, files []string) error {
	if len(files) != 2 {
		return errors.New("usage: check rego DIR INPUT")
	}
	content, err := os.ReadFile(files[1])
	if err != nil {
		return err
	}
	var input any
	if err := json.Unmarshal(content, &input); err != nil {
		return fmt.Errorf("%s: %w", files[1], err)
	}
	warnings, err := messages(ctx, files[0], "warn", input)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		fmt.Println("WARN", w)
	}
	denials, err := messages(ctx, files[0], "deny", input)
	if err != nil {
		return err
	}
	for _, d := range denials {
		fmt.Println("FAIL", d)
	}
	if len(denials) > 0 {
		return fmt.Errorf("%d denials", len(denials))
	}
	return nil
}

func messages(ctx context.Context, dir, rule string, input any) ([]string, error) {
	results, err := opa.New(
		opa.Load([]string{dir}, nil),
		opa.Strict(true),
		opa.Query("data.main."+rule),
		opa.Input(input),
	).Eval(ctx)
	if err != nil {
		return nil, err
	}
	var said []string
	for _, r := range results {
		for _, e := range r.Expressions {
			set, ok := e.Value.([]any)
			if !ok {
				return nil, fmt.Errorf("data.main.%s is not a set of messages", rule)
			}
			for _, m := range set {
				said = append(said, fmt.Sprint(m))
			}
		}
	}
	slices.Sort(said)
	return said, nil
}
