package tracker

import (
	"ctop/tracker/collect"
	"ctop/tracker/kernel"
	"ctop/tracker/netdev"
	"ctop/tracker/owner"
)

// Errors for errors.Is. The text of an error that wraps one of them says what
// to do.
var (
	// ErrPermission means that the process lacks a privilege.
	ErrPermission = kernel.ErrPermission
	// ErrUnsupported means that the kernel lacks a feature.
	ErrUnsupported = kernel.ErrUnsupported
	// ErrLayout means that pinned maps belong to another version.
	ErrLayout = kernel.ErrLayout
	// ErrNotRunning means that no tracker runs on the interfaces.
	ErrNotRunning = owner.ErrNotRunning
	// ErrAmbiguous means that several trackers run and the caller named none.
	ErrAmbiguous = owner.ErrAmbiguous
	// ErrUnsafe means that another unprivileged user could tamper with the
	// pins.
	ErrUnsafe = owner.ErrUnsafe
	// ErrNoPins means that no BPF file system is available.
	ErrNoPins = owner.ErrNoPins
	// ErrBusy means that another program is attached to an interface.
	ErrBusy = netdev.ErrBusy
	// ErrUsed means that the machine itself uses an interface.
	ErrUsed = netdev.ErrUsed
	// ErrGone means that another process detached the tracker.
	ErrGone = collect.ErrGone
)
