package apply

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// connect opens the lifeline: the connection, its files and its shell.
func (t *transaction) connect(ctx context.Context) error {
	err := t.dial(ctx)
	if err != nil {
		return err
	}
	if t.fsys, t.shell, err = openBoth(ctx, t.lifeline); err != nil {
		return err
	}
	if err := t.lookAround(ctx); err != nil {
		return err
	}
	if err := t.compareFiles(t.seen); err != nil && !errors.Is(err, errAlreadyDone) {
		return err
	}
	return t.chooseListener()
}

// dial reaches the host of the plan, the way the plan was made.
func (t *transaction) dial(ctx context.Context) error {
	host, err := DialTwice(ctx, t.opts.Dialer, t.reach(), t.tell)
	if err != nil {
		return &verdictError{Unreachable, err}
	}
	t.lifeline = host
	return t.sameMachine()
}

func (t *transaction) reach() Reach {
	pinned := t.plan.Connection()
	return Reach{Host: t.plan.Host, Pinned: &pinned}
}

// sameMachine refuses a plan for this machine that was made on another.
func (t *transaction) sameMachine() error {
	pinned := t.plan.Connection()
	if pinned.Type == schema.Local && t.lifeline.Facts().Connection.Machine != pinned.Machine {
		return staleBecause("the plan was made for %s on %s, this is another machine, user or home",
			pinned.Machine.Home, pinned.Machine.Hostname)
	}
	return nil
}

// scope says which sshd is looked for: the one that let us in, or all of this
// machine.
func (t *transaction) scope() string {
	if t.plan.Connection().Type == schema.Local {
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
	t.seen = map[string]plan.File{}
	err := t.readPlanned(inner)
	together.Go(func() error { return err })
	if err := together.Wait(); err != nil {
		return err
	}
	t.lay()
	return nil
}

// readPlanned reads the files that the plan changes.
func (t *transaction) readPlanned(ctx context.Context) error {
	read := plan.Asking{}
	for _, f := range t.plan.Files() {
		read.Files = append(read.Files, f.Path)
	}
	return readPaths(ctx, t.fsys, read, t.opts.dumps, t.seen, nil)
}

// lay decides what goes where on the host.
func (t *transaction) lay() {
	t.wanted = wantedOf(t.plan.Changes())
	t.folder = path.Join(t.machine.stateFolder(), "runs", t.run)
	t.nonce = newMark()
	for _, f := range t.plan.Files() {
		c := newFileChange(f, t.run, t.folder, len(t.files))
		c.mode, c.uid, c.gid = f.Mode, f.UID, f.GID
		if now := t.seen[f.Path]; now.State == plan.Regular {
			c.before, c.mode, c.uid, c.gid = now.Bytes, now.Mode, now.UID, now.GID
		}
		t.files = append(t.files, c)
	}
	swapOrder(t.files)
}

// chooseListener finds the sshd of the plan again (rules 1 and 2).
func (t *transaction) chooseListener() error {
	want := t.plan.Facts().Listener
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
	planned := listener{Listener: t.plan.Facts().Listener}
	return !planned.reloads() || t.plan.Run().Reload == string(plan.ReloadByHand)
}

// judgeByHand makes the program judge the file of the plan where no listener
// says which file it reads.
func (t *transaction) judgeByHand() {
	changes := t.plan.Changes()
	i := slices.IndexFunc(changes, func(c plan.Change) bool {
		return c.Address.Side() == schema.Server && path.IsAbs(c.File)
	})
	if i >= 0 && t.listener.ConfigFile != changes[i].File {
		t.listener.ConfigFile = changes[i].File
		t.listener.Args = []string{"-f", t.listener.ConfigFile}
	}
}
