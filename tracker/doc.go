// Package tracker attaches the connection tracker between two network interfaces, reads
// its flows and changes them.
//
// [Open] attaches a [Tracker], or joins the one that already runs on the same pair of
// interfaces. Consoles and servers use a [Collector]: it takes snapshots at an
// interval, expires flows, collects events, and serves any number of readers.
//
// Package tracker combines these packages:
//
//   - kernel: the BPF programs and their maps, and acts on them;
//   - netdev: attachments to interfaces, and the settings that they need;
//   - owner: pins, leases, and the cleanup after killed processes;
//   - collect: snapshots, events, expiry;
//   - replay: captures, without interfaces;
//   - flow: the types that all of them use.
//
// Guarantees: A snapshot is immutable and may be shared between goroutines. The kernel
// checks every flow again before it ends it, so a flow is never deleted because of
// outdated data in user space. Closing a tracker that is not kept leaves no program,
// pin or changed device setting behind.
//
// Limits: A snapshot of a live table does not show one instant. It may miss flows that
// are created or end while it is read, and the counters of a flow's two directions may
// differ by some packets.
package tracker
