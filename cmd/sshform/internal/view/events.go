package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Versions of the formats that are written here.
const (
	uiVersion       = "1.0"
	planVersion     = "1.0"
	reportVersion   = "1.0"
	validateVersion = "1.0"
)

// FormatVersions names the formats that programs may rely on.
func FormatVersions() map[string]string {
	return map[string]string{"plan": planVersion, "ui": uiVersion, "report": reportVersion}
}

// JSON writes one object a line, under Terraform's names. Readers show
// @message for types that they do not know.
type JSON struct {
	w      io.Writer
	now    func() time.Time
	redact *Redactor
	source func(string) []byte
	amount Amount
	trace  string
	err    error // the first of writing; events after it are lost
}

// An Amount is how many events a JSON view writes.
type Amount string

// The amounts. By default all events are written, and those of changes only
// for a fleet of more than fleetHosts.
const (
	AllEvents     Amount = "all"
	ChangeEvents  Amount = "changes" // hosts that are read well go unmentioned
	SummaryEvents Amount = "summary" // no single host is mentioned unless something is wrong
)

// fleetHosts is where an event for each host that needs nothing is too much.
const fleetHosts = 1000

// Limit sets how many events are written; empty is the default.
func (j *JSON) Limit(amount Amount) { j.amount = amount }

// tells reports whether an event of a host is written.
func (j *JSON) tells(e apply.Event) bool {
	switch {
	case e.Err != nil:
		return true
	case j.amount == SummaryEvents:
		return false
	case j.amount == ChangeEvents:
		return e.Kind != apply.RefreshStarted && e.Kind != apply.RefreshCompleted
	}
	return true
}

// NewJSON returns a view that writes events to w and has written the first,
// which says the versions. A trace that the run belongs to stands in each; it
// may be empty.
func NewJSON(w io.Writer, tool plan.Tool, now func() time.Time, redact *Redactor, source func(string) []byte, trace string) *JSON {
	j := &JSON{w: w, now: now, redact: redact, source: source, trace: trace}
	j.emit("info", "version", fmt.Sprintf("sshform %s", tool.Version), struct {
		Sshform string `json:"sshform"`
		UI      string `json:"ui"`
	}{tool.Version, uiVersion})
	return j
}

// eventHead is what every event has.
type eventHead struct {
	Level     string `json:"@level"`
	Message   string `json:"@message"`
	Module    string `json:"@module"`
	Timestamp string `json:"@timestamp"`
	Type      string `json:"type"`
	Trace     string `json:"trace_id,omitempty"`
}

// timeFormat is RFC 3339 in UTC with microseconds.
const timeFormat = "2006-01-02T15:04:05.000000Z"

func stamp(t time.Time) string { return t.UTC().Format(timeFormat) }

// emit writes one event: the head and the members of payload, on one level.
func (j *JSON) emit(level, kind, message string, payload any) {
	if j.err != nil {
		return
	}
	head, err := marshal(eventHead{level, j.text(message), "sshform.ui", stamp(j.now()), kind, j.trace})
	if err != nil {
		j.err = err
		return
	}
	if payload != nil {
		body, err := marshal(payload)
		if err != nil {
			j.err = err
			return
		}
		if len(body) > 2 {
			head = append(append(head[:len(head)-1], ','), body[1:]...)
		}
	}
	_, j.err = j.w.Write(append(head, '\n'))
}

// marshal is json.Marshal without HTML's escapes, which make "->" unreadable.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

func (j *JSON) text(text string) string { return j.redact.Text(Clean(text)) }

// Diagnose writes every diagnostic, equal ones too.
func (j *JSON) Diagnose(ds schema.Diagnostics) {
	for _, d := range ds.Sorted() {
		level := "error"
		if d.Severity == schema.Warning {
			level = "warn"
		}
		word := map[string]string{"error": "Error: ", "warn": "Warning: "}[level]
		j.emit(level, "diagnostic", word+d.Summary, struct {
			Diagnostic diagnosticJSON `json:"diagnostic"`
		}{j.diagnostic(d)})
	}
}

func (j *JSON) diagnostic(d schema.Diagnostic) diagnosticJSON {
	return diagnosticOf(d, j.source, j.text)
}

type posJSON struct {
	Line   int `json:"line"`
	Column int `json:"column"`
	Byte   int `json:"byte"`
}

type rangeJSON struct {
	Filename string  `json:"filename"`
	Start    posJSON `json:"start"`
	End      posJSON `json:"end"`
}

type snippetJSON struct {
	Context   *string     `json:"context"`
	Code      string      `json:"code"`
	StartLine int         `json:"start_line"`
	From      int         `json:"highlight_start_offset"`
	To        int         `json:"highlight_end_offset"`
	Values    []valueJSON `json:"values"`
}

type valueJSON struct {
	Traversal string `json:"traversal"`
	Statement string `json:"statement"`
}

type placeJSON struct {
	Name    string `json:"name"`
	Address string `json:"address,omitempty"`
	Step    string `json:"step,omitempty"`
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
}

type diagnosticJSON struct {
	Severity string       `json:"severity"`
	Summary  string       `json:"summary"`
	Detail   string       `json:"detail"`
	Address  string       `json:"address,omitempty"`
	Range    *rangeJSON   `json:"range,omitempty"`
	Snippet  *snippetJSON `json:"snippet,omitempty"`
	Host     *placeJSON   `json:"host,omitempty"`
}

// diagnosticOf is a diagnostic as JSON has it; text cleans and redacts.
func diagnosticOf(d schema.Diagnostic, source func(string) []byte, text func(string) string) diagnosticJSON {
	out := diagnosticJSON{
		Severity: string(d.Severity), Summary: text(d.Summary), Detail: text(d.Detail), Address: text(d.Address),
	}
	if w := d.Where; w != nil && w.Host != "" {
		out.Host = &placeJSON{text(w.Host), text(w.Address), w.Step, text(w.File), w.Line}
	}
	if d.Subject == nil || d.Subject.Filename == "" {
		return out
	}
	r := *d.Subject
	out.Range = &rangeJSON{r.Filename, posJSON(r.Start), posJSON(r.End)}
	if source == nil {
		return out
	}
	line, ok := SourceLine(source(r.Filename), r)
	if !ok {
		return out
	}
	before, marked, after := shownPieces(line, d)
	out.Snippet = &snippetJSON{
		Code: text(before + marked + after), StartLine: r.Start.Line, From: len(before), To: len(before) + len(marked),
		Values: []valueJSON{},
	}
	if d.Block != "" {
		block := text(d.Block)
		out.Snippet.Context = &block
	}
	for _, v := range d.Values {
		out.Snippet.Values = append(out.Snippet.Values, valueJSON{text(v.Traversal), text(v.Statement)})
	}
	return out
}

// Reading has no event of its own: hosts have.
func (j *JSON) Reading(r Reading) {
	if j.amount == "" && r.Hosts > fleetHosts {
		j.amount = ChangeEvents
	}
}

// ReadingDone has no event of its own.
func (j *JSON) ReadingDone(time.Duration) {}

// Quiet has nothing to take away.
func (j *JSON) Quiet() func() { return func() {} }

// Hint is for people.
func (j *JSON) Hint(string) {}

// Note is a log event.
func (j *JSON) Note(text string) { j.emit("info", "log", text, nil) }

// resourceJSON is Terraform's object.
type resourceJSON struct {
	Addr     string  `json:"addr"`
	Module   string  `json:"module"`
	Resource string  `json:"resource"`
	Provider string  `json:"implied_provider"`
	Type     string  `json:"resource_type"`
	Name     string  `json:"resource_name"`
	Key      *string `json:"resource_key"`
}

func resourceOf(a schema.Address) resourceJSON {
	r := resourceJSON{
		Addr: a.String(), Resource: a.String(), Provider: "sshform", Type: a.Block, Name: a.Name,
	}
	if a.HasKey {
		key := a.Key
		r.Key = &key
	}
	return r
}

// hookJSON is what an event of a host says.
type hookJSON struct {
	Resource resourceJSON `json:"resource"`
	Host     string       `json:"host"`
	Action   string       `json:"action,omitempty"`
	Step     string       `json:"step,omitempty"`
	Outcome  string       `json:"outcome,omitempty"`
	Error    string       `json:"error,omitempty"`
	Elapsed  float64      `json:"elapsed_seconds"`
}

type waveJSON struct {
	Name        string  `json:"name"`
	Index       int     `json:"index"`
	Hosts       int     `json:"hosts"`
	Changed     int     `json:"changed"`
	Failed      int     `json:"failed"`
	Unreachable int     `json:"unreachable"`
	Soak        float64 `json:"soak_seconds,omitempty"`
}

// Event writes what Observe and Run tell.
func (j *JSON) Event(e apply.Event) {
	switch e.Kind {
	case apply.WaveStarted, apply.WaveSoaks, apply.WaveCompleted:
		j.waveEvent(e)
	case apply.RolloutStopped:
		if e.Stopped != nil {
			j.stoppedEvent(*e.Stopped)
		}
	case apply.FleetProgressed:
		if e.Progress != nil {
			j.progressEvent(*e.Progress)
		}
	case apply.DialTriedAgain:
		j.emit("warn", "log", e.Host+": "+triedAgainText(e), nil)
	case apply.LockAwaited:
		j.emit("info", "log", e.Host+": "+awaitedText(e), nil)
	default:
		if j.tells(e) {
			j.hostEvent(e)
		}
	}
}

func (j *JSON) waveEvent(e apply.Event) {
	if e.Wave == nil {
		return
	}
	w := waveJSON{
		Name: e.Wave.Name, Index: e.Wave.Index, Hosts: e.Wave.Hosts, Changed: e.Wave.Counts[apply.Changed],
		Failed: e.Wave.Failed(), Unreachable: e.Wave.Counts[apply.Unreachable], Soak: e.Wave.Soak.Seconds(),
	}
	verb := map[apply.EventKind]string{
		apply.WaveStarted: "started", apply.WaveSoaks: "soaks", apply.WaveCompleted: "completed",
	}[e.Kind]
	j.emit("info", string(e.Kind), fmt.Sprintf("Wave %s %s", w.Name, verb), struct {
		Wave waveJSON `json:"wave"`
	}{w})
}

func (j *JSON) stoppedEvent(s apply.Stopped) {
	type reason struct {
		Kind   string `json:"kind"`
		Wave   string `json:"wave,omitempty"`
		Failed int    `json:"failed"`
		Limit  int    `json:"limit"`
	}
	j.emit("error", string(apply.RolloutStopped), stoppedText(s), struct {
		Reason reason `json:"reason"`
	}{reason{s.Kind, s.Wave, s.Failed, s.Limit}})
}

func (j *JSON) progressEvent(p apply.Progress) {
	type progress struct {
		Done        int     `json:"done"`
		Total       int     `json:"total"`
		Failed      int     `json:"failed"`
		Unreachable int     `json:"unreachable"`
		ETA         float64 `json:"eta_seconds"`
	}
	j.emit("info", string(apply.FleetProgressed), progressText(p), struct {
		Progress progress `json:"progress"`
	}{progress{p.Done, p.Total, p.Failed, p.Unreachable, p.Remaining.Seconds()}})
}

// hostEvent writes one line for each target of the host.
func (j *JSON) hostEvent(e apply.Event) {
	level, message := "info", hostMessage(e)
	if e.Err != nil {
		level = "error"
	}
	addresses := e.Addresses
	if len(addresses) == 0 {
		addresses = []schema.Address{{}}
	}
	for _, a := range addresses {
		hook := hookJSON{
			Resource: resourceOf(a), Host: j.text(e.Host), Action: actionWord(e.Action), Step: string(e.Step),
			Outcome: string(e.Outcome), Elapsed: e.Elapsed.Seconds(),
		}
		who := a.String()
		if a == (schema.Address{}) {
			who = e.Host
			hook.Resource = resourceJSON{Provider: "sshform"}
		}
		if e.Err != nil {
			hook.Error = j.text(e.Err.Error())
		}
		j.emit(level, string(e.Kind), who+": "+message, struct {
			Hook hookJSON `json:"hook"`
		}{hook})
	}
}

func hostMessage(e apply.Event) string {
	doing, finished := gerunds(e)
	switch e.Kind {
	case apply.RefreshStarted:
		return "Reading..."
	case apply.RefreshCompleted:
		return "Read complete after " + seconds(e.Elapsed)
	case apply.RefreshErrored:
		return "Reading failed after " + seconds(e.Elapsed)
	case apply.ApplyStarted:
		return doing + "..."
	case apply.ApplyProgressed:
		return "Step " + string(e.Step)
	case apply.ApplyErrored:
		return outcomeText(e.Outcome)
	}
	return finished + " complete after " + seconds(e.Elapsed)
}

// actionWord spells an action as the stream does.
func actionWord(a plan.Action) string {
	switch a {
	case plan.NoOp:
		return "noop"
	case plan.Reload:
		return "update"
	}
	return string(a)
}

// Applying has no event of its own: waves and hosts have.
func (j *JSON) Applying(*plan.Plan) {}

// Plan writes what is planned and the summary.
func (j *JSON) Plan(s Shown) {
	changed, _ := changes(s.Plan)
	if j.amount != SummaryEvents {
		j.planned(s.Plan.Drift, changed)
	}
	t := tallyOf(changed)
	operation := s.Operation
	if operation == "apply" {
		operation = "plan"
	}
	j.summary(t, len(s.Plan.Unreachable), operation, fmt.Sprintf(
		"Plan: %d to add, %d to change, %d to destroy.", t.add, t.change, t.destroy))
}

// planned writes what moved since the last run, and what will be done.
func (j *JSON) planned(drift []plan.Drift, changed []instance) {
	for _, d := range drift {
		j.emit("info", "resource_drift", fmt.Sprintf("%s: changed since run %s", d.Address, d.Run), struct {
			Change plannedJSON `json:"change"`
		}{plannedJSON{resourceOf(d.Address), string(plan.Update), ""}})
	}
	for _, in := range changed {
		reason := ""
		if in.change.Action == plan.Reload {
			reason = "reload_pending"
		}
		verb, _ := verbOf(in.change.Action)
		j.emit("info", "planned_change", fmt.Sprintf("%s will be %s", in.change.Address, verb), struct {
			Change plannedJSON `json:"change"`
		}{plannedJSON{resourceOf(in.change.Address), actionWord(in.change.Action), reason}})
	}
}

type plannedJSON struct {
	Resource resourceJSON `json:"resource"`
	Action   string       `json:"action"`
	Reason   string       `json:"reason,omitempty"`
}

func (j *JSON) summary(t tally, unreachable int, operation, message string) {
	type summary struct {
		Add         int    `json:"add"`
		Change      int    `json:"change"`
		Import      int    `json:"import"`
		Remove      int    `json:"remove"`
		Unreachable int    `json:"unreachable"`
		Operation   string `json:"operation"`
	}
	j.emit("info", "change_summary", message, struct {
		Changes summary `json:"changes"`
	}{summary{t.add, t.change, 0, t.destroy, unreachable, operation}})
}

// Report writes what went wrong and the summary.
func (j *JSON) Report(p *plan.Plan, r *apply.Report) {
	j.Diagnose(ReportDiagnostics(r))
	for _, note := range reportNotes(r) {
		j.Note(note.String())
	}
	t := applied(p, r)
	word := "Apply complete!"
	if !r.Succeeded() || r.Stopped != nil {
		word = "Apply incomplete."
	}
	j.summary(t, r.Counts()[apply.Unreachable], "apply", fmt.Sprintf(
		"%s Resources: %d added, %d changed, %d destroyed.", word, t.add, t.change, t.destroy))
}

// Outputs writes them in one event.
func (j *JSON) Outputs(outputs []Output) {
	if len(outputs) == 0 {
		return
	}
	j.emit("info", "outputs", fmt.Sprintf("Outputs: %d", len(outputs)), struct {
		Outputs orderedOutputs `json:"outputs"`
	}{orderedOutputs{outputs, string(plan.Create)}})
}

// orderedOutputs is an object whose members keep their order.
type orderedOutputs struct {
	outputs []Output
	action  string // of each; without state it is always the same
}

// MarshalJSON writes name → {sensitive, type, value, action}.
func (all orderedOutputs) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, o := range all.outputs {
		if i > 0 {
			b = append(b, ',')
		}
		name, err := marshal(o.Name)
		if err != nil {
			return nil, err
		}
		value := struct {
			Sensitive bool            `json:"sensitive"`
			Type      json.RawMessage `json:"type,omitempty"`
			Value     json.RawMessage `json:"value,omitempty"`
			Action    string          `json:"action,omitempty"`
		}{Sensitive: o.Sensitive, Type: o.Type, Action: all.action}
		if !o.Sensitive {
			value.Value = o.JSON
		}
		body, err := marshal(value)
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, name...), ':'), body...)
	}
	return append(b, '}'), nil
}
