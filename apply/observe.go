package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// Limits on what is read from one host; everything a host says is hostile.
const (
	maxRounds     = 24 // of asking: 16 levels of Include and what follows from them
	maxFiles      = 1000
	maxNames      = 10000
	maxFileSize   = 1 << 20
	filesTogether = 64 // in flight on one connection
)

// DefaultParallelism is how many hosts are worked on at a time.
const DefaultParallelism = 32

// ObserveOptions are what Observe needs besides the configuration.
type ObserveOptions struct {
	Dialer Dialer
	// Asks names what is still wanted about a host: plan.Asks, or that of a
	// plan.Questions, which spares the work for equal hosts.
	Asks func([]schema.Target, *plan.Observed) plan.Asking
	// Parallelism is how many hosts are read at a time; 0 is DefaultParallelism.
	Parallelism int
	// Events is told of each host; nil tells nobody. It is called from several
	// goroutines, one call at a time.
	Events func(Event)

	dumps *dumps
}

// Observe reads every host of the configuration, several at a time, and yields
// each as soon as it is read. A host that cannot be read is yielded with Step
// and Err. When the loop ends early or ctx is cancelled, what is in flight is
// ended and waited for.
func Observe(ctx context.Context, cfg *schema.Config, opts ObserveOptions) iter.Seq[*plan.Observed] {
	return func(yield func(*plan.Observed) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer garbage.bound()()
		opts.Events = serialised(opts.Events)
		opts.dumps = new(dumps)
		hosts := slices.Collect(cfg.Hosts())
		done := make(chan *plan.Observed)
		go func() {
			defer close(done)
			var group errgroup.Group
			group.SetLimit(cmp.Or(opts.Parallelism, DefaultParallelism))
			for _, targets := range hosts {
				group.Go(func() error {
					done <- observeHost(ctx, targets, &opts)
					return nil
				})
			}
			group.Wait()
		}()
		began, progress := time.Now(), Progress{Total: len(hosts)}
		ticks := time.NewTicker(progressEvery)
		defer ticks.Stop()
		stopped := false
		for {
			select {
			case o, more := <-done:
				if !more {
					return
				}
				progress.count(o)
				if !stopped && !yield(o) {
					stopped = true
					cancel()
				}
			case <-ticks.C:
				opts.Events(progress.event(time.Now(), began))
			}
		}
	}
}

func (p *Progress) count(o *plan.Observed) {
	p.Done++
	if o.Err != "" {
		p.Unreachable++
	}
}

// serialised makes calls of f one at a time; nil becomes a func that does
// nothing.
func serialised(f func(Event)) func(Event) {
	if f == nil {
		return func(Event) {}
	}
	var mu sync.Mutex
	return func(e Event) {
		mu.Lock()
		defer mu.Unlock()
		f(e)
	}
}

// observeHost reads one host and tells of it. Its stack lies under all that is
// done for the host, so large values are kept off it.
func observeHost(ctx context.Context, targets []schema.Target, opts *ObserveOptions) *plan.Observed {
	began := time.Now()
	tellStarted(targets, began, opts)
	o, step, err := read(ctx, targets, opts)
	tellRead(targets, began, step, err, opts)
	if err != nil {
		return &plan.Observed{Host: targets[0].Host.Name, Step: string(step), Err: err.Error()}
	}
	return o
}

func tellStarted(targets []schema.Target, began time.Time, opts *ObserveOptions) {
	opts.Events(Event{Kind: RefreshStarted, Time: began, Host: targets[0].Host.Name, Addresses: addressesOf(targets)})
}

func tellRead(targets []schema.Target, began time.Time, step StepName, err error, opts *ObserveOptions) {
	event := Event{
		Kind: RefreshCompleted, Time: time.Now(), Elapsed: time.Since(began),
		Host: targets[0].Host.Name, Addresses: addressesOf(targets),
	}
	if err != nil {
		event.Kind, event.Step, event.Err = RefreshErrored, step, err
	}
	opts.Events(event)
}

func addressesOf(targets []schema.Target) []schema.Address {
	all := make([]schema.Address, len(targets))
	for i := range targets {
		all[i] = targets[i].Address
	}
	return all
}

// reachOf returns how a host is reached. Its blocks must agree: one host is
// one connection.
func reachOf(targets []schema.Target) (Reach, error) {
	t := targets[0]
	for _, other := range targets[1:] {
		if other.Connection != t.Connection || other.Fallback != t.Fallback {
			return Reach{}, fmt.Errorf("%s and %s reach the host in different ways; declare the connection on the host instead", t.Address, other.Address)
		}
	}
	return Reach{Host: t.Host.Name, Connection: t.Connection, Fallback: t.Fallback}, nil
}

// read reads one host. The step is StepConnect, or StepCheck for what came
// after.
func read(ctx context.Context, targets []schema.Target, opts *ObserveOptions) (*plan.Observed, StepName, error) {
	host, err := dialFor(ctx, targets, opts)
	if err != nil {
		return nil, StepConnect, err
	}
	defer host.Close()
	r := newReader(host, targets, opts)
	if err := r.read(ctx); err != nil {
		return nil, StepCheck, err
	}
	return r.seen, "", nil
}

func dialFor(ctx context.Context, targets []schema.Target, opts *ObserveOptions) (Host, error) {
	reach, err := reachOf(targets)
	if err != nil {
		return nil, err
	}
	return DialTwice(ctx, opts.Dialer, reach, opts.Events)
}

func newReader(host Host, targets []schema.Target, opts *ObserveOptions) *reader {
	facts := host.Facts()
	return &reader{
		host: host, targets: targets, asks: opts.Asks, dumps: opts.dumps,
		seen: &plan.Observed{
			Host: targets[0].Host.Name, Connection: facts.Connection, Release: facts.Release,
			Files: map[string]plan.File{}, Folders: map[string]plan.Folder{},
			Answers: map[plan.Login]plan.Answer{},
		},
	}
}

// A reader reads one host.
type reader struct {
	host    Host
	targets []schema.Target
	asks    func([]schema.Target, *plan.Observed) plan.Asking
	seen    *plan.Observed

	dumps    *dumps
	fsys     fs.FS
	shell    Shell
	machine  machine
	listener listener
	// guessed are folders that were listed before anybody asked for them.
	guessed map[string]plan.Folder
	// compared says that the daemon's times were compared with all there is.
	compared bool
}

func (r *reader) read(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return err
	}
	defer r.shell.Close()
	if err := r.first(ctx); err != nil {
		return err
	}
	return r.rounds(ctx)
}

// first looks around while what is certainly wanted travels.
func (r *reader) first(ctx context.Context) error {
	early, guesses := r.early()
	together, inner := errgroup.WithContext(ctx)
	together.Go(func() error { return r.look(inner) })
	folders := map[string]plan.Folder{}
	wanted := plan.Asking{Files: early.Files, Folders: slices.Concat(early.Folders, guesses)}
	err := readPaths(inner, r.fsys, wanted, r.dumps, r.seen.Files, folders)
	together.Go(func() error { return err })
	if err := together.Wait(); err != nil {
		return err
	}
	for _, name := range early.Folders {
		r.seen.Folders[name] = folders[name]
	}
	r.guessed = folders
	return nil
}

// rounds asks what is still wanted and fetches it, until nothing is.
func (r *reader) rounds(ctx context.Context) error {
	for range maxRounds {
		asking := r.asks(r.targets, r.seen)
		if r.knows(asking) {
			continue
		}
		if asking.Empty() {
			return r.freshness(ctx)
		}
		if err := r.fetch(ctx, asking); err != nil {
			return err
		}
	}
	return errors.New("the configuration includes itself over and over")
}

// open opens the file channel and the shell.
func (r *reader) open(ctx context.Context) error {
	var err error
	r.fsys, r.shell, err = openBoth(ctx, r.host)
	return err
}

// openBoth opens a shell while the host's files, which nobody waits for yet, are
// being opened.
func openBoth(ctx context.Context, host Host) (fs.FS, Shell, error) {
	fsys, err := host.FS(ctx)
	if err != nil {
		return nil, nil, err
	}
	shell, err := host.Shell(ctx)
	if err != nil {
		return nil, nil, err
	}
	return fsys, shell, nil
}

// early returns what is wanted before anything is known, which travels while
// the shell looks around, and folders that are probably asked for next.
func (r *reader) early() (asking plan.Asking, guesses []string) {
	for _, t := range r.targets {
		if t.Side() == schema.Client || strings.HasPrefix(t.File.Path, "~") {
			return plan.Asking{}, nil // the home folder has to be known first
		}
	}
	asking = r.asks(r.targets, r.seen)
	asking.Logins = nil
	folder := plan.ServerConfig + ".d"
	if slices.Contains(asking.Files, plan.ServerConfig) && !slices.Contains(asking.Folders, folder) {
		// Most systems' file includes it, and its listing then is a round trip
		// or two nearer. Where nothing includes it, nobody asks for it.
		guesses = append(guesses, folder)
	}
	return asking, guesses
}

// knows reports whether all that is asked was guessed, and hands it out.
func (r *reader) knows(asking plan.Asking) bool {
	if len(asking.Folders) == 0 || len(asking.Files)+len(asking.Logins) > 0 {
		return false
	}
	all := true
	for _, name := range asking.Folders {
		folder, guessed := r.guessed[name]
		if !guessed {
			all = false
			continue
		}
		r.seen.Folders[name] = folder
	}
	return all
}

// look fills in what the shell tells about the machine and its sshd.
func (r *reader) look(ctx context.Context) error {
	scope := "session"
	if r.seen.Connection.Type == schema.Local {
		scope = "machine"
	}
	m, err := lookAround(ctx, r.shell, scope)
	if err != nil {
		return err
	}
	r.machine = m
	r.seen.OS, r.seen.Home, r.seen.User, r.seen.UID = m.system, m.home, m.user, m.uid
	if err := r.chooseListener(); err != nil {
		return err
	}
	r.seen.Listener = r.listener.Listener
	return nil
}

// chooseListener finds the sshd that shall take the change of the host's
// server blocks (rules 1 and 2 of the transaction). Without such blocks there
// is none to find.
func (r *reader) chooseListener() error {
	i := slices.IndexFunc(r.targets, func(t schema.Target) bool { return t.Side() == schema.Server })
	if i < 0 {
		return nil
	}
	t := r.targets[i]
	file := cmp.Or(t.File.Path, "/etc/ssh/sshd_config")
	l, found := r.machine.pick(file)
	if !found {
		r.seen.Mute = r.mute()
		return nil
	}
	byHand := t.Reload == string(plan.ReloadByHand)
	if byHand && l.ConfigFile != file {
		// The file is nobody's yet: judge it with the program that is here.
		l = listener{Listener: plan.Listener{Path: cmp.Or(l.Path, r.machine.sshd), Args: []string{"-f", file}, ConfigFile: file}}
	}
	switch {
	case l.doubt != "":
		return errors.New(l.doubt)
	case l.deleted:
		return upgraded(l)
	case !path.IsAbs(l.Path):
		r.seen.Mute = "the program of the running sshd cannot be seen"
	}
	if byHand {
		l.Reload, l.Unit = plan.ReloadByHand, ""
	}
	r.listener = l
	return nil
}

func (r *reader) mute() string {
	if r.machine.sshd == "" {
		return "there is no sshd on this host"
	}
	return ""
}

func upgraded(l listener) error {
	return fmt.Errorf("the package of %s was upgraded while sshd (pid %d) runs the old program; restart sshd first", l.Path, l.PID)
}

// fetch gets everything asked, files and answers at the same time.
func (r *reader) fetch(ctx context.Context, asking plan.Asking) error {
	if len(r.seen.Files)+len(asking.Files) > maxFiles {
		return fmt.Errorf("the configuration has more than %d files", maxFiles)
	}
	together, inner := errgroup.WithContext(ctx)
	together.Go(func() error { return readPaths(inner, r.fsys, asking, r.dumps, r.seen.Files, r.seen.Folders) })
	answers := map[plan.Login]plan.Answer{}
	together.Go(func() error { return r.answer(inner, asking.Logins, answers) })
	if len(asking.Files)+len(asking.Folders) > 0 {
		r.compared = false
	} else if r.listener.pidFile != "" {
		// The tree is known, and the pid file names the listener: nothing that
		// is answered now can matter for the times.
		together.Go(func() error { return r.freshness(inner) })
	}
	if err := together.Wait(); err != nil {
		return err
	}
	maps.Copy(r.seen.Answers, answers)
	return nil
}

// answer asks the programs of the host.
func (r *reader) answer(ctx context.Context, logins []plan.Login, answers map[plan.Login]plan.Answer) error {
	for _, q := range questions(logins, &r.machine, &r.listener) {
		if err := q.ask(ctx, r.shell, r.dumps, answers); err != nil {
			return err
		}
		for _, login := range q.logins {
			a := answers[login]
			if q.mode == askServer && !r.listener.reloads() && a.Exit != 0 && strings.Contains(a.Stderr, noHostKeys) {
				r.seen.Mute = "sshd can read no host key as this user"
				delete(answers, login)
			}
		}
	}
	return nil
}

func inHome(home, file string) string {
	if rest, found := strings.CutPrefix(file, "~/"); found {
		return path.Join(home, rest)
	}
	return file
}
