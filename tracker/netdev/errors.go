package netdev

import "errors"

// Errors that callers tell apart with errors.Is.
var (
	// ErrBusy means that an interface carries a foreign program.
	ErrBusy = errors.New("interface in use")
	// ErrUsed means that the machine itself uses an interface.
	ErrUsed = errors.New("the machine uses it")
)
