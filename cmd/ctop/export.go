package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ctop/cmd/ctop/output"
	"ctop/internal/format"
	"ctop/internal/order"
	"ctop/tracker/flow"
)

// exportJSON writes the flows that the console shows to a new file in the working
// directory, in the format of a dump.
func exportJSON(s *flow.Snapshot, flows []*flow.Flow) (where string, err error) {
	return exportTo("ctop-", ".json", s.Time, func(w io.Writer) error {
		return output.WriteSnapshot(w, output.JSON, output.View{Snapshot: s, Rows: flows})
	})
}

// exportEvents writes the events that the console shows, as ctop events -o jsonl does.
func exportEvents(events []flow.Event) (string, error) {
	return exportTo("ctop-events-", ".jsonl", time.Now(), func(w io.Writer) error {
		var text []byte
		for i := range events {
			text = output.AppendEvent(text, output.JSONL, &events[i])
		}
		_, err := w.Write(text)
		return err
	})
}

// exportGroups writes the talkers that the console shows, as CSV.
func exportGroups(g order.Groups) (string, error) {
	return exportTo("ctop-talkers-", ".csv", g.Snapshot.Time, func(w io.Writer) error {
		lines := [][]string{{"by", "name", "flows", "out_packets", "in_packets", "out_bytes", "in_bytes", "out_bps", "in_bps", "filter"}}
		for i := range g.Top {
			t := &g.Top[i]
			line := []string{g.Grouping.String(), format.Clean(g.Grouping.Name(t.Key, g.Snapshot)), strconv.Itoa(t.Flows)}
			for _, n := range []uint64{t.Origin.Packets, t.Reply.Packets, t.Origin.Bytes, t.Reply.Bytes, uint64(t.Origin.BPS), uint64(t.Reply.BPS)} {
				line = append(line, strconv.FormatUint(n, 10))
			}
			lines = append(lines, append(line, g.Grouping.Term(t.Key, g.Snapshot)))
		}
		return csv.NewWriter(w).WriteAll(lines)
	})
}

// exportTo writes a new file in the working directory, and returns where it is.
func exportTo(base, ending string, at time.Time, write func(io.Writer) error) (where string, err error) {
	f, err := createNew(base+at.UTC().Format("20060102T150405.000Z"), ending)
	if err != nil {
		return "", fmt.Errorf("export: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if where, err = filepath.Abs(f.Name()); err != nil {
		where = f.Name()
	}
	return where, write(f)
}

// maxExports is the maximum number of files of one snapshot.
const maxExports = 1000

// createNew creates a file for its owner alone under the first free name among base,
// base-2, base-3 and so on. A snapshot may be exported several times, with other filters.
func createNew(base, ending string) (*os.File, error) {
	return newNumbered(base, ending, func(name string) (*os.File, error) {
		return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	})
}

// newNumbered creates a file under the first free name.
func newNumbered[F any](base, ending string, create func(name string) (F, error)) (f F, err error) {
	for n := 1; n <= maxExports; n++ {
		name := base
		if n > 1 {
			name += "-" + strconv.Itoa(n)
		}
		if f, err = create(name + ending); !errors.Is(err, os.ErrExist) {
			break
		}
	}
	return f, err
}
