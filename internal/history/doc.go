// Package history keeps the recent snapshots of a tracker in memory, to show them again.
//
// A [Store] keeps those of the last ten minutes that were offered to it, in as much memory
// as it may use. It has three chains of snapshots, which last for different times. Each
// chain may add so many bytes per second that it never exceeds its part of the memory, and
// a snapshot goes to the longest chain that has some to spend. So a table that changes
// little is kept whole, and of one that changes much there are fewer snapshots the older
// they are.
//
// A chain has groups of snapshots. The first of a group is whole, the others say what has
// changed since the one before: which flows came and went, and of the others the fields
// that differ, each in a column of its own. The columns are compressed. Everything is as
// it was, except that rates over another time than that between two snapshots have four
// digits, and that the age of a flow that carried nothing may be wrong by a tick of the
// kernel's clock.
package history
