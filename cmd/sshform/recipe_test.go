//go:build unix

package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"al.essio.dev/pkg/shellescape"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sshform/sshform/schema/testenv"
)

// recipes are the pipelines in examples/ whose sshform commands the scripts in
// testdata/recipes carry out, and how they are read.
func recipes() map[string]func([]byte) (map[string]job, error) {
	return map[string]func([]byte) (map[string]job, error){
		"github-actions/keepalive.yml":   githubJobs,
		"gitlab/.gitlab-ci.yml":          gitlabJobs,
		"atlantis/repos.yaml":            atlantisJobs,
		"kubernetes/cronjob.yaml":        podJobs,
		"kubernetes/indexed-job.yaml":    podJobs,
		"argo-workflows/rollout.yaml":    argoJobs,
		"systemd/sshform-pull.service":   unitJobs,
		"../.pre-commit-hooks.yaml":      hookJobs,
		"conftest/policy/keepalive.rego": commentJobs,
	}
}

// A job is what a recipe carries out in one go.
type job struct {
	steps []step
	env   map[string]string
	// mounts are paths that stand for a folder of the test.
	mounts []string
}

// A step is a piece of shell, and the shell that a pipeline gives it to.
type step struct {
	shell []string
	text  string
	env   map[string]string
}

// TestRecipes runs testdata/recipes/*.txtar: each recipe is judged by the
// field's own libraries, and its sshform commands change a private sshd. A
// command that no script ran fails the test.
func TestRecipes(t *testing.T) {
	t.Parallel()
	program := testenv.Program(t, "sshd")
	for _, name := range []string{"ssh-keygen", "bash", "systemd-analyze", "pre-commit", "git", "shellcheck"} {
		testenv.Program(t, name)
	}
	tools := checkers(t)
	ran := &carriedOut{}
	t.Run("scripts", func(t *testing.T) {
		runScripts(t, "testdata/recipes", func(env *testscript.Env) {
			env.Values[sshdKey{}] = &private{program: program}
			env.Values[fleetKey{}] = &privateFleet{program: program}
			env.Values[ranKey{}] = ran
			env.Setenv("PATH", env.Getenv("PATH")+string(os.PathListSeparator)+tools)
			examples, err := filepath.Abs("../../examples")
			if err != nil {
				t.Fatal(err)
			}
			env.Setenv("EXAMPLES", examples)
			env.Setenv("SSHFORM_IN_AUTOMATION", "")
		})
	})
	t.Run("all carried out", func(t *testing.T) { allCarriedOut(t, ran) })
}

// allCarriedOut fails for a job of a recipe that no script ran.
func allCarriedOut(t *testing.T, ran *carriedOut) {
	t.Helper()
	for name, read := range recipes() {
		content, err := os.ReadFile(filepath.Join("../../examples", name))
		if err != nil {
			t.Fatal(err)
		}
		jobs, err := read(content)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(jobs) == 0 {
			t.Errorf("%s runs no sshform", name)
		}
		for _, j := range slices.Sorted(maps.Keys(jobs)) {
			if !ran.has(name, j) {
				t.Errorf("%s: no script in testdata/recipes carries out %q", name, j)
			}
		}
	}
}

// checkers builds the programs that judge recipes, and returns their folder.
// They are a module of their own, which has to be downloaded once.
func checkers(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+string(filepath.Separator), ".", "github.com/goreleaser/nfpm/v2/cmd/nfpm")
	build.Dir = "../../examples/internal/check"
	out, err := build.CombinedOutput()
	testenv.Need(t, err == nil, fmt.Sprintf("the checkers cannot be built: %v\n%s", err, out))
	return dir
}

// ranKey finds in a script's environment what was carried out.
type ranKey struct{}

// carriedOut remembers the jobs that scripts ran, several at a time.
type carriedOut struct {
	mu   sync.Mutex
	jobs []string
}

func (c *carriedOut) add(recipe, job string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.jobs = append(c.jobs, recipe+" "+job)
}

func (c *carriedOut) has(recipe, job string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.jobs, recipe+" "+job)
}

// recipe carries out a job of a recipe in the present folder:
//
//	recipe [-code N] github-actions/keepalive.yml plan [NAME=VALUE...]
//
// The values replace what the pipeline's engine fills in: {{…NAME}} in a word.
// A path where a volume would be mounted is the same path below $WORK.
func recipe(ts *testscript.TestScript, neg bool, args []string) {
	want := "0"
	if len(args) > 1 && args[0] == "-code" {
		want, args = args[1], args[2:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: recipe [-code N] FILE JOB [NAME=VALUE...]")
	}
	read, known := recipes()[args[0]]
	if !known {
		ts.Fatalf("%s is not in the table of recipes", args[0])
	}
	content, err := os.ReadFile(filepath.Join(ts.Getenv("EXAMPLES"), args[0]))
	ts.Check(err)
	jobs, err := read(content)
	ts.Check(err)
	j, there := jobs[args[1]]
	if !there {
		ts.Fatalf("%s has no job %q, only %v", args[0], args[1], slices.Sorted(maps.Keys(jobs)))
	}
	driver := ts.MkAbs("recipe.sh")
	ts.Check(os.WriteFile(driver, []byte(j.script(ts.Getenv("WORK"), args[2:])), 0o600))
	got := "0"
	if err := ts.Exec("sh", driver); err != nil {
		var ended *exec.ExitError
		if !errors.As(err, &ended) {
			ts.Check(err)
		}
		got = fmt.Sprint(ended.ExitCode())
	}
	ts.Check(os.Remove(driver))
	if got != want {
		ts.Fatalf("%s %s: got exit code %s, want %s", args[0], args[1], got, want)
	}
	ts.Value(ranKey{}).(*carriedOut).add(args[0], args[1])
}

// script is the job as text for sh, which ends at the first step that fails.
func (j job) script(work string, values []string) string {
	fill := func(text string) string {
		for _, m := range j.mounts {
			// At the beginning of a path only: what stands before it is no part of one.
			for _, before := range []string{"=", " ", ":", "'", "\""} {
				text = strings.ReplaceAll(text, before+m, before+work+m)
			}
			if strings.HasPrefix(text, m) {
				text = work + text
			}
		}
		for _, v := range values {
			name, value, _ := strings.Cut(v, "=")
			text = fillIn(text, name, value)
		}
		return text
	}
	var b strings.Builder
	b.WriteString("set -e\n")
	for _, s := range j.steps {
		env := maps.Clone(j.env)
		if env == nil {
			env = map[string]string{}
		}
		maps.Copy(env, s.env)
		words := []string{"env"}
		for _, name := range slices.Sorted(maps.Keys(env)) {
			words = append(words, name+"="+fill(env[name]))
		}
		words = append(words, s.shell...)
		fmt.Fprintf(&b, "%s %s\n", shellescape.QuoteCommand(words), shellescape.Quote(fill(s.text)))
	}
	return b.String()
}

// fillIn replaces {{NAME}} and {{….NAME}}.
func fillIn(text, name, value string) string {
	for {
		start := strings.Index(text, "{{")
		if start < 0 {
			return text
		}
		end := strings.Index(text[start:], "}}")
		if end < 0 {
			return text
		}
		inside := text[start+2 : start+end]
		if inside != name && !strings.HasSuffix(inside, "."+name) {
			// Another name's: look behind it.
			return text[:start+end+2] + fillIn(text[start+end+2:], name, value)
		}
		text = text[:start] + value + text[start+end+2:]
	}
}
