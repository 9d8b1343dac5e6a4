package inventory

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sshform/sshform/schema"
)

type peeker = bufio.Reader

// Load reads a source: its file, or what run says its program printed. Only
// External runs anything, and only with a run that is not nil.
func Load(ctx context.Context, source Source, run Run) (Listing, schema.Diagnostics) {
	if source.Kind == External {
		return external(ctx, source, run)
	}
	c := newCollector(source.filename())
	path, err := expandHome(source.path())
	if err != nil {
		c.unreadable(err)
		return Listing{}, c.found
	}
	// Opening a pipe would wait for somebody who writes to it.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		c.add(0, "Not a file", "%s is a directory, a device or a pipe. An inventory is read from a regular file; several files are several source blocks.", c.filename)
		return Listing{}, c.found
	}
	file, err := os.Open(path)
	if err != nil {
		c.unreadable(err)
		return Listing{}, c.found
	}
	defer file.Close()
	return c.read(file, source, path)
}

// Read reads a source from r instead of its file. What stands beside the file,
// such as group_vars or Include, is not looked for.
func Read(r io.Reader, source Source) (Listing, schema.Diagnostics) {
	return newCollector(source.filename()).read(r, source, "")
}

// read reads a source; path is where its file is, or empty.
func (c *collector) read(r io.Reader, source Source, path string) (Listing, schema.Diagnostics) {
	sum := sha256.New()
	text := bufio.NewReaderSize(io.TeeReader(&limited{r: r, left: c.limits.bytes(source.Kind)}, sum), 64<<10)
	if err := skipMark(text); err != nil {
		c.add(1, "Not a text file", "%s %s. An inventory is UTF-8 text.", c.filename, err)
		return Listing{}, c.found
	}
	switch source.Kind {
	case CSV:
		c.readCSV(text, source)
	case JSON:
		c.readJSON(text, source)
	case YAML:
		c.readYAML(text, source)
	case Ansible:
		c.readAnsible(text, path)
	case SSHConfig:
		c.readSSHConfig(text, path)
	default:
		c.add(0, "Unknown kind of inventory", "There is no source of the kind %s. Use one of %s.", quote(string(source.Kind)), oneOf(kindNames()))
	}
	for _, more := range c.besides {
		sum.Write(more)
	}
	return c.listing(hex.EncodeToString(sum.Sum(nil)))
}

// listing sorts what was collected. With a mistake there are no hosts.
func (c *collector) listing(sum string) (Listing, schema.Diagnostics) {
	if c.errors > 0 {
		return Listing{}, c.found
	}
	slices.SortFunc(c.hosts, func(a, b Host) int { return strings.Compare(a.Name, b.Name) })
	return Listing{Hosts: c.hosts, SHA256: sum}, c.found
}

func kindNames() []string {
	var names []string
	for _, kind := range Kinds() {
		names = append(names, string(kind))
	}
	return names
}

// unreadable tells why a file could not be read to its end.
func (c *collector) unreadable(err error) {
	var pathError *os.PathError
	switch {
	case errors.Is(err, errTooLarge):
		c.add(0, "Inventory too large", "%s is larger than what is read. A fleet of 100,000 hosts needs 10 to 30 MB, so this may be the wrong file. Split the inventory, or take away what is not needed.", c.filename)
	case errors.Is(err, os.ErrNotExist):
		c.add(0, "Inventory not found", "There is no file %s. Paths are relative to the configuration directory. Correct the path.", c.filename)
	case errors.As(err, &pathError):
		c.add(0, "Inventory cannot be read", "%s cannot be read: %s.", c.filename, pathError.Err)
	default:
		c.add(0, "Inventory cannot be read", "%s cannot be read: %s.", c.filename, clean(err.Error()))
	}
}

func (s Source) path() string {
	if s.Path == "" && s.Kind == SSHConfig {
		return "~/.ssh/config"
	}
	return s.Path
}

func expandHome(path string) (string, error) {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no home directory for %s: %w", path, err)
	}
	return filepath.Join(home, rest), nil
}
