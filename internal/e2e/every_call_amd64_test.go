package e2e

import "golang.org/x/sys/unix"

// oldCalls are calls with effects on others that newer machines no longer have.
func oldCalls() []uint64 {
	return []uint64{unix.SYS_MKDIR, unix.SYS_UNLINK, unix.SYS_RMDIR, unix.SYS_RENAME}
}
