package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Deadlines of the transaction. Connections have their own for each request.
const (
	stepDeadline   = 60 * time.Second
	restoreLimit   = 20 // seconds for a restore by the controller; then it is the watchdog's
	confirmMargin  = 15 * time.Second
	lockOutlives   = 15 * time.Minute
	lockRetryEvery = 2 * time.Second
)

// A verdictError is an error that decides the outcome.
type verdictError struct {
	outcome Outcome
	err     error
}

func (e *verdictError) Error() string { return e.err.Error() }
func (e *verdictError) Unwrap() error { return e.err }

func staleBecause(format string, values ...any) error {
	return &verdictError{Stale, fmt.Errorf(format, values...)}
}

// errAlreadyDone ends a transaction that has nothing left to do.
var errAlreadyDone = errors.New("the files are as the plan leaves them")

// A transaction changes one host.
type transaction struct {
	plan   *plan.HostPlan
	planID string
	mode   plan.Mode
	run    string
	opts   RunOptions
	tell   func(Event)
	began  time.Time
	report HostReport

	lifeline Host
	fsys     fs.FS
	shell    Shell
	machine  machine
	listener listener

	folder string // of the run, on the host
	nonce  string
	files  []fileChange
	wanted wantedValues
	wrote  bool // the folder of the run exists
	armed  time.Time
	// seen are the files of the plan as connect has read them, digests what the
	// host computed under the lock, in the order of digestPaths; "-" is a file
	// that is not there, empty what nothing there can compute.
	seen    map[string]plan.File
	digests []string
	// unfit are the reasons against replacing the files, as the host tells them.
	unfit []saying
	// tree is every file of the plan as check has read it.
	tree map[string]plan.File
	// port is where the listener takes logins, once it has been judged.
	port   Endpoint
	copied bool // judged without a namespace
	mute   bool // sshd takes files and does not say what they mean
	// letsIn says that the sshd of this machine let us in before the change;
	// noLogin is why it did not.
	letsIn  bool
	noLogin error
	// pending says that the host is left to its watchdog.
	pending bool
	// revert names the run whose old bytes are put back, instead of edits.
	revert string
}

// carryOut does everything and returns what became of the host.
func (t *transaction) carryOut(ctx context.Context) HostReport {
	t.began = time.Now()
	t.report = HostReport{Host: t.plan.Host, Address: t.plan.Connection.Address, Wave: t.plan.Wave}
	event := Event{Kind: ApplyStarted, Action: mainAction(t.plan.Changes)}
	for _, c := range t.plan.Changes {
		if c.Action != plan.NoOp {
			t.report.Addresses = append(t.report.Addresses, c.Address)
		}
	}
	t.emit(event)
	err := t.change(ctx)
	t.conclude(ctx, err)
	t.report.Elapsed = time.Since(t.began)
	event.Kind, event.Outcome, event.Err, event.Step = ApplyCompleted, t.report.Outcome, t.report.Err, t.report.Step
	if !t.report.Outcome.Succeeded() {
		event.Kind = ApplyErrored
	}
	t.emit(event)
	if t.shell != nil {
		t.shell.Close()
	}
	if t.lifeline != nil {
		t.lifeline.Close()
	}
	return t.report
}

func mainAction(changes []plan.Change) plan.Action {
	for _, c := range changes {
		if c.Action != plan.NoOp {
			return c.Action
		}
	}
	return plan.NoOp
}

func (t *transaction) emit(e Event) {
	e.Time, e.Host, e.Addresses, e.Elapsed = time.Now(), t.plan.Host, t.report.Addresses, time.Since(t.began)
	t.tell(e)
}

// enter begins a step.
func (t *transaction) enter(step StepName) {
	t.report.Step = step
	t.emit(Event{Kind: ApplyProgressed, Step: step})
}

// change goes through the steps until one fails.
func (t *transaction) change(ctx context.Context) error {
	for _, step := range []struct {
		name StepName
		do   func(context.Context) error
	}{
		{StepConnect, t.connect},
		{StepLock, t.lock},
		{StepCheck, t.check},
		{StepRecord, t.prepare},
		{StepStage, t.stage},
		{StepValidate, t.validate},
		{StepArm, t.arm},
		{StepReplace, t.replace},
		{StepReload, t.reload},
		{StepConfirm, t.confirm},
		{StepCommit, t.commit},
	} {
		if err := ctx.Err(); err != nil {
			return err
		}
		t.enter(step.name)
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	t.enter(StepUnlock)
	return nil
}

// conclude turns the error into an outcome, and undoes what was done.
func (t *transaction) conclude(ctx context.Context, err error) {
	failedAt := t.report.Step
	var verdict *verdictError
	switch {
	case err == nil:
		t.report.Outcome, t.report.Step = Changed, ""
		return
	case errors.Is(err, errAlreadyDone):
		t.report.Outcome = AlreadyDone
		if err = t.clean(ctx); err == nil {
			t.report.Step = ""
			return
		}
		err = fmt.Errorf("nothing had to be changed, and the lock could not be released: %w", err)
	case errors.As(err, &verdict):
		t.report.Outcome = verdict.outcome
	default:
		t.report.Outcome = Failed
	}
	t.report.Err = fmt.Errorf("%s: %w", failedAt, err)
	switch {
	case !t.wrote:
	case t.armed.IsZero():
		if cleanErr := t.clean(ctx); cleanErr != nil {
			t.report.Notes = append(t.report.Notes, fmt.Sprintf("what the run left on the host could not be removed, its watchdog does that: %v", cleanErr))
		}
	default:
		t.undo(ctx, failedAt)
	}
	t.report.Step = failedAt
}

// connect opens the lifeline: the connection, its files and its shell.
func (t *transaction) connect(ctx context.Context) error {
	pinned := t.plan.Connection
	host, err := DialTwice(ctx, t.opts.Dialer, Reach{Host: t.plan.Host, Pinned: &pinned}, t.tell)
	if err != nil {
		return &verdictError{Unreachable, err}
	}
	t.lifeline = host
	if pinned.Type == schema.Local && host.Facts().Connection.Machine != pinned.Machine {
		return staleBecause("the plan was made for %s on %s, this is another machine, user or home",
			pinned.Machine.Home, pinned.Machine.Hostname)
	}
	if t.fsys, t.shell, err = openBoth(ctx, host); err != nil {
		return err
	}
	return t.lookAround(ctx)
}

// scope says which sshd is looked for: the one that let us in, or all of this
// machine.
func (t *transaction) scope() string {
	if t.plan.Connection.Type == schema.Local {
		return "machine"
	}
	return "session"
}

// lookAround learns what the host is, while the files of the plan travel.
func (t *transaction) lookAround(ctx context.Context) error {
	together, inner := errgroup.WithContext(ctx)
	together.Go(func() (err error) {
		t.machine, err = lookAround(inner, t.shell, t.scope())
		return
	})
	read := plan.Asking{}
	for _, f := range t.plan.Files {
		read.Files = append(read.Files, f.Path)
	}
	seen := map[string]plan.File{}
	together.Go(func() error { return readPaths(inner, t.fsys, read, seen, nil) })
	if err := together.Wait(); err != nil {
		return err
	}
	t.seen = seen
	t.wanted = wantedOf(t.plan.Changes)
	t.folder = path.Join(t.machine.stateFolder(), "runs", t.run)
	t.nonce = newMark()
	for _, f := range t.plan.Files {
		c := newFileChange(f, t.run, t.folder, len(t.files))
		c.mode, c.uid, c.gid = f.Mode, f.UID, f.GID
		if now := seen[f.Path]; now.State == plan.Regular {
			c.before, c.mode, c.uid, c.gid = now.Bytes, now.Mode, now.UID, now.GID
		}
		t.files = append(t.files, c)
	}
	swapOrder(t.files)
	if err := t.compareFiles(seen); err != nil && !errors.Is(err, errAlreadyDone) {
		return err
	}
	return t.chooseListener()
}

// chooseListener finds the sshd of the plan again (rules 1 and 2).
func (t *transaction) chooseListener() error {
	want := t.plan.Facts.Listener
	t.listener = listener{Listener: want}
	if t.byHand() {
		t.listener.Reload, t.listener.Unit, t.listener.PID = plan.ReloadByHand, "", 0
		t.listener.Path = cmp.Or(want.Path, t.machine.sshd)
		t.judgeByHand()
		return nil
	}
	got, found := t.machine.pick(want.ConfigFile)
	switch {
	case !found:
		return staleBecause("no sshd runs here any more that reads %s", want.ConfigFile)
	case got.doubt != "":
		return errors.New(got.doubt)
	case got.deleted:
		return upgraded(got)
	case got.ConfigFile != want.ConfigFile || got.Path != want.Path || !slices.Equal(got.Args, want.Args):
		return staleBecause("another sshd listens than when the plan was made: %s %s reading %s",
			got.Path, strings.Join(got.Args, " "), got.ConfigFile)
	case got.Reload != want.Reload || got.Unit != want.Unit:
		return staleBecause("sshd is run in another way than when the plan was made: %s %s", got.Reload, got.Unit)
	}
	t.listener = got
	return nil
}

// byHand reports whether no daemon is told of the change: none runs, or a
// person does that (reload = "none").
func (t *transaction) byHand() bool {
	planned := listener{Listener: t.plan.Facts.Listener}
	return !planned.reloads() || t.plan.Run.Reload == string(plan.ReloadByHand)
}

// judgeByHand makes the program judge the file of the plan where no listener
// says which file it reads.
func (t *transaction) judgeByHand() {
	i := slices.IndexFunc(t.plan.Changes, func(c plan.Change) bool {
		return c.Address.Side() == schema.Server && path.IsAbs(c.File)
	})
	if i >= 0 && t.listener.ConfigFile != t.plan.Changes[i].File {
		t.listener.ConfigFile = t.plan.Changes[i].File
		t.listener.Args = []string{"-f", t.listener.ConfigFile}
	}
}

// compareFiles gives the three answers for the files that change: do it (nil),
// already done, or stale.
func (t *transaction) compareFiles(seen map[string]plan.File) error {
	done := 0
	var stale error
	for _, c := range t.files {
		now := seen[c.Path]
		digest := plan.Digest("")
		switch now.State {
		case plan.Regular:
			digest = plan.Sum(now.Bytes)
		case plan.Missing:
		default:
			return fmt.Errorf("%s cannot be read any more: %s", c.Path, now.Err)
		}
		if now.RealPath != "" && now.RealPath != c.RealPath {
			return staleBecause("%s leads to %s now, not to %s", c.Path, now.RealPath, c.RealPath)
		}
		switch digest {
		case c.Before:
		case c.After:
			done++
		default:
			stale = &verdictError{Stale, &plan.StaleError{Path: c.Path, Want: c.Before, Got: digest}}
		}
	}
	switch {
	case stale != nil:
		return stale
	case done > 0 && done == len(t.files):
		return errAlreadyDone
	case done > 0:
		return staleBecause("some of the files are as the plan leaves them, others as it found them")
	}
	return nil
}

// lock takes the lock, lays down the run's folder and starts the watchdog, all
// in one trip. The digests of everything the plan depends on come back with
// it, read under the lock.
func (t *transaction) lock(ctx context.Context) error {
	text, err := manifest{
		id: t.run, nonce: t.nonce, state: t.machine.stateFolder(), timeout: t.confirmTimeout(),
		backups: cmp.Or(t.plan.Run.Backups, plan.DefaultBackups), listener: t.listener,
		program: t.listener.Path, tree: t.candidateTree(), files: t.files,
		namespaces: t.machine.namespaces, treeFolders: t.treeFolders(),
		command: t.opts.ReloadCommands[t.plan.Run.Reload],
	}.text()
	if err != nil {
		return err
	}
	lock := ""
	if !t.opts.NoLock {
		lock = lockText(t.run, t.opts, t.began)
	}
	goodFor := 2*t.confirmTimeout() + lockOutlives
	step := Step{Name: "lock", Script: beginScript, Args: append([]string{
		t.machine.stateFolder(), t.run, t.nonce, lock, strconv.Itoa(int(goodFor / time.Second)), text, transactScript,
	}, t.digestPaths()...)}
	deadline := time.Now().Add(t.opts.LockTimeout)
	for released := 0; ; {
		answer, err := t.do(ctx, step)
		if err != nil {
			return err
		}
		switch answer.Status {
		case 0:
			t.wrote = true
			return t.compareDigests(answer.Stdout)
		case lockedStatus:
			held, still := readLock(answer.Stdout, "locked ")
			if released++; !still && released < lockTries {
				continue // whoever held it released it while we asked who it is
			}
			if time.Now().Add(lockRetryEvery).After(deadline) {
				return &verdictError{Locked, &LockedError{Held: held}}
			}
			if err := wait(ctx, lockRetryEvery); err != nil {
				return err
			}
		default:
			return failure(step, answer)
		}
	}
}

const (
	// lockedStatus is begin.sh's exit status when somebody else holds the lock.
	lockedStatus = 4
	// lockTries bounds how often a lock is tried again that was just released.
	lockTries = 5
)

// wait waits, or returns early with the context's error.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func (t *transaction) confirmTimeout() time.Duration {
	return cmp.Or(t.plan.Run.ConfirmTimeout, plan.DefaultConfirmTimeout)
}

// changesServer reports whether a server block has something to do.
func (t *transaction) changesServer() bool { return t.changes(schema.Server) }

// changesClient reports whether a client block has something to do.
func (t *transaction) changesClient() bool { return t.changes(schema.Client) }

func (t *transaction) changes(side schema.Side) bool {
	return slices.ContainsFunc(t.plan.Changes, func(c plan.Change) bool {
		return c.Address.Side() == side && c.Action != plan.NoOp
	})
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

// digestPaths are the files that change, then the dependencies; folders end
// with a slash.
func (t *transaction) digestPaths() []string {
	var paths []string
	for _, c := range t.files {
		paths = append(paths, c.RealPath)
	}
	for _, d := range t.plan.DependsOn {
		if d.Folder {
			paths = append(paths, strings.TrimSuffix(d.Path, "/")+"/")
		} else {
			paths = append(paths, d.Path)
		}
	}
	return paths
}

// compareDigests compares what the host computed under the lock with the plan.
// What it could not compute is read again in check.
func (t *transaction) compareDigests(output []byte) error {
	t.digests = make([]string, len(t.files)+len(t.plan.DependsOn))
	for _, line := range sayings(output) {
		if line.key == "unfit" {
			t.unfit = append(t.unfit, line)
		}
		if line.key != "digest" {
			continue
		}
		index, sum, _ := strings.Cut(line.value, " ")
		i, err := strconv.Atoi(index)
		if err != nil || i < 0 || i >= len(t.digests) || len(sum) != 64 && sum != "-" {
			continue
		}
		t.digests[i] = sum
		if i >= len(t.files) {
			continue
		}
		got := plan.Digest(strings.TrimPrefix(sum, "-"))
		// Another run may have carried out the same plan since we looked: check
		// reads all files anew and tells that from a stale plan.
		if c := t.files[i]; got != c.After && got != plan.Sum(c.before) && !(got == "" && c.before == nil) {
			return &verdictError{Stale, &plan.StaleError{Path: c.Path, Want: c.Before, Got: got}}
		}
	}
	return nil
}

// unmoved reports whether the host's digests say that everything is as the plan
// wants it. Then nothing has to travel again: connect has read the files that
// change, and compareDigests has seen that they are the same under the lock.
func (t *transaction) unmoved() bool {
	if t.needsCopy() || t.compareFiles(t.seen) != nil {
		return false
	}
	for i, c := range t.files {
		// It may also be as the plan leaves it, by another run's doing.
		if c.Path != c.RealPath || t.digests[i] != cmp.Or(string(c.Before), "-") {
			return false
		}
	}
	for i, d := range t.plan.DependsOn {
		got := t.digests[len(t.files)+i]
		want := cmp.Or(string(d.Before), "-")
		if d.Folder && d.Before == plan.SumNames(nil) {
			want = string(plan.Sum(nil)) // no line at all
		}
		if got != want {
			return false
		}
	}
	return true
}

// check reads everything again that the plan depends on, now under the lock,
// unless the host's own digests have settled that.
func (t *transaction) check(ctx context.Context) error {
	read := plan.Asking{}
	for _, c := range t.files {
		read.Files = append(read.Files, c.Path)
	}
	for _, d := range t.plan.DependsOn {
		if d.Folder {
			read.Folders = append(read.Folders, d.Path)
		} else {
			read.Files = append(read.Files, d.Path)
		}
	}
	files, folders := map[string]plan.File{}, map[string]plan.Folder{}
	unmoved := t.unmoved()
	together, inner := errgroup.WithContext(ctx)
	if unmoved {
		files = t.seen
	} else {
		together.Go(func() error { return readPaths(inner, t.fsys, read, files, folders) })
	}
	var pending error
	together.Go(func() (err error) {
		pending, err = t.pendingEdits(inner)
		return
	})
	if err := together.Wait(); err != nil {
		return err
	}
	if err := t.compareFiles(files); err != nil {
		if errors.Is(err, errAlreadyDone) && pending != nil {
			return fmt.Errorf("the files are as the plan leaves them, and sshd has not read them: plan again to reload it")
		}
		return err
	}
	if err := t.fit(); err != nil {
		return err
	}
	t.tree = files
	for i, c := range t.files {
		if after, err := t.candidate(c, files[c.Path].Bytes); err != nil {
			return err
		} else {
			t.files[i].after = after
		}
	}
	if !unmoved {
		if err := t.compareDependencies(files, folders); err != nil {
			return err
		}
	}
	if len(t.files) > 0 && !t.plan.Run.AllowPending {
		return pending
	}
	return nil
}

// candidate makes the text that the plan promises. A forged plan may not move
// lines of somebody else into another block by what it does around them.
func (t *transaction) candidate(c fileChange, before []byte) ([]byte, error) {
	after, err := t.replayed(c, before)
	if err != nil || t.revert != "" {
		return after, err
	}
	side := schema.Server
	if c.Role == plan.ClientFile {
		side = schema.Client
	}
	if err := plan.VerifyText(side, before, after); err != nil {
		return nil, fmt.Errorf("%s: %w", c.Path, err)
	}
	return after, nil
}

func (t *transaction) replayed(c fileChange, before []byte) ([]byte, error) {
	if c.After == "" {
		return nil, nil
	}
	after, err := plan.Replay(before, c.Edits)
	if t.revert != "" {
		var kept plan.File
		kept, err = readPlain(t.fsys, path.Join(t.machine.stateFolder(), "runs", t.revert, "old", path.Base(c.saved)))
		after = kept.Bytes
	}
	if err != nil {
		return nil, &verdictError{Stale, fmt.Errorf("%s: %w", c.Path, err)}
	}
	if plan.Sum(after) != c.After {
		return nil, &verdictError{Stale, fmt.Errorf("%s: the plan's edits do not make the file that it promises", c.Path)}
	}
	return after, nil
}

func (t *transaction) compareDependencies(files map[string]plan.File, folders map[string]plan.Folder) error {
	for _, d := range t.plan.DependsOn {
		got := plan.Digest("")
		switch {
		case d.Folder && !folders[d.Path].Missing:
			got = plan.SumNames(t.withoutOurs(folders[d.Path].Names))
		case !d.Folder && files[d.Path].State == plan.Regular:
			got = plan.Sum(files[d.Path].Bytes)
		}
		if got != d.Before {
			return &verdictError{Stale, &plan.StaleError{Path: d.Path, Want: d.Before, Got: got}}
		}
	}
	return nil
}

// withoutOurs leaves out the names that this run itself puts into a folder.
func (t *transaction) withoutOurs(names []string) []string {
	ours := map[string]bool{}
	for _, c := range t.files {
		ours[path.Base(c.stage)], ours[path.Base(c.old)] = true, true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return ours[name] })
}

// pendingEdits finds files of the tree that somebody changed and the daemon
// has not read (rule 3): our reload would bring them into force, and our
// restore could not undo that.
func (t *transaction) pendingEdits(ctx context.Context) (pending, err error) {
	switch t.listener.Reload {
	case plan.NoListener, plan.ReloadByHand, plan.PerLogin, plan.LaunchdWay:
		return nil, nil
	}
	if !t.changesServer() {
		return nil, nil
	}
	times, err := askTimes(ctx, t.shell, t.machine, t.listener, t.listener.pidFile, t.treePaths())
	if err != nil {
		return nil, err
	}
	if fresh, file := times.judge(); fresh == plan.Stale {
		return fmt.Errorf("unloaded edits by someone else: %s changed after sshd read it; reload sshd first, or set allow_pending", file), nil
	}
	return nil, nil
}

func (t *transaction) treePaths() []string {
	var paths []string
	for _, c := range t.files {
		if c.before != nil {
			paths = append(paths, c.RealPath)
		}
	}
	for _, d := range t.plan.DependsOn {
		if d.Before != "" {
			paths = append(paths, d.Path)
		}
	}
	slices.Sort(paths)
	return slices.Compact(paths)
}

// prepare makes the record; it travels with the staged files.
func (t *transaction) prepare(context.Context) error { return nil }

// stage puts the record, the old bytes and the candidates on the host.
func (t *transaction) stage(ctx context.Context) error {
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
			return err
		}
		for _, name := range slices.Sorted(maps.Keys(wrappers)) {
			staged = append(staged, ours(path.Join(t.folder, name), []byte(wrappers[name])))
		}
	}
	copied, err := t.copiedTree()
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(copied)) {
		staged = append(staged, ours(name, copied[name]))
	}
	ctx, cancel := context.WithTimeout(ctx, stepDeadline)
	defer cancel()
	return t.lifeline.Stage(ctx, staged)
}

// do runs a step over the lifeline.
func (t *transaction) do(ctx context.Context, step Step) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, stepDeadline)
	defer cancel()
	return t.shell.Do(ctx, step)
}

// callScript calls the text that lies on the host since the lock.
const callScript = `run=$1 verb=$2; shift 2; /bin/sh "$run/transact.sh" "$verb" "$run" "$@"`

// verb calls transact.sh with a verb and its words.
func (t *transaction) verb(name string, words ...string) Step {
	return Step{Name: name, Script: callScript, Args: append([]string{t.folder, name}, words...)}
}

// act does a verb over the lifeline; its output may say "stale FILE".
func (t *transaction) act(ctx context.Context, name string) error {
	step := t.verb(name)
	answer, err := t.do(ctx, step)
	if err != nil {
		return err
	}
	if answer.Status == 0 {
		return nil
	}
	for _, line := range sayings(answer.Stdout) {
		if line.key == "stale" {
			return &verdictError{Stale, fmt.Errorf("%s: somebody changed it at this very moment", line.value)}
		}
	}
	return failure(step, answer)
}

func (t *transaction) arm(ctx context.Context) error {
	// From here on the watchdog restores; count from before it starts to.
	t.armed = time.Now()
	return t.act(ctx, "arm")
}

func (t *transaction) replace(ctx context.Context) error { return t.act(ctx, "swap") }

func (t *transaction) reload(ctx context.Context) error { return t.act(ctx, "reload") }

// commit moves the token over the lifeline; if that is gone, over a new
// connection. If the token is not there, the watchdog was faster.
func (t *transaction) commit(ctx context.Context) error {
	err := t.act(ctx, "commit")
	if err == nil || ctx.Err() != nil {
		return err
	}
	verdict, tokenErr := t.settledElsewhere(ctx)
	if tokenErr == nil && strings.HasPrefix(verdict, "committed") {
		return nil
	}
	return err
}
