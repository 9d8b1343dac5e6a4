package plan

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
)

// RestoreTargets returns the targets of a plan that takes back what runs did,
// by host: those of the configuration that carried the edits, and for edits of
// blocks that are gone, or that work on another file now, targets without
// settings. Hosts of which nothing is to be taken back are left out.
func RestoreTargets(cfg *schema.Config, done map[string][]Done) []schema.Target {
	var all []schema.Target
	for declared := range cfg.Hosts() {
		all = append(all, restoreTargets(declared, done[declared[0].Host.Name])...)
	}
	return all
}

func restoreTargets(declared []schema.Target, done []Done) []schema.Target {
	var chosen []schema.Target
	for _, run := range done {
		for _, f := range run.Files {
			for _, address := range addressesOf(f) {
				if t := targetFor(declared, chosen, address, f); t != nil {
					chosen = append(chosen, *t)
				}
			}
		}
	}
	slices.SortStableFunc(chosen, func(a, b schema.Target) int {
		return strings.Compare(a.Address.String(), b.Address.String())
	})
	return chosen
}

// targetFor finds or makes the target of an address for a file; nil if one is
// chosen already.
func targetFor(declared, chosen []schema.Target, address schema.Address, f FileEdit) *schema.Target {
	carries := func(t schema.Target) bool { return t.Address == address && mayBeMain(t, f) }
	if slices.ContainsFunc(chosen, carries) {
		return nil
	}
	if i := slices.IndexFunc(declared, carries); i >= 0 {
		return &declared[i]
	}
	made := schema.Target{
		Address: address, Host: declared[0].Host, Connection: declared[0].Connection, Fallback: declared[0].Fallback,
	}
	if f.Role != DropIn {
		made.File.Path = f.Path
	}
	for _, t := range declared {
		if t.Side() == address.Side() {
			made.Reload, made.Verify, made.AllowPending, made.File.Backups = t.Reload, t.Verify, t.AllowPending, t.File.Backups
			if f.Role == DropIn {
				made.File.Path = t.File.Path
			}
		}
	}
	return &made
}

// mayBeMain reports whether a target works on a file: as its main file, or as
// a drop-in beside it.
func mayBeMain(t schema.Target, f FileEdit) bool {
	main := MainPath(t, "~")
	if rest, home := strings.CutPrefix(main, "~"); home {
		return strings.HasSuffix(f.Path, rest)
	}
	return f.Role == DropIn || main == f.Path
}

func addressesOf(f FileEdit) []schema.Address {
	var all []schema.Address
	for _, e := range f.Edits {
		a, err := schema.ParseAddress(e.Address)
		if err == nil && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// RestoreAsks names what is still wanted to take runs back on a host: what
// Asks names, and the files that the runs changed.
func RestoreAsks(targets []schema.Target, done []Done, o *Observed) Asking {
	asking := Asks(targets, o)
	for _, run := range done {
		for _, f := range run.Files {
			if _, read := o.Files[f.Path]; !read && !slices.Contains(asking.Files, f.Path) {
				asking.Files = append(asking.Files, f.Path)
			}
		}
	}
	slices.Sort(asking.Files)
	return asking
}

// BuildRestore plans to take back what runs did, from their records: done has
// the runs of each host, oldest first. Every line that still is as a run left
// it becomes what it was; a line that somebody changed since is left, and a
// warning names it. Files that a run created are removed if nothing of
// somebody else's is in them.
//
// The targets of cfg must be those of RestoreTargets.
func BuildRestore(cfg *schema.Config, observed iter.Seq[*Observed], done map[string][]Done, opts BuildOptions) (*Plan, schema.Diagnostics) {
	return assemble(cfg, observed, opts, Restore, func(targets []schema.Target, o *Observed) (HostPlan, schema.Diagnostics) {
		return restoreHost(targets, o, done[o.Host])
	})
}

func restoreHost(targets []schema.Target, o *Observed, done []Done) (HostPlan, schema.Diagnostics) {
	d := Decision{Run: runOf(targets), Facts: Facts{OpenSSH: o.Release.String(), OS: o.OS}}
	var diags schema.Diagnostics
	for _, group := range byFile(targets, o) {
		s := newScene(group, o)
		r := restoring{scene: s, done: done}
		changes := r.decide()
		diags = append(diags, r.diags...)
		d.Changes = append(d.Changes, changes...)
		d.Files = append(d.Files, r.files...)
		d.DependsOn = append(d.DependsOn, s.dependencies()...)
		if s.side == schema.Server && s.reloads() {
			d.Facts.Listener = o.Listener
			d.Facts.Listener.PID, d.Facts.Listener.Pending = 0, ""
		}
	}
	sortChanges(d.Changes)
	d.DependsOn = distinct(d.DependsOn, d.Files)
	for i := range diags {
		if diags[i].Where == nil {
			diags[i].Where = &schema.Place{}
		}
		diags[i].Where.Host, diags[i].Where.Address = o.Host, o.Connection.Address
	}
	return HostPlan{Host: o.Host}.Via(o.Connection).With(d), diags
}

// restoring takes back what runs did to the files of one scene.
type restoring struct {
	*scene
	done  []Done
	diags schema.Diagnostics
	files []FileEdit
	notes []string
}

func (r *restoring) decide() []Change {
	if diags := r.usable(); diags.HasErrors() {
		r.diags = diags
		return r.noChanges()
	}
	if r.diags = r.disagreements(); r.diags.HasErrors() {
		return r.noChanges()
	}
	lasting := map[string]FileEdit{} // who and what a file belongs to that is created again
	for _, name := range r.changed() {
		r.takeBack(name, lasting)
	}
	if r.diags.HasErrors() {
		clear(r.drafts)
		return r.noChanges()
	}
	r.files = r.fileEdits()
	// A Match may come back at which sshd -T stops without -C.
	if r.side == schema.Server && !r.now(r.everybody()).Valid() && r.before(r.plain()).Valid() && r.now(r.plain()).Valid() {
		r.everyone, r.standIns = r.plain(), nil
	}
	for i := range r.files {
		if f, again := lasting[r.files[i].Path]; again && r.files[i].Before == "" {
			r.files[i].Mode, r.files[i].UID, r.files[i].GID = f.Mode&^0o022, f.UID, f.GID
		}
	}
	changes := r.noChanges()
	for i := range changes {
		r.describe(&changes[i], r.targets[i])
	}
	if r.hold(changes); r.diags.HasErrors() {
		clear(r.drafts)
		r.files = nil
		return r.noChanges()
	}
	r.reloadPending(changes)
	return changes
}

// changed names the files of the scene that runs changed, the last one first.
func (r *restoring) changed() []string {
	var names []string
	for _, run := range slices.Backward(r.done) {
		for _, f := range run.Files {
			if r.owns(f) && !slices.Contains(names, f.Path) {
				names = append(names, f.Path)
			}
		}
	}
	return names
}

// owns reports whether a recorded file is one of the scene's.
func (r *restoring) owns(f FileEdit) bool {
	if (f.Role == ClientFile) != (r.side == schema.Client) {
		return false
	}
	if f.Role != DropIn {
		return f.Path == r.main
	}
	return slices.ContainsFunc(addressesOf(f), func(a schema.Address) bool {
		return slices.ContainsFunc(r.targets, func(t schema.Target) bool { return t.Address == a })
	})
}

// takeBack undoes in a file what the runs did, the last one first.
func (r *restoring) takeBack(name string, lasting map[string]FileEdit) {
	now := r.observed(name)
	if now.State != Regular && now.State != Missing {
		r.refuse(name, 0, "File cannot be restored", fmt.Sprintf("%s %s, so nothing can be put back there. Put the file back, or restore it by hand.", name, now.describe()))
		return
	}
	chain := chainOf(r.done, name, r.side)
	digest := Digest("")
	if now.State == Regular {
		digest = Sum(now.Bytes)
	}
	if i := slices.IndexFunc(chain, func(l link) bool { return l.file.Before == digest }); i >= 0 {
		chain = chain[:i] // taken back already
	}
	d := newDraft(now.Bytes)
	created := false
	for _, link := range slices.Backward(chain) {
		if now.RealPath != "" && now.RealPath != link.file.RealPath {
			r.refuse(name, 0, "File leads elsewhere", fmt.Sprintf("%s leads to %s now, and run %s changed %s. Restore it by hand.", name, now.RealPath, link.run, link.file.RealPath))
			return
		}
		if link.file.Before != "" && Sum(link.old) != link.file.Before {
			r.refuse(name, 0, "Record does not fit", fmt.Sprintf("The copy of %s that run %s kept is not the file that it changed. Somebody edited the record; restore the file by hand.", name, link.run))
			return
		}
		left, err := inverse(d, link.old, link.file)
		if err != nil {
			r.refuse(name, 0, "Record does not fit", fmt.Sprintf("The record of run %s for %s contradicts itself: %v. Restore the file by hand.", link.run, name, err))
			return
		}
		for _, l := range left {
			r.leave(name, link.run, l)
		}
		lasting[name] = link.file
		created = link.file.Before == ""
	}
	after := d.bytes()
	if string(after) == string(now.Bytes) {
		return
	}
	if err := VerifyText(r.side, now.Bytes, after); err != nil {
		r.refuse(name, 0, "Lines of somebody else are in the way", fmt.Sprintf(
			"To put back what stood in %s, lines that sshform does not manage would come under another Match or Host line: others were added since. Restore the file by hand.", name))
		return
	}
	if now.State == Missing && !r.known(name) {
		r.refuse(name, 0, "File cannot be restored", name+" was not looked at.")
		return
	}
	role := r.role(name)
	r.drafts[name], r.roles[name] = d, role
	if created && strings.TrimSpace(string(after)) == "" {
		r.gone[name] = true
		r.change(r.tree.Without(name))
		return
	}
	r.change(r.edited(name, after))
}

func (r *restoring) refuse(file string, line int, summary, detail string) {
	r.diags = append(r.diags, schema.Diagnostic{
		Severity: schema.Error, Summary: summary, Detail: detail, Address: r.targets[0].Address.String(),
		Where: &schema.Place{File: file, Line: line, Step: "check"},
	})
}

// leave tells of a line that stays as somebody made it.
func (r *restoring) leave(file, run string, l leftover) {
	at := file
	if l.line > 0 {
		at = fmt.Sprintf("%s:%d", file, l.line)
	}
	r.notes = append(r.notes, fmt.Sprintf("left as it is: %s: %s", at, l.text))
	r.diags = append(r.diags, schema.Diagnostic{
		Severity: schema.Warning, Summary: "Line was changed since",
		Detail: fmt.Sprintf("%s: %s. Somebody changed this after run %s, so sshform leaves it as it is.", at, l.text, run),
		Where:  &schema.Place{File: file, Line: l.line},
	})
}

// A link is what one run did to one file.
type link struct {
	run  string
	file FileEdit
	old  []byte
}

// chainOf returns what runs did to a file, oldest first, without those that
// another one took back whole.
func chainOf(done []Done, name string, side schema.Side) []link {
	var chain []link
	for _, run := range done {
		for _, f := range run.Files {
			if f.Path != name {
				continue
			}
			next := link{run.Run, f, run.Old[f.RealPath]}
			if run.AfterPruned && len(chain) > 0 {
				chain = append(chain, bridged(chain[len(chain)-1], next, side)...)
			}
			chain = append(chain, next)
			if i := slices.IndexFunc(chain, func(l link) bool { return l.file.Before == f.After }); i >= 0 {
				chain = chain[:i]
			}
		}
	}
	return chain
}

// bridged is what runs without a record did to a file between two links.
func bridged(last, next link, side schema.Side) []link {
	if last.file.After == next.file.Before || last.file.After == "" || next.file.Before == "" {
		return nil
	}
	left, err := Replay(last.old, last.file.Edits)
	if err != nil || len(next.file.Edits) == 0 {
		return nil // inverse tells of the error
	}
	edits := bridge(left, next.old, side, next.file.Edits[0].Address)
	f := next.file
	f.Before, f.After, f.Edits = last.file.After, next.file.Before, edits
	return []link{{"(record pruned)", f, left}}
}

// describe says what a restore does for one target, from the finished tree.
func (r *restoring) describe(c *Change, t schema.Target) {
	address := t.Address.String()
	reasons := map[schema.Keyword]string{}
	for _, f := range r.files {
		for _, e := range f.Edits {
			if e.Address != address {
				continue
			}
			c.File = f.Path
			switch {
			case f.After == "":
				c.Action = Remove
			case f.Before == "":
				c.Action = Create
			default:
				c.Action = Update
			}
			for _, line := range []string{e.Old, e.New} {
				if d, managed := schema.Define(r.side, slotOf(line)); managed && slotOf(line) != "" {
					reasons[d.Keyword] = cmp.Or(reasons[d.Keyword], r.reason(f.Path, e))
				}
			}
		}
	}
	login, err := r.witness(t.Scope)
	if err != nil {
		login = r.everybody()
	}
	before, after := r.before(login), r.now(login)
	expect := Expectation{Login: login, Values: map[schema.Keyword]schema.Argument{}}
	for _, definition := range r.definitions {
		reason := reasons[definition.Keyword]
		if reason == "" {
			continue
		}
		was, is := before.Keyword(string(definition.Keyword)), after.Keyword(string(definition.Keyword))
		d := Difference{
			Keyword: definition.Keyword, Reason: reason,
			Before: canonical(definition, was.Values), BeforeSource: sourceOf(was), BeforeDefault: len(was.From) == 0,
			After: canonical(definition, is.Values), AfterSource: sourceOf(is), AfterDefault: len(is.From) == 0,
		}
		c.Settings = append(c.Settings, d)
		expect.Values[d.Keyword] = d.After
	}
	c.Expect = []Expectation{expect}
	c.Beside = r.beside(c.Settings, before, after)
	c.Notes = append(c.Notes, r.notes...)
	if r.o.Mute != "" && r.side == schema.Server {
		c.Notes = append(c.Notes, "not checked against the host's own program: "+r.o.Mute)
	}
}

func (r *restoring) reason(file string, e Edit) string {
	switch e.Op {
	case Insert:
		return fmt.Sprintf("%s:%d: %s", r.short(file), e.Line, strings.TrimSpace(e.New))
	case Delete:
		return fmt.Sprintf("removes %s:%d", r.short(file), e.Line)
	}
	return fmt.Sprintf("%s:%d: as before", r.short(file), e.Line)
}

// hold proves the restore: the tree is good for every login, and no keyword
// but those of the lines that move has another value.
func (r *restoring) hold(changes []Change) {
	if len(r.files) == 0 {
		return
	}
	var moved []schema.Keyword
	for _, c := range changes {
		for _, d := range c.Settings {
			moved = append(moved, d.Keyword)
		}
	}
	for _, f := range r.files {
		text, err := Replay(r.o.Files[f.Path].Bytes, f.Edits)
		if err != nil || string(text) != string(r.drafts[f.Path].bytes()) {
			panic(fmt.Sprintf("plan: the edits of %s on %s do not make the text they were made for: %v", f.Path, r.o.Host, err))
		}
	}
	for _, login := range r.judges() {
		was, is := r.before(login), r.now(login)
		if !is.Valid() && was.Valid() && !r.gone[r.main] {
			why := "OpenSSH would refuse it"
			if len(is.Errors) > 0 {
				why = fmt.Sprintf("%s: %s", is.Errors[0].Place, is.Errors[0].Text)
			}
			r.refuse(r.main, 0, "Old lines do not fit any more", fmt.Sprintf("With the old lines back the configuration would be broken: %s. Restore by hand.", why))
			return
		}
		if !r.sameBut(was, is, moved...) {
			r.refuse(r.main, 0, "Old lines do not fit any more", fmt.Sprintf("With the old lines back other keywords would change%s, since the files were edited in between. Restore by hand.", login.forWhom()))
			return
		}
	}
}
