package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Atlantis' configuration, as far as the recipes use it, after
// https://www.runatlantis.io/docs/server-side-repo-config and
// https://www.runatlantis.io/docs/repo-level-atlantis-yaml. Atlantis has no
// command that checks a file.
type atlantisServer struct {
	Repos []struct {
		ID                string   `json:"id"`
		Workflow          string   `json:"workflow"`
		AllowedOverrides  []string `json:"allowed_overrides"`
		PlanRequirements  []string `json:"plan_requirements"`
		ApplyRequirements []string `json:"apply_requirements"`
	} `json:"repos"`
	Workflows map[string]struct {
		Plan  atlantisStage `json:"plan"`
		Apply atlantisStage `json:"apply"`
	} `json:"workflows"`
}

type atlantisStage struct {
	Steps []map[string]any `json:"steps"`
}

type atlantisRepository struct {
	Version  int `json:"version"`
	Projects []struct {
		Name     string `json:"name"`
		Dir      string `json:"dir"`
		Autoplan struct {
			Enabled      bool     `json:"enabled"`
			WhenModified []string `json:"when_modified"`
		} `json:"autoplan"`
	} `json:"projects"`
}

func atlantis(files []string) error {
	var wrong []error
	for _, name := range files {
		var err error
		if strings.HasSuffix(name, "atlantis.yaml") {
			err = atlantisRepositoryFile(name)
		} else {
			err = atlantisServerFile(name)
		}
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

func atlantisRepositoryFile(name string) error {
	var r atlantisRepository
	if err := decode(name, &r); err != nil {
		return err
	}
	if r.Version != 3 || len(r.Projects) == 0 {
		return fmt.Errorf("%s: want version 3 and a project", name)
	}
	return nil
}

func atlantisServerFile(name string) error {
	var s atlantisServer
	if err := decode(name, &s); err != nil {
		return err
	}
	var wrong []error
	for _, r := range s.Repos {
		if pattern, found := strings.CutPrefix(r.ID, "/"); found {
			if _, err := regexp.Compile(strings.TrimSuffix(pattern, "/")); err != nil {
				wrong = append(wrong, err)
			}
		}
		if _, there := s.Workflows[r.Workflow]; !there {
			wrong = append(wrong, fmt.Errorf("repo %s: there is no workflow %q", r.ID, r.Workflow))
		}
		for _, requirement := range append(r.PlanRequirements, r.ApplyRequirements...) {
			wrong = append(wrong, oneOf("requirement", requirement, "approved", "mergeable", "undiverged"))
		}
	}
	for workflow, w := range s.Workflows {
		for _, step := range append(w.Plan.Steps, w.Apply.Steps...) {
			if err := atlantisStep(step); err != nil {
				wrong = append(wrong, fmt.Errorf("workflow %s: %w", workflow, err))
			}
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func atlantisStep(step map[string]any) error {
	if len(step) != 1 {
		return fmt.Errorf("a step has one key, not %d", len(step))
	}
	for kind, what := range step {
		switch kind {
		case "run":
			if _, text := what.(string); text {
				return nil
			}
			var run struct {
				Command string `json:"command"`
				Output  string `json:"output"`
			}
			return errors.Join(remarshal(what, &run), oneOf("output", run.Output, "show", "hide", "strip_refreshing"))
		case "env":
			return remarshal(what, &struct {
				Name    string `json:"name"`
				Value   string `json:"value"`
				Command string `json:"command"`
			}{})
		default:
			return fmt.Errorf("%q is no step", kind)
		}
	}
	return nil
}
