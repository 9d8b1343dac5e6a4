package view

import (
	_ "embed" // the page
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// page is the report for people who would rather look. It is well-formed XML,
// and loads nothing from anywhere.
//
//go:embed report.html.tmpl
var page string

// Limits of the page, so that a browser opens it whatever the fleet.
const (
	pageFailures = 200
	pageFound    = 50
	pageGroups   = 100
	pagePairs    = 24
	pageNames    = 500 // of an outcome
)

type pageModel struct {
	Operation, Summary, When, RunID, PlanID, Stopped string
	// Status is "good", "bad" or "change", for the colour beside the head.
	Status string
	// Axis are times along the waves, in equal steps; nil where bars are shares.
	Axis []string

	Outcomes                                       []pageOutcome
	Failures                                       []pageFailure
	Found                                          []pageFinding
	WavesNote                                      string
	Waves                                          []pageWave
	Groups                                         []pageGroup
	Pairs                                          []pagePair
	FailuresLeft, FoundLeft, GroupsLeft, PairsLeft string
}

type pageOutcome struct {
	Word, Class string
	Names       string // the hosts, as far as they fit
	Count       int
}

type pageFailure struct{ Host, Outcome, Step, Reason string }

type pageFinding struct{ Word, Class, Summary, Place, Detail string }

// A pageWave is a bar; all numbers are per cent of the track.
type pageWave struct {
	Name, Text                  string
	Left, Width, SoakLeft, Soak float64
	Failed                      bool // some host of it did
}

type pageLine struct{ Class, Text string }

type pageGroup struct {
	Title, Where, Others string
	Lines                []pageLine
	Notes                []string
}

type pagePair struct {
	Title, Before, Sentence string
	Picture                 template.URL
	Warnings                []string
}

func (r Reported) html(w io.Writer) error {
	t, err := template.New("report").Parse(page)
	if err != nil {
		panic(err) // our own template
	}
	m := pageModel{
		Operation: r.Operation, Summary: strings.ReplaceAll(r.summaryLine(), "**", ""), PlanID: r.PlanID,
		When: fmt.Sprintf("%s, took %s.", r.Started.UTC().Format("2006-01-02 15:04:05 MST"), seconds(r.Finished.Sub(r.Started))),
	}
	if r.Report != nil {
		m.RunID = r.Report.RunID
		if r.Report.Stopped != nil {
			m.Stopped = r.line(stoppedText(*r.Report.Stopped))
		}
	}
	m.Status = r.pageStatus()
	r.pageHosts(&m)
	r.pageFound(&m)
	r.pageWaves(&m)
	r.pageGroups(&m)
	r.pagePairs(&m)
	return t.Execute(w, m)
}

func (r Reported) line(text string) string { return r.Redact.Text(cleanLine(text)) }

// pageStatus says how it went, for a colour; the summary says it in words.
func (r Reported) pageStatus() string {
	switch {
	case r.Found.HasErrors(), r.Report != nil && (r.Report.Stopped != nil || !r.Report.Succeeded()):
		return "bad"
	case r.Report == nil && r.Plan != nil && differing(r.Plan)+len(r.Plan.Unreachable) > 0:
		return "change"
	}
	return "good"
}

// pageHosts counts outcomes and names what did not succeed.
func (r Reported) pageHosts(m *pageModel) {
	counts, names := map[apply.Outcome]int{}, map[apply.Outcome][]string{}
	left := 0
	for _, h := range r.fates() {
		if counts[h.Outcome]++; counts[h.Outcome] <= pageNames {
			names[h.Outcome] = append(names[h.Outcome], r.line(h.Host))
		}
		if h.Outcome.Succeeded() || h.Err == nil {
			continue
		}
		if len(m.Failures) == pageFailures {
			left++
			continue
		}
		m.Failures = append(m.Failures, pageFailure{r.line(h.Host), outcomeWord(h.Outcome), string(h.Step), r.line(h.Err.Error())})
	}
	if left > 0 {
		m.FailuresLeft = more(left, "host")
	}
	for _, o := range apply.Outcomes() {
		if counts[o] == 0 {
			continue
		}
		tile := pageOutcome{Word: outcomeWord(o), Count: counts[o], Class: "bad"}
		switch {
		case o == apply.Skipped && r.Report == nil:
			tile.Word, tile.Class = "to change", "change"
		case o.Succeeded():
			tile.Class = "good"
		case o == apply.Skipped:
			tile.Class = "soft"
		}
		tile.Names = strings.Join(names[o], ", ")
		if more := counts[o] - len(names[o]); more > 0 {
			tile.Names += fmt.Sprintf(" … and %d more", more)
		}
		m.Outcomes = append(m.Outcomes, tile)
	}
}

func outcomeWord(o apply.Outcome) string { return strings.ReplaceAll(string(o), "_", " ") }

func (r Reported) pageFound(m *pageModel) {
	groups := merge(r.Found.Sorted())
	for i, g := range groups {
		if i == pageFound {
			m.FoundLeft = more(len(groups)-i, "finding")
			return
		}
		f := pageFinding{Word: "Error", Class: "bad", Summary: r.line(g.Summary), Detail: r.line(g.Detail)}
		if g.Severity == schema.Warning {
			f.Word, f.Class = "Warning", "change"
		}
		if g.Subject != nil && g.Subject.Filename != "" {
			f.Place = r.line(fmt.Sprintf("%s:%d", g.Subject.Filename, g.Subject.Start.Line))
		}
		m.Found = append(m.Found, f)
	}
}

// pageWaves draws waves over time, or before there is any, by their size.
func (r Reported) pageWaves(m *pageModel) {
	switch {
	case r.Report != nil && len(r.Report.Waves) > 0:
		m.WavesNote = "When each wave worked; lighter is its soak, red a wave in which hosts failed."
		r.wavesInTime(m)
	case r.Report == nil && r.Plan != nil && len(r.Plan.Rollout.Waves) > 1:
		m.WavesNote = "In this order; a bar is the share of hosts."
		r.wavesInOrder(m)
	}
}

func (r Reported) wavesInTime(m *pageModel) {
	from, to := r.Report.Waves[0].Started, r.Report.Waves[0].Finished
	for _, w := range r.Report.Waves {
		to = later(to, w.Finished, w.Finished.Add(w.Soak))
	}
	span := max(to.Sub(from), time.Millisecond)
	share := func(d time.Duration) float64 { return min(100, max(0, 100*float64(d)/float64(span))) }
	for i := range 5 {
		m.Axis = append(m.Axis, axisText(span*time.Duration(i)/4))
	}
	for _, w := range r.Report.Waves {
		bar := pageWave{Name: r.line(w.Name), Text: Count(w.Hosts, "host")}
		if w.Started.IsZero() {
			bar.Text += ", not begun"
			m.Waves = append(m.Waves, bar)
			continue
		}
		bar.Failed = w.Failed() > 0
		bar.Left, bar.Width = share(w.Started.Sub(from)), share(w.Finished.Sub(w.Started))
		bar.SoakLeft, bar.Soak = bar.Left+bar.Width, share(w.Soak)
		bar.Text += fmt.Sprintf(", %s in %s", countsText(w.Counts), seconds(w.Finished.Sub(w.Started)))
		if w.Soak > 0 {
			bar.Text += ", soaked " + seconds(w.Soak)
		}
		m.Waves = append(m.Waves, bar)
	}
}

// axisText is a time since the start, as short as it is told apart.
func axisText(d time.Duration) string {
	switch {
	case d == 0:
		return "0 s"
	case d < 10*time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return d.Round(time.Second).String()
}

func later(times ...time.Time) time.Time {
	last := times[0]
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

func (r Reported) wavesInOrder(m *pageModel) {
	total, before := 0, 0
	for _, w := range r.Plan.Rollout.Waves {
		total += w.Hosts
	}
	for _, w := range r.Plan.Rollout.Waves {
		bar := pageWave{Name: r.line(w.Name), Text: Count(w.Hosts, "host")}
		if total > 0 {
			bar.Left, bar.Width = 100*float64(before)/float64(total), 100*float64(w.Hosts)/float64(total)
		}
		if w.Soak > 0 {
			bar.Text += ", then soaks " + seconds(w.Soak)
		}
		if w.Window != "" {
			bar.Text += ", only " + r.line(w.Window)
		}
		before += w.Hosts
		m.Waves = append(m.Waves, bar)
	}
}

// pageGroups shows one change of each group in full.
func (r Reported) pageGroups(m *pageModel) {
	if r.Plan == nil {
		return
	}
	changed, _ := changes(r.Plan)
	groups := groupChanges(changed)
	for i, g := range groups {
		if i == pageGroups {
			m.GroupsLeft = more(len(groups)-i, "kind of change")
			return
		}
		m.Groups = append(m.Groups, r.pageGroup(g))
	}
}

func (r Reported) pageGroup(g changeGroup) pageGroup {
	in := g.instances[0]
	verb, _ := verbOf(in.change.Action)
	group := pageGroup{Title: r.line(in.change.Address.String()) + " will be " + verb, Where: r.line(whereText(in))}
	width := 0
	for _, d := range in.change.Settings {
		width = max(width, len(d.Keyword.HCL()))
	}
	for _, d := range bySpelling(in.change.Settings) {
		if !d.Changed() {
			continue
		}
		mark, code, comment := settingText(in.change.Address.Side(), d, width)
		text := mark + " " + r.line(code)
		if comment != "" {
			text += "  # " + r.line(comment)
		}
		group.Lines = append(group.Lines, pageLine{markClass(mark), text})
	}
	group.Lines = append(group.Lines, r.editLines(in)...)
	if in.change.Action == plan.Reload {
		group.Notes = append(group.Notes, "Reload pending: the file is right, and sshd has not read it yet.")
	}
	for _, note := range append(append([]string(nil), in.change.Notes...), noticeText(in)) {
		if note != "" {
			group.Notes = append(group.Notes, r.line(note))
		}
	}
	if others := g.instances[1:]; len(others) > 0 {
		var names []string
		for _, other := range others {
			names = append(names, other.change.Host)
		}
		group.Others = fmt.Sprintf("%s with exactly this change: %s", more(len(others), "host"), r.line(nameList(names)))
	}
	return group
}

// editLines are the lines of files that carry a change.
func (r Reported) editLines(in instance) []pageLine {
	var lines []pageLine
	address := in.change.Address.String()
	for _, f := range in.host.Files() {
		said := false
		for _, e := range f.Edits {
			if e.Address != address {
				continue
			}
			if !said {
				said = true
				lines = append(lines, pageLine{"soft", " "}, pageLine{"soft", "@@ " + r.line(f.Path)})
			}
			if e.Old != "" {
				lines = append(lines, pageLine{"bad", fmt.Sprintf("- %4d  %s", e.Line, r.line(e.Old))})
			}
			if e.New != "" {
				lines = append(lines, pageLine{"good", fmt.Sprintf("+ %4d  %s", e.Line, r.line(e.New))})
			}
		}
	}
	return lines
}

func markClass(mark string) string {
	switch mark {
	case "+":
		return "good"
	case "-":
		return "bad"
	}
	return "change"
}

// pagePairs draws what becomes of each different pair. A picture is an image
// of its own, so that its style stays inside.
func (r Reported) pagePairs(m *pageModel) {
	for i, e := range r.Pairs {
		if i == pagePairs {
			m.PairsLeft = more(len(r.Pairs)-i, "kind of pair")
			return
		}
		pair := pagePair{
			Title: r.line(e.Text()), Sentence: r.line(e.After.Sentence()),
			Picture: template.URL("data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(r.Redact.Text(Clean(string(e.After.SVG())))))),
		}
		if e.Before.Pair != e.After.Pair {
			pair.Before = r.line(e.Before.Sentence())
		}
		for _, w := range e.After.Warnings {
			if w.Severity == schema.Warning {
				pair.Warnings = append(pair.Warnings, r.line(w.Summary+". "+w.Detail))
			}
		}
		m.Pairs = append(m.Pairs, pair)
	}
}
