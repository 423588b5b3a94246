package output

import (
	"bufio"
	"bytes"
	"strings"
	"unicode/utf8"

	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// column is one column of a table with rows of type T.
type column[T any] struct {
	title string
	right bool // aligned, as numbers are
	cell  func(b []byte, row T) []byte
}

// shortTable has the columns of a table for people. AGE and TOTAL are last, because
// a narrow terminal goes without them.
const shortTable = "proto origin reply state ttl out_rate in_rate bytes age"

// shortTableOfFleet is the same for the flows of several hosts.
const shortTableOfFleet = "on proto origin reply if state ttl out_rate in_rate bytes age"

// shortTableOfMany is the same where several interfaces are watched.
const shortTableOfMany = "proto origin reply if state ttl out_rate in_rate bytes age"

func tableColumns(s *flow.Snapshot) []column[*flow.Flow] {
	var columns []column[*flow.Flow]
	titles, names := shortTable, field.NamesOf(s)
	switch {
	case s.OfFleet():
		titles = shortTableOfFleet
	case s.WatchesSeveral():
		titles = shortTableOfMany
	}
	for name := range strings.FieldsSeq(titles) {
		if f, ok := field.Named(name); ok {
			columns = append(columns, column[*flow.Flow]{f.Title, f.Right(), func(b []byte, of *flow.Flow) []byte {
				return f.AppendShort(b, of, names)
			}})
		}
	}
	return columns
}

func wideColumns(names *field.Names) []column[*flow.Flow] {
	var columns []column[*flow.Flow]
	list := field.Wide()
	if host, ok := field.Named("on"); ok && names.Hosts != nil {
		list = append([]*field.Field{host}, list...)
	}
	for _, f := range list {
		columns = append(columns, column[*flow.Flow]{f.Wide, f.Right(), func(b []byte, of *flow.Flow) []byte {
			return f.AppendExact(b, of, names)
		}})
	}
	return columns
}

// writeTable formats every cell twice, first to measure the columns and then to
// write them: a big table takes longer rather than more memory.
func writeTable[T any](w *bufio.Writer, columns []column[T], rows []T, width int) error {
	widths := measure(columns, rows)
	columns = columns[:fitting(widths, width)]
	line := make([]byte, 0, 256)
	for i, c := range columns {
		line = appendCell(line, []byte(c.title), widths[i], c.right)
	}
	if err := writeLine(w, line); err != nil {
		return err
	}
	var cell []byte
	for _, row := range rows {
		line = line[:0]
		for i, c := range columns {
			cell = c.cell(cell[:0], row)
			line = appendCell(line, cell, widths[i], c.right)
		}
		if err := writeLine(w, line); err != nil {
			return err
		}
	}
	return nil
}

// dispensable is how many of the last columns a narrow terminal goes without: they
// are AGE and TOTAL.
const dispensable = 2

// fitting returns how many columns fit on a line. All of them are shown where even
// those that matter do not: then the lines are wrapped in any case.
func fitting(widths []int, width int) int {
	total := 0
	for _, w := range widths {
		total += w + len(gap)
	}
	total -= len(gap)
	for n := len(widths); n >= max(len(widths)-dispensable, 1); n-- {
		if total <= width {
			return n
		}
		total -= widths[n-1] + len(gap)
	}
	return len(widths)
}

func measure[T any](columns []column[T], rows []T) []int {
	widths := make([]int, len(columns))
	var cell []byte
	for i, c := range columns {
		widths[i] = len(c.title)
		for _, row := range rows {
			cell = c.cell(cell[:0], row)
			widths[i] = max(widths[i], utf8.RuneCount(cell))
		}
	}
	return widths
}

// gap stands between columns.
const gap = "  "

// appendCell appends a cell of the given width and the gap to the next one. The
// only characters beyond ASCII are one cell wide.
func appendCell(b, cell []byte, width int, right bool) []byte {
	blank := format.Blank(width - utf8.RuneCount(cell))
	if right {
		b = append(append(b, blank...), cell...)
	} else {
		b = append(append(b, cell...), blank...)
	}
	return append(b, gap...)
}

func writeLine(w *bufio.Writer, line []byte) error {
	if _, err := w.Write(bytes.TrimRight(line, " ")); err != nil {
		return err
	}
	return w.WriteByte('\n')
}
