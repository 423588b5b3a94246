package flow

import (
	"errors"
	"fmt"
)

// ErrFlowGone means that the flow ended before the act reached it.
var ErrFlowGone = errors.New("flow is gone")

// UsageError is an error that another command line would avoid. Its text is that of
// the error that it wraps.
type UsageError struct{ Err error }

// Usagef returns a [UsageError] with a text as [fmt.Errorf] makes it.
func Usagef(format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...)}
}

// Error implements error.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the error that it wraps.
func (e *UsageError) Unwrap() error { return e.Err }

// AdvisedError is an error that says already how to get at a privilege that is
// missing. Its text is that of the error that it wraps.
type AdvisedError struct{ Err error }

// Advisedf returns an [AdvisedError] with a text as [fmt.Errorf] makes it.
func Advisedf(format string, args ...any) error {
	return &AdvisedError{fmt.Errorf(format, args...)}
}

// Error implements error.
func (e *AdvisedError) Error() string { return e.Err.Error() }

// Unwrap returns the error that it wraps.
func (e *AdvisedError) Unwrap() error { return e.Err }
