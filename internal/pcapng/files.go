package pcapng

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
)

// SmallestLimit is the smallest limit of a file: it has room for the longest packet.
const SmallestLimit = 256 << 10

// Stream is an output that is not a file, as stdout.
type Stream struct{ io.Writer }

// Cut leaves what was written: it cannot be taken back.
func (s Stream) Cut(int) error { return nil }

// Ring is a file, or several of which each is begun when the one before is full. They
// are named as tcpdump does: FILE, FILE1, FILE2 and so on, or with a number of files
// FILE0 to FILE9, of which the oldest is then replaced.
//
// Files are made for their owner alone, and only where nothing is: neither an existing
// file nor a symbolic link is written to. What is replaced is a file of this ring.
type Ring struct {
	name string
	// count is the number of files, 0 for any number.
	count int
	// made are the files as they were closed.
	made []os.FileInfo
	at   int
	file *os.File
}

// NewRing makes the first file. count is the number of files of which the oldest is
// replaced, 0 if none is.
func NewRing(name string, count int) (*Ring, error) {
	r := &Ring{name: name, count: count}
	return r, r.open()
}

// Name returns the name of the current file.
func (r *Ring) Name() string {
	switch {
	case r.count > 0:
		return fmt.Sprintf("%s%0*d", r.name, len(strconv.Itoa(r.count-1)), r.at)
	case r.at > 0:
		return r.name + strconv.Itoa(r.at)
	}
	return r.name
}

// open makes the current file.
func (r *Ring) open() error {
	f, err := os.OpenFile(r.Name(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return r.fault(errors.New("it already exists: name another file, or remove it"))
	}
	if err != nil {
		return err
	}
	r.file = f
	return nil
}

// fault names the file of an error, as those of the system do.
func (r *Ring) fault(err error) error { return &os.PathError{Op: "write", Path: r.Name(), Err: err} }

// Next implements [Files].
func (r *Ring) Next() error {
	info, err := r.file.Stat()
	if err = errors.Join(err, r.file.Close()); err != nil {
		return err
	}
	r.file = nil
	if r.at < len(r.made) {
		r.made[r.at] = info
	} else if r.count > 0 {
		r.made = append(r.made, info)
	}
	if r.at++; r.count > 0 {
		r.at %= r.count
	}
	if r.at < len(r.made) {
		if err := r.remove(r.made[r.at]); err != nil {
			return err
		}
	}
	return r.open()
}

// remove removes a file of the ring, if it is still that one, as it was closed. The
// number of its inode alone may be that of a new file.
func (r *Ring) remove(made os.FileInfo) error {
	now, err := os.Lstat(r.Name())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if !os.SameFile(made, now) || now.Mode() != made.Mode() || !now.ModTime().Equal(made.ModTime()) {
		return r.fault(errors.New("it was replaced by another file, which stays"))
	}
	return os.Remove(r.Name())
}

// Write implements [Output].
func (r *Ring) Write(b []byte) (int, error) { return r.file.Write(b) }

// Cut implements [Output].
func (r *Ring) Cut(n int) error {
	end, err := r.file.Seek(0, io.SeekCurrent)
	if err == nil && n > 0 {
		err = r.file.Truncate(end - int64(n))
	}
	return err
}

// Close closes the current file.
func (r *Ring) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Remove removes the current file, where nothing came of it.
func (r *Ring) Remove() error { return os.Remove(r.Name()) }
