package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// A gitlabJob holds the keywords of GitLab's CI/CD YAML reference that the
// recipes use. GitLab publishes no checker that works without a server, so a
// recipe that needs another keyword adds it here, after a look at
// https://docs.gitlab.com/ci/yaml/.
type gitlabJob struct {
	Stage         string           `json:"stage"`
	Image         string           `json:"image"`
	Tags          []string         `json:"tags"`
	Needs         []string         `json:"needs"`
	Rules         []gitlabRule     `json:"rules"`
	Script        []string         `json:"script"`
	Variables     map[string]any   `json:"variables"`
	Parallel      int              `json:"parallel"`
	ResourceGroup string           `json:"resource_group"`
	Environment   *gitlabNamed     `json:"environment"`
	AllowFailure  *gitlabCodes     `json:"allow_failure"`
	Artifacts     *gitlabArtifacts `json:"artifacts"`
}

type gitlabRule struct {
	If   string `json:"if"`
	When string `json:"when"`
}

type gitlabNamed struct {
	Name string `json:"name"`
}

type gitlabCodes struct {
	ExitCodes int `json:"exit_codes"`
}

type gitlabArtifacts struct {
	Access   string   `json:"access"`
	ExpireIn string   `json:"expire_in"`
	Paths    []string `json:"paths"`
	When     string   `json:"when"`
	Reports  struct {
		Terraform string `json:"terraform"`
		JUnit     string `json:"junit"`
	} `json:"reports"`
}

type gitlabDefault struct {
	Interruptible bool `json:"interruptible"`
}

func gitlab(files []string) error {
	var wrong []error
	for _, name := range files {
		var document map[string]any
		if err := decode(name, &document); err != nil {
			return err
		}
		if err := gitlabFile(document); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(wrong...)
}

func gitlabFile(document map[string]any) error {
	var stages []string
	jobs := map[string]gitlabJob{}
	for _, name := range slices.Sorted(maps.Keys(document)) {
		part := document[name]
		var err error
		switch name {
		case "stages":
			err = remarshal(part, &stages)
		case "default":
			err = remarshal(part, &gitlabDefault{})
		case "variables":
			err = remarshal(part, &map[string]string{})
		default:
			var job gitlabJob
			err = remarshal(part, &job)
			jobs[name] = job
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(jobs) == 0 {
		return errors.New("no jobs")
	}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(jobs)) {
		if err := jobs[name].check(stages, jobs); err != nil {
			wrong = append(wrong, fmt.Errorf("job %s: %w", name, err))
		}
	}
	return errors.Join(wrong...)
}

func (j gitlabJob) check(stages []string, jobs map[string]gitlabJob) error {
	wrong := []error{oneOf("stage", j.Stage, stages...)}
	if len(j.Script) == 0 {
		wrong = append(wrong, errors.New("no script"))
	}
	for _, n := range j.Needs {
		needed, there := jobs[n]
		switch {
		case !there:
			wrong = append(wrong, fmt.Errorf("needs %q, which is no job", n))
		case slices.Index(stages, needed.Stage) > slices.Index(stages, j.Stage):
			wrong = append(wrong, fmt.Errorf("needs %q of a later stage", n))
		}
	}
	for _, r := range j.Rules {
		wrong = append(wrong, oneOf("when", r.When, "on_success", "on_failure", "always", "never", "manual", "delayed"))
	}
	if a := j.Artifacts; a != nil {
		wrong = append(wrong,
			oneOf("artifacts: access", a.Access, "all", "developer", "maintainer", "none"),
			oneOf("artifacts: when", a.When, "on_success", "on_failure", "always"))
	}
	return errors.Join(wrong...)
}
