package plan

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/sshform/sshform/plan/internal/sshconf"
	"github.com/sshform/sshform/plan/liveness"
	"github.com/sshform/sshform/schema"
)

// lines judges the text of every file that is read, line by line.
func (l *linter) lines() {
	for _, name := range l.everyone.Files {
		file := l.tree.File(name)
		if file == nil {
			continue
		}
		l.mark(name, file)
		for _, line := range file.Lines() {
			l.nul(name, line)
			l.dropped(name, line)
		}
		for _, b := range l.everyone.BlocksIn(name) {
			if !catchAll(b) {
				l.swallowed(file, b)
				l.includes(file, b)
			}
		}
	}
}

// mark finds a byte order mark, which no release takes for white space.
func (l *linter) mark(name string, file *sshconf.File) {
	if bytes.HasPrefix(file.Bytes(), []byte("\xef\xbb\xbf")) {
		l.add(Finding{
			ID: "byte-order-mark", Severity: schema.Error, Source: Source{name, 1}, Summary: "File begins with a byte order mark",
			Detail: fmt.Sprintf("An editor put three invisible bytes (EF BB BF) before the first line. %s takes them for part of the first keyword, even before a comment, and refuses the file. Save it as UTF-8 without BOM.", l.program()),
		})
	}
}

func (l *linter) nul(name string, line sshconf.Line) {
	if bytes.IndexByte(line.Text, 0) < 0 {
		return
	}
	what := "sshd appends the next line to what stands before it, so that two lines become one"
	if l.side == schema.Client {
		what = "ssh does not see the rest of the line"
	}
	l.add(Finding{
		ID: "nul-byte", Severity: schema.Warning, Source: Source{name, line.Number}, Summary: "Line holds a NUL byte",
		Detail: fmt.Sprintf("There is an invisible NUL byte in the line: %s. Write the line anew.", what),
	})
}

// dropped finds lines that OpenSSH skips without a word (misc.c, strdelim).
func (l *linter) dropped(name string, line sshconf.Line) {
	text := strings.Trim(string(line.Text), " \t\r\n\f\x00")
	if text == "" || !line.Keyword.Empty() || !line.Comment.Empty() {
		return
	}
	why := "a quote in the keyword is not closed"
	if strings.HasPrefix(text, "=") {
		why = "it begins with more than one ="
	} else if !strings.Contains(text, `"`) {
		return
	}
	l.add(Finding{
		ID: "dropped-line", Severity: schema.Warning, Source: Source{name, line.Number}, Summary: "Line is dropped without a message",
		Detail: fmt.Sprintf("%s skips this line, and no test mode complains: %s. Mend the line, or remove it.", l.program(), why),
	})
}

// swallowed finds lines that seem to be meant for everybody and stand in a
// block, because a block goes on to the next one or the end of its file:
// lines without the indentation of the block, and lines of keepalive keywords
// behind a blank line in a block that is not indented.
func (l *linter) swallowed(file *sshconf.File, b *sshconf.Block) {
	head := len(file.Line(b.Line).Indent())
	body, apart := -1, false
	for n := b.Line + 1; n <= min(b.Last, file.Len()); n++ {
		line := file.Line(n)
		indent := len(line.Indent())
		switch {
		case len(bytes.TrimSpace(line.Text)) == 0:
			apart = true
			continue
		case line.Keyword.Empty():
			continue
		case body < 0:
			body, apart = indent, false
			continue
		}
		_, managed := schema.Define(l.side, line.Name())
		if indent <= head && !line.Is("Include") && (body > head || apart && managed) {
			l.add(l.swallowing(b, line))
		}
	}
}

func (l *linter) swallowing(b *sshconf.Block, line sshconf.Line) Finding {
	header, others := header(b), "put it behind a line `Match all`"
	if l.side == schema.Client {
		others = "put it behind a line `Host *`"
	}
	return Finding{
		ID: "swallowed-by-block", Severity: schema.Warning, Keyword: keywordOf(l.dialect(), line),
		Source: Source{b.File, line.Number}, Summary: "Line counts for one block only",
		Detail: fmt.Sprintf("%s looks as if it were meant for everybody, but it belongs to %s of line %d: a block ends only at the next one or at the end of its file, blank lines and indentation mean nothing. Move it above line %d, or %s; if it is meant for the block, indent it.",
			line.Name(), header, b.Line, b.Line, others),
	}
}

// includes finds Include lines in a block: their files count for its logins
// only.
func (l *linter) includes(file *sshconf.File, b *sshconf.Block) {
	head := len(file.Line(b.Line).Indent())
	for n := b.Line + 1; n <= min(b.Last, file.Len()); n++ {
		line := file.Line(n)
		if !line.Is("Include") {
			continue
		}
		f := Finding{
			ID: "include-in-block", Severity: schema.Warning, Keyword: "Include", Source: Source{b.File, n}, Summary: "Include stands in a block",
			Detail: fmt.Sprintf("This Include belongs to %s of line %d, so that for all others its files are never read. Move it above the first block; if it is meant for the block, indent it.", header(b), b.Line),
		}
		if len(line.Indent()) > head {
			f.Severity = liveness.Note
		}
		l.add(f)
	}
}

// header is the first line of a block as people write it.
func header(b *sshconf.Block) string { return quoted(strings.TrimSpace(b.Keyword + " " + b.Text)) }

func keywordOf(d sshconf.Dialect, line sshconf.Line) schema.Keyword {
	return schema.Keyword(sshconf.Canonical(d.Side, line.Name()))
}
