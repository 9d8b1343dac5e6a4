package apply

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// The exit statuses of transact.sh's judge.
const (
	labelStatus       = 7
	notJudgedStatus   = 8
	noNamespaceStatus = 9
)

// validate lets the host's own programs judge the whole tree with the
// candidates in place, before anything is replaced.
func (t *transaction) validate(ctx context.Context) error {
	if t.changesClient() {
		if err := t.judgeClient(ctx); err != nil {
			return err
		}
	}
	if !t.changesServer() {
		return nil
	}
	if t.listener.Path == "" {
		t.note("no sshd was found on the host: the file was not judged")
		return nil
	}
	if err := t.judgeServer(ctx); err != nil {
		return err
	}
	return t.rehearse(ctx)
}

func (t *transaction) note(text string) { t.report.Notes = append(t.report.Notes, text) }

func (t *transaction) judgeServer(ctx context.Context) error {
	mark := newMark()
	words, logins := []string{mark}, t.wanted.logins(false)
	for _, l := range logins {
		word, err := loginWord(l)
		if err != nil {
			return err
		}
		words = append(words, word)
	}
	before, after, copied, err := t.judge(ctx, t.verb("judge", words...), mark, len(logins))
	if err != nil {
		return err
	}
	t.copied = copied
	return t.compareServer(logins, before, after)
}

// compareServer compares what sshd said of the two trees, and learns from it
// where the listener will take logins.
func (t *transaction) compareServer(logins []plan.Login, before, after judgement) error {
	if len(after.answers) > 0 {
		t.port = endpointOf(after.answers[0].Values)
		if t.plan.Connection().Type == schema.Local { // over SSH the host key is known
			t.port.HostKeys = t.readHostKeys(after.answers[0].Values)
		}
	}
	if err := t.compareReadSet(before.messages); err != nil {
		return err
	}
	if err := t.compareReadSet(after.messages); err != nil {
		return err
	}
	if err := t.readsAll(after.messages); err != nil {
		return err
	}
	if t.mute = t.byHand() && before.keyless(); t.mute {
		t.note("sshd takes the files, but can read no host key here and does not say what they mean")
		return compareComplaints(t.listener.Path, before, after, t.realNames())
	}
	return compare(t.listener.Path, before, after, logins, t.wanted, t.realNames())
}

func (t *transaction) judgeClient(ctx context.Context) error {
	mark := newMark()
	words, logins := []string{mark, t.machine.ssh}, t.wanted.logins(true)
	for _, l := range logins {
		word, err := loginWord(l)
		if err != nil {
			return err
		}
		words = append(words, word)
	}
	if t.machine.ssh == "" {
		t.note("no ssh was found: the file was not judged")
		return nil
	}
	before, after, _, err := t.judge(ctx, t.verb("judge-client", words...), mark, len(logins))
	if err != nil {
		return err
	}
	return compare(t.machine.ssh, before, after, logins, t.wanted, t.realNames())
}

func (t *transaction) judge(ctx context.Context, step Step, mark string, logins int) (before, after judgement, copied bool, err error) {
	answer, err := t.do(ctx, step)
	if err != nil {
		return before, after, false, err
	}
	switch answer.Status {
	case 0:
		return t.opts.dumps.judgements(mark, answer.Stdout, logins)
	case notJudgedStatus:
		err = errors.New("the new files cannot be judged here before they are in place: several of them change, and there is no private mount namespace")
	default:
		err = failure(step, answer)
	}
	return before, after, false, err
}

// realNames turns the names of staged files back, in what programs say.
func (t *transaction) realNames() *strings.Replacer {
	var pairs []string
	for _, c := range t.files {
		pairs = append(pairs, c.stage, c.RealPath)
	}
	pairs = append(pairs, t.treeRoot()+"/", "/")
	return strings.NewReplacer(pairs...)
}

// compareReadSet refuses a tree of which sshd reads a file that the plan does
// not know: the decision was made without it.
func (t *transaction) compareReadSet(messages string) error {
	known := map[string]bool{t.listener.ConfigFile: true}
	for _, c := range t.files {
		known[c.Path], known[c.RealPath], known[c.stage] = true, true, true
	}
	for _, d := range t.plan.DependsOn() {
		known[d.Path] = true
	}
	for _, file := range readSet(messages) {
		file = strings.TrimPrefix(file, t.treeRoot())
		if !known[file] {
			return staleBecause("sshd reads %s, which the plan does not know", file)
		}
	}
	return nil
}

// readsAll refuses to change a file that sshd does not read: a forged plan can
// name any file as one of the server's.
func (t *transaction) readsAll(messages string) error {
	read := map[string]bool{}
	for _, file := range readSet(messages) {
		read[strings.TrimPrefix(file, t.treeRoot())] = true
	}
	for _, c := range t.files {
		if c.Role == plan.ClientFile || c.After == "" || len(read) == 0 {
			continue
		}
		if !read[c.Path] && !read[c.RealPath] && !read[c.stage] {
			return fmt.Errorf("%s is none of the files that this host's sshd reads", c.Path)
		}
	}
	return nil
}

// readSet returns the files that sshd says it read, from the lines of -dd
// (servconf.c, load_server_config).
func readSet(messages string) []string {
	var files []string
	for line := range strings.Lines(messages) {
		if file, found := strings.CutPrefix(line, "debug2: load_server_config: filename "); found {
			files = append(files, strings.TrimRight(file, "\r\n"))
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// rehearse logs in through an sshd that sees the candidates (rule 14).
func (t *transaction) rehearse(ctx context.Context) error {
	if t.listener.Reload == plan.ReloadByHand {
		return nil
	}
	t.tryHere(ctx)
	err := t.rehearseOn(ctx, "candidate")
	var refused *LoginError
	if errors.As(err, &refused) {
		if t.rehearseOn(ctx, "live") != nil {
			return t.withoutRehearsal(ctx, fmt.Errorf("a rehearsal login is refused by the present configuration, too: %w", err))
		}
		// Once more: where each login has an sshd of its own, the end of
		// another login can fail this one.
		if err = t.rehearseOn(ctx, "candidate"); errors.As(err, &refused) {
			return fmt.Errorf("a rehearsal login is let in by the present configuration and not by the new one: %w", err)
		}
	}
	if err == nil {
		t.note("the rehearsal login came from no address: rules by address were not judged")
		return nil
	}
	return t.withoutRehearsal(ctx, err)
}

// withoutRehearsal decides whether the transaction may go on although no
// rehearsal login could be held.
func (t *transaction) withoutRehearsal(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if t.listener.PID == 1 {
		return fmt.Errorf("sshd is process 1 here, a bad reload would end the host, and no rehearsal login could be held: %w", err)
	}
	if t.plan.Run().AllowPending {
		return fmt.Errorf("allow_pending needs a rehearsal login: %w", err)
	}
	t.note(fmt.Sprintf("no rehearsal: %v", err))
	return nil
}

var errNoRehearsal = errors.New("switched off")

func (t *transaction) rehearseOn(ctx context.Context, tree string) error {
	if !t.plan.Run().Rehearsal {
		return errNoRehearsal
	}
	rehearser, able := t.lifeline.(Rehearser)
	if !able {
		return errors.New("this machine is not reached over SSH")
	}
	ctx, cancel := context.WithTimeout(ctx, stepDeadline/2)
	defer cancel()
	return rehearser.Rehearse(ctx, t.verb("rehearse", tree))
}

// wrappers returns the files that let ssh read the user's and the system's
// file with the candidates in the place of those that change: -F names one
// file only, and would skip the checks of owner and mode that ssh makes of
// included ones (readconf.c).
func (t *transaction) wrappers() (map[string]string, error) {
	var before, after strings.Builder
	changed := map[string]string{}
	var main string
	for _, c := range t.files {
		if c.Role == plan.ClientFile {
			changed[c.Path] = c.stage
			main = c.Path
			if c.kind() == "remove" {
				changed[c.Path] = ""
			}
		}
	}
	files := []string{path.Join(t.machine.home, ".ssh/config"), "/etc/ssh/ssh_config"}
	if !slices.Contains(files, main) {
		files = []string{main}
	}
	for _, file := range files {
		candidate, moved := changed[file]
		if !moved {
			candidate = file
		}
		for _, name := range []string{file, candidate} {
			if strings.ContainsAny(name, "\"\\*?[%$\n\r") {
				return nil, fmt.Errorf("%q cannot be judged by ssh: its name has a character that Include expands", name)
			}
		}
		fmt.Fprintf(&before, "Include \"%s\"\n", file)
		if candidate != "" {
			fmt.Fprintf(&after, "Include \"%s\"\n", candidate)
		}
	}
	return map[string]string{"before.conf": before.String(), "after.conf": after.String()}, nil
}

// loneCandidate is what sshd -f can judge where there is no mount namespace:
// the staged main file, when it is the only one that changes.
func (t *transaction) loneCandidate() string {
	if len(t.files) == 1 && t.files[0].Role == plan.MainFile {
		return t.files[0].stage
	}
	if len(t.files) == 0 {
		return t.listener.ConfigFile
	}
	return ""
}
