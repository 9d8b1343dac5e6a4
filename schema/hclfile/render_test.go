package hclfile

import (
	"fmt"
	"strings"

	"github.com/sshform/sshform/schema"
)

// render writes diagnostics as tests compare them.
func render(found schema.Diagnostics, c *Configuration) string {
	var b strings.Builder
	for _, d := range found.Sorted() {
		fmt.Fprintf(&b, "%s: %s\n", d.Severity, d.Summary)
		if d.Subject != nil {
			fmt.Fprintf(&b, "  %s:%d:%d", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column)
			if d.Block != "" {
				fmt.Fprintf(&b, ", in %s", d.Block)
			}
			b.WriteString("\n")
			if source, ok := c.Source(d.Subject.Filename); ok && d.Subject.End.Byte > d.Subject.Start.Byte && d.Subject.Start.Line == d.Subject.End.Line {
				fmt.Fprintf(&b, "  | %s\n", source[d.Subject.Start.Byte:d.Subject.End.Byte])
			}
		}
		for _, v := range d.Values {
			fmt.Fprintf(&b, "  %s %s\n", v.Traversal, v.Statement)
		}
		fmt.Fprintf(&b, "  %s\n", strings.ReplaceAll(d.Detail, "\n", "\n  "))
	}
	return b.String()
}
