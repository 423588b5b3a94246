package pcapng

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
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
	// made are the files that were closed.
	made []identity
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
	made, err := identify(int(r.file.Fd()), "")
	if err = errors.Join(err, r.file.Close()); err != nil {
		return err
	}
	r.file = nil
	if r.at < len(r.made) {
		r.made[r.at] = made
	} else if r.count > 0 {
		r.made = append(r.made, made)
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

// remove removes a file of the ring, if it is still that one: what was done to it from
// outside does not matter.
func (r *Ring) remove(made identity) error {
	now, err := identify(unix.AT_FDCWD, r.Name())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if now != made {
		return r.fault(errors.New("it was replaced by another file, which stays"))
	}
	return os.Remove(r.Name())
}

// identity tells a file from any other one. The number of an inode alone may be that of
// a newer file.
type identity struct {
	major, minor uint32
	inode        uint64
	// born is when it was made. A file system that does not tell has zero.
	born unix.StatxTimestamp
	kind uint16
}

// identify returns the identity of an open file, or of the one with a name.
func identify(fd int, name string) (identity, error) {
	flags := unix.AT_SYMLINK_NOFOLLOW
	if name == "" {
		flags |= unix.AT_EMPTY_PATH
	}
	var s unix.Statx_t
	if err := unix.Statx(fd, name, flags, unix.STATX_INO|unix.STATX_TYPE|unix.STATX_BTIME, &s); err != nil {
		return identity{}, &os.PathError{Op: "statx", Path: name, Err: err}
	}
	i := identity{major: s.Dev_major, minor: s.Dev_minor, inode: s.Ino, kind: s.Mode & unix.S_IFMT}
	if s.Mask&unix.STATX_BTIME != 0 {
		i.born = s.Btime
	}
	return i, nil
}

// Write implements [Output].
func (r *Ring) Write(b []byte) (int, error) { return r.file.Write(b) }

// Cut implements [Output].
func (r *Ring) Cut(n int) error { return cut(r.file, n) }

func cut(f *os.File, n int) error {
	end, err := f.Seek(0, io.SeekCurrent)
	if err != nil || n <= 0 {
		return err
	}
	if err := f.Truncate(end - int64(n)); err != nil {
		return err
	}
	_, err = f.Seek(end-int64(n), io.SeekStart)
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
