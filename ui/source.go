package ui

import "ctop/tracker/flow"

// Reader is what a console shows. [*tracker.Collector] is one. Its methods may be
// called from several goroutines at once. The detail page shows more of a flow if it is
// a [flow.Inspector], too.
type Reader interface {
	// Snapshot returns the latest snapshot, nil before the first.
	Snapshot() *flow.Snapshot
	// Events returns the events after a position and the next position.
	Events(after uint64) (events []flow.Event, next uint64)
}

// Source is a [Reader] whose flows and timeouts can be changed.
type Source interface {
	Reader
	flow.Actor
}

// WithActor carries out what the operator asks for. Without it the console only
// shows, and every key that acts answers that it cannot.
func WithActor(a flow.Actor) Option {
	return func(o *options) { o.actor = a }
}
