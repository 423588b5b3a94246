package flow

import (
	"errors"
	"fmt"
)

// ErrFlowGone means that the flow ended before the act reached it.
var ErrFlowGone = errors.New("flow is gone")

// UsageError is an error that a different command line would avoid. Its text is
// that of the wrapped error.
type UsageError struct{ Err error }

// Usagef returns a [UsageError]. Its arguments are those of [fmt.Errorf].
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the error that it wraps.
func (e *UsageError) Unwrap() error { return e.Err }

// AdvisedError is an error whose text already says how to get the missing
// privilege. Its text is that of the wrapped error.
type AdvisedError struct{ Err error }

// Advisedf returns an [AdvisedError]. Its arguments are those of [fmt.Errorf].
func Advisedf(format string, args ...any) error {
	return &AdvisedError{fmt.Errorf(format, args...)}
}

// Error implements error.
func (e *AdvisedError) Error() string { return e.Err.Error() }

// Unwrap returns the error that it wraps.
func (e *AdvisedError) Unwrap() error { return e.Err }
