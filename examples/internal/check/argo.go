package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An argoWorkflow holds what the recipes use of the fields that
// https://argo-workflows.readthedocs.io/en/latest/fields/ lists; pods and
// volumes are Kubernetes' own types.
type argoWorkflow struct {
	meta.TypeMeta `json:",inline"`
	Metadata      meta.ObjectMeta `json:"metadata"`
	Spec          struct {
		Entrypoint            string                       `json:"entrypoint"`
		ServiceAccountName    string                       `json:"serviceAccountName"`
		ActiveDeadlineSeconds int64                        `json:"activeDeadlineSeconds"`
		Synchronization       argoSynchronization          `json:"synchronization"`
		Arguments             argoArguments                `json:"arguments"`
		PodSpecPatch          string                       `json:"podSpecPatch"`
		SecurityContext       core.PodSecurityContext      `json:"securityContext"`
		VolumeClaimTemplates  []core.PersistentVolumeClaim `json:"volumeClaimTemplates"`
		Volumes               []core.Volume                `json:"volumes"`
		Templates             []argoTemplate               `json:"templates"`
	} `json:"spec"`
}

type argoSynchronization struct {
	Mutexes []struct {
		Name string `json:"name"`
	} `json:"mutexes"`
}

type argoArguments struct {
	Parameters []argoParameter `json:"parameters"`
}

type argoParameter struct {
	Name  string  `json:"name"`
	Value *string `json:"value"`
}

type argoTemplate struct {
	Name   string       `json:"name"`
	Steps  [][]argoStep `json:"steps"`
	Inputs struct {
		Parameters []argoParameter `json:"parameters"`
		Artifacts  []struct {
			Name string `json:"name"`
			Path string `json:"path"`
			Git  *struct {
				Repo     string `json:"repo"`
				Revision string `json:"revision"`
				Depth    uint64 `json:"depth"`
			} `json:"git"`
		} `json:"artifacts"`
	} `json:"inputs"`
	Suspend *struct {
		Duration string `json:"duration"`
	} `json:"suspend"`
	RetryStrategy *struct {
		Limit       string `json:"limit"`
		RetryPolicy string `json:"retryPolicy"`
		Expression  string `json:"expression"`
		Backoff     struct {
			Duration string `json:"duration"`
			Factor   string `json:"factor"`
		} `json:"backoff"`
	} `json:"retryStrategy"`
	Container *core.Container `json:"container"`
}

type argoStep struct {
	Name      string        `json:"name"`
	Template  string        `json:"template"`
	Arguments argoArguments `json:"arguments"`
}

func argo(files []string) error {
	var wrong []error
	for _, name := range files {
		var w argoWorkflow
		if err := decode(name, &w); err != nil {
			return err
		}
		if err := w.check(); err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(wrong...)
}

func (w argoWorkflow) check() error {
	var wrong []error
	complain := func(format string, of ...any) { wrong = append(wrong, fmt.Errorf(format, of...)) }
	if w.APIVersion != "argoproj.io/v1alpha1" || w.Kind != "Workflow" {
		complain("is a %s %s", w.APIVersion, w.Kind)
	}
	templates := map[string]argoTemplate{}
	for _, t := range w.Spec.Templates {
		templates[t.Name] = t
	}
	if _, there := templates[w.Spec.Entrypoint]; !there {
		complain("entrypoint %q is no template", w.Spec.Entrypoint)
	}
	var volumes []string
	for _, v := range w.Spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	for _, v := range w.Spec.VolumeClaimTemplates {
		volumes = append(volumes, v.Name)
	}
	for _, t := range w.Spec.Templates {
		for _, step := range slices.Concat(t.Steps...) {
			called, there := templates[step.Template]
			if !there {
				complain("step %s calls %q, which is no template", step.Name, step.Template)
			}
			given, wanted := parameterNames(step.Arguments.Parameters), parameterNames(called.Inputs.Parameters)
			if !slices.Equal(given, wanted) {
				complain("step %s gives %v, template %s takes %v", step.Name, given, step.Template, wanted)
			}
		}
		if t.RetryStrategy != nil {
			wrong = append(wrong, oneOf("retryPolicy", t.RetryStrategy.RetryPolicy, "Always", "OnFailure", "OnError", "OnTransientError"))
		}
		if t.Container == nil {
			continue
		}
		for _, m := range t.Container.VolumeMounts {
			if !slices.Contains(volumes, m.Name) {
				complain("template %s mounts %q, which is no volume", t.Name, m.Name)
			}
		}
		known := append(prefixed("workflow.parameters.", w.Spec.Arguments.Parameters), prefixed("inputs.parameters.", t.Inputs.Parameters)...)
		for _, used := range regexp.MustCompile(`\{\{([^}]*)\}\}`).FindAllStringSubmatch(strings.Join(t.Container.Args, " "), -1) {
			if !slices.Contains(known, used[1]) {
				complain("template %s uses %q, which nobody gives", t.Name, used[1])
			}
		}
	}
	return errors.Join(wrong...)
}

func parameterNames(parameters []argoParameter) []string { return prefixed("", parameters) }

func prefixed(prefix string, parameters []argoParameter) []string {
	names := []string{}
	for _, p := range parameters {
		names = append(names, prefix+p.Name)
	}
	slices.Sort(names)
	return names
}
