package output

import (
	"io"
	"runtime"
)

// rowsAtOnce is how many rows are encoded before they are written.
const rowsAtOnce = 512

// writeRows writes rows in their order, as encode appends them. Every processor
// encodes: what takes the time is to fetch flows that lie anywhere in memory.
func writeRows[T any](w io.Writer, rows []T, encode func(b []byte, row int) []byte) error {
	pieces := (len(rows) + rowsAtOnce - 1) / rowsAtOnce
	workers := min(runtime.GOMAXPROCS(0), pieces)
	stop := make(chan struct{})
	defer close(stop)
	encoded := make([]chan []byte, workers)
	used := make([]chan []byte, workers)
	for n := range workers {
		encoded[n], used[n] = make(chan []byte, 1), make(chan []byte, 2)
		used[n] <- nil
		used[n] <- nil
		go func() {
			for piece := n; piece < pieces; piece += workers {
				select {
				case b := <-used[n]:
					encoded[n] <- encodePiece(b[:0], piece, len(rows), encode)
				case <-stop:
					return
				}
			}
		}()
	}
	for piece := range pieces {
		b := <-encoded[piece%workers]
		if _, err := w.Write(b); err != nil {
			return err
		}
		used[piece%workers] <- b
	}
	return nil
}

// encodePiece appends one piece of so many rows.
func encodePiece(b []byte, piece, rows int, encode func(b []byte, row int) []byte) []byte {
	for row := piece * rowsAtOnce; row < min(rows, (piece+1)*rowsAtOnce); row++ {
		b = encode(b, row)
	}
	return b
}
