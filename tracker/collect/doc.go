// Package collect reads a tracker for any number of readers.
//
// A [Sampler] takes snapshots with rates. A [Collector] does so at an interval, expires
// flows, keeps the latest events in an [EventLog], and watches whether packets pass.
// [Events] returns the events, and finds those that were lost.
//
// This package knows a tracker as a [Source].
package collect
