//go:build unix

package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"al.essio.dev/pkg/shellescape"
	"github.com/mattn/go-shellwords"
	"go.yaml.in/yaml/v3"
)

// Reading recipes: which steps of which job run sshform. Whether a file is what
// its engine takes is not decided here; the checkers do that.

// runsSSHForm reports whether a piece of shell has a command of ours.
func runsSSHForm(text string) bool {
	return regexp.MustCompile(`(?m)(^|[\s;&|(])sshform `).MatchString(text)
}

// kept leaves out the jobs that do not run sshform, and steps that do not.
func kept(jobs map[string]job) map[string]job {
	for name, j := range jobs {
		var steps []step
		for _, s := range j.steps {
			if runsSSHForm(s.text) {
				steps = append(steps, s)
			}
		}
		if j.steps = steps; len(steps) == 0 {
			delete(jobs, name)
			continue
		}
		jobs[name] = j
	}
	return jobs
}

// githubJobs are given to `bash -e`, as GitHub does.
func githubJobs(content []byte) (map[string]job, error) {
	var workflow struct {
		Env  map[string]string
		Jobs map[string]struct {
			Steps []struct {
				Run string
				Env map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(content, &workflow); err != nil {
		return nil, err
	}
	jobs := map[string]job{}
	for name, j := range workflow.Jobs {
		var steps []step
		for _, s := range j.Steps {
			if strings.Contains(s.Run, "${{") {
				return nil, fmt.Errorf("job %s pastes an expression into a shell", name)
			}
			steps = append(steps, step{shell: []string{"bash", "-e", "-c"}, text: s.Run, env: s.Env})
		}
		jobs[name] = job{steps: steps, env: plainOnly(workflow.Env)}
	}
	return kept(jobs), nil
}

// plainOnly leaves out what an expression of the engine would fill in, and
// the colours, which would stand between the words that a script looks for.
func plainOnly(env map[string]string) map[string]string {
	plain := map[string]string{}
	for name, value := range env {
		if !strings.Contains(value, "${{") && name != "FORCE_COLOR" {
			plain[name] = value
		}
	}
	return plain
}

// gitlabJobs are given to bash as GitLab's runner does: all lines as one.
func gitlabJobs(content []byte) (map[string]job, error) {
	var all map[string]yaml.Node
	if err := yaml.Unmarshal(content, &all); err != nil {
		return nil, err
	}
	env := map[string]string{}
	if variables, given := all["variables"]; given {
		if err := variables.Decode(&env); err != nil {
			return nil, err
		}
	}
	jobs := map[string]job{}
	for name, node := range all {
		var j struct{ Script []string }
		if node.Kind != yaml.MappingNode || node.Decode(&j) != nil || len(j.Script) == 0 {
			continue
		}
		jobs[name] = job{env: env, steps: []step{{
			shell: []string{"bash", "-eo", "pipefail", "-c"}, text: strings.Join(j.Script, "\n"),
		}}}
	}
	return kept(jobs), nil
}

// atlantisJobs are the stages of the workflows, "keepalive/plan"; each step is
// given to `sh -c`.
func atlantisJobs(content []byte) (map[string]job, error) {
	var server struct {
		Workflows map[string]map[string]struct {
			Steps []struct {
				Env struct{ Name, Value string }
				Run yaml.Node
			}
		}
	}
	if err := yaml.Unmarshal(content, &server); err != nil {
		return nil, err
	}
	jobs := map[string]job{}
	for workflow, stages := range server.Workflows {
		for stage, what := range stages {
			j := job{env: map[string]string{}}
			for _, s := range what.Steps {
				if s.Env.Name != "" {
					j.env[s.Env.Name] = s.Env.Value
				}
				text := s.Run.Value
				if s.Run.Kind == yaml.MappingNode {
					var run struct{ Command string }
					if err := s.Run.Decode(&run); err != nil {
						return nil, err
					}
					text = run.Command
				}
				j.steps = append(j.steps, step{shell: []string{"sh", "-c"}, text: text})
			}
			jobs[workflow+"/"+stage] = j
		}
	}
	return kept(jobs), nil
}

// A container is what runs in a pod. Its image begins with sshform, unless a
// command is given.
type container struct {
	Name    string
	Command []string
	Args    []string
	Env     []struct{ Name, Value string }
	Mounts  []struct {
		Path string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

func (c container) job() job {
	command := c.Command
	if len(command) == 0 {
		command = []string{"sshform"}
	}
	j := job{env: map[string]string{}}
	for _, e := range c.Env {
		if e.Value != "" {
			j.env[e.Name] = e.Value
		}
	}
	for _, m := range c.Mounts {
		j.mounts = append(j.mounts, m.Path)
	}
	text := shellescape.QuoteCommand(append(command, c.Args...))
	j.steps = []step{{shell: []string{"sh", "-c"}, text: text}}
	return j
}

func podJobs(content []byte) (map[string]job, error) {
	type pod struct {
		Spec struct{ Containers []container }
	}
	var object struct {
		Spec struct {
			JobTemplate struct {
				Spec struct{ Template pod }
			} `yaml:"jobTemplate"`
			Template pod // of a Job
		}
	}
	if err := yaml.Unmarshal(content, &object); err != nil {
		return nil, err
	}
	jobs := map[string]job{}
	for _, c := range slices.Concat(object.Spec.JobTemplate.Spec.Template.Spec.Containers, object.Spec.Template.Spec.Containers) {
		jobs[c.Name] = c.job()
	}
	return kept(jobs), nil
}

func argoJobs(content []byte) (map[string]job, error) {
	var workflow struct {
		Spec struct {
			Templates []struct {
				Name      string
				Container container
			}
		}
	}
	if err := yaml.Unmarshal(content, &workflow); err != nil {
		return nil, err
	}
	jobs := map[string]job{}
	for _, t := range workflow.Spec.Templates {
		if len(t.Container.Args) > 0 {
			jobs[t.Name] = t.Container.job()
		}
	}
	return kept(jobs), nil
}

// unitJobs is what a service starts, in its working directory.
func unitJobs(content []byte) (map[string]job, error) {
	j := job{env: map[string]string{}}
	dir := ""
	for line := range strings.Lines(string(content)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch name {
		case "WorkingDirectory":
			dir = value
			j.mounts = append(j.mounts, value)
		case "Environment":
			variable, content, _ := strings.Cut(value, "=")
			j.env[variable] = content
		case "ExecStart":
			words, err := shellwords.Parse(value)
			if err != nil || words[0] != "/usr/bin/sshform" {
				return nil, fmt.Errorf("ExecStart %q: %v", value, err)
			}
			text := "cd " + dir + " && " + shellescape.QuoteCommand(append([]string{"sshform"}, words[1:]...))
			j.steps = append(j.steps, step{shell: []string{"sh", "-c"}, text: text})
		}
	}
	return kept(map[string]job{"start": j}), nil
}

// hookJobs are the entries of pre-commit hooks, which get file names.
func hookJobs(content []byte) (map[string]job, error) {
	var hooks []struct {
		ID, Entry string
		Pass      *bool `yaml:"pass_filenames"`
	}
	if err := yaml.Unmarshal(content, &hooks); err != nil {
		return nil, err
	}
	jobs := map[string]job{}
	for _, h := range hooks {
		text := h.Entry
		if h.Pass == nil || *h.Pass {
			text += " {{files}}"
		}
		jobs[h.ID] = job{steps: []step{{shell: []string{"sh", "-c"}, text: text}}}
	}
	return kept(jobs), nil
}

// commentJobs are the indented lines of a file's first comment that begin
// with sshform.
func commentJobs(content []byte) (map[string]job, error) {
	var lines []string
	for line := range strings.Lines(string(content)) {
		text, comment := strings.CutPrefix(line, "#")
		if !comment {
			break
		}
		if command, indented := strings.CutPrefix(text, "\t"); indented && runsSSHForm(command) {
			lines = append(lines, strings.TrimSpace(command))
		}
	}
	return kept(map[string]job{"comment": {steps: []step{{
		shell: []string{"sh", "-e", "-c"}, text: strings.Join(lines, "\n"),
	}}}}), nil
}
