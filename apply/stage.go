package apply

import (
	"context"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// prepare makes the record; it travels with the staged files.
func (t *transaction) prepare(context.Context) error { return nil }

// stage puts the record, the old bytes and the candidates on the host.
func (t *transaction) stage(ctx context.Context) error {
	staged, err := t.toStage()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, stepDeadline)
	defer cancel()
	if err := t.lifeline.Stage(ctx, staged); err != nil {
		return err
	}
	return closeFiles(t.fsys)
}

func (t *transaction) toStage() ([]Staged, error) {
	record := Record{
		Run: t.run, PlanID: t.planID, Who: t.opts.Who, Version: t.opts.Version, Created: t.began.UTC(),
		Host: t.plan.Host, Mode: t.mode,
	}
	ours := func(name string, content []byte) Staged {
		return Staged{Path: name, Bytes: content, Mode: 0o600, UID: -1, GID: -1}
	}
	var staged []Staged
	for _, c := range t.files {
		record.Files = append(record.Files, c.FileEdit)
		record.Saved = append(record.Saved, path.Base(c.saved))
		if c.before != nil {
			staged = append(staged, ours(c.saved, c.before))
		}
		if c.kind() != "remove" {
			staged = append(staged, Staged{Path: c.stage, Bytes: c.after, Mode: fs.FileMode(c.mode), UID: c.uid, GID: c.gid})
		}
	}
	staged = append(staged, ours(path.Join(t.folder, "record.json"), recordJSON(record)))
	if t.changesClient() {
		wrappers, err := t.wrappers()
		if err != nil {
			return nil, err
		}
		for _, name := range slices.Sorted(maps.Keys(wrappers)) {
			staged = append(staged, ours(path.Join(t.folder, name), []byte(wrappers[name])))
		}
	}
	copied, err := t.copiedTree()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(copied)) {
		staged = append(staged, ours(name, copied[name]))
	}
	return staged, nil
}

// closeFiles gives up what an FS holds: from here on everything goes over the
// shell, and a server for files with its buffers would wait at both ends.
func closeFiles(fsys fs.FS) error {
	if open, able := fsys.(io.Closer); able {
		return open.Close()
	}
	return nil
}
