package flow

import "errors"

// What callers of an act may tell apart with errors.Is.
var (
	// ErrUsage is wrapped by every error that another command line would
	// avoid.
	ErrUsage = errors.New("wrong usage")
	// ErrFlowGone means that the flow ended before the request reached it.
	ErrFlowGone = errors.New("flow is gone")
)

// DeleteResult says what became of the flows that were to be deleted.
type DeleteResult struct {
	// Deleted flows are gone now; Gone ones had ended before.
	Deleted, Gone int
}
