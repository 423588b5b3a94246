package owner

import (
	"errors"
	"fmt"
)

// Errors for errors.Is.
var (
	// ErrNotRunning means that no tracker runs on the interfaces.
	ErrNotRunning = errors.New("no tracker is running")
	// ErrAmbiguous means that several trackers run and the caller named none.
	ErrAmbiguous = errors.New("more than one tracker is running")
	// ErrUnsafe means that another unprivileged user could tamper with the
	// pins.
	ErrUnsafe = errors.New("not safe from other users")
	// ErrNoPins means that no BPF file system is available.
	ErrNoPins = errors.New("no BPF file system")
	// ErrPinsMissing means that some pins do not exist. The owner is still
	// attaching or detaching, or was killed while it did.
	ErrPinsMissing = fmt.Errorf("%w: some of its pins are missing", ErrNotRunning)
	// ErrClaimed means that another process created the directory first.
	ErrClaimed = errors.New("another ctop is attaching there")
)
