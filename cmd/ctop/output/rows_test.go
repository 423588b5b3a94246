package output

import (
	"bytes"
	"errors"
	"io"
	"strconv"
	"testing"

	"ctop/tracker/flow"
)

// Rows come out in their order and each once, however many there are.
func TestWriteRows(t *testing.T) {
	for _, n := range []int{0, 1, rowsAtOnce - 1, rowsAtOnce, rowsAtOnce + 1, 10*rowsAtOnce + 7} {
		var got, want bytes.Buffer
		for row := range n {
			want.WriteString(strconv.Itoa(row) + "\n")
		}
		err := writeRows(&got, make([]*flow.Flow, n), func(b []byte, row int) []byte {
			return append(strconv.AppendInt(b, int64(row), 10), '\n')
		})
		if err != nil || !bytes.Equal(got.Bytes(), want.Bytes()) {
			t.Errorf("%d rows: %v, %d bytes, want %d", n, err, got.Len(), want.Len())
		}
	}
}

// After rows that cannot be written no more are.
func TestWriteRowsFails(t *testing.T) {
	var file shortFile
	err := writeRows(&file, make([]*flow.Flow, 100*rowsAtOnce), func(b []byte, _ int) []byte { return append(b, 'x') })
	if !errors.Is(err, io.ErrShortWrite) || file.writes != 3 {
		t.Errorf("%v after %d writes", err, file.writes)
	}
}

// shortFile takes two writes.
type shortFile struct{ writes int }

func (f *shortFile) Write(b []byte) (int, error) {
	if f.writes++; f.writes > 2 {
		return 0, io.ErrShortWrite
	}
	return len(b), nil
}
