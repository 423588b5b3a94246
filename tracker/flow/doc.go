// Package flow defines the types that all of ctop uses: tuples, flows, events, states,
// snapshots, timeouts. It imports no kernel interface, so a console or a reader of
// recordings builds on any system.
//
// Values are plain data. A [Snapshot] and its parts must not be changed, so goroutines
// may share it.
package flow

// enum is an enumeration whose values are numbered from 0.
type enum interface{ ~uint8 }

// all returns the first n values of an enumeration in order.
func all[T enum](n T) []T {
	values := make([]T, n)
	for i := range values {
		values[i] = T(i)
	}
	return values
}
