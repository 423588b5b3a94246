package firstseen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"ctop/internal/file"
)

// magic begins a file.
const magic = "ctop-first-seen/1\n"

// factSize is the size of a fact in a file, longestFile of a whole one.
const (
	factSize    = 8 + 4
	headSize    = len(magic) + 16 + 8
	longestFile = headSize + MostFacts*factSize + 4
)

var errFile = errors.New("it is damaged, or not a file of ctop")

// load reads a file. It returns no book if there is none, or if it cannot be read.
func load(name string) (*book, time.Duration, error) {
	in, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read what is usual: %w", err)
	}
	defer func() { _ = in.Close() }() // nothing was written
	text, err := io.ReadAll(io.LimitReader(in, int64(longestFile)+1))
	if err != nil {
		return nil, 0, fmt.Errorf("read what is usual: %w", err)
	}
	b, learned, err := decode(text)
	if err != nil {
		return nil, 0, fmt.Errorf("read what is usual from %s: %w: it is learned again", name, err)
	}
	return b, learned, nil
}

// decode reads the text of a file.
func decode(text []byte) (*book, time.Duration, error) {
	if len(text) < headSize+4 || len(text) > longestFile || !bytes.HasPrefix(text, []byte(magic)) || (len(text)-headSize-4)%factSize != 0 {
		return nil, 0, errFile
	}
	body, sum := text[:len(text)-4], binary.BigEndian.Uint32(text[len(text)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return nil, 0, errFile
	}
	rest := body[len(magic):]
	b := newBook([16]byte(rest))
	learned := time.Duration(binary.BigEndian.Uint64(rest[16:]))
	for rest = rest[24:]; len(rest) > 0; rest = rest[factSize:] {
		b.learn(fact{binary.BigEndian.Uint64(rest), binary.BigEndian.Uint32(rest[8:])})
	}
	return b, max(learned, 0), nil
}

// encode returns the text of a file.
func (b *book) encode(learned time.Duration) []byte {
	text := make([]byte, 0, headSize+len(b.facts)*factSize+4)
	text = append(append(text, magic...), b.seed[:]...)
	text = binary.BigEndian.AppendUint64(text, uint64(learned))
	for what, whom := range b.facts {
		text = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(text, what), whom)
	}
	return binary.BigEndian.AppendUint32(text, crc32.ChecksumIEEE(text))
}

// save writes the file now and then.
func (w *Watch) save(now time.Time) {
	if w.options.File == "" || now.Sub(w.saved) < saveEvery {
		return
	}
	w.saved = now
	if err := w.write(); err != nil {
		w.options.Log.Warn("keep what is usual", "error", err)
	}
}

// Close writes the file, if there is one.
func (w *Watch) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.options.File == "" {
		return nil
	}
	return w.write()
}

// write replaces the file completely or not at all.
func (w *Watch) write() error {
	if err := os.MkdirAll(filepath.Dir(w.options.File), 0o700); err != nil {
		return fmt.Errorf("keep what is usual: %w", err)
	}
	// This waits for nothing but memory: the consoles' snapshots wait for it.
	if err := file.ReplaceLater(w.options.File, w.book.encode(w.learned)); err != nil {
		return fmt.Errorf("keep what is usual: %w", err)
	}
	return nil
}
