// Package tracker puts the connection tracker between two network interfaces,
// reads what it tracks and changes it.
//
// [Open] attaches a [Tracker], or joins the one that already runs on the same pair of
// interfaces. A [Collector] is what consoles and servers use on top of it: it takes
// snapshots at an interval, expires flows, gathers events, and hands all of it to any
// number of readers.
//
// This package only puts the parts together. Each part has a package of its own:
//
//   - kernel: the BPF programs and their maps, and acts on them;
//   - netdev: attachments to interfaces, and what they need there;
//   - owner: pins, leases and what a killed process left;
//   - collect: snapshots, events, expiry;
//   - replay: captures, without interfaces;
//   - flow: the words of all of them.
//
// What the package guarantees: a snapshot is immutable and may be shared
// between goroutines; a flow is never deleted because of data that user space
// had read earlier (every decision to end a flow is taken again in the
// kernel); closing a tracker that is not to be kept leaves no program, pin or
// changed device setting behind.
//
// What it does not: a snapshot of a live table is not one instant. Flows that
// come or go while it is read may or may not be in it, and the two directions
// of a flow may be some packets apart.
package tracker
