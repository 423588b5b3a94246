package ui

import (
	"time"

	"ctop/tracker/flow"
)

// Source is what a console shows and acts on. [*tracker.Collector] is one. Its
// methods are called from goroutines of the program's, several at a time.
type Source interface {
	// Snapshot returns the latest snapshot, nil before the first.
	Snapshot() *flow.Snapshot
	// Events returns the events after a position and the next position.
	Events(after uint64) (events []flow.Event, next uint64)
	// Delete ends flows.
	Delete(refs ...flow.Ref) (flow.DeleteResult, error)
	// SetTimeout changes a timeout for every flow at once.
	SetTimeout(name flow.TimeoutName, d time.Duration) error
	// SetFlowTimeout gives one flow a timeout of its own, or takes it away
	// again where d is zero.
	SetFlowTimeout(ref flow.Ref, d time.Duration) error
}

// ReadOnly is a [Source] that can only be looked at, such as a recording. Every key
// that acts answers with its error, before anything is asked or typed.
type ReadOnly interface {
	// ReadOnly says why it cannot act.
	ReadOnly() error
}
