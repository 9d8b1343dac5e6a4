package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	batch "k8s.io/api/batch/v1"
	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// kubernetes decodes every object of the files into its own type and refuses
// members that the type does not have.
func kubernetes(files []string) error {
	var wrong []error
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		documents := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content)))
		objects := 0
		for {
			document, err := documents.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if err := object(document); err != nil {
				wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
			}
			objects++
		}
		if objects == 0 {
			wrong = append(wrong, fmt.Errorf("%s holds no object", name))
		}
	}
	return errors.Join(wrong...)
}

func object(document []byte) error {
	var head struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := strict.Unmarshal(document, &head); err != nil {
		return err
	}
	kinds := map[string]any{
		"batch/v1 CronJob":         &batch.CronJob{},
		"batch/v1 Job":             &batch.Job{},
		"v1 ConfigMap":             &core.ConfigMap{},
		"v1 Secret":                &core.Secret{},
		"v1 ServiceAccount":        &core.ServiceAccount{},
		"v1 PersistentVolumeClaim": &core.PersistentVolumeClaim{},
	}
	into, known := kinds[head.APIVersion+" "+head.Kind]
	if !known {
		return fmt.Errorf("%s %s has no type here", head.APIVersion, head.Kind)
	}
	if err := strict.UnmarshalStrict(document, into); err != nil {
		return fmt.Errorf("%s: %w", head.Kind, err)
	}
	return names(head.Kind, into)
}

// names finds what types cannot: volumes that are mounted and not there,
// and a restart policy that a Job refuses.
func names(kind string, object any) error {
	var pod core.PodSpec
	switch o := object.(type) {
	case *batch.CronJob:
		pod = o.Spec.JobTemplate.Spec.Template.Spec
	case *batch.Job:
		pod = o.Spec.Template.Spec
	default:
		return nil
	}
	if pod.RestartPolicy != core.RestartPolicyNever && pod.RestartPolicy != core.RestartPolicyOnFailure {
		return fmt.Errorf("%s: restartPolicy must be Never or OnFailure, not %q", kind, pod.RestartPolicy)
	}
	volumes := map[string]bool{}
	for _, v := range pod.Volumes {
		volumes[v.Name] = true
	}
	for _, c := range append(pod.InitContainers, pod.Containers...) {
		for _, m := range c.VolumeMounts {
			if !volumes[m.Name] {
				return fmt.Errorf("%s: container %s mounts %q, which is no volume", kind, c.Name, m.Name)
			}
		}
	}
	return nil
}
