// Package flow has the words that ctop uses for what it tracks: tuples, flows,
// events, states, snapshots, timeouts. It knows no kernel and imports nothing
// that does, so a console or a reader of recordings builds on any system.
//
// Values are plain data. A [Snapshot] and what it holds must not be changed, so
// goroutines may share it.
package flow

// enum is a closed set of values that are numbered from zero.
type enum interface{ ~uint8 }

// all returns the n values of an enumeration in order.
func all[T enum](n T) []T {
	values := make([]T, n)
	for i := range values {
		values[i] = T(i)
	}
	return values
}
