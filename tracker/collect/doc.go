// Package collect reads a tracker for any number of readers.
//
// A [Sampler] takes snapshots with rates. A [Collector] does that at an interval,
// expires flows, keeps the latest events in an [EventLog], and checks that packets
// pass. [Events] returns the events, and recovers lost ones from the table.
//
// Package collect accesses the tracker only through [Source].
package collect
