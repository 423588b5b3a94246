// Package file replaces small files of state, and tells when a file has changed.
package file

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Replace writes a file that only its owner can read, in place of the one that is there. It
// writes all of it or nothing, also if the machine stops.
func Replace(path string, text []byte) error { return replace(path, text, (*os.File).Sync) }

// ReplaceLater is [Replace] for a file that nobody misses, and where nobody can wait for the
// disk: if the machine stops soon after, the file may be empty.
func ReplaceLater(path string, text []byte) error {
	return replace(path, text, func(*os.File) error { return nil })
}

func replace(path string, text []byte, sync func(*os.File) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error before says what is wrong
		}
	}()
	_, err = f.Write(text)
	if err = errors.Join(err, sync(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Stamp differs from an earlier one if the file was changed or replaced meanwhile.
type Stamp struct {
	changed time.Time
	size    int64
	inode   uint64
}

// StampOf returns a file's stamp, the zero value if there is no such file.
func StampOf(path string) (s Stamp) {
	info, err := os.Stat(path)
	if err != nil {
		return s
	}
	s.changed, s.size = info.ModTime(), info.Size()
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		s.inode = sys.Ino
	}
	return s
}
