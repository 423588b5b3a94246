package netdev

import "errors"

// Errors for errors.Is.
var (
	// ErrBusy means that another program is attached to an interface.
	ErrBusy = errors.New("interface in use")
	// ErrUsed means that the machine itself uses an interface.
	ErrUsed = errors.New("the machine uses it")
)
