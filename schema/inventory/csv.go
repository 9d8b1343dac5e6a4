package inventory

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// readCSV reads a table: the first line names the columns, each other line is
// a host. Columns without a meaning become variables, all of them texts.
func (c *collector) readCSV(r io.Reader, source Source) {
	table := csv.NewReader(&lineLimited{r: r})
	table.ReuseRecord = true
	if source.Separator != 0 {
		table.Comma = source.Separator
	}
	header, err := table.Read()
	if err != nil {
		c.csvError(err, nil)
		return
	}
	columns, ok := c.columns(slices.Clone(header), source, table.Comma)
	if !ok {
		return
	}
	members := make([]member, len(columns))
	for {
		row, err := table.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			c.csvError(err, columns)
			if !errors.Is(err, csv.ErrFieldCount) || c.full() {
				return
			}
			continue
		}
		line, _ := table.FieldPos(0)
		for i, cell := range row {
			members[i] = member{name: columns[i], value: cell, line: line}
		}
		if !c.text(row, columns, line) {
			continue
		}
		h, ok := c.fromMembers(source.Fields, "", members, line)
		if ok && !c.take(h) || c.full() {
			return
		}
	}
}

// columns checks the header.
func (c *collector) columns(header []string, source Source, comma rune) ([]string, bool) {
	for i, name := range header {
		header[i] = strings.TrimSpace(name)
	}
	if i := slices.Index(header, ""); i >= 0 {
		c.add(1, "Column without a name", "Column %d has no name in the first line. Each column needs one: those without a meaning become variables. Name it, or take it away.", i+1)
		return nil, false
	}
	for i, name := range header {
		if slices.Contains(header[:i], name) {
			c.add(1, "Two columns of one name", "The first line names the column %s twice, so that it is open which of the two counts. Rename one of them.", quote(name))
			return nil, false
		}
	}
	wanted := source.Fields.declared()
	if source.Fields.Name == "" {
		wanted = append(wanted, struct{ argument, name string }{"key", "name"})
	}
	for _, w := range wanted {
		if slices.Contains(header, w.name) {
			continue
		}
		advice := "Correct the argument " + w.argument + " of the source, or the first line of the table."
		if len(header) == 1 && strings.ContainsAny(header[0], ";\t,|") {
			advice = "The columns seem to be separated by something else than " + quote(string(comma)) + "; name it in the argument separator of the source."
		}
		c.add(1, "Column not found", "The source takes %s from the column %s, but the first line has only %s. %s", w.argument, quote(w.name), oneOf(header), advice)
	}
	return header, c.errors == 0
}

// text refuses cells that are no text.
func (c *collector) text(row, columns []string, line int) bool {
	for i, cell := range row {
		switch {
		case !utf8.ValidString(cell):
			c.add(line, "Not UTF-8", "The column %s is not UTF-8 in this line. Save the table as UTF-8.", quote(columns[i]))
		case strings.IndexByte(cell, 0) >= 0:
			c.add(line, "Not text", "The column %s holds a NUL byte in this line, so this is not text. The file may be damaged; write it anew.", quote(columns[i]))
		case len(cell) > maxText:
			c.add(line, "Value too long", "The column %s holds more than %d bytes in this line. A quote may be missing before. Correct the table.", quote(columns[i]), maxText)
		default:
			continue
		}
		return false
	}
	return true
}

func (c *collector) csvError(err error, columns []string) {
	var parse *csv.ParseError
	switch {
	case err == io.EOF:
		c.add(1, "Empty inventory", "%s is empty. A table begins with a line that names its columns, such as name,address,tags. If the file should have hosts, whatever writes it went wrong.", c.filename)
	case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &parse):
		c.add(parse.Line, "Wrong number of columns", "This line does not have the %d columns of the first line (%s). It may be cut off, or a value with a comma stands without quotes. Correct the line, or write the file anew.", len(columns), oneOf(columns))
	case errors.Is(err, csv.ErrQuote) && errors.As(err, &parse):
		if parse.StartLine != parse.Line {
			c.add(parse.StartLine, "Quote not closed", "A value that begins with a quote in this line does not end until line %d. The file may be cut off. Close the quote; a quote inside a value is written twice.", parse.Line)
			return
		}
		c.add(parse.Line, "Quote in the wrong place", "A quote stands where none can stand, in column %d of the text. Values with quotes are written in quotes, and a quote inside them twice. Correct the line.", parse.Column)
	case errors.Is(err, csv.ErrBareQuote) && errors.As(err, &parse):
		c.add(parse.Line, "Quote in the wrong place", "A quote stands inside a value without quotes around it, in column %d of the text. Values with quotes are written in quotes, and a quote inside them twice. Correct the line.", parse.Column)
	case errors.Is(err, errLine):
		c.add(0, "Line too long", "%s has a line of more than %d bytes. This may not be a table of hosts.", c.filename, maxText)
	default:
		c.unreadable(err)
	}
}
