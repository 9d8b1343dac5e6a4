package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/rhysd/actionlint"
)

// actions judges workflows as actionlint does for GitHub's users, their shell
// steps included where shellcheck is installed.
func actions(files []string) error {
	options := &actionlint.LinterOptions{Shellcheck: "shellcheck"}
	// Where the workflow is used it lies in .github.
	labels := filepath.Join(filepath.Dir(files[0]), "actionlint.yaml")
	if _, err := os.Stat(labels); err == nil {
		options.ConfigFile = labels
	}
	linter, err := actionlint.NewLinter(os.Stdout, options)
	if err != nil {
		return err
	}
	found, err := linter.LintFiles(files, nil)
	if err != nil {
		return err
	}
	if len(found) > 0 {
		return fmt.Errorf("actionlint found %d mistakes", len(found))
	}
	return nil
}
