package apply

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// An Entry is a line of a journal. Each names the SHA-256 of the line before
// it, so that an edited journal is noticed.
type Entry struct {
	Kind     EntryKind `json:"record"`
	Time     time.Time `json:"time"`
	Previous string    `json:"previous"` // hex; empty for the first
	Run      string    `json:"run,omitempty"`
	PlanID   string    `json:"plan_id,omitempty"`
	Shard    string    `json:"shard,omitempty"` // "0/8"; empty is the whole fleet
	Who      string    `json:"who,omitempty"`
	Version  string    `json:"version,omitempty"`
	Signers  []string  `json:"signers,omitempty"`
	Host     string    `json:"host,omitempty"`
	Address  string    `json:"address,omitempty"`
	Wave     string    `json:"wave,omitempty"`
	Outcome  Outcome   `json:"outcome,omitempty"`
	Step     StepName  `json:"step,omitempty"`
	Error    string    `json:"error,omitempty"`
	Restored bool      `json:"restored,omitempty"`
	Proof    Proof     `json:"proof,omitempty"`
	Elapsed  float64   `json:"elapsed_seconds,omitempty"`
	// Values are the arguments that are in force on the host since, by address
	// and keyword, where the host is as the plan wanted it.
	Values map[string]map[schema.Keyword]schema.Argument `json:"values,omitempty"`
	// Counts are hosts by outcome, at the end of a run.
	Counts map[Outcome]int `json:"counts,omitempty"`
}

// An EntryKind says what a line of a journal tells.
type EntryKind string

// The kinds of lines.
const (
	RunBegan  EntryKind = "run_start"
	HostBegan EntryKind = "host_start"
	HostEnded EntryKind = "host_end"
	WaveEnded EntryKind = "wave_end" // the wave is complete, its soak included
	RunEnded  EntryKind = "run_end"
)

// A journal is written line by line, each on the disk before the run goes on.
// The nil journal writes nothing.
type journal struct {
	mu       sync.Mutex
	file     *os.File
	previous string
	size     int64 // of the whole lines
	now      func() time.Time
	// broken is why a line could not be written; nothing is written behind a
	// gap, which would look like an edited journal.
	broken error
}

// startJournal makes the file and removes the oldest beyond what is kept.
func startJournal(folder string, report *Report, opts RunOptions) (*journal, error) {
	runs := filepath.Join(folder, "runs")
	if err := os.MkdirAll(runs, 0o700); err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	name := filepath.Join(runs, report.RunID+".jsonl")
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &journal{file: file, now: opts.Now}
	err = j.write(Entry{Kind: RunBegan, Run: report.RunID, PlanID: report.PlanID, Shard: opts.Shard.String(), Who: opts.Who, Version: opts.Version, Signers: opts.Signers})
	if err == nil {
		err = pruneJournals(runs, opts.KeepJournals)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return j, nil
}

func pruneJournals(folder string, keep int) error {
	if keep <= 0 {
		return nil
	}
	names, err := journalNames(folder)
	if err != nil {
		return err
	}
	for len(names) > keep {
		// Another run, of another shard, may have been faster.
		if err := os.Remove(filepath.Join(folder, names[0])); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("journal: %w", err)
		}
		names = names[1:]
	}
	return nil
}

// journalNames returns the files of journals, oldest first.
func journalNames(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".jsonl") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

func (j *journal) write(e Entry) error {
	if j == nil {
		return nil
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Time, e.Previous = j.now().UTC(), j.previous
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if j.broken != nil {
		return j.broken
	}
	_, err = j.file.Write(append(line, '\n'))
	if err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.file.Truncate(j.size) // half a line is of no use, and may stay if this fails too
		j.broken = fmt.Errorf("journal: %w", err)
		return j.broken
	}
	j.previous, j.size = hashLine(line), j.size+int64(len(line))+1
	return nil
}

func hashLine(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

func (j *journal) begin(host, wave string) error {
	return j.write(Entry{Kind: HostBegan, Host: host, Wave: wave})
}

func (j *journal) host(h *HostReport, planned *plan.HostPlan) error {
	e := Entry{
		Kind: HostEnded, Host: h.Host, Address: h.Address, Wave: h.Wave, Outcome: h.Outcome, Step: h.Step,
		Restored: h.Restored, Proof: h.Proof, Elapsed: h.Elapsed.Seconds(),
	}
	if h.Err != nil {
		e.Error = h.Err.Error()
	}
	if h.Outcome == Changed || h.Outcome == AlreadyDone {
		e.Values = effective(planned)
	}
	return j.write(e)
}

func (j *journal) wave(name string) error {
	return j.write(Entry{Kind: WaveEnded, Wave: name})
}

func (j *journal) end(r *Report) error {
	return j.write(Entry{Kind: RunEnded, Counts: r.Counts()})
}

func (j *journal) close() {
	if j != nil {
		j.file.Close()
	}
}

// A History is one run as its journal tells it.
type History struct {
	Run, PlanID, Who, Version string
	Shard                     string    // "0/8", or empty for the whole fleet
	Signers                   []string  // who had signed the plan, as far as that was asked for
	Began, Ended              time.Time // Ended is zero if the controller never came to the end
	Hosts                     []Entry   // the last word on each host, in the order of the journal
	// Open are hosts that were begun and never ended.
	Open []string
	// Waves are the waves that were complete, their soak included.
	Waves  []string
	Counts map[Outcome]int
}

// Histories returns the ids of the runs whose journals lie in the folder that
// RunOptions.Journal named, oldest first.
func Histories(folder string) ([]string, error) {
	names, err := journalNames(filepath.Join(folder, "runs"))
	for i := range names {
		names[i] = strings.TrimSuffix(names[i], ".jsonl")
	}
	return names, err
}

// ReadHistory reads one journal. An edited one is an error; a last line that
// was cut short by a crash is not.
func ReadHistory(folder, run string) (History, error) {
	if err := plainRun(run); err != nil {
		return History{}, err
	}
	text, err := os.ReadFile(filepath.Join(folder, "runs", run+".jsonl"))
	if err != nil {
		return History{}, fmt.Errorf("journal: %w", err)
	}
	h := History{Run: run}
	last := map[string]int{}
	previous, number := "", 0
	for lines := bufio.NewReader(bytes.NewReader(text)); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break // the end, or a line that was never finished
		}
		number++
		line = line[:len(line)-1]
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil || e.Previous != previous {
			return h, fmt.Errorf("journal of run %s: line %d does not follow the one before: the file was edited", run, number)
		}
		previous = hashLine(line)
		h.add(e, last)
	}
	return h, nil
}

func (h *History) add(e Entry, last map[string]int) {
	switch e.Kind {
	case RunBegan:
		h.PlanID, h.Shard, h.Who, h.Version, h.Signers, h.Began = e.PlanID, e.Shard, e.Who, e.Version, e.Signers, e.Time
	case HostBegan:
		h.Open = append(h.Open, e.Host)
	case HostEnded:
		h.Open = slices.DeleteFunc(h.Open, func(host string) bool { return host == e.Host })
		if i, again := last[e.Host]; again {
			h.Hosts[i] = e
			return
		}
		last[e.Host] = len(h.Hosts)
		h.Hosts = append(h.Hosts, e)
	case WaveEnded:
		h.Waves = append(h.Waves, e.Wave)
	case RunEnded:
		h.Ended, h.Counts = e.Time, e.Counts
	}
}
