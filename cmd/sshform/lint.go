package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/cmd/sshform/internal/view"
	"github.com/sshform/sshform/plan"
	"github.com/sshform/sshform/schema"
)

func (p *program) lintCommand() *cobra.Command {
	var l looking
	var asJSON, asSARIF, notes bool
	var wanted []string
	c := &cobra.Command{
		Use:   "lint [options] [FILE|HOST|DIR]...",
		Short: "Find lines that do not do what they seem to",
		Long: "Judges an sshd_config or ssh_config with everything it includes: lines that never count, lines that a " +
			"Match block swallows, drop-ins that nothing reads, keywords that the release does not honour, values " +
			"that do not mean what they seem, and what OpenSSH would refuse. Each finding has its line, the reason " +
			"and the remedy. Nothing is changed.\n\n" +
			"HOST is a host of the configuration in this directory. DIR is the root of an image, or a copy of " +
			"/etc/ssh or ~/.ssh. Without an argument it judges what this machine's sshd and ssh read.",
	}
	l.options(c)
	options(c, "Exit code", func(fs *pflag.FlagSet) {
		fs.BoolVar(&p.detailed, "detailed-exitcode", false, "Exit with 0 for nothing worse than notes, 1 for an error, 2 for warnings.")
	})
	options(c, "Output", func(fs *pflag.FlagSet) {
		fs.BoolVar(&notes, "notes", false, "Show also what is merely good to know. JSON and SARIF always hold it.")
		fs.BoolVar(&asJSON, "json", false, "One JSON document.")
		fs.BoolVar(&asSARIF, "sarif", false, "One SARIF document, for code scanning.")
		fs.StringArrayVar(&wanted, "report", nil, "Write a report besides, as `FORMAT:FILE`: sarif or json. May be repeated.")
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if asJSON && asSARIF {
			return problem("Options exclude each other", "-json and -sarif both write to the standard output. Give only one, or -report=sarif:FILE.")
		}
		if err := checkReports(wanted, "Nothing was read.", "sarif", "json"); err != nil {
			return err
		}
		p.flags.document = asJSON || asSARIF
		found, err := p.lint(c.Context(), &l, args)
		if err != nil {
			return err
		}
		switch {
		case asJSON:
			err = view.LintJSON(p.stdout, found)
		case asSARIF:
			err = view.SARIF(p.stdout, found, thisTool())
		default:
			view.NewHuman(p.paper()).Lint(found, notes)
		}
		if err != nil {
			return err
		}
		if err := writeLintReports(wanted, found); err != nil {
			return err
		}
		return p.lintCode(found)
	}
	return c
}

// lintCode is failed for errors; warnings count with -detailed-exitcode only.
func (p *program) lintCode(found []view.Linted) error {
	code := done
	for _, f := range found {
		switch {
		case f.Severity == schema.Error:
			return failed
		case f.Severity == schema.Warning && p.detailed:
			code = pending
		}
	}
	if code != done {
		return code
	}
	return nil
}

func writeLintReports(wanted []string, found []view.Linted) error {
	for _, w := range wanted {
		format, file, _ := strings.Cut(w, ":")
		err := writeFile(file, reportMode, func(f *os.File) error {
			if format == "sarif" {
				return view.SARIF(f, found, thisTool())
			}
			return view.LintJSON(f, found)
		})
		if err != nil {
			return problem("Report cannot be written", sentence(err))
		}
	}
	return nil
}

// lint judges everything that is named.
func (p *program) lint(ctx context.Context, l *looking, args []string) ([]view.Linted, error) {
	if err := l.check(); err != nil {
		return nil, err
	}
	sights, err := p.linted(ctx, l, args)
	if err != nil {
		return nil, err
	}
	found := []view.Linted{}
	for _, s := range sights {
		o, err := p.observe(ctx, l, s, plan.LintAsks)
		if err != nil {
			return nil, err
		}
		all, err := plan.Lint(ctx, s.query, o)
		if err != nil {
			return nil, err
		}
		text := lineTexts{o: o}
		for _, f := range all {
			line, _ := text.line(f.Source)
			f.Detail = s.readable(f.Detail)
			file := s.real(f.File)
			found = append(found, view.Linted{Finding: f, Host: s.host, Type: s.program(), File: file, Text: line})
		}
	}
	return found, nil
}

// readable is a text in which paths are spelled as people know them.
func (s *sight) readable(text string) string {
	switch {
	case s.typed != "":
		return strings.ReplaceAll(text, s.query.File, s.typed)
	case s.dir != "":
		return strings.ReplaceAll(text, " "+serverFolder+"/", " "+filepath.Clean(s.dir)+"/")
	}
	return text
}

// linted are the configurations to judge.
func (p *program) linted(ctx context.Context, l *looking, args []string) ([]*sight, error) {
	if len(args) == 0 {
		return l.here()
	}
	var sights []*sight
	for _, arg := range args {
		var more []*sight
		var err error
		info, statErr := os.Stat(arg)
		switch {
		case l.root == "" && statErr == nil && info.IsDir():
			more, err = l.folder(arg)
		case l.isFile(arg):
			var s *sight
			s, err = l.file(arg)
			more = []*sight{s}
		default:
			more, err = p.host(ctx, l, arg)
		}
		if err != nil {
			return nil, err
		}
		sights = append(sights, more...)
	}
	return sights, nil
}

// wants reports whether -type leaves a side in.
func (l *looking) wants(side schema.Side) bool {
	return l.kind == "" || l.kind == "sshd" && side == schema.Server || l.kind == "ssh" && side == schema.Client
}

// here is what the programs read by themselves, as far as it exists.
func (l *looking) here() ([]*sight, error) {
	var sights []*sight
	for _, side := range []schema.Side{schema.Server, schema.Client} {
		s, err := l.standard(side)
		if err != nil {
			return nil, err
		}
		if side == schema.Client || l.kind == "sshd" || s.disk.file(plan.ServerConfig).State != plan.Missing {
			if l.wants(side) {
				sights = append(sights, s)
			}
		}
	}
	return sights, nil
}

// folder is the configurations in a folder: the root of an image, or a copy of
// /etc/ssh or of ~/.ssh.
func (l *looking) folder(dir string) ([]*sight, error) {
	full, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	image := &disk{below: "/", dir: full}
	if image.file(serverFolder).State != plan.Directory {
		image = &disk{below: serverFolder, dir: full}
	}
	var sights []*sight
	for _, name := range []string{"sshd_config", "ssh_config"} {
		side, file := schema.Server, serverFolder+"/"+name
		if name == "ssh_config" {
			side = schema.Client
		}
		if !l.wants(side) || image.file(file).State == plan.Missing {
			continue
		}
		s := &sight{query: plan.Query{Side: side, File: file}, disk: image}
		if image.below == "/" {
			s.root = dir
		} else {
			s.dir = dir
		}
		sights = append(sights, s)
	}
	if own := filepath.Join(dir, "config"); l.wants(schema.Client) && !missing(own) {
		s, err := l.file(own)
		if err != nil {
			return nil, err
		}
		sights = append(sights, s)
	}
	if len(sights) == 0 {
		return nil, problem("No configuration of OpenSSH", fmt.Sprintf(
			"%s holds neither sshd_config, ssh_config or config, nor etc/ssh with one of the first two. Name the file itself.", dir))
	}
	return sights, nil
}
