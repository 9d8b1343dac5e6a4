package view

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// maxResult bounds a result document: a fleet of a million hosts fits.
const maxResult = 1 << 30

// ReadResult reads a result document: what -result and -report json wrote, or
// an earlier merge. Members that it does not know are ignored.
func ReadResult(r io.Reader) (ResultDocument, error) {
	var d ResultDocument
	if err := json.NewDecoder(io.LimitReader(r, maxResult)).Decode(&d); err != nil {
		return d, fmt.Errorf("it is not a result document: %w", err)
	}
	major, _, _ := strings.Cut(d.FormatVersion, ".")
	wanted, _, _ := strings.Cut(reportVersion, ".")
	switch {
	case d.PlanID == "" || d.FormatVersion == "":
		return d, errors.New("it is not a result document; -result=FILE writes one")
	case major != wanted:
		return d, fmt.Errorf("it has format version %q, and this sshform reads %s", d.FormatVersion, reportVersion)
	case d.Shard != nil && (d.Shard.Total < 1 || d.Shard.Index < 0 || d.Shard.Index >= d.Shard.Total):
		return d, fmt.Errorf("there is no shard %d of %d", d.Shard.Index, d.Shard.Total)
	}
	for _, h := range d.Hosts {
		if !slices.Contains(apply.Outcomes(), apply.Outcome(h.Outcome)) {
			return d, fmt.Errorf("host %q has the outcome %q, which does not exist", h.Host, h.Outcome)
		}
	}
	return d, nil
}

// Merged is what the results of several runs of one plan come to.
type Merged struct {
	Report            *apply.Report
	PlanID            string
	PlanHosts         int
	Results           int // how many were put together
	Started, Finished time.Time
	// Missing names the shards of which there is no result.
	Missing []string
}

// A slot is a share of the work that runs repeat until it is done: a wave, or
// all, and a shard of it.
type slot struct {
	wave         string
	index, total int
}

func slotOf(d ResultDocument) slot {
	s := slot{wave: d.Wave}
	if d.Shard != nil {
		s.index, s.total = d.Shard.Index, d.Shard.Total
	}
	return s
}

// MergeResults puts results of one plan together. Of a host that stands in
// several, the last word holds; that it was not started again says nothing,
// and one that is already done keeps how it was changed.
func MergeResults(documents []ResultDocument) (Merged, error) {
	documents = slices.Clone(documents)
	slices.SortStableFunc(documents, func(a, b ResultDocument) int { return strings.Compare(a.FinishedAt, b.FinishedAt) })
	m := Merged{Report: &apply.Report{}, Results: len(documents)}
	hosts := map[string]apply.HostReport{}
	last := map[slot]ResultDocument{}
	for _, d := range documents {
		if m.PlanID != "" && d.PlanID != m.PlanID {
			return Merged{}, fmt.Errorf("one result is of plan %s, another of plan %s", m.PlanID, d.PlanID)
		}
		m.PlanID, m.PlanHosts = d.PlanID, max(m.PlanHosts, d.PlanHosts)
		last[slotOf(d)] = d
		if err := m.span(d); err != nil {
			return Merged{}, err
		}
		for _, h := range d.Hosts {
			word, err := hostReport(h)
			if err != nil {
				return Merged{}, err
			}
			hosts[h.Host] = lastWord(hosts[h.Host], word)
		}
		if len(documents) == 1 {
			m.Report.RunID = d.RunID
		}
	}
	for _, h := range hosts {
		m.Report.Hosts = append(m.Report.Hosts, h)
	}
	slices.SortFunc(m.Report.Hosts, func(a, b apply.HostReport) int { return strings.Compare(a.Host, b.Host) })
	m.Report.PlanID, m.Report.Started, m.Report.Finished = m.PlanID, m.Started, m.Finished
	m.Missing = missingShards(last)
	m.waves(documents)
	m.stopped(last)
	return m, nil
}

// span widens the time from the first start to the last end.
func (m *Merged) span(d ResultDocument) error {
	started, err := time.Parse(time.RFC3339, d.StartedAt)
	if err != nil {
		return fmt.Errorf("when a result began cannot be read: %w", err)
	}
	finished, err := time.Parse(time.RFC3339, d.FinishedAt)
	if err != nil {
		return fmt.Errorf("when a result ended cannot be read: %w", err)
	}
	if m.Started.IsZero() || started.Before(m.Started) {
		m.Started = started
	}
	if finished.After(m.Finished) {
		m.Finished = finished
	}
	return nil
}

func hostReport(h ResultHost) (apply.HostReport, error) {
	report := apply.HostReport{
		Host: h.Host, Address: h.Address, Wave: h.Wave, Outcome: apply.Outcome(h.Outcome), Step: apply.StepName(h.Step),
		Restored: h.Restored, Elapsed: time.Duration(h.Elapsed * float64(time.Second)),
	}
	for _, text := range h.Addresses {
		address, err := schema.ParseAddress(text)
		if err != nil {
			return report, fmt.Errorf("host %q: %w", h.Host, err)
		}
		report.Addresses = append(report.Addresses, address)
	}
	if h.Error != "" {
		report.Err = errors.New(h.Error)
	}
	return report, nil
}

func lastWord(before, now apply.HostReport) apply.HostReport {
	switch {
	case before.Host == "":
		return now
	case now.Outcome == apply.Skipped:
		return before
	case now.Outcome == apply.AlreadyDone && before.Outcome == apply.Changed:
		return before
	}
	return now
}

// missingShards names, for each split, the shards that have no result though others of the same
// split have.
func missingShards(last map[slot]ResultDocument) []string {
	type split struct {
		wave  string
		total int
	}
	seen := map[split]map[int]bool{}
	for s := range last {
		if s.total > 0 && !whole(last, s.wave) {
			key := split{s.wave, s.total}
			if seen[key] == nil {
				seen[key] = map[int]bool{}
			}
			seen[key][s.index] = true
		}
	}
	var missing []string
	for key, there := range seen {
		var absent []string
		for i := 0; i < key.total && len(there) < key.total; i++ {
			if !there[i] {
				absent = append(absent, fmt.Sprint(i))
			}
		}
		if len(absent) == 0 {
			continue
		}
		const most = 10
		name := strings.Join(absent[:min(len(absent), most)], ", ")
		if len(absent) > most {
			name += fmt.Sprintf(" and %d more", len(absent)-most)
		}
		name += fmt.Sprintf(" of %d", key.total)
		if key.wave != "" {
			name += fmt.Sprintf(" of wave %q", key.wave)
		}
		missing = append(missing, name)
	}
	slices.Sort(missing)
	return missing
}

// whole reports whether there is a result of a wave that is of no shard.
func whole(last map[slot]ResultDocument, wave string) bool {
	_, ofWave := last[slot{wave: wave}]
	_, ofAll := last[slot{}]
	return ofWave || ofAll
}

// waves adds up the waves, of documents in the order of their ends. One is
// complete when the last run of each share of it was.
func (m *Merged) waves(documents []ResultDocument) {
	last := map[slot]ResultWave{}
	for _, d := range documents {
		for _, w := range d.Waves {
			share := slotOf(d)
			share.wave = w.Name
			last[share] = w
			if share.total == 0 {
				maps.DeleteFunc(last, func(s slot, _ ResultWave) bool { return s.wave == w.Name && s.total > 0 })
			}
		}
	}
	byName := map[string]*apply.WaveReport{}
	for _, w := range last {
		into := byName[w.Name]
		if into == nil {
			into = &apply.WaveReport{Name: w.Name, Index: w.Index, Counts: map[apply.Outcome]int{}, Complete: len(m.Missing) == 0}
			byName[w.Name] = into
		}
		into.Soak = time.Duration(w.Soak * float64(time.Second))
		into.Complete = into.Complete && w.Complete
		started, _ := time.Parse(time.RFC3339, w.StartedAt) // zero where it cannot be read
		finished, _ := time.Parse(time.RFC3339, w.FinishedAt)
		if into.Started.IsZero() || started.Before(into.Started) {
			into.Started = started
		}
		if finished.After(into.Finished) {
			into.Finished = finished
		}
	}
	for _, h := range m.Report.Hosts {
		if into := byName[h.Wave]; into != nil && h.Outcome != apply.Unchanged {
			into.Counts[h.Outcome]++
			into.Hosts++
		}
	}
	for _, w := range byName {
		m.Report.Waves = append(m.Report.Waves, *w)
	}
	slices.SortFunc(m.Report.Waves, func(a, b apply.WaveReport) int { return cmp.Compare(a.Index, b.Index) })
}

// stopped says why the last run of a share was stopped, unless every host is
// as it should be by now.
func (m *Merged) stopped(last map[slot]ResultDocument) {
	if m.Report.Succeeded() {
		return
	}
	kinds := map[string]bool{}
	for _, d := range last {
		if d.Stopped != "" {
			kinds[d.Stopped] = true
		}
	}
	for _, kind := range []string{"budget", "journal", "window", "interrupt"} { // the worst first
		if kinds[kind] {
			m.Report.Stopped = &apply.Stopped{Kind: kind}
			return
		}
	}
}

// Merged prints what several results come to.
func (h *Human) Merged(m Merged) {
	h.Diagnose(ReportDiagnostics(m.Report))
	h.print("\n%s of plan %s\n", h.out.paint(strong, Count(m.Results, "result")), h.line(m.PlanID))
	h.print("Hosts: %s.\n", countsText(m.Report.Counts()))
	h.waveSummary(m.Report, nil)
	if left := m.PlanHosts - len(m.Report.Hosts); left > 0 {
		h.print("%s of the plan in none of these results.\n", map[bool]string{true: "1 host is", false: fmt.Sprintf("%d hosts are", left)}[left == 1])
	}
	for _, missing := range m.Missing {
		h.print("Missing: there is no result of shard %s. Run it again: hosts that are done answer so.\n", h.line(missing))
	}
}

// waveSummary prints one line for each wave, where there are several.
func (h *Human) waveSummary(r *apply.Report, notStarted []string) {
	if len(r.Waves)+len(notStarted) < 2 {
		return
	}
	widest := 0
	for _, w := range r.Waves {
		widest = max(widest, len(h.line(w.Name)))
	}
	for _, name := range notStarted {
		widest = max(widest, len(h.line(name)))
	}
	for _, w := range r.Waves {
		h.print("  %-*s  %s\n", widest, h.line(w.Name), countsText(w.Counts))
	}
	for _, name := range notStarted {
		h.print("  %-*s  not started\n", widest, h.line(name))
	}
}

// wavesLeft names the waves in which something was to happen and that were not
// started.
func wavesLeft(p *plan.Plan, r *apply.Report) []string {
	left := map[string]bool{}
	for _, host := range r.Hosts {
		if host.Outcome == apply.Skipped {
			left[host.Wave] = true
		}
	}
	for _, w := range r.Waves {
		delete(left, w.Name)
	}
	var names []string
	for _, w := range p.Rollout.Waves {
		if left[w.Name] {
			names = append(names, w.Name)
		}
	}
	return names
}
