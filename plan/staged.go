package plan

import (
	"fmt"
	"path"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
)

// serverFolder is where sshd looks for relative Include paths (servconf.c).
const serverFolder = "/etc/ssh"

// Staged moves a tree of sshd's files below the folder root, so that it can be
// judged there: every path gets root in front, and so does every argument of
// every Include. It fails for an Include that it cannot move with certainty.
// Nothing but those arguments changes.
func Staged(files map[string][]byte, root string) (map[string][]byte, error) {
	if strings.ContainsAny(root, "*?[\\") {
		return nil, fmt.Errorf("%q has a character that Include expands", root)
	}
	moved := map[string][]byte{}
	for name, content := range files {
		text, err := moveIncludes(content, root)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		moved[root+name] = text
	}
	return moved, nil
}

func moveIncludes(content []byte, root string) ([]byte, error) {
	file := sshconf.Parse(content)
	var edits []sshconf.Edit
	for _, l := range file.Lines() {
		if !l.Is("Include") || l.Argument.Empty() {
			continue
		}
		patterns, plain := includePatterns(l.Value())
		if !plain {
			return nil, fmt.Errorf("line %d: the quotes of %s are not plain", l.Number, l.Value())
		}
		for i, pattern := range patterns {
			if strings.HasPrefix(pattern, "~") {
				continue // sshd takes it literally, and finds nothing
			}
			if !path.IsAbs(pattern) {
				pattern = serverFolder + "/" + pattern
			}
			quoted, ok := sshconf.Quote(root + pattern)
			if !ok {
				return nil, fmt.Errorf("line %d: %q cannot be quoted", l.Number, root+pattern)
			}
			patterns[i] = quoted
		}
		edit, err := file.SetArgument(l.Number, strings.Join(patterns, " "))
		if err != nil {
			return nil, err
		}
		edits = append(edits, edit)
	}
	return sshconf.Replay(content, edits)
}

// includePatterns splits arguments that are bare words or stand in double
// quotes as a whole; all releases read those alike.
func includePatterns(arguments string) (patterns []string, plain bool) {
	if strings.ContainsAny(arguments, "\\'") {
		return nil, false
	}
	for rest := strings.TrimLeft(arguments, " \t"); rest != ""; rest = strings.TrimLeft(rest, " \t") {
		var word string
		if quoted, found := strings.CutPrefix(rest, `"`); found {
			var closed bool
			if word, rest, closed = strings.Cut(quoted, `"`); !closed || rest != "" && !strings.ContainsAny(rest[:1], " \t") {
				return nil, false
			}
		} else {
			end := strings.IndexAny(rest, " \t")
			if end < 0 {
				end = len(rest)
			}
			word, rest = rest[:end], rest[end:]
			if strings.Contains(word, `"`) {
				return nil, false
			}
		}
		if word == "" {
			return nil, false
		}
		patterns = append(patterns, word)
	}
	return patterns, true
}
