// Package owner holds what decides who owns a tracker: where it is pinned, the leases on
// that, and what a killed process left.
//
// A [Site] is a place for pins. A [Hold] is the part of one process in one tracker: it
// attached the tracker or joined it, owns it or uses it, and leaves it. A [Description]
// is what others find out about the tracker.
package owner
