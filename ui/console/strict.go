package console

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// readStrictly reads a file that decides who may log in. It is as strict as sshd with
// StrictModes (sshd_config(5)): the file and every directory above it must belong to
// root or to ctop's own user, and nobody else may change them. The file must not have
// the permissions in forbidden; fix is the mode that removes them. Others may write
// to a sticky directory (chmod(2)), in which nobody can replace another user's file.
func readStrictly(path string, most int64, forbidden fs.FileMode, fix string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if err := checkOwner(path, info); err != nil {
		return nil, err
	}
	if others := info.Mode().Perm() & forbidden; others != 0 {
		may := "written"
		if others&0o022 == 0 {
			may = "read"
		}
		return nil, fmt.Errorf("%s can be %s by users other than its owner: chmod %s %s", path, may, fix, path)
	}
	if err := checkDirectories(path, info); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, most))
}

// PrivateDirectory makes a directory for files that nobody else may read or replace, or
// checks that one is. It is as strict as for files that decide who may log in.
func PrivateDirectory(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory: remove it", path)
	case info.Mode().Perm()&0o077 != 0:
		return fmt.Errorf("the directory %s can be used by users other than its owner: chmod 700 %s", path, path)
	}
	if err := checkOwner(path, info); err != nil {
		return err
	}
	return checkDirectories(path, info)
}

// checkOwner returns an error if the owner could authorise himself.
func checkOwner(path string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || st.Uid == 0 || int64(st.Uid) == int64(os.Geteuid()) {
		return nil
	}
	return fmt.Errorf("%s belongs to user %d: chown it to root or to user %d", path, st.Uid, os.Geteuid())
}

// checkDirectories checks every directory between a file and the root.
func checkDirectories(path string, file fs.FileInfo) error {
	dir, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	if dir, err = filepath.EvalSymlinks(dir); err != nil {
		return err
	}
	if now, err := os.Lstat(dir); err != nil || !os.SameFile(now, file) {
		return errors.Join(err, fmt.Errorf("%s was replaced meanwhile: try again", path))
	}
	for dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		info, err := os.Lstat(dir)
		if err != nil {
			return err
		}
		if err := checkOwner(dir, info); err != nil {
			return err
		}
		if info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0 {
			return fmt.Errorf("the directory %s can be written by users other than its owner: chmod go-w %s", dir, dir)
		}
	}
	return nil
}
