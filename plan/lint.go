package plan

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// A Finding is something in a configuration that is wrong, or is not what it
// seems.
type Finding struct {
	// ID names the rule and is stable, for machines: "shadowed".
	ID string
	// Severity is schema.Error where the program would refuse the file, or a
	// line locks people out or does nothing that it says; schema.Warning; or
	// liveness.Note for what is good to know.
	Severity schema.Severity
	// Keyword is the directive it is about; empty when it is about the file.
	Keyword schema.Keyword
	// Source is the line; Line 0 is the file as a whole.
	Source
	// Summary is a few words without names; Detail says what, why, what to do.
	Summary, Detail string
}

// A linter looks for findings in one configuration.
type linter struct {
	*scene
	// everyone is what holds for everybody, with all lines of all files.
	everyone *sshconf.Result
	// counts are the lines that count for somebody; shadows are findings about
	// lines that do not, if it turns out that they count for nobody.
	counts  map[sshconf.Place]bool
	shadows []Finding
	found   []Finding
	seen    map[findingKey]bool
}

// A findingKey is a rule and a line: each is told once.
type findingKey struct {
	id string
	at Source
}

// LintAsks names the files and folders still wanted for Lint. It does not look
// at the query's login.
func LintAsks(q Query, o *Observed) Asking {
	s := q.scene(o)
	wants := append(everybody(q).resolve(s).Wants, s.wants()...)
	for _, folder := range s.dropInFolders() {
		if _, known := o.Folders[folder]; !known {
			wants = append(wants, sshconf.Want{Path: folder, Folder: true})
		}
	}
	return asking(wants)
}

// everybody asks the query for nobody in particular.
func everybody(q Query) Query { return Query{Side: q.Side, File: q.File} }

// Lint judges a configuration for everybody and for each of its blocks. The
// findings are sorted by file and line. The observation must be whole:
// LintAsks wants nothing. A ctx that ends ends it early, with its error.
func Lint(ctx context.Context, q Query, o *Observed) ([]Finding, error) {
	s := q.scene(o)
	l := &linter{
		scene: s, everyone: everybody(q).resolve(s), counts: map[sshconf.Place]bool{}, seen: map[findingKey]bool{},
	}
	l.lines()
	l.refused(l.everyone)
	l.removed()
	if err := l.each(ctx); err != nil {
		return nil, err
	}
	l.ports()
	if l.everyone.Valid() {
		l.shadowed()
		l.withoutEffect()
		l.times()
		l.folders()
	}
	slices.SortStableFunc(l.found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), a.rank()-b.rank())
	})
	return l.found, nil
}

// each judges everybody, and then a login of each block that one can be made
// for, one at a time: there may be very many.
func (l *linter) each(ctx context.Context) error {
	l.judge(l.everyone, true)
	if !l.everyone.Valid() {
		return nil // the others would say the same
	}
	done := map[Login]bool{l.everybody(): true}
	refused := false
	judge := func(login Login) {
		done[login] = true
		r := l.resolve(l.tree, login, true)
		if !refused {
			l.refused(r)
		}
		refused = refused || !r.Valid()
		l.judge(r, false)
	}
	for _, b := range l.everyone.Blocks {
		if err := ctx.Err(); err != nil {
			return err
		}
		if catchAll(b) {
			continue
		}
		if login, err := l.blockWitness(b); err == nil && !done[login] {
			judge(login)
		}
	}
	return nil
}

// judge looks at what holds for some login.
func (l *linter) judge(r *sshconf.Result, everybody bool) {
	l.undecided(r)
	if l.everyone.Valid() {
		l.shadowsOf(r)
		l.values(r, everybody)
	}
}

// rank orders the findings of one line, the worst first.
func (f Finding) rank() int {
	return slices.Index([]schema.Severity{schema.Error, schema.Warning, liveness.Note}, f.Severity)
}

// add notes a finding, each rule once for a line.
func (l *linter) add(f Finding) {
	if key := (findingKey{f.ID, f.Source}); !l.seen[key] {
		l.seen[key] = true
		l.found = append(l.found, f)
	}
}

// program is the name of the program that reads the configuration.
func (l *linter) program() string { return l.dialect().Side.String() }

// refused predicts what the program says when it stops.
func (l *linter) refused(r *sshconf.Result) {
	for _, p := range l.refusals(r) {
		f := Finding{
			ID: "refused", Severity: schema.Error, Source: sourceAt(p.Place), Summary: "OpenSSH refuses the file",
			Detail: fmt.Sprintf("%s of OpenSSH %s stops here: %s. %s", l.program(), l.o.Release, p.Text, l.afterRefusal(p.Line)),
		}
		if strings.HasSuffix(p.Text, "not allowed within a Match block") {
			f.ID, f.Summary = "global-keyword-in-match", "Keyword not allowed in a Match block"
			f.Detail = fmt.Sprintf("%s: sshd of OpenSSH %s stops here. A Match block ends only at the next Match or at the end of its file; blank lines and indentation mean nothing. Move the line above the first Match.", p.Text, l.o.Release)
		}
		if !l.seen[findingKey{"byte-order-mark", f.Source}] {
			l.add(f)
		}
	}
}

// removed names lines that OpenSSH reads and skips.
func (l *linter) removed() {
	for _, p := range l.everyone.Notices {
		l.add(Finding{
			ID: "removed-keyword", Severity: schema.Warning, Source: sourceAt(p.Place), Summary: "Line without effect",
			Detail: p.Text + ". Remove the line.",
		})
	}
}

func (l *linter) afterRefusal(line int) string {
	what := "line"
	if line == 0 {
		what = "file"
	}
	if l.side == schema.Client {
		return "Every ssh that reads the file ends with this message. Mend the " + what + "."
	}
	return "A daemon that is told to reload such a file is gone, and nobody can log in any more. Mend the " + what + " before the next reload."
}

// undecided names what cannot be known from the files.
func (l *linter) undecided(r *sshconf.Result) {
	for _, p := range r.Undecided {
		l.add(Finding{
			ID: "undecided", Severity: liveness.Note, Source: sourceAt(p.Place), Summary: "Cannot be decided from the files",
			Detail: p.Text + ". What depends on this line was not judged. Ask the program itself about it: sshd -T -C, or ssh -G.",
		})
	}
}

// ports names the blocks because of which sshd -T alone fails.
func (l *linter) ports() {
	for _, b := range l.everyone.Blocks {
		if slices.ContainsFunc(b.Criteria, func(c sshconf.Criterion) bool { return c.Name == "localport" }) {
			l.add(Finding{
				ID: "match-local-port", Severity: liveness.Note, Keyword: "Match", Source: sourceAt(b.Place), Summary: "sshd -T needs a port",
				Detail: "With Match LocalPort in the file, sshd -T alone fails, in every release: it needs -C with lport. The daemon does not mind. Tell those who check the file.",
			})
		}
	}
}

// dropInFolders are the folders that belong to the files by custom.
func (s *scene) dropInFolders() []string {
	folders := []string{s.main + ".d"}
	if q := s.clientQuery(Login{}); s.side == schema.Client && q.SystemFile != "" && q.SystemFile != s.main {
		folders = append(folders, q.SystemFile+".d")
	}
	return folders
}

// folders finds drop-ins that nothing reads.
func (l *linter) folders() {
	read := map[string]bool{}
	for _, in := range l.everyone.Includes {
		read[path.Clean(in.Path)] = true
	}
	folders := l.dropInFolders()
	for _, folder := range l.everyone.Folders {
		if strings.HasSuffix(folder, ".d") {
			folders = append(folders, folder)
		}
	}
	patterns := l.includePatterns()
	slices.Sort(folders)
	for _, folder := range slices.Compact(folders) {
		for _, name := range l.o.Folders[folder].Names {
			file := path.Join(folder, name)
			if read[file] || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "README") {
				continue
			}
			l.add(Finding{
				ID: "unread-drop-in", Severity: schema.Warning, Source: Source{File: file}, Summary: "Drop-in is never read",
				Detail: fmt.Sprintf("%s never reads %s: %s. Whatever the file says has no effect. Rename it so that a pattern takes it, add an Include line above the first block, or remove the file.",
					l.program(), file, unreadBecause(patterns)),
			})
		}
	}
}

func unreadBecause(patterns []string) string {
	if len(patterns) == 0 {
		return "there is no Include line"
	}
	return "no Include line takes it (there is " + strings.Join(patterns, ", ") + ")"
}

// includePatterns are the Include lines of all files that are read.
func (l *linter) includePatterns() []string {
	var patterns []string
	for _, name := range l.everyone.Files {
		for _, line := range l.scene.file(name).Lines() {
			if line.Is("Include") {
				patterns = append(patterns, fmt.Sprintf("Include %s at %s:%d", line.Value(), name, line.Number))
			}
		}
	}
	return patterns
}
