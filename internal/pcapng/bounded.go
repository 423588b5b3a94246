package pcapng

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ErrSpare is the end of a file that would take what a disk must keep free for others.
var ErrSpare = errors.New("its disk has too little room left")

// smallWrite is more than the end of a file takes. It is written whatever else is not.
const smallWrite = 4096

// SparingFile is a new file that leaves room on its disk.
type SparingFile struct {
	*os.File
	spare uint64
}

// NewSparingFile makes a file for its owner alone, where nothing is. A write that would
// leave less than spare bytes free on the disk fails with [ErrSpare].
func NewSparingFile(name string, spare uint64) (*SparingFile, error) {
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	f := &SparingFile{File: file, spare: spare}
	if err := f.room(smallWrite); err != nil {
		return nil, errors.Join(err, f.Remove())
	}
	return f, nil
}

// room returns an error if a write would take what is to be spared.
func (f *SparingFile) room(n int) error {
	var s unix.Statfs_t
	if err := unix.Fstatfs(int(f.Fd()), &s); err != nil {
		return err
	}
	if s.Bavail*uint64(s.Bsize) < f.spare+uint64(n) {
		return ErrSpare
	}
	return nil
}

// Write implements [Output].
func (f *SparingFile) Write(b []byte) (int, error) {
	if len(b) > smallWrite {
		if err := f.room(len(b)); err != nil {
			return 0, err
		}
	}
	return f.File.Write(b)
}

// Cut implements [Output].
func (f *SparingFile) Cut(n int) error { return cut(f.File, n) }

// Remove closes and removes the file.
func (f *SparingFile) Remove() error { return errors.Join(f.Close(), os.Remove(f.Name())) }
