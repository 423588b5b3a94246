// Package owner decides which process owns a tracker. It manages pins and leases, and
// cleans up after killed processes.
//
// A [Site] is a directory for pins. A [Hold] is one process's use of a tracker, from
// attaching or joining to leaving. A [Description] describes the tracker to other
// processes.
package owner
