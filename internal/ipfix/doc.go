// Package ipfix exports flow records to collectors: IPFIX (RFC 7011), with both
// directions of a flow in one record (RFC 5103).
//
// An [Exporter] hears of every event, and reads the table for flows that last. Each
// collector has a queue of its own, which is bounded, and a goroutine that sends: one that
// is slow or gone delays nothing, and what its queue cannot hold is counted and shows in the
// sequence numbers. docs/ipfix.md has the elements.
package ipfix
