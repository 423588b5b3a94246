// Package netdev attaches the programs of a tracker to network interfaces and
// maintains the attachments.
//
// A [Device] is an interface before it is attached to: netdev chooses its mode and
// checks how the machine uses it. A [Point] describes an attached interface for
// processes that join the tracker or clean up after it. A [Setting] is a change to an
// interface or its peer that is undone later. [Attachments] follow interfaces that are
// renamed, deleted and recreated.
//
// Package netdev gets its pin directory from the caller, and knows the owner only
// through [Registry].
package netdev
