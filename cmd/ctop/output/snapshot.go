package output

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/charmbracelet/x/term"

	"ctop/internal/field"
	"ctop/tracker/flow"
)

// Schema names the shape of the snapshot document. It changes only when
// something that a reader may rely on does.
const Schema = "ctop.snapshot/1"

// bufferSize is how much is gathered before it is written.
const bufferSize = 64 << 10

// View is a snapshot and those of its flows that are to be shown, in order.
type View struct {
	*flow.Snapshot
	Rows []*flow.Flow
	// Joined reports whether the tracker was already running.
	Joined bool
	// Stamped gives every line of JSONL and CSV the snapshot's time, and every
	// table a line with it: others come before or after. Continued leaves out
	// what only the first of them begins with.
	Stamped, Continued bool
}

// WriteSnapshot writes a view in a format. On a terminal a table leaves out the
// columns that would make its lines too long.
func WriteSnapshot(w io.Writer, format Format, v View) error {
	buffer := bufio.NewWriterSize(w, bufferSize)
	if err := writeSnapshot(buffer, format, v, widthOf(w)); err != nil {
		return err
	}
	return buffer.Flush()
}

// widthOf returns how wide a line may be, anything where w is no terminal or does
// not know.
func widthOf(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if width, _, err := term.GetSize(f.Fd()); err == nil && width > 0 {
			return width
		}
	}
	return math.MaxInt
}

func writeSnapshot(w *bufio.Writer, format Format, v View, width int) error {
	if v.Stamped && format.Text() {
		if err := writeStamp(w, v); err != nil {
			return err
		}
	}
	switch format {
	case Table:
		return writeTable(w, tableColumns(v.Snapshot), v.Rows, width)
	case Wide:
		return writeTable(w, wideColumns(field.NamesOf(v.Snapshot)), v.Rows, math.MaxInt)
	case JSON:
		return writeDocument(w, v)
	case JSONL:
		return writeLines(w, v)
	case CSV:
		return writeCSV(w, v)
	}
	return fmt.Errorf("write snapshot: no format %s", format)
}

// writeDocument writes the head of the document with encoding/json and the
// flows, one a line, without.
func writeDocument(w *bufio.Writer, v View) error {
	head, err := json.MarshalIndent(newDocument(v), "", "  ")
	if err != nil {
		return fmt.Errorf("encode snapshot: %w", err)
	}
	flows := newFlowEncoder(v.Snapshot)
	return writeList(w, head, "flows", v.Rows, func(b []byte, f **flow.Flow) []byte { return flows.append(b, *f) })
}

// writeList writes a document that has been marshalled, and a list of rows, one a line,
// as its last member.
func writeList[T any](w *bufio.Writer, head []byte, name string, rows []T, encode func(b []byte, row *T) []byte) error {
	head = bytes.TrimSuffix(escapeControls(head), []byte("\n}"))
	if _, err := fmt.Fprintf(w, "%s,\n  %q: [", head, name); err != nil {
		return err
	}
	err := writeRows(w, rows, func(b []byte, row int) []byte {
		if row > 0 {
			b = append(b, ',')
		}
		return encode(append(b, "\n    "...), &rows[row])
	})
	if err != nil {
		return err
	}
	tail := "]\n}\n"
	if len(rows) > 0 {
		tail = "\n  ]\n}\n"
	}
	_, err = w.WriteString(tail)
	return err
}

// writeStamp parts a table from the one before.
func writeStamp(w *bufio.Writer, v View) error {
	if v.Continued {
		if err := w.WriteByte('\n'); err != nil {
			return err
		}
	}
	_, err := w.WriteString(v.Time.Local().Format("2006-01-02 15:04:05.000") + "\n")
	return err
}

// writeLines writes one flow a line and nothing else.
func writeLines(w *bufio.Writer, v View) error {
	flows := newFlowEncoder(v.Snapshot)
	if v.Stamped {
		flows.stamp = `,"time":"` + string(appendTime(nil, v.Time)) + `"`
	}
	return writeRows(w, v.Rows, func(b []byte, row int) []byte {
		return append(flows.append(b, v.Rows[row]), '\n')
	})
}
