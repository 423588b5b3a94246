// Package output writes what the tracker tells to streams: snapshots, events
// and timeouts as aligned text for people, and as JSON, JSON lines or CSV for
// programs. What programs read is append-only: fields are added, never renamed
// or removed.
//
// Flows and events are encoded by appending to one buffer, without reflection,
// so that a table of a million flows costs about a second and no memory to
// speak of.
package output
