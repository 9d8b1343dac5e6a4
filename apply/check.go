package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// check reads everything again that the plan depends on, now under the lock,
// unless the host's own digests have settled that.
func (t *transaction) check(ctx context.Context) error {
	read := plan.Asking{}
	for _, c := range t.files {
		read.Files = append(read.Files, c.Path)
	}
	for _, d := range t.plan.DependsOn() {
		if d.Folder {
			read.Folders = append(read.Folders, d.Path)
		} else {
			read.Files = append(read.Files, d.Path)
		}
	}
	files, folders := map[string]plan.File{}, map[string]plan.Folder{}
	unmoved := t.unmoved()
	together, inner := errgroup.WithContext(ctx)
	if unmoved {
		files = t.seen
	} else {
		together.Go(func() error { return readPaths(inner, t.fsys, read, t.opts.dumps, files, folders) })
	}
	var pending error
	together.Go(func() (err error) {
		pending, err = t.pendingEdits(inner)
		return
	})
	if err := together.Wait(); err != nil {
		return err
	}
	if err := t.compareFiles(files); err != nil {
		if errors.Is(err, errAlreadyDone) && pending != nil {
			return fmt.Errorf("the files are as the plan leaves them, and sshd has not read them: plan again to reload it")
		}
		return err
	}
	if err := t.fit(); err != nil {
		return err
	}
	t.tree = files
	for i, c := range t.files {
		if after, err := t.candidate(c, files[c.Path].Bytes); err != nil {
			return err
		} else {
			t.files[i].after = t.opts.dumps.bytes(after)
		}
	}
	if !unmoved {
		if err := t.compareDependencies(files, folders); err != nil {
			return err
		}
	}
	if len(t.files) > 0 && !t.plan.Run().AllowPending {
		return pending
	}
	return nil
}

// compareFiles gives the three answers for the files that change: do it (nil),
// already done, or stale.
func (t *transaction) compareFiles(seen map[string]plan.File) error {
	done := 0
	var stale error
	for _, c := range t.files {
		now := seen[c.Path]
		digest := plan.Digest("")
		switch now.State {
		case plan.Regular:
			digest = plan.Sum(now.Bytes)
		case plan.Missing:
		default:
			return fmt.Errorf("%s cannot be read any more: %s", c.Path, now.Err)
		}
		if now.RealPath != "" && now.RealPath != c.RealPath {
			return staleBecause("%s leads to %s now, not to %s", c.Path, now.RealPath, c.RealPath)
		}
		switch digest {
		case c.Before:
		case c.After:
			done++
		default:
			stale = &verdictError{Stale, &plan.StaleError{Path: c.Path, Want: c.Before, Got: digest}}
		}
	}
	switch {
	case stale != nil:
		return stale
	case done > 0 && done == len(t.files):
		return errAlreadyDone
	case done > 0:
		return staleBecause("some of the files are as the plan leaves them, others as it found them")
	}
	return nil
}

func (t *transaction) compareDependencies(files map[string]plan.File, folders map[string]plan.Folder) error {
	for _, d := range t.plan.DependsOn() {
		got := plan.Digest("")
		switch {
		case d.Folder && !folders[d.Path].Missing:
			got = plan.SumNames(t.withoutOurs(folders[d.Path].Names))
		case !d.Folder && files[d.Path].State == plan.Regular:
			got = plan.Sum(files[d.Path].Bytes)
		}
		if got != d.Before {
			return &verdictError{Stale, &plan.StaleError{Path: d.Path, Want: d.Before, Got: got}}
		}
	}
	return nil
}

// withoutOurs leaves out the names that this run itself puts into a folder.
func (t *transaction) withoutOurs(names []string) []string {
	ours := map[string]bool{}
	for _, c := range t.files {
		ours[path.Base(c.stage)], ours[path.Base(c.old)] = true, true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return ours[name] })
}

// candidate makes the text that the plan promises. A forged plan may not move
// lines of somebody else into another block by what it does around them.
func (t *transaction) candidate(c fileChange, before []byte) ([]byte, error) {
	after, err := t.replayed(c, before)
	if err != nil || t.revert != "" {
		return after, err
	}
	side := schema.Server
	if c.Role == plan.ClientFile {
		side = schema.Client
	}
	if err := plan.VerifyText(side, before, after); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	return after, nil
}

func (t *transaction) replayed(c fileChange, before []byte) ([]byte, error) {
	if c.After == "" {
		return nil, nil
	}
	after, err := plan.Replay(before, c.Edits)
	if t.revert != "" {
		var kept plan.File
		kept, err = readPlain(t.fsys, path.Join(t.machine.stateFolder(), "runs", t.revert, "old", path.Base(c.saved)))
		after = kept.Bytes
	}
	if err != nil {
		return nil, &verdictError{Stale, fmt.Errorf("%s: %w", c.Path, err)}
	}
	if plan.Sum(after) != c.After {
		return nil, &verdictError{Stale, fmt.Errorf("%s: the plan's edits do not make the file that it promises", c.Path)}
	}
	return after, nil
}

// pendingEdits finds files of the tree that somebody changed and the daemon
// has not read (rule 3): our reload would bring them into force, and our
// restore could not undo that.
func (t *transaction) pendingEdits(ctx context.Context) (pending, err error) {
	switch t.listener.Reload {
	case plan.NoListener, plan.ReloadByHand, plan.PerLogin, plan.LaunchdWay:
		return nil, nil
	}
	if !t.changesServer() {
		return nil, nil
	}
	times, err := askTimes(ctx, t.shell, &t.machine, &t.listener, t.listener.pidFile, t.treePaths())
	if err != nil {
		return nil, err
	}
	if fresh, file := times.judge(); fresh == plan.Stale {
		return fmt.Errorf("unloaded edits by someone else: %s changed after sshd read it; reload sshd first, or set allow_pending", file), nil
	}
	return nil, nil
}

func (t *transaction) treePaths() []string {
	var paths []string
	for _, c := range t.files {
		if c.before != nil {
			paths = append(paths, c.RealPath)
		}
	}
	for _, d := range t.plan.DependsOn() {
		if d.Before != "" {
			paths = append(paths, d.Path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// digestPaths are the files that change, then the dependencies; folders end
// with a slash.
func (t *transaction) digestPaths() []string {
	var paths []string
	for _, c := range t.files {
		paths = append(paths, c.RealPath)
	}
	for _, d := range t.plan.DependsOn() {
		if d.Folder {
			paths = append(paths, strings.TrimSuffix(d.Path, "/")+"/")
		} else {
			paths = append(paths, d.Path)
		}
	}
	return paths
}

// compareDigests compares what the host computed under the lock with the plan.
// What it could not compute is read again in check.
func (t *transaction) compareDigests(output []byte) error {
	t.digests = make([]string, len(t.files)+len(t.plan.DependsOn()))
	for line := range sayings(output) {
		if line.key == "unfit" {
			t.unfit = append(t.unfit, line)
		}
		if line.key != "digest" {
			continue
		}
		index, sum, _ := strings.Cut(line.value, " ")
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i >= len(t.digests) || len(sum) != 64 && sum != "-" {
			continue
		}
		t.digests[i] = sum
		if i >= len(t.files) {
			continue
		}
		got := plan.Digest(strings.TrimPrefix(sum, "-"))
		// Another run may have carried out the same plan since we looked: check
		// reads all files anew and tells that from a stale plan.
		if c := t.files[i]; got != c.After && got != plan.Sum(c.before) && !(got == "" && c.before == nil) {
			return &verdictError{Stale, &plan.StaleError{Path: c.Path, Want: c.Before, Got: got}}
		}
	}
	return nil
}

// unmoved reports whether the host's digests say that everything is as the plan
// wants it. Then nothing has to travel again: connect has read the files that
// change, and compareDigests has seen that they are the same under the lock.
func (t *transaction) unmoved() bool {
	if t.needsCopy() || t.compareFiles(t.seen) != nil {
		return false
	}
	for i, c := range t.files {
		// It may also be as the plan leaves it, by another run's doing.
		if c.Path != c.RealPath || t.digests[i] != cmp.Or(string(c.Before), "-") {
			return false
		}
	}
	for i, d := range t.plan.DependsOn() {
		got := t.digests[len(t.files)+i]
		want := cmp.Or(string(d.Before), "-")
		if d.Folder && d.Before == plan.SumNames(nil) {
			want = string(plan.Sum(nil)) // no line at all
		}
		if got != want {
			return false
		}
	}
	return true
}
