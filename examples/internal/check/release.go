package main

import (
	"errors"
	"fmt"

	"github.com/goreleaser/goreleaser/v2/pkg/config"
)

// release decodes GoReleaser configurations, refusing what it does not know,
// as `goreleaser check` does first.
func release(files []string) error {
	var wrong []error
	for _, name := range files {
		project, err := config.Load(name)
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		case project.Version != 2:
			wrong = append(wrong, fmt.Errorf("%s: version is %d, want 2", name, project.Version))
		case len(project.Builds) == 0 || len(project.NFPMs) == 0 || len(project.SBOMs) == 0:
			wrong = append(wrong, fmt.Errorf("%s: builds, nfpms and sboms must be declared", name))
		}
	}
	return errors.Join(wrong...)
}
