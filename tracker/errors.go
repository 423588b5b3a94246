package tracker

import "errors"

// What callers may tell apart with errors.Is. Every error that wraps one of
// these says what to do about it.
var (
	// ErrPermission means that the process lacks a privilege.
	ErrPermission = errors.New("not permitted")
	// ErrUnsupported means that the kernel lacks a feature.
	ErrUnsupported = errors.New("not supported by this kernel")
	// ErrNotRunning means that no tracker runs on the interfaces.
	ErrNotRunning = errors.New("no tracker is running")
	// ErrAmbiguous means that more than one tracker runs and none was named.
	ErrAmbiguous = errors.New("more than one tracker is running")
	// ErrBusy means that an interface carries somebody else's program.
	ErrBusy = errors.New("interface in use")
	// ErrUsed means that the machine itself uses an interface.
	ErrUsed = errors.New("the machine uses it")
	// ErrLayout means that pinned maps belong to another version.
	ErrLayout = errors.New("pinned by another version")
	// ErrUnsafe means that others than root and the user of the process could
	// tamper with a tracker where it is to be pinned.
	ErrUnsafe = errors.New("not safe from other users")
	// ErrNoPins means that the BPF file system cannot be used.
	ErrNoPins = errors.New("no BPF file system")
)
