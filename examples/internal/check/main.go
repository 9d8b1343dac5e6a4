// Command check judges the files in examples/ with the libraries of those who
// will read them:
//
//	check actions FILE...           GitHub Actions workflows, by actionlint
//	check kubernetes FILE...        objects, by Kubernetes' own types
//	check argo FILE...              Argo Workflows, by types of ours and Kubernetes'
//	check gitlab FILE...            GitLab CI, by types of ours
//	check atlantis FILE...          Atlantis, by types of ours
//	check goreleaser FILE           by GoReleaser's own types
//	check dockerfile FILE...        by BuildKit's parser
//	check rego DIR INPUT            what the policies in DIR say of a plan, by OPA
//
// It prints what is wrong and then exits with 1. The tests of cmd/sshform run
// it; nothing that is released holds it.
package main

import (
	"context"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: check actions|kubernetes|argo|gitlab|atlantis|goreleaser|dockerfile|rego FILE...")
		os.Exit(2)
	}
	if err := check(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func check(kind string, files []string) error {
	switch kind {
	case "actions":
		return actions(files)
	case "kubernetes":
		return kubernetes(files)
	case "argo":
		return argo(files)
	case "gitlab":
		return gitlab(files)
	case "atlantis":
		return atlantis(files)
	case "goreleaser":
		return release(files)
	case "dockerfile":
		return dockerfile(files)
	case "rego":
		return rego(context.Background(), files)
	}
	return fmt.Errorf("nothing here checks %q", kind)
}
