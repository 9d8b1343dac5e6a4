package main

import (
	"bytes"
	"context"
	"crypto/sha1" // names of Git's objects, not a proof of anything
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

// commitOf is where in version control a configuration comes from: what Git
// says in its folder, else what a pipeline says of itself. Files are compared
// with a commit of Git's only; nobody has compared those of a pipeline.
func (p *program) commitOf(ctx context.Context, cfg *schema.Config) plan.Commit {
	if c, found := gitCommit(ctx, cfg); found {
		return c
	}
	for _, name := range []string{"GITHUB_SHA", "CI_COMMIT_SHA"} {
		if id := p.env(name); plan.IsCommitID(id) {
			return plan.Commit{ID: id, ToldBy: name}
		}
	}
	return plan.Commit{}
}

// noteCommit tells the commit that a plan was made from, if it is known.
func (p *program) noteCommit(c plan.Commit) {
	if c.ID == "" {
		return
	}
	p.view().Note("Commit: " + c.ID)
	told := "It was told by " + view.Clean(c.ToldBy) + "; "
	switch c.State {
	case plan.Clean:
		told += "the configuration files are those of it."
	case plan.Dirty:
		told += "the configuration files are not those of it."
	default:
		told += "the configuration files were not compared with it."
	}
	p.view().Note(told)
}

// gitTime bounds each question to Git.
const gitTime = 10 * time.Second

// gitCommit asks Git for the commit that is checked out and for what it holds
// where the configuration lies. Without Git, or where Git does not trust the
// folder (safe.directory), it finds nothing.
func gitCommit(ctx context.Context, cfg *schema.Config) (c plan.Commit, found bool) {
	dir, err := filepath.EvalSymlinks(cfg.Dir)
	if err != nil {
		return c, false
	}
	said, err := askGit(ctx, dir, "rev-parse", "--show-toplevel", "HEAD^{commit}")
	root, id, two := strings.Cut(strings.TrimSuffix(said, "\n"), "\n")
	if err != nil || !two || !plan.IsCommitID(id) {
		return c, false
	}
	c = plan.Commit{ID: id, ToldBy: "git"}
	folder, err := filepath.Rel(filepath.FromSlash(root), dir)
	if err != nil || !filepath.IsLocal(folder) {
		return c, true
	}
	listed, err := askGit(ctx, dir, "ls-tree", "-z", "--full-tree", id, "--", filepath.ToSlash(folder)+"/")
	if err != nil {
		return c, true
	}
	c.State = compare(cfg.Sources, committed(listed), len(id))
	return c, true
}

// committed are the configuration files that a commit has in a folder, by name,
// each with the name of its bytes, as ls-tree -z prints them: mode, type and
// object, a tab, the path.
func committed(listed string) map[string]string {
	blobs := map[string]string{}
	for entry := range strings.SplitSeq(listed, "\x00") {
		what, name, _ := strings.Cut(entry, "\t")
		words := strings.Fields(what)
		if base := path.Base(name); len(words) == 3 && words[1] == "blob" && hclfile.IsConfig(base) {
			blobs[base] = words[2]
		}
	}
	return blobs
}

// compare says whether the files that were read are those of the commit, all of
// them.
func compare(read []schema.Source, blobs map[string]string, digits int) plan.CommitState {
	for _, f := range read {
		if blobs[f.Path] != blobID(f.Content, digits) {
			return plan.Dirty
		}
	}
	if len(read) != len(blobs) {
		return plan.Dirty
	}
	return plan.Clean
}

// blobID is the name that Git gives to a file's bytes, in a repository whose
// names have so many digits.
func blobID(content []byte, digits int) string {
	var h hash.Hash = sha1.New()
	if digits == hex.EncodedLen(sha256.Size) {
		h = sha256.New()
	}
	fmt.Fprintf(h, "blob %d\x00", len(content))
	h.Write(content)
	return hex.EncodeToString(h.Sum(nil))
}

// askGit asks for objects by their names. These commands look neither at the
// index nor at the files, so that no filter, fsmonitor or hook of a repository
// is run; a hostile one may have written its settings, so they are switched off
// all the same, and nothing is fetched for a partial clone. A repository that
// lies in the folder like any file of a pull request is no repository.
func askGit(ctx context.Context, dir string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, gitTime)
	defer cancel()
	settings := []string{
		"-C", dir, "--no-pager", "--no-replace-objects", "--literal-pathspecs", "-c", "safe.bareRepository=explicit",
		"-c", "core.fsmonitor=false", "-c", "core.hooksPath=" + os.DevNull, "-c", "core.pager=cat",
	}
	out := &limitedBuffer{left: maxListed}
	cmd := exec.CommandContext(ctx, "git", append(settings, args...)...)
	cmd.Env = append(gitEnvironment(os.Environ()),
		"GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none", "GIT_TERMINAL_PROMPT=0")
	cmd.Stdin, cmd.Stdout, cmd.WaitDelay = bytes.NewReader(nil), out, waitDelay
	if err := cmd.Run(); err != nil {
		return "", err
	}
	return out.got.String(), nil
}

// maxListed bounds what Git may list, in bytes: a folder with far more files
// than a configuration has.
const maxListed = 64 << 20

// gitEnvironment leaves out what names a repository: within a hook of Git's,
// that would be another than the folder's.
func gitEnvironment(environ []string) []string {
	var kept []string
	for _, line := range environ {
		name, _, _ := strings.Cut(line, "=")
		switch name {
		case "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE",
			"GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_REPLACE_REF_BASE", "GIT_GRAFT_FILE":
		default:
			kept = append(kept, line)
		}
	}
	return kept
}
