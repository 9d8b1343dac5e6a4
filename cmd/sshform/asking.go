package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/apply"
	"github.com/sshform/sshform/apply/local"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

// looking is what the options of inspect and lint say about what to look at.
type looking struct {
	loading
	kind    string
	release string
	root    string
}

func (l *looking) options(c *cobra.Command) {
	options(c, "Which configuration", func(fs *pflag.FlagSet) {
		fs.StringVar(&l.kind, "type", "", "Read the file as `sshd|ssh` does. By default its name tells.")
		fs.StringVar(&l.release, "release", "", "Read it as this `RELEASE` of OpenSSH does, such as 9.2p1. By default that of the program that is installed.")
		fs.StringVar(&l.root, "root", "", "`DIR` is the root of the file system, as of an image: every path, also of Include, is read below it.")
	})
	if err := c.RegisterFlagCompletionFunc("type", cobra.FixedCompletions([]string{"sshd", "ssh"}, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err)
	}
	l.variableOptions(c)
}

// A sight is one configuration to look at: on a disk, or on a host.
type sight struct {
	query plan.Query
	disk  *disk
	host  string         // of the configuration; empty for files of a disk
	cfg   *schema.Config // with one target, the file of the host; nil for a disk
	// typed is the main file as it was named, dir the folder as it was named
	// that stands for /etc/ssh, root the one that stands for /; empty where
	// paths are shown as they are.
	typed, dir, root string
}

// shown is a path as people know it.
func (s *sight) shown(name string) string {
	if s.typed != "" && name == s.query.File {
		return s.typed
	}
	if rest, inside := strings.CutPrefix(name, serverFolder+"/"); s.dir != "" && inside {
		return filepath.Join(s.dir, rest)
	}
	return name
}

// real is a path of this machine, for tools that open it; of a host it is the
// path with the host's name before it.
func (s *sight) real(name string) string {
	switch {
	case s.host != "":
		return s.host + name
	case s.root != "":
		return filepath.Join(s.root, name)
	}
	return s.shown(name)
}

// serverFolder is where both programs have their files.
const serverFolder = "/etc/ssh"

// program is sshd or ssh.
func (s *sight) program() string {
	if s.query.Side == schema.Client {
		return "ssh"
	}
	return "sshd"
}

// check refuses options that make no sense, before anything is read.
func (l *looking) check() error {
	switch l.kind {
	case "", "sshd", "ssh":
	default:
		return problem("Wrong value for an option", fmt.Sprintf("-type cannot be %q: it is sshd or ssh.", l.kind))
	}
	if l.root == "" {
		return nil
	}
	if info, err := os.Stat(l.root); err != nil || !info.IsDir() {
		return problem("Folder cannot be read", fmt.Sprintf("-root: %s is not a folder that can be read.", l.root))
	}
	return nil
}

// side is what -type says, or else the name of a file.
func (l *looking) side(name string) (schema.Side, error) {
	switch l.kind {
	case "sshd":
		return schema.Server, nil
	case "ssh":
		return schema.Client, nil
	}
	name = filepath.ToSlash(name)
	base, folder := path.Base(name), path.Base(path.Dir(name))
	switch {
	case strings.Contains(base, "sshd"), strings.HasPrefix(folder, "sshd_config"):
		return schema.Server, nil
	case strings.Contains(base, "ssh_config"), base == "config", folder == ".ssh", strings.HasPrefix(folder, "ssh_config"):
		return schema.Client, nil
	}
	return "", problem("Type of the file not known", fmt.Sprintf("The name %s does not tell whether sshd or ssh reads the file. Say it with -type=sshd or -type=ssh.", name))
}

// standard is what a program reads when no file is named.
func (l *looking) standard(side schema.Side) (*sight, error) {
	s := &sight{query: plan.Query{Side: side}, root: l.root}
	var err error
	s.disk, err = l.disk()
	return s, err
}

// disk is this machine, or the image of -root.
func (l *looking) disk() (*disk, error) {
	if l.root == "" {
		return &disk{below: "/", dir: "/"}, nil
	}
	root, err := filepath.Abs(l.root)
	return &disk{below: "/", dir: root}, err
}

// file looks at a file that is named. With -root the name is one of the image,
// or leads into it.
func (l *looking) file(name string) (*sight, error) {
	side, err := l.side(name)
	if err != nil {
		return nil, err
	}
	s, err := l.standard(side)
	if err != nil {
		return nil, err
	}
	full, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	s.query.File, s.typed = filepath.ToSlash(full), name
	if l.root != "" {
		s.typed = ""
		inside, err := filepath.Rel(s.disk.dir, full)
		if err != nil || !filepath.IsLocal(inside) {
			inside = filepath.Clean(name)
		}
		s.query.File = path.Join("/", filepath.ToSlash(inside))
	}
	return s, nil
}

// isFile reports whether an argument names a file, and not a host of the
// configuration. What exists as a file is one.
func (l *looking) isFile(argument string) bool {
	return l.root != "" || strings.ContainsAny(argument, `/\`) || !missing(argument)
}

// host looks at the files that the configuration manages on a host.
func (p *program) host(ctx context.Context, l *looking, name string) ([]*sight, error) {
	if found, _ := hasConfiguration("."); !found {
		return nil, problem("No such file or host", fmt.Sprintf(
			"There is no file %s, and no configuration in this directory that could know a host of that name. Give a path, or go to the directory of your configuration.", name))
	}
	configuration, err := p.load(ctx, l.loading)
	if err != nil {
		return nil, err
	}
	if _, err := reaches(configuration.Config, []string{name}); err != nil {
		return nil, err
	}
	var sights []*sight
	for _, t := range ofHost(configuration.Config.Targets, name, l.kind) {
		cfg := *configuration.Config
		cfg.Targets = []schema.Target{t}
		s := &sight{query: plan.Query{Side: t.Side(), File: t.File.Path}, host: name, cfg: &cfg}
		if !slices.ContainsFunc(sights, func(other *sight) bool {
			return other.query.Side == s.query.Side && other.query.File == s.query.File
		}) {
			sights = append(sights, s)
		}
	}
	return sights, nil
}

// ofHost are the targets of a host, those for servers first, without what they
// declare. A program that no block manages there is looked at with its default
// file.
func ofHost(targets []schema.Target, name, kind string) []schema.Target {
	var any, wanted []schema.Target
	side := map[string]schema.Side{"sshd": schema.Server, "ssh": schema.Client}[kind]
	for _, t := range targets {
		if t.Host.Name != name {
			continue
		}
		t.Settings, t.Unset, t.File.DropIn = nil, nil, ""
		any = append(any, t)
		if side == "" || t.Side() == side {
			wanted = append(wanted, t)
		}
	}
	if len(wanted) == 0 {
		t := any[0]
		t.Address.Block, t.File = string(side), schema.File{}
		wanted = append(wanted, t)
	}
	slices.SortStableFunc(wanted, func(a, b schema.Target) int { return strings.Compare(string(b.Side()), string(a.Side())) })
	return wanted
}

// observe reads what is asked about a sight.
func (p *program) observe(ctx context.Context, l *looking, s *sight, asks func(plan.Query, *plan.Observed) plan.Asking) (*plan.Observed, error) {
	given, err := l.givenRelease()
	if err != nil {
		return nil, err
	}
	if s.host != "" {
		return p.observeHost(ctx, l, s, given, asks)
	}
	o := &plan.Observed{Release: given, User: "root", Home: "/root", Files: map[string]plan.File{}, Folders: map[string]plan.Folder{}}
	host, err := (&local.Dialer{}).Dial(ctx, apply.Reach{})
	if err != nil {
		return nil, err
	}
	defer host.Close()
	if o.Release.IsZero() {
		o.Release = host.Facts().Release
	}
	if o.Release.IsZero() {
		return nil, unknownRelease("No ssh is installed here that could tell")
	}
	if s.root == "" && s.dir == "" {
		me := host.Facts().Connection
		o.User, o.Home, o.UID = me.User, me.Machine.Home, me.Machine.UID
		if s.disk.owners, err = host.FS(ctx); err != nil {
			return nil, err
		}
	}
	if err := s.disk.observe(o, func(o *plan.Observed) plan.Asking { return asks(s.query, o) }); err != nil {
		return nil, problem("Configuration cannot be read", sentence(err))
	}
	return o, nil
}

// givenRelease is what -release says; zero without it.
func (l *looking) givenRelease() (schema.Release, error) {
	if l.release == "" {
		return schema.Release{}, nil
	}
	if r, isBanner := schema.ParseBanner(l.release); isBanner {
		return r, nil
	}
	r, err := schema.ParseRelease(strings.TrimPrefix(l.release, "OpenSSH_"))
	if err != nil {
		return r, problem("Wrong value for an option", "-release: "+sentence(err))
	}
	return r, nil
}

func unknownRelease(why string) error {
	return problem("OpenSSH release not known", why+" which release of OpenSSH reads the file, and releases differ. Say it with -release, such as -release=9.2p1.")
}

// observeHost reads a host as plan does, and asks it nothing else.
func (p *program) observeHost(ctx context.Context, l *looking, s *sight, given schema.Release, asks func(plan.Query, *plan.Observed) plan.Asking) (*plan.Observed, error) {
	d, err := p.newDialer(l.input)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	release := func(o *plan.Observed) { o.Release = cmp.Or(given, o.Release) }
	observed := apply.Observe(ctx, s.cfg, apply.ObserveOptions{Dialer: d, Asks: func(_ []schema.Target, o *plan.Observed) plan.Asking {
		release(o)
		return asks(s.query, o)
	}})
	for o := range observed {
		switch {
		case ctx.Err() != nil:
			return nil, readingInterrupted()
		case o.Err != "":
			return nil, problems{{
				Severity: schema.Error, Summary: "Host could not be read", Detail: sentence(errors.New(o.Err)),
				Where: &schema.Place{Host: s.host, Step: o.Step},
			}}
		case o.Release.IsZero():
			return nil, unknownRelease("The host does not tell")
		}
		return o, nil
	}
	return nil, readingInterrupted()
}

// groupsOf are the groups of a user of this machine. A user that does not
// exist has none, and sshd says so too.
func groupsOf(name string) (groups []string, known bool) {
	u, err := user.Lookup(name)
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) {
		return nil, true
	}
	if err != nil {
		return nil, false
	}
	ids, err := u.GroupIds()
	if err != nil {
		return nil, false
	}
	for _, id := range ids {
		if g, err := user.LookupGroupId(id); err == nil {
			groups = append(groups, g.Name)
		}
	}
	return groups, true
}

// missing reports whether nothing stands at a path.
func missing(name string) bool {
	_, err := os.Lstat(name)
	return errors.Is(err, fs.ErrNotExist)
}
