package tracker

import (
	"ctop/tracker/collect"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
	"ctop/tracker/owner"
)

// Errors that callers tell apart with errors.Is. Every error that wraps one of these
// says what to do about it.
var (
	// ErrPermission means that the process lacks a privilege.
	ErrPermission = kernel.ErrPermission
	// ErrUnsupported means that the kernel lacks a feature.
	ErrUnsupported = kernel.ErrUnsupported
	// ErrLayout means that pinned maps belong to another version.
	ErrLayout = kernel.ErrLayout
	// ErrNotRunning means that no tracker runs on the interfaces.
	ErrNotRunning = owner.ErrNotRunning
	// ErrAmbiguous means that more than one tracker runs and none was named.
	ErrAmbiguous = owner.ErrAmbiguous
	// ErrUnsafe means that others than root and the user of the process could
	// tamper with a tracker where it is to be pinned.
	ErrUnsafe = owner.ErrUnsafe
	// ErrNoPins means that the BPF file system cannot be used.
	ErrNoPins = owner.ErrNoPins
	// ErrBusy means that an interface carries a foreign program.
	ErrBusy = netdev.ErrBusy
	// ErrUsed means that the machine itself uses an interface.
	ErrUsed = netdev.ErrUsed
	// ErrGone means that somebody else took the tracker down.
	ErrGone = collect.ErrGone
)
