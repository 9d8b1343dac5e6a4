package inventory

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// maxIncludes is how deep ssh follows Include (readconf.c), and maxIncluded how
// many files are read here in all.
const (
	maxIncludes = 16
	maxIncluded = 1000
)

// readSSHConfig lists the names in Host lines that are names and not patterns.
// Nothing else is read: how a host is reached is asked of ssh itself, with its
// ssh_alias.
func (c *collector) readSSHConfig(r io.Reader, path string) {
	s := &sshConfigReader{collector: c, dir: filepath.Dir(path), follow: path != ""}
	s.read(r, 0)
}

type sshConfigReader struct {
	*collector
	dir      string // of the first file; a relative Include begins there
	follow   bool   // Include can be followed
	included int
}

// read reads one file. always is whether all hosts get what stands now: an
// Include in a block of some hosts brings no new names.
func (s *sshConfigReader) read(r io.Reader, depth int) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxText)
	always := true
	for line := 1; lines.Scan() && !s.full(); line++ {
		text := lines.Text()
		if !utf8.ValidString(text) {
			s.add(line, "Not UTF-8", "This line is not UTF-8 text, so the names in it cannot be read. Save the file as UTF-8.")
			continue
		}
		keyword, words, err := sshWords(text)
		if err != nil {
			s.add(line, "Invalid line in ssh_config", "This line cannot be taken apart: %s. ssh would refuse it too. Correct it.", err)
			continue
		}
		switch keyword {
		case "host":
			always = slices.Contains(words, "*") && !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, "!") })
			s.names(words, line)
		case "match":
			always = len(words) == 1 && strings.EqualFold(words[0], "all")
		case "include":
			s.include(words, line, depth, always)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		s.add(0, "Line too long", "%s has a line of more than %d bytes. This may not be an ssh_config.", s.filename, maxText)
	} else if err != nil {
		s.unreadable(err)
	}
}

// names takes the names of a Host line.
func (s *sshConfigReader) names(words []string, line int) {
	for _, name := range words {
		if strings.ContainsAny(name, "*?!") {
			continue
		}
		if wrong := checkName(name); wrong != "" {
			s.add(line, "Invalid host name in an inventory", "The name %s in this Host line %s. Correct it.", quote(name), wrong)
			continue
		}
		h := Host{Name: name, Vars: map[string]any{}, Filename: s.filename, Line: line}
		h.Connection.SSHAlias = name
		if !s.take(h) {
			return
		}
	}
}

// include reads the files of an Include line that counts for all hosts.
func (s *sshConfigReader) include(patterns []string, line, depth int, always bool) {
	switch {
	case !s.follow:
		return
	case !always:
		s.warn(line, "Include inside a block", "This Include stands in a Host or Match block, so that ssh reads it for the hosts of that block only. Names in it are not listed. Move it to the top of the file if they should be.")
		return
	case depth == maxIncludes:
		s.add(line, "Include too deep", "Files include each other more than %d deep, and ssh refuses that. Take out the circle.", maxIncludes)
		return
	}
	for _, pattern := range patterns {
		full, err := expandHome(pattern)
		if err != nil {
			s.unreadable(err)
			return
		}
		if !filepath.IsAbs(full) {
			full = filepath.Join(s.dir, full)
		}
		found, err := filepath.Glob(full)
		if err != nil {
			s.add(line, "Invalid Include", "The pattern %s is not valid. Correct it.", quote(pattern))
			return
		}
		for _, path := range found {
			s.file(path, line, depth+1)
		}
	}
}

// file reads one included file. ssh passes over those that cannot be opened.
func (s *sshConfigReader) file(path string, line, depth int) {
	if s.included++; s.included > maxIncluded {
		if s.included == maxIncluded+1 {
			s.add(line, "Too many files", "More than %d files are included. This may be the wrong pattern.", maxIncluded)
		}
		return
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	file, err := os.Open(path)
	if err != nil {
		return
	}
	defer file.Close()
	outer := s.filename
	s.filename = path
	defer func() { s.filename = outer }()
	sum := sha256.New()
	s.read(io.TeeReader(&limited{r: file, left: s.limits.bytes(SSHConfig)}, sum), depth)
	s.besides = append(s.besides, sum.Sum(nil))
}

// sshWords takes a line of ssh_config apart: a keyword in lower case, and its
// arguments (argv_split in misc.c). A # begins a comment only where a word
// begins.
func sshWords(line string) (keyword string, words []string, err error) {
	rest := strings.Trim(line, " \t\r\n\f")
	if rest == "" || rest[0] == '#' {
		return "", nil, nil
	}
	end := strings.IndexAny(rest, " \t=\"")
	if end < 0 {
		return strings.ToLower(rest), nil, nil
	}
	keyword, rest = strings.ToLower(rest[:end]), strings.TrimLeft(rest[end:], " \t")
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "="), " \t")
	if keyword != "host" && keyword != "match" && keyword != "include" {
		return keyword, nil, nil
	}
	var word strings.Builder
	inWord, quoted := false, byte(0)
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case quoted != 0 && c == quoted:
			quoted = 0
		case c == '\\' && i+1 < len(rest) && (strings.IndexByte(`\"'`, rest[i+1]) >= 0 || quoted == 0 && rest[i+1] == ' '):
			i++
			word.WriteByte(rest[i])
			inWord = true
		case quoted != 0:
			word.WriteByte(c)
		case c == '"' || c == '\'':
			quoted, inWord = c, true
		case c == ' ' || c == '\t':
			if inWord {
				words = append(words, word.String())
				word.Reset()
				inWord = false
			}
		case c == '#' && !inWord:
			return keyword, words, nil
		default:
			word.WriteByte(c)
			inWord = true
		}
	}
	if quoted != 0 {
		return keyword, nil, errors.New("a quote is not closed")
	}
	if inWord {
		words = append(words, word.String())
	}
	return keyword, words, nil
}
