package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// lease is a lock on a directory (flock(2)).
type lease struct {
	dir *os.File
}

// takeLease takes an exclusive lock. ok is false if another process has a lock.
func takeLease(path string) (l *lease, ok bool, err error) {
	return lockDir(path, unix.LOCK_EX)
}

// shareLease takes a shared lock. ok is false if another process has an
// exclusive lock.
func shareLease(path string) (l *lease, ok bool, err error) {
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, false, fmt.Errorf("make lease: %w", err)
	}
	return lockDir(path, unix.LOCK_SH)
}

func lockDir(path string, how int) (l *lease, ok bool, err error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, false, fmt.Errorf("open lease: %w", err)
	}
	err = unix.Flock(int(dir.Fd()), how|unix.LOCK_NB)
	if err != nil {
		_ = dir.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, false, nil
		}
		return nil, false, fmt.Errorf("take lease: %w", err)
	}
	return &lease{dir: dir}, true, nil
}

func (l *lease) release() {
	if l != nil {
		_ = l.dir.Close()
	}
}

// isOwned reports whether a process holds the exclusive lock on dir.
func isOwned(dir string) bool {
	l, free, err := takeLease(dir)
	l.release()
	return err == nil && !free
}

// place identifies a directory, even if another one gets its name later.
type place struct{ dev, inode uint64 }

func placeOf(path string) (p place, err error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return p, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return place{uint64(st.Dev), st.Ino}, nil
}

// holds reports whether path is still the locked directory.
func (l *lease) holds(path string) bool {
	var st unix.Stat_t
	there, err := placeOf(path)
	return err == nil && unix.Fstat(int(l.dir.Fd()), &st) == nil && there == place{uint64(st.Dev), st.Ino}
}
