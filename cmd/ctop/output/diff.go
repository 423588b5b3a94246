package output

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"ctop/internal/diff"
	"ctop/internal/field"
	"ctop/internal/format"
	"ctop/tracker/flow"
)

// DiffSchema names the shape of the document of a difference.
const DiffSchema = "ctop.diff/1"

// Side is one of the two snapshots of a difference.
type Side struct {
	// File is the name of the file that it was read from, empty for what a tracker just said.
	File string
	*flow.Snapshot
}

// Diff is a difference and those of its rows that are to be shown.
type Diff struct {
	Before, After Side
	*diff.Result
	Rows []diff.Row
}

// WriteDiff writes a difference in a format.
func WriteDiff(w io.Writer, f Format, d Diff) error {
	buffer := bufio.NewWriterSize(w, bufferSize)
	if err := writeDiff(buffer, f, d, widthOf(w)); err != nil {
		return err
	}
	return buffer.Flush()
}

func writeDiff(w *bufio.Writer, f Format, d Diff, width int) error {
	switch f {
	case Table:
		return writeTable(w, diffColumns(&d, shortTable), d.Rows, width)
	case Wide:
		return writeTable(w, diffColumns(&d, "proto origin reply state age if id"), d.Rows, math.MaxInt)
	case JSON:
		return writeDiffDocument(w, &d)
	case JSONL:
		return writeDiffLines(w, &d)
	case CSV:
		return writeDiffCSV(w, &d)
	}
	return fmt.Errorf("write difference: no format %s", f)
}

// DiffSummary returns one line about the snapshots and the numbers of changes.
func DiffSummary(d Diff) string {
	if len(d.Result.Rows) == 0 {
		return noDifference(d)
	}
	carried := int64(0)
	for i := range d.Result.Rows {
		carried += d.Result.Rows[i].Bytes()
	}
	parts := []string{
		format.Count(d.Count(diff.Came)) + " came", format.Count(d.Count(diff.Went)) + " went",
		format.Count(d.Count(diff.Changed)) + " changed", format.Count(d.Same) + " stayed the same",
		format.Signed(carried, format.TotalBytes),
	}
	if carried == 0 {
		parts[len(parts)-1] = "no bytes in between"
	}
	if between, known := d.elapsed(); known {
		parts = append(parts, "in "+format.Words(between))
	}
	if d.Key == diff.ByTuple {
		parts = append(parts, "compared by tuple")
	}
	if len(d.Rows) != len(d.Result.Rows) {
		parts = append(parts, format.Count(len(d.Rows))+" shown")
	}
	return strings.Join(parts, ", ")
}

// noDifference returns the line about snapshots between which nothing happened.
func noDifference(d Diff) string {
	text := "nothing differs: "
	if d.Same == 0 {
		text += "neither snapshot has a flow"
	} else {
		text += format.Plural(d.Same, "flow") + " stayed the same"
	}
	if between, known := d.elapsed(); known {
		text += ", in " + format.Words(between)
	}
	return text
}

// elapsed returns the time between the snapshots, if both say when they were taken.
func (d *Diff) elapsed() (between time.Duration, known bool) {
	return d.After.Time.Sub(d.Before.Time), !d.Before.Time.IsZero() && !d.After.Time.IsZero()
}

// namesOf returns the names for a flow of a row.
func (d *Diff) namesOf(row *diff.Row) *field.Names {
	if row.After != nil {
		return field.NamesOf(d.After.Snapshot)
	}
	return field.NamesOf(d.Before.Snapshot)
}

// diffColumns are what a row's flow has in every table, with the differences of its
// counters in place of the counters.
func diffColumns(d *Diff, fields string) []column[diff.Row] {
	exact := func(n uint64) string { return strconv.FormatUint(n, 10) }
	total := format.TotalBytes
	if fields != shortTable {
		total = exact
	}
	columns := []column[diff.Row]{{"CHANGE", false, func(b []byte, row diff.Row) []byte {
		return append(b, row.Change.String()...)
	}}}
	for name := range strings.FieldsSeq(fields) {
		f, ok := field.Named(name)
		if !ok || f.Kind == field.Rate || name == "bytes" || name == "ttl" {
			continue
		}
		columns = append(columns, column[diff.Row]{f.Title, f.Right(), func(b []byte, row diff.Row) []byte {
			if name == "state" && row.Change == diff.Changed && row.Before.State != row.After.State {
				b = append(append(b, row.Before.State.String()...), " > "...)
			}
			return f.AppendShort(b, row.Flow(), d.namesOf(&row))
		}})
		if name == "state" {
			columns = append(columns, deltaColumns(total, exact)...)
		}
	}
	return columns
}

func deltaColumns(total, exact func(uint64) string) []column[diff.Row] {
	of := func(title string, text func(uint64) string, n func(origin, reply diff.Delta) int64) column[diff.Row] {
		return column[diff.Row]{title, true, func(b []byte, row diff.Row) []byte {
			if row.Change == diff.Went {
				return append(b, '-')
			}
			return append(b, format.Signed(n(row.Deltas()), text)...)
		}}
	}
	return []column[diff.Row]{
		of("BYTE OUT", total, func(origin, _ diff.Delta) int64 { return origin.Bytes }),
		of("BYTE IN", total, func(_, reply diff.Delta) int64 { return reply.Bytes }),
		of("PKT OUT", exact, func(origin, _ diff.Delta) int64 { return origin.Packets }),
		of("PKT IN", exact, func(_, reply diff.Delta) int64 { return reply.Packets }),
	}
}

// diffDocument is the beginning of a document.
type diffDocument struct {
	Schema   string       `json:"schema"`
	Before   sideDocument `json:"before"`
	After    sideDocument `json:"after"`
	Elapsed  *seconds     `json:"elapsed_s,omitempty"`
	Compared string       `json:"compared_by"`
	Came     int          `json:"came"`
	Went     int          `json:"went"`
	Changed  int          `json:"changed"`
	Same     int          `json:"same"`
}

type sideDocument struct {
	File  string `json:"file,omitempty"`
	Time  string `json:"time,omitempty"`
	Host  string `json:"host,omitempty"`
	Flows int    `json:"flows"`
}

func newSideDocument(s Side) sideDocument {
	d := sideDocument{File: s.File, Host: s.Host, Flows: len(s.Flows)}
	if !s.Time.IsZero() {
		d.Time = string(appendTime(nil, s.Time))
	}
	return d
}

func writeDiffDocument(w *bufio.Writer, d *Diff) error {
	head := diffDocument{
		Schema: DiffSchema, Before: newSideDocument(d.Before), After: newSideDocument(d.After),
		Compared: d.Key.String(), Came: d.Count(diff.Came), Went: d.Count(diff.Went),
		Changed: d.Count(diff.Changed), Same: d.Same,
	}
	if between, known := d.elapsed(); known {
		s := seconds(between)
		head.Elapsed = &s
	}
	text, err := json.MarshalIndent(head, "", "  ")
	if err != nil {
		return fmt.Errorf("encode difference: %w", err)
	}
	return writeList(w, text, "changes", d.Rows, newDiffEncoder(d).append)
}

func writeDiffLines(w *bufio.Writer, d *Diff) error {
	e := newDiffEncoder(d)
	return writeRows(w, d.Rows, func(b []byte, row int) []byte {
		return append(e.append(b, &d.Rows[row]), '\n')
	})
}

// diffEncoder appends rows as JSON objects: the members of the flow as it was last
// seen, after what changed.
type diffEncoder struct{ before, after flowEncoder }

func newDiffEncoder(d *Diff) diffEncoder {
	return diffEncoder{newFlowEncoder(d.Before.Snapshot), newFlowEncoder(d.After.Snapshot)}
}

func (e diffEncoder) append(b []byte, row *diff.Row) []byte {
	b = append(append(append(b, `{"change":"`...), row.Change.String()...), '"')
	if row.Change == diff.Changed && row.Before.State != row.After.State {
		b = appendState(b, "from", row.Before.State)
	}
	flows := e.before
	if row.After != nil {
		flows = e.after
		origin, reply := row.Deltas()
		b = appendDelta(append(b, `,"delta":{"origin":`...), origin)
		b = append(appendDelta(append(b, `,"reply":`...), reply), '}')
	}
	at := len(b)
	b = flows.append(b, row.Flow())
	b[at] = ',' // in place of the bracket
	return b
}

func appendDelta(b []byte, d diff.Delta) []byte {
	b = strconv.AppendInt(append(b, `{"packets":`...), d.Packets, 10)
	b = strconv.AppendInt(append(b, `,"bytes":`...), d.Bytes, 10)
	return append(b, '}')
}

const diffHeader = "change,from,delta.origin.packets,delta.origin.bytes,delta.reply.packets,delta.reply.bytes,"

func writeDiffCSV(w *bufio.Writer, d *Diff) error {
	columns := newRecords(field.Records())
	if _, err := w.WriteString(diffHeader + columns.header() + "\n"); err != nil {
		return err
	}
	return writeRows(w, d.Rows, func(b []byte, i int) []byte {
		row := &d.Rows[i]
		b = append(append(b, row.Change.String()...), ',')
		if row.Change == diff.Changed && row.Before.State != row.After.State {
			b = append(b, row.Before.State.String()...)
		}
		b = append(b, ',')
		if row.After == nil {
			b = append(b, ",,,,"...)
		} else {
			origin, reply := row.Deltas()
			for _, n := range []int64{origin.Packets, origin.Bytes, reply.Packets, reply.Bytes} {
				b = append(strconv.AppendInt(b, n, 10), ',')
			}
		}
		return append(columns.append(b, row.Flow(), d.namesOf(row)), '\n')
	})
}
