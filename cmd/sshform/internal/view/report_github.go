package view

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/sshform/sshform/schema"
)

// GitHubAnnotations writes workflow commands that put diagnostics beside the
// lines of a pull request. GitHub keeps ten of a kind for each step, so the
// first nine are written and one that counts the rest.
func GitHubAnnotations(w io.Writer, r Reported) error {
	const most = 9
	var b strings.Builder
	for _, severity := range []schema.Severity{schema.Error, schema.Warning} {
		written, left := 0, 0
		for _, g := range merge(r.Found.Sorted()) {
			if g.Severity != severity || g.Subject == nil || g.Subject.Filename == "" {
				continue
			}
			if written == most {
				left++
				continue
			}
			written++
			fmt.Fprintf(&b, "::%s file=%s,line=%d,endLine=%d,title=%s::%s\n", severity, property(r.text(r.path(g.Subject.Filename))),
				g.Subject.Start.Line, max(g.Subject.Start.Line, g.Subject.End.Line), property(r.text(g.Summary)), message(r.text(g.Detail)))
		}
		if left > 0 {
			fmt.Fprintf(&b, "::%s title=sshform::… and %s\n", severity, more(left, "finding"))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// path is a file of the configuration as the pipeline names it.
func (r Reported) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.ToSlash(filepath.Join(r.Base, name))
}

// message escapes the text of a workflow command.
func message(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(text)
}

// property escapes a property of a workflow command.
func property(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(message(text))
}
