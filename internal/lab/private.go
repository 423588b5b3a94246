package lab

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// PrivateDir returns an empty directory in memory that only this process sees. It is gone
// with the process, however that ends. Its path means nothing to other processes.
func PrivateDir() (dir string, closing func() error, err error) {
	fail := func(err error) (string, func() error, error) {
		return "", nil, fmt.Errorf("make a private directory: %w", err)
	}
	fs, err := unix.Fsopen("tmpfs", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return fail(err)
	}
	defer func() { _ = unix.Close(fs) }() // it was made, or an error is returned
	if err := unix.FsconfigSetString(fs, "mode", "0700"); err != nil {
		return fail(err)
	}
	if err := unix.FsconfigCreate(fs); err != nil {
		return fail(err)
	}
	fd, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, unix.MOUNT_ATTR_NOSUID|unix.MOUNT_ATTR_NODEV)
	if err != nil {
		return fail(err)
	}
	root := os.NewFile(uintptr(fd), "private directory")
	return "/proc/self/fd/" + strconv.Itoa(fd), root.Close, nil
}
