package apply

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/sshform/sshform/plan"
)

// A Record is what a run left on a host: enough to tell and to undo it. It
// holds no secrets.
type Record struct {
	Run     string          `json:"run"`
	PlanID  string          `json:"plan_id"`
	Who     string          `json:"who"`
	Version string          `json:"version"`
	Created time.Time       `json:"created"`
	Host    string          `json:"host"` // its name in the configuration
	Mode    plan.Mode       `json:"mode"`
	Files   []plan.FileEdit `json:"files"`
	// Saved names the copy of each of Files in the run's folder old; the copy is
	// absent where no file stood.
	Saved []string `json:"saved"`
	// Verdict is what the host itself wrote at the end: "committed" or
	// "restored", with more words if there was trouble; while the run is open,
	// the name of its token.
	Verdict string `json:"-"`
	// Old has the bytes that stood at each real path before the run; a path
	// where no file stood is absent.
	Old map[string][]byte `json:"-"`
	// Original says that some file of this run had not been touched by sshform
	// before. Such records are never pruned.
	Original bool `json:"-"`
}

// Records are what a host keeps about runs.
type Records struct {
	Runs []Record  // oldest first
	Lock *HeldLock // nil when it is free
}

// Originals returns, for each real path that sshform ever changed, the record
// of the first run that did and was committed.
func (r Records) Originals() map[string]Record {
	first := map[string]Record{}
	for _, run := range r.Runs {
		if !run.Committed() {
			continue
		}
		for _, f := range run.Files {
			if _, known := first[f.RealPath]; !known {
				first[f.RealPath] = run
			}
		}
	}
	return first
}

// Committed reports whether the run's change stayed.
func (r Record) Committed() bool { return strings.HasPrefix(r.Verdict, "committed") }

// maxRecords bounds what is read from a host.
const maxRecords = 200

// ReadRecords reads the records and the lock of a host.
func ReadRecords(ctx context.Context, host Host) (Records, error) {
	fsys, shell, err := openBoth(ctx, host)
	if err != nil {
		return Records{}, err
	}
	defer shell.Close()
	m, err := lookAround(ctx, shell, "none")
	if err != nil {
		return Records{}, err
	}
	step := Step{Name: "list runs", Script: recordsScript, Args: []string{m.stateFolder()}}
	answer, err := shell.Do(ctx, step)
	if err != nil {
		return Records{}, err
	}
	if answer.Status != 0 {
		return Records{}, failure(step, answer)
	}
	return listedRecords(fsys, m.stateFolder(), answer.Stdout)
}

func listedRecords(fsys fs.FS, state string, output []byte) (Records, error) {
	var all Records
	original := map[string]bool{}
	verdicts := map[string]string{}
	for line := range sayings(output) {
		switch line.key {
		case "run":
			id, verdict, _ := strings.Cut(line.value, " ")
			if plainRun(id) == nil {
				verdicts[id] = strings.TrimSpace(verdict)
			}
		case "original":
			original[line.value] = true
		}
	}
	if lock, held := readLock(output, "lock "); held {
		all.Lock = &lock
	}
	ids := make([]string, 0, len(verdicts))
	for id := range verdicts {
		ids = append(ids, id)
	}
	slices.Sort(ids) // ids begin with the time
	if len(ids) > maxRecords {
		return Records{}, fmt.Errorf("%s holds more than %d runs", state, maxRecords)
	}
	for _, id := range ids {
		record, err := readRecord(fsys, path.Join(state, "runs", id))
		if err != nil {
			// A run that was killed before its record was written.
			record = Record{Run: id}
		}
		record.Run, record.Verdict, record.Original = id, verdicts[id], original[id]
		all.Runs = append(all.Runs, record)
	}
	return all, nil
}

// readRecord reads one run's folder. It is ours alone, 0700; its size is
// bounded all the same.
func readRecord(fsys fs.FS, folder string) (Record, error) {
	text, err := readPlain(fsys, path.Join(folder, "record.json"))
	if err != nil {
		return Record{}, err
	}
	var record Record
	if err := json.Unmarshal(text.Bytes, &record); err != nil {
		return Record{}, fmt.Errorf("%s: %w", folder, err)
	}
	record.Old = map[string][]byte{}
	for i, f := range record.Files {
		if f.Before == "" || i >= len(record.Saved) {
			continue
		}
		saved, err := readPlain(fsys, path.Join(folder, "old", path.Base(record.Saved[i])))
		if err != nil {
			return Record{}, err
		}
		record.Old[f.RealPath] = saved.Bytes
	}
	return record, nil
}
