package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sshform/sshform/schema"
	"github.com/sshform/sshform/schema/hclfile"
)

// formatting is what the options of fmt say.
type formatting struct {
	check, diff, recursive bool
	write, list            bool
	// changed says that a file was not formatted.
	changed bool
	found   schema.Diagnostics
}

func (p *program) fmtCommand() *cobra.Command {
	f := &formatting{}
	c := &cobra.Command{
		Use:   "fmt [options] [FILE|DIR|-]...",
		Short: "Put configuration files into the usual form",
		Long: "Rewrites files of the configuration in the usual form, which is Terraform's: two blanks, aligned " +
			"equals signs. It prints the names of the files that it changed. Without arguments it works on this " +
			"directory; with - it formats the standard input.\n\n" +
			"The exit code is 2 for a syntax error and, with -check, 3 where a file is not in the usual form.",
	}
	options(c, "Formatting", func(fs *pflag.FlagSet) {
		fs.BoolVar(&f.check, "check", false, "Change nothing; exit with 3 if a file would change.")
		fs.BoolVar(&f.diff, "diff", false, "Show the differences.")
		fs.BoolVar(&f.recursive, "recursive", false, "Work on the directories below too.")
		fs.BoolVar(&f.write, "write", true, "Change no file. Always so with -check and the standard input.")
		fs.BoolVar(&f.list, "list", true, "Do not print the names of changed files.")
	})
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			args = []string{"."}
		}
		p.source = func(name string) []byte {
			content, err := os.ReadFile(name)
			if err != nil {
				return nil
			}
			return content
		}
		for _, arg := range args {
			if err := p.formatArgument(c.Context(), f, arg); err != nil {
				return err
			}
		}
		p.diagnose(f.found)
		switch {
		case f.found.HasErrors():
			return pending
		case f.check && f.changed:
			return unformatted
		}
		return nil
	}
	return c
}

func (p *program) formatArgument(ctx context.Context, f *formatting, arg string) error {
	if arg == "-" {
		return p.formatStdin(ctx, f)
	}
	info, err := os.Stat(arg)
	switch {
	case err != nil:
		return problem("File cannot be read", sentence(err))
	case info.IsDir():
		return p.formatFolder(f, arg)
	case !isFormattable(arg):
		return problem("Not a file of the configuration",
			arg+" does not end in .sshform.hcl or .sshvars.hcl, and nothing else is formatted.")
	}
	return p.formatFile(f, arg, info.Mode().Perm())
}

// isFormattable reports whether a name is of a file in HCL's own syntax.
func isFormattable(name string) bool {
	return strings.HasSuffix(name, ".sshform.hcl") || strings.HasSuffix(name, ".sshvars.hcl")
}

func (p *program) formatFolder(f *formatting, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(entry.Name(), ".") && path != dir
		switch {
		case err != nil:
			return problem("Directory cannot be read", sentence(err))
		case entry.IsDir() && path != dir && (!f.recursive || hidden):
			return fs.SkipDir
		case !entry.Type().IsRegular() || hidden || !isFormattable(entry.Name()):
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return problem("File cannot be read", sentence(err))
		}
		return p.formatFile(f, path, info.Mode().Perm())
	})
}

func (p *program) formatFile(f *formatting, path string, mode fs.FileMode) error {
	before, err := os.ReadFile(path)
	if err != nil {
		return problem("File cannot be read", sentence(err))
	}
	after, found := hclfile.Format(before, path)
	f.found = append(f.found, found...)
	if found.HasErrors() || bytes.Equal(before, after) {
		return nil
	}
	f.changed = true
	if f.list {
		fmt.Fprintln(p.stdout, path)
	}
	if f.diff {
		fmt.Fprint(p.stdout, udiff.Unified("old/"+path, "new/"+path, string(before), string(after)))
	}
	if f.check || !f.write {
		return nil
	}
	err = writeFile(path, mode, func(f *os.File) error {
		_, err := f.Write(after)
		return err
	})
	if err != nil {
		return problem("File cannot be written", sentence(err))
	}
	return nil
}

// formatStdin prints the formatted text, or only says whether it differs.
func (p *program) formatStdin(ctx context.Context, f *formatting) error {
	before, err := awaited(ctx, func() ([]byte, error) { return io.ReadAll(p.stdin) })
	if err != nil {
		return problem("Standard input cannot be read", sentence(err))
	}
	const name = "<stdin>"
	p.source = func(string) []byte { return before }
	after, found := hclfile.Format(before, name)
	f.found = append(f.found, found...)
	if found.HasErrors() {
		return nil
	}
	f.changed = f.changed || !bytes.Equal(before, after)
	switch {
	case f.diff:
		_, err = fmt.Fprint(p.stdout, udiff.Unified("old/"+name, "new/"+name, string(before), string(after)))
	case !f.check:
		_, err = p.stdout.Write(after)
	}
	return err
}
