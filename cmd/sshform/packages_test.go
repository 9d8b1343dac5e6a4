//go:build linux

package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/sshform/sshform/schema/testenv"
)

// TestPackages builds the deb, the rpm and the apk as `make packages` does,
// installs the deb and the rpm into folders, and uses what they brought.
func TestPackages(t *testing.T) {
	t.Parallel()
	testenv.Root(t)
	for _, program := range []string{"make", "dpkg", "rpm", "mandoc", "man", "bash", "zsh", "fish", "git"} {
		testenv.Program(t, program)
	}
	err := exec.Command("go", "tool", "-modfile=../../examples/internal/check/go.mod", "nfpm", "--version").Run()
	testenv.Need(t, err == nil, fmt.Sprintf("nfpm cannot be built: %v", err))
	dir := t.TempDir()
	build, dist := filepath.Join(dir, "build"), filepath.Join(dir, "dist")
	output(t, nil, "make", "-s", "-C", "../..", "packages", "BUILD="+build, "DIST="+dist, "VERSION=1.2.3", "SOURCE_DATE_EPOCH=1700000000")
	kinds := map[string][]string{}
	for _, kind := range []string{"deb", "rpm", "apk"} {
		made, err := filepath.Glob(filepath.Join(dist, "*."+kind))
		if err != nil || len(made) != 1 {
			t.Fatalf("got %v as %s, want one (%v)", made, kind, err)
		}
		kinds[kind] = made
	}

	t.Run("deb", func(t *testing.T) {
		root := filepath.Join(t.TempDir(), "root")
		dpkg := filepath.Join(root, "var/lib/dpkg")
		write(t, filepath.Join(dpkg, "status"), "")
		for _, sub := range []string{"info", "updates", "triggers"} {
			if err := os.MkdirAll(filepath.Join(dpkg, sub), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		output(t, nil, "dpkg", "--root="+root, "--log=/dev/null", "--install", kinds["deb"][0])
		output(t, nil, "dpkg", "--root="+root, "--verify", "sshform")
		inUse(t, root, "usr/share/zsh/vendor-completions/_sshform")
		output(t, nil, "dpkg", "--root="+root, "--log=/dev/null", "--purge", "sshform")
		if _, err := os.Stat(filepath.Join(root, "usr/bin/sshform")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the program stays after a purge: %v", err)
		}
	})
	t.Run("rpm", func(t *testing.T) {
		root := filepath.Join(t.TempDir(), "root")
		output(t, nil, "rpm", "--root="+root, "--initdb")
		output(t, nil, "rpm", "--root="+root, "--install", "--nodeps", "--ignoreos", "--ignorearch", kinds["rpm"][0])
		output(t, nil, "rpm", "--root="+root, "--verify", "--nodeps", "sshform")
		inUse(t, root, "usr/share/zsh/site-functions/_sshform")
	})
	t.Run("apk", func(t *testing.T) {
		names := apkNames(t, kinds["apk"][0])
		for _, want := range []string{".PKGINFO", "usr/bin/sshform", "usr/share/man/man1/sshform-plan.1.gz", "usr/share/zsh/site-functions/_sshform"} {
			if !slices.Contains(names, want) {
				t.Errorf("%s is missing; there are %v", want, names)
			}
		}
	})
	t.Run("again", func(t *testing.T) {
		second := filepath.Join(dir, "second")
		output(t, nil, "make", "-s", "-C", "../..", "packages", "BUILD="+filepath.Join(dir, "other"), "DIST="+second, "VERSION=1.2.3", "SOURCE_DATE_EPOCH=1700000000")
		for kind, made := range kinds {
			first, err := os.ReadFile(made[0])
			if err != nil {
				t.Fatal(err)
			}
			again, err := os.ReadFile(filepath.Join(second, filepath.Base(made[0])))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(first, again) {
				t.Errorf("the %s has other bytes the second time", kind)
			}
		}
	})
}

// inUse runs what a package installed below root, and judges its pages and
// completions by the programs that read them.
func inUse(t *testing.T, root, zsh string) {
	t.Helper()
	program := filepath.Join(root, "usr/bin/sshform")
	if got, want := output(t, nil, program, "version"), "sshform v1.2.3\n"; !strings.HasPrefix(got, want) {
		t.Errorf("got %q, want %q first", got, want)
	}
	modules := output(t, nil, "go", "version", "-m", program)
	for _, want := range []string{"\tdep\tgolang.org/x/crypto\t", "\tbuild\t-trimpath=true", "\tbuild\tCGO_ENABLED=0"} {
		if !strings.Contains(modules, want) {
			t.Errorf("the program does not say %q of itself:\n%s", want, modules)
		}
	}
	pages, err := filepath.Glob(filepath.Join(root, "usr/share/man/man1/*.1.gz"))
	if err != nil || len(pages) < 20 {
		t.Errorf("got %d manual pages, want one for each command (%v)", len(pages), err)
	}
	if lint := output(t, nil, "mandoc", append([]string{"-T", "lint", "-W", "warning"}, unpacked(t, pages)...)...); lint != "" {
		t.Errorf("mandoc finds:\n%s", lint)
	}
	page := output(t, []string{"MANWIDTH=78", "LC_ALL=C", "MANROFFOPT=-c"}, "man", "-l", filepath.Join(root, "usr/share/man/man1/sshform-plan.1.gz"))
	for _, want := range []string{"sshform-plan - show what would change", "-detailed-exitcode", "-out=FILE", "2023-11-14"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page of plan does not show %q:\n%s", want, page)
		}
	}
	bash := filepath.Join(root, "usr/share/bash-completion/completions/sshform")
	output(t, nil, "bash", "-n", bash)
	output(t, nil, "zsh", "-n", filepath.Join(root, zsh))
	fish := filepath.Join(root, "usr/share/fish/vendor_completions.d/sshform.fish")
	path := "PATH=" + filepath.Dir(program) + ":" + os.Getenv("PATH")
	got := output(t, []string{path, "HOME=" + t.TempDir()}, "fish", "--no-config", "-c", "source "+fish+"; complete -C 'sshform dri'")
	if !strings.HasPrefix(got, "drift\t") {
		t.Errorf("fish completes %q, want drift", got)
	}
}

// unpacked are the pages as text, which is what Debian's mandoc reads.
func unpacked(t *testing.T, pages []string) []string {
	t.Helper()
	dir := t.TempDir()
	var texts []string
	for _, page := range pages {
		text := filepath.Join(dir, strings.TrimSuffix(filepath.Base(page), ".gz"))
		write(t, text, output(t, nil, "gzip", "-dc", page))
		texts = append(texts, text)
	}
	return texts
}

// output runs a program and returns all it said; a failure ends the test.
func output(t *testing.T, env []string, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(testenv.Program(t, filepath.Base(program)), args...)
	if filepath.IsAbs(program) {
		cmd = exec.Command(program, args...)
	}
	// make -C has the test's own settings in MAKEFLAGS otherwise.
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") }), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// apkNames lists an apk: gzip streams behind one another, a tar in each.
func apkNames(t *testing.T, path string) []string {
	t.Helper()
	content, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	buffered := bufio.NewReader(content)
	stream, err := gzip.NewReader(buffered)
	var names []string
	for err == nil {
		stream.Multistream(false)
		entries := tar.NewReader(stream)
		for {
			entry, failure := entries.Next()
			if failure != nil {
				break
			}
			names = append(names, entry.Name)
		}
		if _, err = io.Copy(io.Discard, stream); err == nil {
			err = stream.Reset(buffered)
		}
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return names
}

// TestReleaseSaysWhatPackagesSay compares GoReleaser's part about packages
// with nfpm's file.
func TestReleaseSaysWhatPackagesSay(t *testing.T) {
	var release struct {
		Packages []packaging `yaml:"nfpms"`
	}
	var packages packaging
	readYAML(t, "../../.goreleaser.yaml", &release)
	readYAML(t, "../../.nfpm.yaml", &packages)
	if len(release.Packages) != 1 {
		t.Fatalf("got %d nfpms in .goreleaser.yaml, want 1", len(release.Packages))
	}
	// GoReleaser brings the program itself, and knows where things are built.
	packages.Contents = slices.DeleteFunc(packages.Contents, func(c content) bool { return c.To == "/usr/bin/sshform" })
	for i := range packages.Contents {
		packages.Contents[i].From = strings.Replace(packages.Contents[i].From, "${BUILD}", ".build", 1)
	}
	if diff := cmp.Diff(packages, release.Packages[0]); diff != "" {
		t.Errorf(".nfpm.yaml and .goreleaser.yaml differ (-nfpm +goreleaser):\n%s", diff)
	}
}

type packaging struct {
	Section, Priority, Maintainer, Description, Homepage, License string

	Overrides map[string]map[string][]string
	Contents  []content
}

type content struct {
	From     string `yaml:"src"`
	To       string `yaml:"dst"`
	Packager string
}

func readYAML(t *testing.T, name string, into any) {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// TestManualIsCurrent holds the page of the program to its word: every exit
// code and every variable of the environment stands in it.
func TestManualIsCurrent(t *testing.T) {
	p := thisProcess()
	pages := map[string]string{}
	root := p.rootCommand()
	err := manPages(root, "2023-11-14", func(name string, page []byte) error {
		pages[name] = string(page)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range root.Commands() {
		if _, there := pages["sshform-"+c.Name()+".1"]; there != c.IsAvailableCommand() {
			t.Errorf("%s: got a page %v, want %v", c.Name(), there, c.IsAvailableCommand())
		}
	}
	page := pages["sshform.1"]
	for _, code := range []exitCode{done, failed, pending, unformatted, partial, stopped, refused, locked, noCommand, interrupted, terminated} {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^\.B (\d+, )?%d(, \d+)?$`, code)).MatchString(page) {
			t.Errorf("exit code %d is not in the page", code)
		}
	}
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, variable := range regexp.MustCompile(`"(SSHFORM_[A-Z_]*[A-Z])"`).FindAllSubmatch(text, -1) {
			if !strings.Contains(page, string(variable[1])) {
				t.Errorf("%s reads %s, which is not in the page", name, variable[1])
			}
		}
	}
}
