package ui

import "ctop/tracker/flow"

// Reader provides the data that a console shows. [*tracker.Collector] implements it.
// Its methods must be safe for concurrent use. If it also implements [flow.Inspector],
// the detail page shows more about a flow.
type Reader interface {
	// Snapshot returns the latest snapshot, nil before the first.
	Snapshot() *flow.Snapshot
	// Events returns the events after a position and the next position.
	Events(after uint64) (events []flow.Event, next uint64)
}

// Source is a [Reader] that also performs acts on its flows and timeouts.
type Source interface {
	Reader
	flow.Actor
}

// WithActor sets the actor that performs the operator's acts. Without it the console is
// read-only, and every key that acts reports that.
func WithActor(a flow.Actor) Option {
	return func(o *options) { o.actor = a }
}
