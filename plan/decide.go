package plan

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/schema"
)

// decide makes the edits for all targets of the scene and returns what
// changes for each. With errors the edits must not be carried out.
func (s *scene) decide() ([]Change, schema.Diagnostics) {
	if diags := s.usable(); diags.HasErrors() {
		return s.noChanges(), diags
	}
	diags := s.disagreements()
	changes := s.noChanges()
	wants, refused := s.wanted()
	diags = append(diags, refused...)
	diags = append(diags, s.settle(wants)...)
	for i, t := range s.targets {
		diags = append(diags, s.overridden(&changes[i], t)...)
	}
	if diags.HasErrors() {
		clear(s.drafts)
		return s.noChanges(), diags
	}
	for _, w := range wants {
		c := &changes[w.index]
		c.Settings = append(c.Settings, Difference{Keyword: w.keyword, Reason: w.reason})
		if w.reason != "" && w.file != "" {
			c.File = w.file
		}
	}
	for i, t := range s.targets {
		s.complete(&changes[i], t)
		diags = append(diags, s.surprises(t)...)
	}
	s.mustHold()
	s.reloadPending(changes)
	s.unguarded(changes)
	return changes, diags
}

func (s *scene) noChanges() []Change {
	changes := make([]Change, len(s.targets))
	for i, t := range s.targets {
		changes[i] = Change{Address: t.Address, Host: s.o.Host, Action: NoOp, File: s.main, Scope: t.Scope}
	}
	return changes
}

// usable refuses what cannot be decided about at all.
func (s *scene) usable() schema.Diagnostics {
	refuse := func(summary, detail string, at sshconf.Place) schema.Diagnostics {
		d := s.refusal(s.targets[0], s.targets[0].Range, summary, detail)
		d.Where.File, d.Where.Line = at.File, at.Line
		return schema.Diagnostics{d}
	}
	here := sshconf.Place{File: s.main}
	if s.o.Release.IsZero() {
		return refuse("Unknown OpenSSH release", "The host does not tell which release of OpenSSH it runs, so that nothing can be said about what its files mean.", here)
	}
	f := s.o.Files[s.main]
	if f.State == Unreadable {
		return refuse("Configuration file cannot be read", fmt.Sprintf("%s %s. What is in force is not known, so that nothing can be decided. Let the user of the connection read it (become = \"sudo\"), or set file { path } if OpenSSH reads another file there.", s.main, f.describe()), here)
	}
	if f.State != Regular && !(s.side == schema.Client && f.State == Missing) {
		return refuse("No configuration file", fmt.Sprintf("%s %s. Set file { path } if OpenSSH reads another file there.", s.main, f.describe()), here)
	}
	l := s.o.Listener
	if s.reloads() && l.Path != "" && l.ConfigFile != "" && !path.IsAbs(l.ConfigFile) {
		return refuse("The running sshd would not find its file again", fmt.Sprintf("The running sshd was started with -f %s, a relative path. sshd works in /, looks for the file there when it is told to reload, and ends. Start it anew with the whole path.", l.ConfigFile), here)
	}
	if s.reloads() && l.Path != "" && l.ConfigFile != "" && l.ConfigFile != s.main {
		return refuse("The running sshd reads another file", fmt.Sprintf("The running sshd reads %s, and the block manages %s: nothing that is written there would ever count. Set file { path = %q }.", l.ConfigFile, s.main, l.ConfigFile), here)
	}
	for _, login := range s.judges() {
		r := s.before(login)
		if f.State != Regular || r.Valid() {
			continue
		}
		at, text := here, "it is refused"
		if len(r.Errors) > 0 {
			at, text = r.Errors[0].Place, r.Errors[0].Text
		}
		return refuse("OpenSSH refuses the present configuration", fmt.Sprintf("%s: %s. A change on top of a broken file cannot be judged. Mend the file first.", at, text), at)
	}
	return nil
}

// describe says what stands at a path, for a sentence.
func (f File) describe() string {
	switch f.State {
	case Regular:
		return "is a file"
	case Missing:
		return "does not exist"
	case Dangling:
		return "is a symbolic link to nothing"
	case Directory:
		return "is a folder"
	case Null:
		return "leads to " + NullDevice
	}
	return "cannot be read: " + f.Err
}

// longestQuote is how much of a line is quoted within a sentence, in bytes.
const longestQuote = 160

// quoted is the text of a line, cut where it is very long.
func quoted(text string) string { return sshconf.Quoted(text, longestQuote) }

func (s *scene) refusal(t schema.Target, subject schema.Range, summary, detail string) schema.Diagnostic {
	return schema.Diagnostic{
		Severity: schema.Error, Summary: summary, Detail: detail, Subject: &subject,
		Block: fmt.Sprintf("%s %q", t.Address.Block, t.Address.Name), Address: t.Address.String(),
		Where: &schema.Place{File: s.main, Step: "check"},
	}
}

// disagreements compares what the host's own program said with what we
// resolved. Where they differ we do not understand the host.
func (s *scene) disagreements() schema.Diagnostics {
	var diags schema.Diagnostics
	differ := func(format string, args ...any) {
		detail := fmt.Sprintf(format, args...) + " sshform would not know what it changes, so this host is left alone. Please report this with the files."
		diags = append(diags, s.refusal(s.targets[0], s.targets[0].Range, "sshform and OpenSSH disagree", detail))
	}
	for _, login := range s.judges() {
		answer, asked := s.o.Answers[login]
		if !asked {
			continue
		}
		if answer.Exit != 0 {
			reason := cmp.Or(strings.TrimSpace(answer.Stderr), "it gave no reason")
			differ("The host's own program refuses %s%s, and sshform finds nothing wrong with it: %s.", s.main, login.forWhom(), reason)
			continue
		}
		r := s.before(login)
		for _, d := range s.definitions {
			e := r.Keyword(string(d.Keyword))
			theirs, printed := answer.Values[d.Keyword.Lower()]
			if !printed || !e.Decided() || len(e.Values) == 0 && len(e.From) == 0 {
				continue
			}
			if ours, said := canonical(d, e.Values), canonical(d, theirs); ours != said {
				differ("For %s%s sshform finds %q and the host's own program says %q.", d.Keyword, login.forWhom(), ours, said)
			}
		}
	}
	return diags
}

func (l Login) forWhom() string {
	switch {
	case l.Client:
		return fmt.Sprintf(" for host %q", l.Host)
	case l.Asked():
		return fmt.Sprintf(" for user %q", l.User)
	}
	return ""
}

// canonical spells what a program prints as an Argument, so that two can be
// compared.
func canonical(d schema.Definition, printed []string) schema.Argument {
	text := strings.Join(printed, " ")
	switch d.Kind {
	case schema.Timeouts:
		if text == "" || strings.EqualFold(text, "none") {
			return "none"
		}
		if a, err := d.List(strings.Fields(text)); err == nil {
			return a
		}
	case schema.Time:
		if d.None && (text == "0" || strings.EqualFold(text, "none")) {
			return "none"
		}
		if text == "none" {
			return d.Off
		}
	}
	return schema.Argument(text)
}

// wanted lists what all targets want, in the order in which it is settled:
// lines to be removed before those to be written, and what is for everybody
// before what is for some, who often get their value from it.
func (s *scene) wanted() ([]*want, schema.Diagnostics) {
	var wants []*want
	var diags schema.Diagnostics
	for i, t := range s.targets {
		login, err := s.witness(t.Scope)
		if err != nil {
			diags = append(diags, s.refusal(t, t.Range, "Block that no login can be judged by",
				fmt.Sprintf("sshform cannot tell whom the block is for: %s. Write criteria that some login can meet.", err)))
			continue
		}
		if diag := s.dropInInTheWay(t); diag != nil {
			diags = append(diags, *diag)
			continue
		}
		add := func(setting schema.Setting, unset bool) {
			w := &want{
				index: i, target: t, keyword: setting.Keyword, argument: setting.Argument, subject: setting.Range,
				definition: s.define(setting.Keyword), login: login, unset: unset,
			}
			if w.keyword == "ChannelTimeout" && w.argument == "none" && t.Scope.Match != "" {
				w.argument = "*=0" // none inside Match ends every matching login
			}
			if diag := s.unsupported(*w); diag != nil {
				diags = append(diags, *diag)
				return
			}
			wants = append(wants, w)
		}
		for _, setting := range t.Settings {
			add(setting, false)
		}
		for _, setting := range t.Unset {
			add(setting, true)
		}
	}
	class := func(w *want) int {
		switch {
		case w.unset:
			return 0
		case !narrow(w.target.Scope):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(wants, func(a, b *want) int { return class(a) - class(b) })
	return wants, diags
}

// settle brings what is wanted into the drafts. What one target writes can
// take away what another had without a line of its own, so that all is gone
// through again until it holds.
func (s *scene) settle(wants []*want) schema.Diagnostics {
	const passes = 4
	var diags schema.Diagnostics
	for range passes {
		moved := false
		for _, w := range wants {
			if w.failed || w.unset && w.settled {
				continue
			}
			write := s.put
			if w.unset {
				write = s.take
			}
			reason, diag := write(w)
			w.settled = true
			if diag != nil {
				w.failed = true
				diags = append(diags, *diag)
			}
			if reason != "" {
				w.reason, moved = cmp.Or(w.reason, reason), true
			}
		}
		if !moved {
			return diags
		}
	}
	for _, w := range wants {
		if !w.failed && !w.unset && !s.proves(s.tree, *w) {
			diags = append(diags, *s.contradiction(*w, wants))
		}
	}
	return diags
}

// contradiction names two wants of which only one can hold: some login is in
// the scope of both.
func (s *scene) contradiction(w want, wants []*want) *schema.Diagnostic {
	other := "another block"
	for _, o := range wants {
		if o.keyword == w.keyword && o.index != w.index && !o.unset {
			other = o.address()
		}
	}
	diag := s.refusal(w.target, w.subject, "Settings contradict each other", fmt.Sprintf(
		"%s (%s) = %s cannot hold together with what %s declares: a login that stands for this block is also in the scope of that one, and OpenSSH uses only one value. Make the criteria of the two exclude each other.",
		w.keyword.HCL(), w.keyword, w.argument, other))
	return &diag
}

// overridden notes on a change who keeps another value, and what could not be
// checked. It refuses where the target says so.
func (s *scene) overridden(change *Change, t schema.Target) schema.Diagnostics {
	login, err := s.witness(t.Scope)
	if err != nil {
		return nil // wanted has said so
	}
	var diags schema.Diagnostics
	settings := slices.Clone(t.Settings)
	for _, setting := range t.Unset { // what is left stands for what was declared
		setting.Argument = canonical(s.define(setting.Keyword), s.now(login).Keyword(string(setting.Keyword)).Values)
		settings = append(settings, setting)
	}
	for _, setting := range settings {
		notes, refused := s.overrides(t, setting, login)
		change.Notes = append(change.Notes, notes...)
		diags = append(diags, refused...)
	}
	change.Notes = append(change.Notes, s.doubts(login)...)
	change.Notes = append(change.Notes, s.linted(t)...)
	return diags
}

// rank is a keyword's place in the table.
func (s *scene) rank(keyword schema.Keyword) int {
	return slices.IndexFunc(s.definitions, func(d schema.Definition) bool { return d.Keyword == keyword })
}

// doubts are what could not be checked against the host's own program.
func (s *scene) doubts(login Login) []string {
	var notes []string
	if s.o.Mute != "" && s.side == schema.Server {
		notes = append(notes, "not checked against the host's own program: "+s.o.Mute)
	}
	noted := map[sshconf.Place]bool{}
	note := func(at sshconf.Place, why string) {
		if !noted[at] {
			noted[at] = true
			notes = append(notes, fmt.Sprintf("not asked: %s:%d: %s", s.short(at.File), at.Line, why))
		}
	}
	for _, u := range s.before(login).Undecided {
		note(u.Place, u.Text)
	}
	for _, b := range s.before(s.everybody()).Blocks {
		if why := s.unaskable(b); why != "" {
			note(b.Place, why)
		}
	}
	return append(notes, s.tooMany()...)
}

// unaskable says why nobody can be asked about a block.
func (s *scene) unaskable(b *sshconf.Block) string {
	why, known := s.mute[b]
	if known || catchAll(b) {
		return why
	}
	if login, err := s.blockWitness(b); err != nil {
		why = err.Error()
	} else if login.Group != "" {
		why = "nobody can be asked about who is in a group"
	}
	s.mute[b] = why
	return why
}

// tooMany notes how many blocks were left out because of the limits.
func (s *scene) tooMany() []string {
	var notes []string
	asked := 0
	for login := range s.inBlocks {
		if login.Group == "" {
			asked++
		}
	}
	if beyond := asked + s.unjudged - mostAsked; beyond > 0 && s.o.Mute == "" {
		notes = append(notes, fmt.Sprintf("not asked: %d more blocks: the host's own program is asked about %d of them, those first that set what is declared", beyond, mostAsked))
	}
	if s.unjudged > 0 {
		notes = append(notes, fmt.Sprintf("not proved: %d more blocks: the change was proved for everybody and for %d of them", s.unjudged, mostJudged))
	}
	return notes
}

// unsupported refuses a keyword that the host's release does not know or does
// not honour where it is asked for.
func (s *scene) unsupported(w want) *schema.Diagnostic {
	d, r := w.definition, s.o.Release
	name := fmt.Sprintf("%s (%s)", d.Keyword.HCL(), d.Keyword)
	refuse := func(summary, format string, args ...any) *schema.Diagnostic {
		diag := s.refusal(w.target, w.subject, summary, fmt.Sprintf(format, args...))
		return &diag
	}
	inMatch := s.side == schema.Server && w.target.Scope.Match != ""
	switch {
	case !r.AtLeast(d.Since.Major, d.Since.Minor):
		return refuse("Keyword unknown to the host's release", "%s came with OpenSSH %d.%d, and host %q runs %s: its OpenSSH would refuse the whole file. Leave the attribute out for this host.",
			name, d.Since.Major, d.Since.Minor, s.o.Host, r)
	case inMatch && d.Match.IsZero():
		return refuse("Keyword not allowed in a Match block", "%s counts for the whole daemon, and sshd refuses it inside a Match block. Declare it in a server block without match.", name)
	case inMatch && !r.AtLeast(d.MatchHonoured.Major, d.MatchHonoured.Minor):
		return refuse("Keyword without effect in a Match block", "%s has an effect inside Match only since OpenSSH %d.%d; %s on host %q shows the value and ignores it. Declare it in a server block without match.",
			name, d.MatchHonoured.Major, d.MatchHonoured.Minor, r, s.o.Host)
	}
	return nil
}

// dropInInTheWay refuses a drop-in that would not be read or is not ours.
func (s *scene) dropInInTheWay(t schema.Target) *schema.Diagnostic {
	if t.File.DropIn == "" {
		return nil
	}
	name, err := s.dropInPath(t)
	if err != nil {
		diag := s.refusal(t, t.Range, "Drop-in would not be read", err.Error()+". Add the Include line, choose a name that it takes, or leave drop_in out to write to the main file.")
		return &diag
	}
	f := s.observed(name)
	first, _, _ := strings.Cut(string(f.Bytes), "\n")
	switch {
	case f.State == Missing, f.State == Regular && strings.TrimRight(first, "\r") == DropInMark:
		return nil
	case f.State == Regular:
		diag := s.refusal(t, t.Range, "Drop-in belongs to somebody else", fmt.Sprintf("%s exists and does not begin with the line %q. Choose another name, or remove the file.", name, DropInMark))
		return &diag
	}
	diag := s.refusal(t, t.Range, "Drop-in cannot be written", fmt.Sprintf("%s %s. Choose another name.", name, f.describe()))
	return &diag
}

// put writes one setting at the first spot that proves itself. The reason is
// empty if the value is in force already, whoever set it.
func (s *scene) put(w *want) (string, *schema.Diagnostic) {
	if s.proves(s.tree, *w) {
		return "", nil
	}
	for _, p := range s.spots(*w) {
		d := s.draft(p.file, s.role(p.file)).clone()
		if !p.write(d) {
			continue
		}
		tree := s.edited(p.file, d.bytes())
		if results, proved := s.proof(tree, *w); proved {
			s.drafts[p.file] = d
			s.tree, s.current = tree, results
			delete(s.gone, p.file)
			w.file = p.file
			return p.reason, nil
		}
	}
	return "", s.inTheWay(*w)
}

// inTheWay names the line because of which no place is left.
func (s *scene) inTheWay(w want) *schema.Diagnostic {
	e := s.now(w.login).Keyword(string(w.keyword))
	line, advice := "no place counts", "Write the setting by hand, or report this with the files."
	switch {
	case len(e.From) == 0:
	case e.From[0].File == sshconf.CommandLine:
		line = fmt.Sprintf("sshd was started with -o %s=%s, which beats every file", e.Keyword, e.Value())
		advice = "Take the option out of its unit or start script, and restart sshd."
	default:
		line = fmt.Sprintf("%s sets it to %s", e.From[0], e.Value())
		advice = "Change or remove that line, or give the block a drop_in whose name sorts before that file."
		if w.target.File.DropIn != "" {
			advice = "Change or remove that line, choose a name that sorts before that file, or leave drop_in out."
		}
	}
	diag := s.refusal(w.target, w.subject, "No place where the setting would count",
		fmt.Sprintf("%s (%s) = %s cannot be brought into force without touching what sshform does not own: %s. %s", w.keyword.HCL(), w.keyword, w.argument, line, advice))
	return &diag
}

// overrides finds blocks that give some another value than a setting gives
// everybody. They are named, or refused when the target says so.
func (s *scene) overrides(t schema.Target, setting schema.Setting, login Login) (notes []string, diags schema.Diagnostics) {
	if narrow(t.Scope) {
		return nil, nil
	}
	definition := s.define(setting.Keyword)
	for _, d := range s.now(login).Of(string(setting.Keyword)) {
		value := canonical(definition, []string{d.Value})
		if catchAll(d.Block) || value == setting.Argument || d.Why == sshconf.Later || s.declared(d) || s.outdone(d) {
			continue
		}
		block := header(d.Block)
		notes = append(notes, fmt.Sprintf("%s (%s) keeps %s = %s", block, s.pointer(d.Place), setting.Keyword.HCL(), value))
		if t.RefuseOverrides {
			diags = append(diags, s.refusal(t, setting.Range, "A block overrides the setting", fmt.Sprintf(
				"%s at %s:%d sets %s to %s for some, and the block says match_overrides = \"error\". Remove that line, or manage it with a block of its own.", block, d.File, d.Line, setting.Keyword, value)))
		}
	}
	return notes, diags
}

// outdone reports whether a directive does not count for the login that stands
// for its block: another block has set the keyword for it.
func (s *scene) outdone(d sshconf.Directive) bool {
	login, err := s.blockWitness(d.Block)
	if err != nil || !s.inBlocks[login] {
		return false
	}
	e := s.now(login).Keyword(d.Keyword)
	return e.Decided() && !slices.Contains(e.From, d.Place)
}

// declared reports whether a directive is another target's doing.
func (s *scene) declared(d sshconf.Directive) bool {
	return slices.ContainsFunc(s.targets, func(t schema.Target) bool {
		return narrow(t.Scope) && s.sameScope(d.Block, t.Scope) &&
			slices.ContainsFunc(t.Settings, func(setting schema.Setting) bool { return string(setting.Keyword) == d.Keyword })
	})
}

// complete fills in what a target's change did, from the finished tree.
func (s *scene) complete(c *Change, t schema.Target) {
	login, _ := s.witness(t.Scope) // wanted has seen to its error
	slices.SortFunc(c.Settings, func(a, b Difference) int { return s.rank(a.Keyword) - s.rank(b.Keyword) })
	before, after := s.before(login), s.now(login)
	expect := Expectation{Login: login, Values: map[schema.Keyword]schema.Argument{}}
	for i := range c.Settings {
		d := &c.Settings[i]
		definition := s.define(d.Keyword)
		was, is := before.Keyword(string(d.Keyword)), after.Keyword(string(d.Keyword))
		d.Before, d.BeforeSource, d.BeforeDefault = canonical(definition, was.Values), sourceOf(was), len(was.From) == 0
		d.After, d.AfterSource, d.AfterDefault = canonical(definition, is.Values), sourceOf(is), len(is.From) == 0
		expect.Values[d.Keyword] = d.After
		if d.Reason != "" {
			c.Action = Update
		}
	}
	c.Expect = []Expectation{expect}
	c.Beside = s.beside(c.Settings, before, after)
	if c.Action != Update && t.File.DropIn != "" {
		if name, err := s.dropInPath(t); err == nil {
			c.File = name
		}
	}
	if c.Action == Update {
		switch {
		case s.gone[c.File]:
			c.Action = Remove
		case s.observed(c.File).State == Missing:
			c.Action = Create
		}
	}
	slices.Sort(c.Notes)
	c.Notes = slices.Compact(c.Notes)
}

// beside returns the keywords that lines set and settings do not hold.
func (s *scene) beside(settings []Difference, before, after *sshconf.Result) []Difference {
	was, is := s.valuesOf(before), s.valuesOf(after)
	for _, d := range settings {
		delete(was, d.Keyword)
		delete(is, d.Keyword)
	}
	var others []Difference
	for _, d := range s.definitions {
		if was[d.Keyword] != "" || is[d.Keyword] != "" {
			others = append(others, Difference{Keyword: d.Keyword, Before: was[d.Keyword], After: is[d.Keyword]})
		}
	}
	return others
}

func sourceOf(e sshconf.Effective) Source {
	if len(e.From) == 0 {
		return Source{}
	}
	return Source{File: e.From[0].File, Line: e.From[0].Line}
}

// unguarded notes what the transaction cannot do on this host (rule 9): without
// systemd nothing settles an interrupted run before sshd starts at the next
// boot, and an sshd that is process 1 takes the watchdog with it.
func (s *scene) unguarded(changes []Change) {
	if !s.reloads() {
		return
	}
	var notes []string
	switch l := s.o.Listener; {
	case l.PID == 1:
		notes = append(notes, "sshd is process 1: the host ends with it, so that nothing is replaced without a rehearsal login")
	case slices.Contains([]Way{SysVInit, OpenRC, Runit, BSDRC, LaunchdWay}, l.Reload):
		notes = append(notes, "not protected across a reboot: only with systemd an interrupted run is settled before sshd starts")
	}
	for i := range changes {
		if changes[i].Action != NoOp {
			changes[i].Notes = append(changes[i].Notes, notes...)
		}
	}
}

// reloadPending makes a change of its own of a daemon that has not read what
// is on disk, if nothing else reloads it anyway. Else it says what apply makes
// of somebody's edit that would be loaded along.
func (s *scene) reloadPending(changes []Change) {
	if !s.reloads() || s.o.Listener.Fresh != Stale || len(changes) == 0 {
		return
	}
	file := path.Clean(s.o.Listener.Pending)
	note := func(c *Change, format string) { c.Notes = append(c.Notes, fmt.Sprintf(format, file)) }
	i := slices.IndexFunc(changes, func(c Change) bool { return c.Action != NoOp })
	switch {
	case i < 0:
		changes[0].Action = Reload
		note(&changes[0], "reload pending: %s changed after sshd last read it")
	case slices.ContainsFunc(s.targets, func(t schema.Target) bool { return t.AllowPending }):
		note(&changes[i], "unloaded edits: %s changed after sshd last read it, and comes into force with this change (allow_pending)")
	default:
		note(&changes[i], "unloaded edits: %s changed after sshd last read it; apply will not load somebody else's edit: reload sshd first, or set allow_pending")
	}
}
