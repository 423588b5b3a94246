package owner

import (
	"errors"
	"fmt"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNotRunning means that no tracker runs on the interfaces.
	ErrNotRunning = errors.New("no tracker is running")
	// ErrAmbiguous means that more than one tracker runs and none was named.
	ErrAmbiguous = errors.New("more than one tracker is running")
	// ErrUnsafe means that others than root and the user of the process could
	// tamper with a tracker where it is to be pinned.
	ErrUnsafe = errors.New("not safe from other users")
	// ErrNoPins means that the BPF file system cannot be used.
	ErrNoPins = errors.New("no BPF file system")
	// ErrPinsMissing is what a tracker looks like whose owner was killed while it
	// attached or ended, and one that is still doing so.
	ErrPinsMissing = fmt.Errorf("%w: some of its pins are missing", ErrNotRunning)
	// ErrClaimed means that another process was faster.
	ErrClaimed = errors.New("another ctop is attaching there")
)
