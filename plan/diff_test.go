package plan_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/testenv"
)

// The law of edits: whatever a tree looks like and whatever is wanted of it,
// either nothing is changed and a diagnostic says why, or the real program
// accepts the new files, gives the wanted values for those they are wanted
// for, and says the same as before about everything and everybody else; and a
// second plan is empty.
//
// SSHFORM_DIFF_CASES is how many trees the resolver is tried on for each
// program (see sshconf), SSHFORM_DIFF_SEED the first seed. Edits are tried on a
// quarter of that number, for each program: nearly all the time goes into
// starting programs, sshd in some 8 ms and ssh in some 4, of which the resolver
// needs one or two a tree and an edit about seven. So both sorts take the same
// time, and 20,000 means 40,000 trees read and 10,000 edited.

func TestServerEdits(t *testing.T) { testEdits(t, schema.Server, "sshd") }
func TestClientEdits(t *testing.T) { testEdits(t, schema.Client, "ssh") }

func testEdits(t *testing.T, side schema.Side, name string) {
	judge := &program{path: testenv.Program(t, name), side: side, release: installed(t)}
	if side == schema.Server {
		judge.prepare(t)
	}
	first, cases := diffCases(t)
	root := t.TempDir()
	var changed atomic.Int32
	var mu sync.Mutex
	refusals := map[string]int{}
	work := make(chan uint64)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for seed := range work {
				c := newCase(seed, judge, filepath.Join(root, strconv.FormatUint(seed, 10)))
				if err := c.run(); err != nil {
					t.Errorf("seed %d: %v\n%s", seed, err, c.g.show(c.targets, c.before))
				}
				if c.changed {
					changed.Add(1)
				}
				mu.Lock()
				for _, summary := range c.refusals {
					refusals[summary]++
				}
				mu.Unlock()
				if err := os.RemoveAll(c.g.dir); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range cases {
		work <- first + uint64(i)
	}
	close(work)
	wg.Wait()
	testenv.Note(t, "differences.txt", fmt.Sprintf("%s: %d trees from seed %d, %d of them edited; refusals: %v", t.Name(), cases, first, changed.Load(), refusals))
}

func diffCases(t *testing.T) (first uint64, cases int) {
	t.Helper()
	first, cases = uint64(time.Now().UnixNano()), 200
	var errs []error
	if s := os.Getenv("SSHFORM_DIFF_CASES"); s != "" {
		n, err := strconv.Atoi(s)
		cases, errs = n, append(errs, err)
	}
	if s := os.Getenv("SSHFORM_DIFF_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		first, errs = n, append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	cases = (cases + 3) / 4
	t.Logf("%d seeds from %d; run one again with SSHFORM_DIFF_SEED=… SSHFORM_DIFF_CASES=1", cases, first)
	return first, cases
}

func installed(t *testing.T) schema.Release {
	t.Helper()
	out, err := exec.Command(testenv.Program(t, "ssh"), "-V").CombinedOutput()
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(strings.TrimPrefix(string(out), "OpenSSH_"), ",")
	release, err := schema.ParseRelease(text)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// A program is the real sshd or ssh.
type program struct {
	path    string
	side    schema.Side
	release schema.Release
	hostKey string
}

// prepare makes what sshd wants even for -T: a host key, and the
// privilege-separation folder when root asks.
func (p *program) prepare(t *testing.T) {
	t.Helper()
	p.hostKey = filepath.Join(t.TempDir(), "key")
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", p.hostKey).CombinedOutput()
	testenv.Need(t, err == nil, fmt.Sprintf("ssh-keygen: %v %s", err, out))
	if os.Getuid() == 0 {
		testenv.Need(t, os.MkdirAll("/run/sshd", 0o755) == nil, "/run/sshd cannot be made")
	}
}

// ask puts a login to the program as package apply does.
func (p *program) ask(file string, login plan.Login) (plan.Answer, error) {
	if p.side == schema.Client {
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			file = "none" // ssh stops at -F of a file that is not there yet
		}
		return p.dump("-G", "-F", file, login.Host)
	}
	args := []string{"-T", "-f", file, "-h", p.hostKey}
	if login.Asked() {
		args = append(args, "-C", fmt.Sprintf("user=%s,host=%s,addr=%s,laddr=%s,lport=%d,rdomain=%s",
			login.User, login.Host, login.Addr, login.LAddr, login.LPort, login.RDomain))
	}
	return p.dump(args...)
}

func (p *program) dump(args ...string) (plan.Answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		return plan.Answer{}, err
	}
	a := plan.Answer{Exit: cmd.ProcessState.ExitCode(), Values: map[string][]string{}, Stderr: errs.String()}
	for line := range strings.Lines(out.String()) {
		keyword, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		keyword = strings.ToLower(keyword)
		a.Values[keyword] = append(a.Values[keyword], value)
	}
	return a, nil
}

// A diffCase is one tree and what is wanted of it.
type diffCase struct {
	g        *generator
	judge    *program
	targets  []schema.Target
	before   map[string]string
	changed  bool
	refusals []string
	// inScope says for each target whether a login is in its scope, as the
	// program itself has it.
	inScope map[plan.Login][]bool
	// asked has the answers about the files as they are now.
	asked map[plan.Login]plan.Answer
}

func newCase(seed uint64, judge *program, dir string) *diffCase {
	g := newGenerator(seed, judge.side, judge.release, dir)
	return &diffCase{
		g: g, judge: judge, targets: g.targets(), before: maps.Clone(g.files),
		inScope: map[plan.Login][]bool{}, asked: map[plan.Login]plan.Answer{},
	}
}

// ask puts a login to the program, once for each state of the files.
func (c *diffCase) ask(login plan.Login) (plan.Answer, error) {
	answer, known := c.asked[login]
	if !known {
		var err error
		if answer, err = c.judge.ask(c.g.main, login); err != nil {
			return plan.Answer{}, err
		}
		c.asked[login] = answer
	}
	return answer, nil
}

func (c *diffCase) run() (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, stack())
		}
	}()
	if err := c.g.write(); err != nil || len(c.targets) == 0 {
		return err
	}
	p, diags, err := c.plan()
	if err != nil {
		return err
	}
	if diags.HasErrors() {
		return c.refused(p, diags)
	}
	if len(p.Hosts[0].Files()) == 0 {
		return c.judgeAll(p, nil, c.asked, c.asked) // nothing to carry out, and nobody to ask again
	}
	logins := c.logins(p)
	before, err := c.answers(logins)
	if err != nil {
		return err
	}
	if err := c.carryOut(p); err != nil {
		return err
	}
	after, err := c.answers(logins)
	if err != nil {
		return err
	}
	if err := c.judgeAll(p, logins, before, after); err != nil {
		return fmt.Errorf("%w\nafter:\n%s", err, c.g.show(nil, c.g.files))
	}
	again, diags, err := c.plan()
	if err != nil {
		return err
	}
	for _, h := range again.Hosts {
		if h.Changed() || len(h.Files()) > 0 || diags.HasErrors() {
			return fmt.Errorf("a second plan is not empty: %s\nafter:\n%s", tell(again, diags), c.g.show(nil, c.g.files))
		}
	}
	return nil
}

func stack() string {
	text := make([]byte, 4<<10)
	return string(text[:runtime.Stack(text, false)])
}

func tell(p *plan.Plan, diags schema.Diagnostics) string {
	var b strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&b, "%s: %s\n", d.Summary, d.Detail)
	}
	for _, h := range p.Hosts {
		for _, f := range h.Files() {
			fmt.Fprintf(&b, "%s: %+v\n", f.Path, f.Edits)
		}
	}
	return b.String()
}

// refused accepts an error if nothing is changed and OpenSSH agrees.
func (c *diffCase) refused(p *plan.Plan, diags schema.Diagnostics) error {
	for _, h := range p.Hosts {
		if h.Changed() || len(h.Files()) > 0 {
			return fmt.Errorf("errors and edits: %s", tell(p, diags))
		}
	}
	for _, d := range diags {
		if d.Severity != schema.Error {
			continue
		}
		c.refusals = append(c.refusals, d.Summary)
		switch d.Summary {
		case "sshform and OpenSSH disagree":
			return fmt.Errorf("%s", d.Detail)
		case "OpenSSH refuses the present configuration":
			return c.alsoRefused(d.Detail)
		}
	}
	return nil
}

// alsoRefused demands that the program refuses the files for somebody, those
// first of whom it was asked already.
func (c *diffCase) alsoRefused(reason string) error {
	for _, answer := range c.asked {
		if answer.Exit != 0 {
			return nil
		}
	}
	for range 3 {
		answer, err := c.ask(c.somebody())
		if err != nil {
			return err
		}
		if answer.Exit != 0 {
			return nil
		}
	}
	return fmt.Errorf("OpenSSH does not refuse it: %s", reason)
}

func (c *diffCase) plan() (*plan.Plan, schema.Diagnostics, error) {
	o, err := c.observe()
	if err != nil {
		return nil, nil, err
	}
	cfg := &schema.Config{Targets: c.targets}
	p, diags := plan.Build(cfg, slices.Values([]*plan.Observed{o}), plan.BuildOptions{})
	return p, diags, nil
}

// observe answers what plan asks, from the disk and from the program.
func (c *diffCase) observe() (*plan.Observed, error) {
	o := &plan.Observed{
		Host: "h", Release: c.judge.release, Home: "/root", User: "root", UID: os.Getuid(),
		Connection: plan.Connection{Type: schema.OverSSH, Address: "h.invalid", Port: 22, HostKey: "SHA256:h"},
		Files:      map[string]plan.File{}, Folders: map[string]plan.Folder{}, Answers: map[plan.Login]plan.Answer{},
	}
	for round := 0; ; round++ {
		asking := plan.Asks(c.targets, o)
		if asking.Empty() {
			return o, nil
		}
		if round > 40 {
			return nil, fmt.Errorf("plan asks without an end: %+v", asking)
		}
		for _, name := range asking.Files {
			o.Files[name] = observeFile(name)
		}
		for _, name := range asking.Folders {
			o.Folders[name] = observeFolder(name)
		}
		for _, login := range asking.Logins {
			answer, err := c.ask(login)
			if err != nil {
				return nil, err
			}
			o.Answers[login] = answer
		}
	}
}

func observeFile(name string) plan.File {
	if _, err := os.Lstat(name); err != nil {
		return plan.File{State: plan.Missing}
	}
	real, err := filepath.EvalSymlinks(name)
	if err != nil {
		return plan.File{State: plan.Dangling}
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		return plan.File{State: plan.Unreadable, Err: err.Error()}
	case real == plan.NullDevice:
		return plan.File{State: plan.Null, RealPath: real}
	case info.IsDir():
		return plan.File{State: plan.Directory}
	}
	text, err := os.ReadFile(real)
	if err != nil {
		return plan.File{State: plan.Unreadable, Err: err.Error()}
	}
	return plan.File{RealPath: real, Bytes: text, Mode: uint32(info.Mode().Perm()), UID: os.Getuid()}
}

func observeFolder(name string) plan.Folder {
	entries, err := os.ReadDir(name)
	if err != nil {
		return plan.Folder{Missing: true}
	}
	var f plan.Folder
	for _, e := range entries {
		f.Names = append(f.Names, e.Name())
	}
	return f
}

// logins are those of which plan has asked, those that the plan expects
// something of, and a few more that nobody has thought of.
func (c *diffCase) logins(p *plan.Plan) []plan.Login {
	wanted := map[plan.Login]bool{c.somebody(): true, c.somebody(): true}
	for login := range c.asked {
		wanted[login] = true
	}
	for _, change := range p.Hosts[0].Changes() {
		for _, e := range change.Expect {
			wanted[e.Login] = true
		}
	}
	maps.DeleteFunc(wanted, func(l plan.Login, _ bool) bool { return l.Group != "" })
	return slices.Collect(maps.Keys(wanted))
}

// somebody draws a login that blocks and scopes are about.
func (c *diffCase) somebody() plan.Login {
	if c.judge.side == schema.Client {
		return plan.Login{Client: true, File: c.g.main, Host: pick(c.g, "target", "web1", "web2", "other", "x.example", "nobody")}
	}
	return plan.Login{
		File: c.g.main, User: pick(c.g, "alice", "bob", "carol", "root"), Host: pick(c.g, "web1", "x"),
		Addr: pick(c.g, "10.1.2.3", "10.9.9.9", "192.168.1.1", "203.0.113.1"), LAddr: pick(c.g, "127.0.0.1", "10.0.0.1"),
		LPort: pick(c.g, 22, 2222), RDomain: pick(c.g, "blue", "red"),
	}
}

func (c *diffCase) answers(logins []plan.Login) (map[plan.Login]plan.Answer, error) {
	all := map[plan.Login]plan.Answer{}
	for _, login := range logins {
		answer, err := c.ask(login)
		if err != nil {
			return nil, err
		}
		if answer.Exit != 0 {
			return nil, fmt.Errorf("%s refuses %+v: %s\nafter:\n%s", c.judge.path, login, answer.Stderr, c.g.show(nil, c.g.files))
		}
		all[login] = answer
	}
	return all, nil
}

// write puts the generated tree on the disk.
func (g *generator) write() error {
	for name, text := range g.files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for link, to := range g.links {
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		if err := os.Symlink(to, link); err != nil {
			return err
		}
	}
	return os.MkdirAll(g.dir, 0o755)
}

// carryOut writes the plan to a file, reads it back and replays its edits.
func (c *diffCase) carryOut(p *plan.Plan) error {
	var saved bytes.Buffer
	if _, err := plan.Write(&saved, p, false); err != nil {
		return err
	}
	p, err := plan.Read(&saved)
	if err != nil {
		return fmt.Errorf("the plan does not read back: %w", err)
	}
	for _, f := range p.Hosts[0].Files() {
		c.changed = true
		clear(c.asked)
		before, err := os.ReadFile(f.RealPath)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		text, err := plan.Replay(before, f.Edits)
		if err != nil {
			return err
		}
		if f.After == "" {
			delete(c.g.files, f.RealPath)
			if err := os.Remove(f.RealPath); err != nil {
				return err
			}
			continue
		}
		c.g.files[f.RealPath] = string(text)
		if err := os.WriteFile(f.RealPath, text, os.FileMode(f.Mode)); err != nil {
			return err
		}
	}
	return nil
}

// judgeAll compares the program's dumps from before and after, for everybody.
func (c *diffCase) judgeAll(p *plan.Plan, logins []plan.Login, before, after map[plan.Login]plan.Answer) error {
	for _, login := range logins {
		// -T says all that -t would.
		if before[login].Stderr == "" && after[login].Stderr != "" {
			return fmt.Errorf("for %+v %s", login, after[login].Stderr)
		}
		names := maps.Clone(before[login].Values)
		maps.Copy(names, after[login].Values)
		for name := range names {
			was, is := before[login].Values[name], after[login].Values[name]
			if slices.Equal(was, is) {
				continue
			}
			allowed, err := c.allowed(login, name)
			if err != nil {
				return err
			}
			if !slices.ContainsFunc(allowed, func(a schema.Argument) bool { return a == anything || spelledAs(name, a, is) }) {
				return fmt.Errorf("for %+v %s changed from %q to %q; allowed %q: %s", login, name, was, is, allowed, tell(p, nil))
			}
		}
	}
	for _, change := range p.Hosts[0].Changes() {
		for _, e := range change.Expect {
			for keyword, argument := range e.Values {
				if is := after[e.Login].Values[keyword.Lower()]; e.Login.Group == "" && !spelledAs(keyword.Lower(), argument, is) {
					return fmt.Errorf("%s: for %+v %s is %q, not %q: %s", change.Address, e.Login, keyword, is, argument, tell(p, nil))
				}
			}
		}
		if err := c.declared(change); err != nil {
			return err
		}
	}
	return nil
}

// declared demands that the plan expects what its target declares.
func (c *diffCase) declared(change plan.Change) error {
	i := slices.IndexFunc(c.targets, func(t schema.Target) bool { return t.Address == change.Address })
	for _, s := range c.targets[i].Settings {
		is := change.Expect[0].Values[s.Keyword]
		if is != s.Argument && !(s.Argument == "none" && is == "*=0") {
			return fmt.Errorf("%s expects %s %q, not %q", change.Address, s.Keyword, is, s.Argument)
		}
	}
	return nil
}

// spelledAs reports whether a dump's lines are an argument as written.
func spelledAs(name string, argument schema.Argument, dump []string) bool {
	text := strings.Join(dump, " ")
	switch {
	case name == "channeltimeout" && argument == "none":
		return text == "" || strings.EqualFold(text, "none") || text == "*=0"
	case name == "channeltimeout":
		d, _ := schema.Define(schema.Server, name)
		folded, err := d.List(strings.Fields(text)) // sshd prints times as they are written
		return err == nil && folded == argument
	case name == "connecttimeout" && argument == "0":
		return text == "0" || text == "none"
	}
	return text == string(argument)
}

// anything stands for a keyword that is unset.
const anything schema.Argument = "anything"

// allowed returns the arguments that a keyword may have for a login after the
// edits, the one it had left out: those of all scopes that the login is in.
func (c *diffCase) allowed(login plan.Login, name string) ([]schema.Argument, error) {
	in, err := c.scopes(login)
	if err != nil {
		return nil, err
	}
	if real := c.asked[login].Values["hostname"]; len(real) == 1 && c.readsAgain() {
		login.Host = real[0]
		again, err := c.scopes(login)
		if err != nil {
			return nil, err
		}
		in = slices.Clone(in)
		for i := range in {
			in[i] = in[i] || again[i]
		}
	}
	var allowed []schema.Argument
	for i, t := range c.targets {
		if !in[i] {
			continue
		}
		for _, s := range t.Settings {
			if s.Keyword.Lower() == name {
				allowed = append(allowed, s.Argument)
			}
		}
		for _, s := range t.Unset {
			if s.Keyword.Lower() == name {
				allowed = append(allowed, anything)
			}
		}
	}
	return allowed, nil
}

// readsAgain reports whether ssh may read the files once more, with HostName in
// the place of the host: then Host lines also match the name that it gives.
func (c *diffCase) readsAgain() bool {
	for _, text := range c.before {
		if strings.Contains(strings.ToLower(text), "final") {
			return true
		}
	}
	return false
}

// marks are keywords of which each target's scope sets one in a probe.
func (p *program) marks() [3]string {
	if p.side == schema.Client {
		return [...]string{"User", "HostKeyAlias", "BindInterface"}
	}
	return [...]string{"ForceCommand", "Banner", "ChrootDirectory"}
}

// scopes asks the program itself which targets' scopes take a login: with a
// file of nothing but the scopes, each with a mark of its own.
func (c *diffCase) scopes(login plan.Login) ([]bool, error) {
	if in, known := c.inScope[login]; known {
		return in, nil
	}
	in, marks := make([]bool, len(c.targets)), c.judge.marks()
	var text strings.Builder
	for i, t := range c.targets {
		in[i] = t.Scope == schema.Scope{}
		if in[i] {
			continue
		}
		header := "Match " + t.Scope.Match
		if c.judge.side == schema.Client {
			header = "Host " + t.Scope.Patterns
		}
		fmt.Fprintf(&text, "%s\n%s /marked\n", header, marks[i])
	}
	c.inScope[login] = in
	if text.Len() == 0 || c.judge.side == schema.Server && !login.Asked() {
		return in, nil
	}
	file := c.g.dir + "/probe"
	if err := os.WriteFile(file, []byte(text.String()), 0o644); err != nil {
		return nil, err
	}
	answer, err := c.judge.ask(file, login)
	if err != nil || answer.Exit != 0 {
		return nil, fmt.Errorf("probe %q: %v %s", text.String(), err, answer.Stderr)
	}
	for i := range in {
		in[i] = in[i] || slices.Equal(answer.Values[strings.ToLower(marks[i])], []string{"/marked"})
	}
	return in, nil
}
