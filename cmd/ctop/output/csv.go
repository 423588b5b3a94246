package output

import (
	"bufio"
	"strings"

	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

func writeCSV(w *bufio.Writer, v View) error {
	columns, names := newRecords(field.Records()), field.NamesOf(v.Snapshot)
	header, stamp := columns.header(), ""
	if v.Stamped {
		header, stamp = header+",time", ","+string(appendTime(nil, v.Time))
	}
	if !v.Continued {
		if _, err := w.WriteString(header + "\n"); err != nil {
			return err
		}
	}
	return writeRows(w, v.Rows, func(b []byte, row int) []byte {
		b = columns.append(b, v.Rows[row], names)
		return append(append(b, stamp...), '\n')
	})
}

// records write the columns of a CSV record.
type records []member

func newRecords(fields []*field.Field) records {
	list := make(records, len(fields))
	for i, f := range fields {
		list[i] = newMember(f, ",")
	}
	return list
}

// header names the columns as the path to them in the JSON object.
func (list records) header() string {
	names := make([]string, len(list))
	for i := range list {
		names[i] = list[i].field.JSON
	}
	return strings.Join(names, ",")
}

// append appends the values of a flow with a comma between them, nothing for what
// is not known.
func (list records) append(b []byte, f *flow.Flow, names *field.Names) []byte {
	for i := range list {
		m := &list[i]
		if i > 0 {
			b = append(b, ',')
		}
		if m.step != stepCount {
			b = m.appendValue(b, f, names)
		} else if n, known := m.number(f); known || m.always {
			b = format.AppendUint(b, uint64(n))
		}
	}
	return b
}

// appendIf appends the values that the end of a flow brings only if it has ended.
func (list records) appendIf(ended bool, b []byte, f *flow.Flow, names *field.Names) []byte {
	for i := range list {
		if i > 0 {
			b = append(b, ',')
		}
		if ended || list[i].field.Event != field.EndEvent {
			b = list[i].appendValue(b, f, names)
		}
	}
	return b
}

func (m *member) appendValue(b []byte, f *flow.Flow, names *field.Names) []byte {
	if m.number != nil {
		if n, known := m.number(f); known || m.always {
			return m.field.Kind.AppendNumber(b, n)
		}
		return b
	}
	switch {
	case m.step == stepWord:
		return m.word(b, f)
	case m.field.Kind == field.Text:
		return append(b, csvText(m.field.Text(f, names))...)
	case !m.field.Has(f):
		return b
	case m.field.Kind == field.Flag:
		return append(b, "true"...)
	}
	return m.word(b, f)
}

// csvText cleans text from outside, and quotes it where RFC 4180 says so.
func csvText(s string) string {
	s = format.Clean(s)
	if !strings.ContainsAny(s, ",\"\r\n") {
		return s
	}
	return `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
}
